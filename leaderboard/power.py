"""How far the numbers carry: seeds needed, rankings without a task, tasks that measure the same."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmark.errors import UsageError
from leaderboard.aggregate import Run
from leaderboard.board import Board
from leaderboard.spread import Spread
from leaderboard.statistics import Z

Floats = NDArray[np.float64]
#: Seeds beyond which nobody would go.
MOST = 1000
#: Methods, or runs, from which correlations of tasks are told.
_LEAST = 10


def seeds_needed(spread: float, difference: float = 1.0, power: float = 0.8) -> int:
    """Fewest seeds with which a paired t test at 5 % finds a difference that often.

    Args:
        spread: standard deviation over seeds of the difference between two methods.
        difference: the true one, in the same unit.
        power: how often it is to be found.

    Returns:
        At least 2.

    Raises:
        UsageError: a spread below 0, a difference or a power out of its range, or more than
            1,000 seeds.

    Source:
        the t test's power by the non-central t distribution, Cohen, Statistical power analysis
        for the behavioral sciences (1988), chapter 2.

    Example:
        >>> seeds_needed(1.0, 1.0), seeds_needed(0.5, 1.0)
        (10, 5)
    """
    from scipy.stats import nct, t

    if spread < 0 or difference <= 0 or not 0 < power < 1:
        raise UsageError(f"no seeds for a spread of {spread}, {difference} points, {power}")
    if spread == 0:
        return 2
    for seeds in range(2, MOST + 1):
        critical = t.ppf(0.975, seeds - 1)
        shift = difference / spread * np.sqrt(seeds)
        found = nct.sf(critical, seeds - 1, shift) + nct.cdf(-critical, seeds - 1, shift)
        if found >= power:
            return seeds
    raise UsageError(f"more than {MOST:,} seeds are needed for a spread of {spread:g}")


def share_found(spread: Spread, samples: float, seeds: float, difference: float = 1.0) -> float:
    """How often a difference is found beyond the interval that the leaderboard gives it.

    The estimate is normal around the difference, with variance samples^2 + spread^2 / seeds; the
    interval is 1.96 samples and t spread / sqrt(seeds) in quadrature. The first part stays however
    many seeds there are, since all are tested on the same images.

    Args:
        spread: over seeds, of the difference between two methods, pooled over methods.
        samples: standard error of the difference over the test samples, above 0.
        seeds: at least 1; infinity for the most that seeds can do.
        difference: the true one, in the same unit.

    Returns:
        A share from 0 to 1.

    Example:
        >>> known = Spread(1.0, 14, 8, 3)
        >>> [round(share_found(known, 0.4, seeds), 2) for seeds in (3, 10, float("inf"))]
        [0.25, 0.47, 0.71]
    """
    from scipy.stats import norm

    error = np.hypot(samples, spread.value / np.sqrt(seeds))
    half = np.hypot(Z * samples, spread.half / np.sqrt(seeds))
    return float(norm.sf((half - difference) / error) + norm.cdf((-half - difference) / error))


def sample_noise(board: Board) -> float | None:
    """Median over all pairs of methods of the standard error of their difference over samples.

    Of average linear transfer, paired, of the first seed that both have; None without a pair.
    """
    runs = {name: {run.seed: run for run in own} for name, own in board.runs.items()}
    found = []
    for a, b in combinations(sorted(runs), 2):
        seed = min(runs[a].keys() & runs[b].keys(), default=None)
        if seed is None:
            continue
        known = board.scores.average([(1, runs[a][seed]), (-1, runs[b][seed])], "linear")
        if known and known[1]:
            found.append(known[1])
    return float(np.median(found)) if found else None


@dataclass(frozen=True)
class Stability:
    """Kendall's tau-b of a ranking against another of the same methods.

    Args:
        without: task to tau between the rankings with and without it.
        methods: how many are ranked.
    """

    without: Mapping[str, float]
    methods: int

    @property
    def least(self) -> tuple[str, float]:
        """The task whose loss changes the ranking most, and the tau that remains."""
        return min(self.without.items(), key=lambda item: item[1])


def without_a_task(table: Floats, tasks: Sequence[str]) -> Stability:
    """Rankings by the mean over all tasks but one, against that over all.

    Args:
        table: (M, N) scores of M methods on N tasks, none missing.
        tasks: names of the N.

    Example:
        >>> table = np.array([[9.0, 1.0, 5.0], [4.0, 2.0, 6.0], [1.0, 4.0, 5.0]])
        >>> without_a_task(table, ["a", "b", "c"]).least
        ('a', -1.0)
    """
    if table.ndim != 2 or min(table.shape) < 2 or table.shape[1] != len(tasks):
        raise UsageError(f"rankings need two methods on two tasks or more, not {table.shape}")
    whole = table.mean(1)
    rest = {
        task: kendall(whole, np.delete(table, place, axis=1).mean(1))
        for place, task in enumerate(tasks)
    }
    return Stability(rest, len(table))


def kendall(a: Any, b: Any) -> float:
    """Kendall's tau-b: 1 for the same order, -1 for the reverse.

    Example:
        >>> kendall([3, 2, 1], [30, 20, 10]), kendall([3, 2, 1], [10, 20, 30])
        (1.0, -1.0)
    """
    from scipy.stats import kendalltau

    return float(kendalltau(a, b).statistic)


def between_seeds(tables: Mapping[int, Mapping[str, float]]) -> tuple[float, int] | None:
    """How well two seeds agree on a ranking: what any other agreement is to be held against.

    Args:
        tables: of each seed, method to mean.

    Returns:
        The mean of Kendall's tau over all pairs of seeds, of the methods that all have, and how
        many these are; None without three methods of two seeds.

    Example:
        >>> seed = {"a": 3.0, "b": 2.0, "c": 1.0}
        >>> between_seeds({0: seed, 1: seed | {"a": 2.5}, 2: seed | {"d": 4.0}})
        (1.0, 3)
    """
    shared = sorted(set.intersection(*(set(own) for own in tables.values()))) if tables else []
    if len(tables) < 2 or len(shared) < 3:
        return None
    ranked = [[own[name] for name in shared] for own in tables.values()]
    return float(np.mean([kendall(a, b) for a, b in combinations(ranked, 2)])), len(shared)


@dataclass(frozen=True)
class Likeness:
    """How alike tasks are in what they say of methods.

    Args:
        pairs: two tasks and the correlation of their scores over methods, the most alike first.
        effective: how many independent tasks they amount to: (sum of the eigenvalues)^2 over the
            sum of their squares, of the matrix of correlations.
    """

    pairs: tuple[tuple[str, str, float], ...]
    effective: float

    @property
    def nearest(self) -> dict[str, float]:
        """Of each task the correlation with another that is largest in size."""
        found: dict[str, float] = {}
        for a, b, r in sorted(self.pairs, key=lambda pair: abs(pair[2])):
            found[a] = found[b] = r
        return found


def likeness(table: Floats, tasks: Sequence[str]) -> Likeness | None:
    """Correlations of tasks over methods.

    Args:
        table: (M, N) scores of M methods on N tasks.
        tasks: names of the N.

    Returns:
        None for fewer than ten methods, of whose correlations nothing could be said, or fewer
        than two tasks on which they differ.

    Example:
        >>> draw = np.random.default_rng(0).normal(size=(50, 2))
        >>> found = likeness(np.column_stack([draw, 2 * draw[:, 0]]), ["a", "b", "c"])
        >>> found.pairs[0][:2], round(found.effective), round(found.nearest["c"], 6)
        (('a', 'c'), 2, 1.0)
    """
    differs = np.flatnonzero(table.std(0) > 0)
    if len(table) < _LEAST or len(differs) < 2:
        return None
    names = [tasks[place] for place in differs]
    matrix = np.corrcoef(table[:, differs], rowvar=False)
    pairs = [
        (names[i], names[j], float(matrix[i, j])) for i, j in combinations(range(len(names)), 2)
    ]
    values = np.linalg.eigvalsh(matrix)
    effective = float(values.sum() ** 2 / (values**2).sum())
    return Likeness(tuple(sorted(pairs, key=lambda pair: -pair[2])), effective)


def score_table(
    board: Board, *, evaluation: str = "linear", by_run: bool = False
) -> tuple[list[str], Floats]:
    """Scores on the tasks of one kind of evaluation, of all complete rows or all complete runs.

    Args:
        board: the records.
        evaluation: the kind; `knn` is of the tasks of the linear probe.
        by_run: a row for each seed of a method, in place of their mean.

    Returns:
        Names of the rows, and (M, N) scores.
    """
    cells = board.card.cells(evaluation)

    def of(run: Run) -> list[float] | None:
        found = [board.scores.of(run, cell) for cell in cells]
        return [one.value for one in found if one] if all(found) else None

    names, rows = [], []
    for method, runs in board.runs.items():
        known = [(run.seed, values) for run in runs if (values := of(run))]
        if by_run:
            names += [f"{method}, seed {seed}" for seed, _ in known]
            rows += [values for _, values in known]
        elif known:
            names.append(method)
            rows.append(np.mean([values for _, values in known], axis=0).tolist())
    return names, np.array(rows, dtype=np.float64).reshape(len(rows), len(cells))
