"""How far the numbers of a stream carry, in sentences for the README."""

import numpy as np

from benchmark.errors import UsageError
from leaderboard import words
from leaderboard.board import Board
from leaderboard.power import (
    MOST,
    kendall,
    likeness,
    score_table,
    seeds_needed,
    without_a_task,
)

#: Correlation from which two tasks are said to measure much the same.
ALIKE = 0.95
#: Correlation under which a task says something of its own.
APART = 0.5
_LEAST_METHODS = 3


def power_words(board: Board) -> list[str]:
    """Seeds needed, the ranking without a task and by nearest neighbours, tasks that are alike."""
    return [_seeds(board), *_without(board), *_nearest(board), *_alike(board)]


def _seeds(board: Board) -> str:
    found = board.spread("linear")
    if found is None:
        return (
            "How many seeds tell two methods one point apart is not known yet: that takes two "
            "methods of two seeds each, and there are none."
        )
    few, needed, many = (_needed(spread) for spread in (found.low, found.value, found.high))
    return (
        f"Over seeds, the difference between two methods' transfer has a standard deviation of "
        f"{found.value:.2f} points ({found.low:.2f} to {found.high:.2f}, from {found.methods} "
        f"methods of {found.seeds} seeds each): a paired t test at 5 % finds a difference of one "
        f"point in four of five cases with {needed} seeds ({few} to {many})."
    )


def _needed(spread: float) -> str:
    """Seeds that find a point, in words."""
    try:
        return str(seeds_needed(spread))
    except UsageError:
        return f"more than {MOST:,}"


def _without(board: Board) -> list[str]:
    _, table = score_table(board)
    if len(table) < _LEAST_METHODS:
        return []
    found = without_a_task(table, [task for _, task in board.card.cells("linear")])
    task, least = found.least
    return [
        f"With one of the {len(found.without)} tasks left out, the ranking of {found.methods} "
        f"methods agrees with the full one by a Kendall's tau of {least:.2f} at the least "
        f"(without {task})."
    ]


def _nearest(board: Board) -> list[str]:
    """Ranks by the mean over tasks of nearest neighbours, where all of these are there."""
    linear, nearest = (score_table(board, evaluation=kind) for kind in ("linear", "knn"))
    both = [name for name in linear[0] if name in nearest[0]]
    if len(both) < _LEAST_METHODS:
        return []
    means = [
        [float(np.mean(table[names.index(name)])) for name in both]
        for names, table in (linear, nearest)
    ]
    return [
        f"By 20 nearest neighbours in place of the linear probe, the ranking of {len(both)} "
        f"methods agrees by a tau of {kendall(*means):.2f}."
    ]


def _alike(board: Board) -> list[str]:
    _, table = score_table(board, by_run=True)
    tasks = [task for _, task in board.card.cells("linear")]
    found = likeness(table, tasks)
    if found is None:
        return []
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
        f"Over {len(table)} runs the {len(tasks)} tasks amount to {found.effective:.1f} "
        f"independent ones; much the same, with a correlation of {ALIKE:g} or more, say: {told}; "
        f"{rest}."
    ]
