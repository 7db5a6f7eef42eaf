"""How far the numbers of a stream carry, in sentences and a table for the README."""

import math
from collections.abc import Mapping, Sequence

from benchmark.errors import UsageError
from leaderboard import words
from leaderboard.board import Board
from leaderboard.differences import stream_of
from leaderboard.power import (
    MOST,
    Likeness,
    kendall,
    likeness,
    sample_noise,
    score_table,
    seeds_needed,
    share_found,
    without_a_task,
)
from leaderboard.stability import means_of, two_seeds

#: Correlation from which two tasks are said to measure much the same.
ALIKE = 0.95
#: Correlation under which a task says something of its own.
APART = 0.5
_LEAST_METHODS = 3
#: Methods of one objective from which their ranking is looked at by itself.
_LEAST_WITHIN = 5
#: Seeds that a careful user trains.
_SEEDS = 3
#: What the columns of the table are.
LEGEND = (
    "Spread over seeds: of the difference between two methods' transfer, points, with its 95 % "
    "interval. Seeds for a point: of a paired t test on these test images. Found: how often a "
    "difference of one point is beyond the interval of this leaderboard, which counts the choice "
    "of test images; at most: with any number of seeds. The next five are Kendall's tau with the "
    "full ranking: without the task that changes it most, and by nearest neighbours, each of all "
    "methods and of the methods of that objective within which it changes most; two seeds: of one "
    "seed with another. Tasks: independent ones that they amount to."
)


def power_words(board: Board) -> list[str]:
    """Seeds needed, the ranking without a task and by nearest neighbours, tasks that are alike."""
    return [*_seeds(board), *_without(board), *_nearest(board), *_alike(board)]


def power_table(boards: Sequence[Board]) -> str:
    """The same in numbers, of several streams."""
    heads = (
        *("Stream", "Spread over seeds", "Seeds for a point", f"Found with {_SEEDS}", "At most"),
        *("Without a task", "of one objective", "By neighbours", "of one objective"),
        *("Two seeds", "Tasks"),
    )
    lines = [heads, (":--", *["--:"] * (len(heads) - 1)), *map(_line, boards)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _line(board: Board) -> list[str]:
    spread, shares = board.spread("linear"), _shares(board, sample_noise(board))
    without, nearest = _least_without(board), _by_neighbours(board)
    agreed, alike = two_seeds(board), _likeness(board)
    return [
        stream_of(board),
        f"{spread.value:.2f} ({spread.low:.2f} to {spread.high:.2f})" if spread else words.BLANK,
        _needed(spread.value) if spread else words.BLANK,
        *([f"{100 * share:.0f} %" for share in shares] if shares else [words.BLANK] * 2),
        *(_tau(without.get(of)) for of in ("", _least(without))),
        *(_tau(nearest.get(of)) for of in ("", _least(nearest))),
        _tau(agreed),
        f"{alike.effective:.1f}" if alike else words.BLANK,
    ]


def _tau(found: tuple[float, object] | None) -> str:
    return f"{found[0]:.2f}".replace("-", words.MINUS) if found else words.BLANK


def _least(found: Mapping[str, tuple[float, object]]) -> str:
    """The objective within which a ranking changes most; one that is not there without any."""
    own = {name: tau for name, (tau, _) in found.items() if name}
    return min(own, key=lambda name: own[name], default="none")


def _seeds(board: Board) -> list[str]:
    found = board.spread("linear")
    if found is None:
        return [
            "How many seeds tell two methods one point apart is not known yet: that takes two "
            "methods of two seeds each, and there are none."
        ]
    few, needed, many = (_needed(spread) for spread in (found.low, found.value, found.high))
    told = [
        f"Over seeds, the difference between two methods' transfer has a standard deviation of "
        f"{found.value:.2f} points ({found.low:.2f} to {found.high:.2f}, from {found.methods} "
        f"methods of {found.seeds} seeds each): a paired t test at 5 % finds a difference of one "
        f"point on these test images in four of five cases with {needed} seeds ({few} to {many})."
    ]
    noise = sample_noise(board)
    if noise and (shares := _shares(board, noise)):
        told.append(
            f"With the choice of test images counted, too, as in the intervals here (a standard "
            f"error of {noise:.2f} points, the median over pairs of methods), a difference of one "
            f"point is found with {_SEEDS} seeds in {100 * shares[0]:.0f} % of cases, and with any "
            f"number of seeds in {100 * shares[1]:.0f} %: for more it takes more test images."
        )
    return told


def _shares(board: Board, noise: float | None) -> tuple[float, float] | None:
    """How often a point is found with a few seeds, and with any number."""
    spread = board.known_spread("linear")
    if spread is None or not noise:
        return None
    return share_found(spread, noise, _SEEDS), share_found(spread, noise, math.inf)


def _needed(spread: float) -> str:
    """Seeds that find a point, in words."""
    try:
        return str(seeds_needed(spread))
    except UsageError:
        return f"more than {MOST:,}"


def _by_objective(names: Sequence[str]) -> dict[str, list[int]]:
    """Places of all methods under "", and of those of an objective that has many under its name."""
    groups = {"": list(range(len(names)))}
    for place, name in enumerate(names):
        if "/" in name:
            groups.setdefault(name.partition("/")[0], []).append(place)
    return {name: own for name, own in groups.items() if not name or len(own) >= _LEAST_WITHIN}


def _least_without(board: Board) -> dict[str, tuple[float, str]]:
    """Least tau without a task, and the task: of all methods under "", and within objectives."""
    names, table = score_table(board)
    if len(table) < _LEAST_METHODS:
        return {}
    tasks = [task for _, task in board.card.cells("linear")]
    groups = _by_objective(names)
    least = {name: without_a_task(table[own], tasks).least for name, own in groups.items()}
    return {name: (tau, task) for name, (task, tau) in least.items()}


def _without(board: Board) -> list[str]:
    found = _least_without(board)
    if not found:
        return []
    least, task = found[""]
    tasks, methods = len(board.card.cells("linear")), len(score_table(board)[0])
    within = ""
    if (own := _least(found)) in found:
        within = (
            f"; of those of one objective, {own}, by {_tau(found[own])} (without {found[own][1]})"
        )
    return [
        f"With one of the {tasks} tasks left out, the ranking of {methods} methods agrees with the "
        f"full one by a Kendall's tau of {least:.2f} at the least (without {task}){within}."
    ]


def _by_neighbours(board: Board) -> dict[str, tuple[float, int]]:
    """Tau of the means over tasks by nearest neighbours, and methods; as `_least_without`."""
    linear, nearest = (score_table(board, evaluation=kind) for kind in ("linear", "knn"))
    both = [name for name in linear[0] if name in nearest[0]]
    if len(both) < _LEAST_METHODS:
        return {}
    a, b = (means_of(both, *table) for table in (linear, nearest))
    groups = _by_objective(both)
    return {name: (kendall(a[own], b[own]), len(own)) for name, own in groups.items()}


def _nearest(board: Board) -> list[str]:
    found = _by_neighbours(board)
    if not found:
        return []
    tau, methods = found[""]
    within, seeds = "", ""
    if (own := _least(found)) in found:
        within = f"; of those of one objective, {own}, by {_tau(found[own])}"
    if agreed := two_seeds(board):
        seeds = (
            f" To compare with: two training seeds agree on the ranking of the {agreed[1]} methods "
            f"that have several by {agreed[0]:.2f} on average."
        )
    return [
        f"By 20 nearest neighbours in place of the linear probe, the ranking of {methods} "
        f"methods agrees by a tau of {tau:.2f}{within}.{seeds}"
    ]


def _likeness(board: Board) -> Likeness | None:
    _, table = score_table(board, by_run=True)
    return likeness(table, [task for _, task in board.card.cells("linear")])


def _within_runs(board: Board) -> str:
    """How many tasks it is within the runs of one objective, where these are many."""
    names, table = score_table(board, by_run=True)
    tasks = [task for _, task in board.card.cells("linear")]
    own = {
        objective: found.effective
        for objective, places in _by_objective(names).items()
        if objective and (found := likeness(table[places], tasks))
    }
    each = [f"{number:.1f} within {objective}" for objective, number in own.items()]
    return f" ({words.joined(each)}, where noise counts for more)" if each else ""


def _alike(board: Board) -> list[str]:
    found = _likeness(board)
    if found is None:
        return []
    runs, tasks = len(score_table(board, by_run=True)[0]), len(board.card.cells("linear"))
    alike = [f"{a} and {b} ({r:.2f})" for a, b, r in found.pairs if r >= ALIKE]
    told = words.joined(alike) if alike else f"none, {' and '.join(found.pairs[0][:2])} being next"
    alone = [
        f"{task} ({r:.2f})".replace("-", words.MINUS)
        for task, r in found.nearest.items()
        if abs(r) < APART
    ]
    rest = (
        f"the largest correlation with any other is below {APART:g} in size for "
        f"{words.joined(alone)}"
        if alone
        else f"each has a correlation of {APART:g} or more in size with some other"
    )
    return [
        f"Over {runs} runs the {tasks} tasks amount to {found.effective:.1f} independent ones"
        f"{_within_runs(board)}; much the same, with a correlation of {ALIKE:g} or more, say: "
        f"{told}; {rest}."
    ]
