"""How far the numbers of a stream carry, in sentences for the README."""

import numpy as np

from leaderboard import words
from leaderboard.board import Board
from leaderboard.power import (
    kendall,
    likeness,
    score_table,
    seeds_needed,
    spread_of_differences,
    without_a_task,
)

#: Correlation from which two tasks are said to measure much the same.
ALIKE = 0.95
_LEAST_METHODS = 3


def power_words(board: Board) -> list[str]:
    """Seeds needed, the ranking without a task and by nearest neighbours, tasks that are alike."""
    return [_seeds(board), *_without(board), *_nearest(board), *_alike(board)]


def _seeds(board: Board) -> str:
    found = spread_of_differences(board)
    if found is None:
        return (
            "How many seeds tell two methods one point apart is not known yet: that takes two "
            "methods of two seeds each, and there are none."
        )
    few, needed, many = (
        seeds_needed(max(spread, 1e-9)) for spread in (found.low, found.value, found.high)
    )
    return (
        f"Over seeds, the difference between two methods' transfer has a standard deviation of "
        f"{found.value:.2f} points ({found.low:.2f} to {found.high:.2f}, from {found.methods} "
        f"methods of {found.seeds} seeds each): a paired t test at 5 % finds a difference of one "
        f"point in four of five cases with {words.counted(needed, 'seed')} ({few} to {many})."
    )


def _without(board: Board) -> list[str]:
    _, table = score_table(board)
    if len(table) < _LEAST_METHODS:
        return []
    found = without_a_task(table, [task for _, task in board.card.cells("linear")])
    task, least = found.least
    return [
        f"With one of the twelve tasks left out, the ranking of {found.methods} methods agrees "
        f"with the full one by a Kendall's tau of {least:.2f} at the least (without {task})."
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
    return [
        f"Over {len(table)} runs the {len(tasks)} tasks amount to {found.effective:.1f} "
        f"independent ones; much the same, with a correlation of {ALIKE:g} or more, say: {told}."
    ]
