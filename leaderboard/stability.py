"""Whether a ranking is stable, in sentences for the README."""

from collections.abc import Collection, Sequence

import numpy as np

from leaderboard.board import Board
from leaderboard.power import Floats, between_seeds, kendall, score_table, without_a_task
from leaderboard.row import UNNAMED, machine


def stability(boards: Sequence[Board]) -> str:
    """Whether a ranking holds without a task and by nearest neighbours; empty if not known.

    The measure is how well the rankings of the same methods by two training seeds agree: who trains
    anew has no less.
    """
    found: dict[str, list[tuple[bool, bool]]] = {}
    sizes: dict[str, set[int]] = {}
    for board in boards:
        several = [name for name, runs in board.runs.items() if len(runs) > 1]
        own = {"": several}
        for name in several:
            own.setdefault(name.partition("/")[0], []).append(name)
        for group, names in own.items():
            if (taus := on_the_same(board, names)) is not None:
                without, nearest, seeds = taus
                found.setdefault(group, []).append((without >= seeds, nearest >= seeds))
                sizes.setdefault(group, set()).add(len(names))
    if "" not in found:
        return ""

    def told(group: str) -> str:
        without, nearest = (sum(held) for held in zip(*found[group], strict=True))
        methods = " or ".join(map(str, sorted(sizes[group])))
        return (
            f"of {group or 'all'} ({methods}) with any one task left out on {without} of "
            f"{len(found[group])} streams and by nearest neighbours on {nearest}"
        )

    return (
        "Is the ranking stable? Held to be so where it agrees with itself no less than the "
        "rankings of the same methods by two training seeds agree, of the methods that have "
        f"several: {'; '.join(map(told, found))}."
    )


def seeds_elsewhere(boards: Sequence[Board]) -> str:
    """How many methods' seeds were trained on machines that may differ; empty without any."""
    each = [
        {machine(phase.record.environment) for run in runs for phase in run.phases.values()}
        for board in boards
        for runs in board.runs.values()
        if len(runs) > 1
    ]
    several = [places for places in each if places]  # those that are trained
    differ = sum(len(places) > 1 or UNNAMED in str(places) for places in several)
    return (
        f"Of {len(several)} times that a method has several seeds on a stream, these were trained "
        f"on machines that may differ in {differ}, which is part of the spread."
        if several
        else ""
    )


def on_the_same(board: Board, wanted: Sequence[str]) -> tuple[float, float, float] | None:
    """Three taus of some methods: the least without a task, by neighbours, and between seeds."""
    names, table = score_table(board)
    near = score_table(board, evaluation="knn")
    agreed = two_seeds(board, wanted)
    if agreed is None or agreed[1] < len(wanted) or not {*wanted} <= {*names} & {*near[0]}:
        return None
    own = table[[names.index(name) for name in wanted]]
    _, least = without_a_task(own, [task for _, task in board.card.cells("linear")]).least
    return least, kendall(own.mean(1), means_of(wanted, *near)), agreed[0]


def two_seeds(board: Board, wanted: Collection[str] = ()) -> tuple[float, int] | None:
    """Tau between the rankings by single seeds, of the methods that have most of these.

    Args:
        board: the records.
        wanted: the methods, of those that have several seeds; all unless given.
    """
    tables: dict[int, dict[str, float]] = {}
    for method, runs in board.runs.items():
        for run in runs if not wanted or method in wanted else ():
            if len(runs) > 1 and (known := board.scores.average([(1.0, run)], "linear")):
                tables.setdefault(run.seed, {})[method] = known[0]
    return between_seeds(tables)


def means_of(wanted: Sequence[str], names: Sequence[str], table: Floats) -> Floats:
    """Means over the tasks of some methods, of a table that has more."""
    return np.array([table[names.index(name)].mean() for name in wanted])
