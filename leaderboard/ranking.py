"""Which methods can be told apart: all pairs at once, ranks, and the critical difference."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmark.errors import UsageError
from leaderboard.aggregate import Run
from leaderboard.scores import Score, Scores
from leaderboard.spread import Spread
from leaderboard.statistics import Z

Floats = NDArray[np.float64]


def all_differences(
    scores: Scores,
    runs: Sequence[Sequence[Run]],
    evaluation: str,
    spread: Spread | None = None,
) -> tuple[Floats, Floats, Floats]:
    """Of all pairs of methods, the difference of their averages, its interval, and its p-value.

    The same numbers as one pair after the other would give, by one product of matrices a task.
    The p-value is by Student's t on Welch and Satterthwaite's degrees of freedom, since the noise
    of the samples is known and that of seeds is estimated.

    Args:
        scores: looks numbers up.
        runs: those of each of M methods, each complete in all tasks of the kind.
        evaluation: linear, fewshot or detection.
        spread: over seeds, of a difference between any two; None: each pair has its own, and
            of one seed none.

    Returns:
        (M, M) row less column; (M, M) half its 95 % interval; (M, M) p-value of no difference; NaN
        where no interval is known or no seed is shared.

    Source:
        Satterthwaite, An approximate distribution of estimates of variance components (1946).
    """
    shape = len(runs), len(runs)
    count, total, squares, noise = (np.zeros(shape) for _ in range(4))
    for seed in sorted({run.seed for own in runs for run in own}):
        of_seed = [next((run for run in own if run.seed == seed), None) for own in runs]
        value, error = _one_seed(scores, of_seed, evaluation)
        there = np.isfinite(value)
        count += there
        total += np.where(there, value, 0)
        squares += np.where(there, value, 0) ** 2
        noise += np.where(there, error, 0)
    from scipy.special import stdtr, stdtrit  # slow to import, needed for this only

    with np.errstate(invalid="ignore", divide="ignore"):
        mean, samples = total / count, noise / count
        freedom = np.maximum(count - 1, 1)
        seeds = np.where(count > 1, np.maximum(squares / count - mean**2, 0) / freedom, 0)
        if spread is not None:
            shared = np.where(count > 0, count, np.nan)
            seeds = np.where(np.eye(len(runs), dtype=bool), 0, spread.value**2 / shared)
            freedom = np.full(shape, spread.freedom)
        half = np.hypot(Z * np.sqrt(samples), stdtrit(freedom, 0.975) * np.sqrt(seeds))
        effective = np.where(seeds > 0, freedom * (1 + samples / seeds) ** 2, np.inf)
        score = np.abs(mean) / np.sqrt(samples + seeds)
        p_value = 2 * stdtr(effective, -np.where(mean == 0, 0, score))
    return mean, half, p_value


def _one_seed(scores: Scores, runs: Sequence[Run | None], evaluation: str) -> tuple[Floats, Floats]:
    """Difference of the averages (M, M), NaN where one is missing, and its squared error."""
    cells = scores.card.cells(evaluation)
    value, error = np.zeros((len(runs), len(runs))), np.zeros((len(runs), len(runs)))
    for cell in cells:
        tested = [scores.of(run, cell) if run else None for run in runs]
        level = np.array([np.nan if one is None else one.value for one in tested])
        value += level[:, None] - level[None, :]
        error += _squared_errors(tested)
    return value / len(cells), error / len(cells) ** 2


def _squared_errors(tested: Sequence[Score | None]) -> Floats:
    """Squared standard errors of all differences: paired within those of the same units."""
    alone = np.array(
        [np.nan if t is None or t.standard_error is None else t.standard_error**2 for t in tested]
    )
    found: Floats = alone[:, None] + alone[None, :]
    groups: dict[bytes, list[int]] = {}
    for place, one in enumerate(tested):
        if one is not None and one.evidence is not None:
            groups.setdefault(one.evidence.identity, []).append(place)
    for places in groups.values():
        rows = [one.evidence.parts for p in places if (one := tested[p]) and one.evidence]
        parts = np.stack(rows).astype(np.float64)
        product = parts @ parts.T
        own = np.diag(product)
        found[np.ix_(places, places)] = np.maximum(own[:, None] + own[None, :] - 2 * product, 0)
    return found


def told_apart(difference: Floats, p_value: Floats) -> NDArray[np.bool_]:
    """Which methods are behind which beyond noise, after Holm's correction for all pairs.

    Args:
        difference: (M, M) row less column.
        p_value: (M, M) of no difference; NaN where it is not known.

    Returns:
        (M, M) whether the row's method is behind the column's.

    Source:
        Holm, A simple sequentially rejective multiple test procedure (1979).

    Example:
        >>> level, near = np.array([10.0, 9.0, 1.0]), np.array([0.3, 0.3, 1e-6])
        >>> told_apart(level[:, None] - level[None, :], np.minimum.outer(near, near)).tolist()
        [[False, False, False], [False, False, False], [True, True, False]]
    """
    count = len(difference)
    first, second = np.triu_indices(count, 1)
    value = difference[first, second]
    p_values = np.nan_to_num(p_value[first, second], nan=1.0)
    order = np.argsort(p_values, kind="stable")
    fails = p_values[order] > 0.05 / (len(order) - np.arange(len(order)))
    kept = order[: int(np.argmax(fails))] if fails.any() else order
    behind = np.zeros((count, count), bool)
    ahead = value[kept] > 0
    behind[second[kept][ahead], first[kept][ahead]] = True
    behind[first[kept][~ahead], second[kept][~ahead]] = True
    return behind


def tied_ranks(behind: NDArray[np.bool_]) -> list[tuple[int, int]]:
    """Best and worst rank of each method that the differences leave open.

    Its best rank is one more than those it is behind; its worst leaves room for all that are not
    behind it.

    Args:
        behind: (M, M) whether the row's method is behind the column's.

    Returns:
        (best, worst) of each method, from 1.

    Example:
        >>> tied_ranks(np.array([[0, 0, 0], [0, 0, 0], [1, 1, 0]], bool))
        [(1, 2), (1, 2), (3, 3)]
    """
    best, worst = 1 + behind.sum(1), len(behind) - behind.sum(0)
    return [(int(b), int(w)) for b, w in zip(best, worst, strict=True)]


@dataclass(frozen=True)
class CriticalDifference:
    """Mean ranks over tasks, and how far two must be apart to differ.

    Args:
        ranks: mean rank of each method, 1 being best.
        difference: Nemenyi's, at 5 %.
        p_value: Friedman's: how likely such ranks are if all methods were alike.
        cliques: first and last place, in the order of the mean ranks, of each largest group that
            cannot be told apart.
        order: places of the methods by mean rank.
    """

    ranks: tuple[float, ...]
    difference: float
    p_value: float
    cliques: tuple[tuple[int, int], ...]
    order: tuple[int, ...]


def critical_difference(scores: Any) -> CriticalDifference:
    """Nemenyi's critical difference of the mean ranks of some methods over some tasks.

    q sqrt( k (k + 1) / (6 N) ), q the studentised range's 95 % point over sqrt(2), k methods on N
    tasks. Tasks are taken for independent draws; noise within a task is left aside.

    Args:
        scores: (k, N), higher is better, k >= 2 and N >= 2, none missing.

    Raises:
        UsageError: too few, or one is missing.

    Source:
        Demsar, Statistical comparisons of classifiers over multiple data sets (JMLR 2006).

    Example:
        >>> found = critical_difference([[3, 3, 3, 3], [2, 2, 2, 1], [1, 1, 1, 2]])
        >>> found.ranks, round(found.difference, 3), found.cliques
        ((1.0, 2.25, 2.75), 1.657, ((0, 1), (1, 2)))
    """
    from scipy.special import chdtrc

    table = np.asarray(scores, dtype=np.float64)
    if table.ndim != 2 or min(table.shape) < 2 or not np.isfinite(table).all():
        raise UsageError(f"mean ranks need two methods on two tasks or more, not {table.shape}")
    methods, tasks = table.shape
    columns = [_ranks(column) for column in -table.T]
    mean = np.mean([ranks for ranks, _ in columns], axis=0)
    quantile = studentised_range(methods) / math.sqrt(2)
    difference = quantile * math.sqrt(methods * (methods + 1) / (6 * tasks))
    ties = 1 - sum(tied for _, tied in columns) / (tasks * methods * (methods**2 - 1))
    statistic = 12 * tasks / (methods * (methods + 1)) * ((mean - (methods + 1) / 2) ** 2).sum()
    p_value = float(chdtrc(methods - 1, statistic / ties)) if ties > 0 else 1.0
    order = sorted(range(methods), key=lambda place: (mean[place], place))
    ranked = [mean[place] for place in order]
    spans = [
        (start, max(end for end in range(methods) if ranked[end] - ranked[start] <= difference))
        for start in range(methods)
    ]
    cliques = [
        span
        for place, span in enumerate(spans)
        if span[1] > span[0] and (place == 0 or span[1] > spans[place - 1][1])
    ]
    ranks = tuple(float(rank) for rank in mean)
    return CriticalDifference(ranks, difference, p_value, tuple(cliques), tuple(order))


def studentised_range(count: int) -> float:
    """95 % point of the range of standard normal numbers.

    Its distribution at q is the integral of k phi(z) (Phi(z) - Phi(z - q))^(k - 1) over z.
    SciPy has it, too, in a package that is slow to import.

    Args:
        count: of the numbers, k, at least 2.

    Example:
        >>> round(studentised_range(3), 3)
        3.314
    """
    from scipy.special import ndtr

    z = np.linspace(-9, 9, 2001)
    density = count * np.exp(-(z**2) / 2) / math.sqrt(2 * math.pi) * (z[1] - z[0])
    low, high = 0.0, 18.0
    while high - low > 1e-9:
        middle = (low + high) / 2
        below = float(density @ (ndtr(z) - ndtr(z - middle)) ** (count - 1))
        low, high = (middle, high) if below < 0.95 else (low, middle)
    return (low + high) / 2


def _ranks(values: Floats) -> tuple[Floats, float]:
    """Ranks from the least on, equal ones in the middle of theirs; and the sum of t^3 - t over
    groups of t equal ones, for Friedman's correction."""
    _, group, sizes = np.unique(values, return_inverse=True, return_counts=True)
    middle = np.cumsum(sizes) - (sizes - 1) / 2
    return middle[group], float((sizes**3 - sizes).sum())
