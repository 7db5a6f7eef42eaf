"""The formulas of the benchmark: pure functions of numbers, one definition each.

Throughout, `a` is the accuracy matrix of a run: `a[i][j]` is the accuracy, in %, of the model
after chunk i on the held-out images of chunk j, both counted from 0; T chunks, shape (T, T).
An entry that a formula does not read may be NaN; one that it reads may not.
"""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from benchmark.errors import HeadwaterError, UsageError

Floats = NDArray[np.float64]


def _matrix(a: ArrayLike, least: int) -> Floats:
    """`a` as a square matrix of at least `least` chunks."""
    matrix = np.asarray(a, dtype=np.float64)
    if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1] or len(matrix) < least:
        raise UsageError(
            f"the accuracy matrix has shape {matrix.shape}; wanted (T, T) with T >= {least}"
        )
    return matrix


def _known(values: Floats, what: str) -> Floats:
    """`values`, all finite."""
    if not np.isfinite(values).all():
        raise HeadwaterError(f"{what} cannot be computed: an accuracy that it needs is missing")
    return values


def final_accuracy(a: ArrayLike) -> float:
    """Mean accuracy over all chunks of the last model: mean over j of a[T-1][j].

    Args:
        a: accuracy matrix (T, T), in %; only the last row is read.

    Returns:
        Accuracy in %, 0 to 100.

    Raises:
        HeadwaterError: an entry of the last row is missing; `a` is not square.

    Example:
        >>> final_accuracy([[50, 10], [40, 60]])
        50.0
    """
    return float(_known(_matrix(a, 1)[-1], "final accuracy").mean())


def forgetting(a: ArrayLike) -> float:
    """What was lost of the earlier chunks, on average, since the model knew them best.

    mean over j < T-1 of ( max over i in [j, T-2] of a[i][j] - a[T-1][j] ); negative = backward
    transfer. Accuracies on a chunk from before the model has seen it are not read.

    Args:
        a: accuracy matrix (T, T), T >= 2, in %.

    Returns:
        Percentage points, -100 to 100.

    Raises:
        HeadwaterError: an entry that is read is missing; `a` is not square or has one chunk.

    Source:
        Chaudhry et al., Riemannian Walk for Incremental Learning (ECCV 2018).

    Example:
        >>> forgetting([[50, 10], [40, 60]])
        10.0
    """
    matrix = _matrix(a, 2)
    last = len(matrix) - 1
    losses = [
        _known(matrix[j:last, j], "forgetting").max() - _known(matrix[last, j], "forgetting")
        for j in range(last)
    ]
    return float(np.mean(losses))


def first_chunk_forgetting(first: ArrayLike) -> float:
    """What was lost of the first chunk since the model knew it best.

    max over i < T-1 of a[i][0], minus a[T-1][0]; negative = backward transfer.

    Args:
        first: a[0][0] .. a[T-1][0], the first column of the accuracy matrix (T,), T >= 2, in %.

    Returns:
        Percentage points, -100 to 100.

    Raises:
        HeadwaterError: an accuracy is missing; `first` is not a vector of two or more.

    Example:
        >>> first_chunk_forgetting([60, 62, 46, 40])
        22.0
    """
    column = np.asarray(first, dtype=np.float64)
    if column.ndim != 1 or len(column) < 2:
        raise UsageError(
            f"accuracies along the stream have shape {column.shape}; wanted (T,) with T >= 2"
        )
    _known(column, "forgetting of the first chunk")
    return float(column[:-1].max() - column[-1])


def forward_transfer(a: ArrayLike, untrained: ArrayLike) -> float:
    """What a model already knows of a chunk before it sees it, over an untrained network.

    mean over j >= 1 of ( a[j-1][j] - r[j] ), r = the untrained network's accuracy.

    Args:
        a: accuracy matrix (T, T), T >= 2, in %; only the first diagonal above the main is read.
        untrained: r (T,), in %; r[0] is not read.

    Returns:
        Percentage points, -100 to 100.

    Raises:
        HeadwaterError: an entry that is read is missing; shapes do not agree.

    Source:
        Lopez-Paz and Ranzato, Gradient Episodic Memory (NeurIPS 2017).

    Example:
        >>> forward_transfer([[50, 12], [40, 60]], untrained=[10, 9])
        3.0
    """
    matrix = _matrix(a, 2)
    floor = np.asarray(untrained, dtype=np.float64)
    if floor.shape != (len(matrix),):
        raise UsageError(f"untrained accuracies have shape {floor.shape}; wanted ({len(matrix)},)")
    gains = np.diagonal(matrix, offset=1) - floor[1:]
    return float(_known(gains, "forward transfer").mean())


def gap_to_joint(joint: ArrayLike, method: ArrayLike) -> float:
    """How far a method stays behind the same objective trained on everything at once.

    mean over tasks of ( joint - method ); positive = the method is behind. One task is a list
    of one.

    Args:
        joint: scores of the joint run (n,), n >= 1 tasks, higher is better.
        method: scores of the method on the same tasks (n,), in the same unit and order.

    Returns:
        Points of the scores' unit.

    Raises:
        HeadwaterError: a score is missing; shapes do not agree.

    Example:
        >>> gap_to_joint([70, 50], method=[68, 49])
        1.5
    """
    high, low = (np.asarray(scores, dtype=np.float64) for scores in (joint, method))
    if high.ndim != 1 or high.shape != low.shape or not len(high):
        raise UsageError(f"scores have shapes {high.shape} and {low.shape}; wanted (n,) twice")
    return float(_known(high - low, "the gap to joint").mean())


def gap_recovered(method: float, sequential: float, joint: float, noise: float) -> float | None:
    """Share of the gap between sequential and joint training that a method closes.

    (method - sequential) / (joint - sequential); 0 = no better than sequential, 1 = as good as
    joint. None where joint - sequential <= noise: nothing was lost that could be recovered, and
    where sequential is ahead, a method behind it would have a share above 0.

    Args:
        method: score of the method.
        sequential: score of plain sequential training of the same objective.
        joint: score of joint training of the same objective.
        noise: half width of the 95 % interval of joint - sequential, in the scores' unit, >= 0.

    Returns:
        A ratio, usually 0 to 1; None where joint is not ahead beyond noise.

    Raises:
        HeadwaterError: a score is missing; noise is negative or missing.

    Example:
        >>> gap_recovered(67, sequential=64, joint=70, noise=1)
        0.5
        >>> print(gap_recovered(67, sequential=69.5, joint=70, noise=1))
        None
    """
    _known(np.array([method, sequential, joint]), "the gap recovered")
    if not noise >= 0:
        raise UsageError(f"noise is {noise}; wanted a half width of 0 or more")
    if joint - sequential <= noise:
        return None
    return float((method - sequential) / (joint - sequential))


def transfer_average(scores: Mapping[str, float], tasks: Sequence[str]) -> float:
    """Mean of the scores over all tasks of the protocol, each weighing the same.

    (1 / n) sum over the n tasks of score[task]. An incomplete row has no average: one that
    skips a missing task compares different things.

    Args:
        scores: task to headline score; tasks beyond `tasks` are an error too.
        tasks: the tasks of the protocol, n >= 1.

    Returns:
        The mean, in the scores' unit.

    Raises:
        HeadwaterError: a task is missing or unknown; the message names it.

    Example:
        >>> transfer_average({"flags": 60.0, "letters": 40.0}, ["flags", "letters"])
        50.0
        >>> transfer_average({"flags": 60.0}, ["flags", "letters"])
        Traceback (most recent call last):
        benchmark.errors.HeadwaterError: no average over an incomplete row: missing letters
    """
    if not tasks:
        raise UsageError("no average over no tasks")
    missing = [task for task in tasks if not np.isfinite(scores.get(task, np.nan))]
    if missing:
        raise HeadwaterError(f"no average over an incomplete row: missing {', '.join(missing)}")
    if unknown := sorted(set(scores) - set(tasks)):
        raise UsageError(f"not a task of the protocol: {', '.join(unknown)}")
    return float(np.mean([scores[task] for task in tasks]))


def cumulative_cost(costs: Sequence[float], phases: Sequence[Sequence[int]]) -> float:
    """What it costs to have an up-to-date model after every arrival of a chunk.

    Sum over phases k of cost[k] * sum over i = 1 .. m of (o + i) / (o + m), m = the chunks that
    phase k reads for the first time, o = those it reads again: where a phase waits for m chunks, it
    would have to be run anew at each of their arrivals, on what is there. Sequential training costs
    what it costs; joint training of T chunks (T + 1) / 2 times as much.

    Args:
        costs: of each phase, in any unit.
        phases: numbers of the chunks that each phase reads.

    Returns:
        The sum, in the unit of the costs.

    Raises:
        UsageError: lengths differ.

    Example:
        >>> cumulative_cost([100.0], [(1, 2, 3, 4)]), cumulative_cost([25.0, 25.0], [(1,), (2,)])
        (250.0, 50.0)
    """
    if len(costs) != len(phases):
        raise UsageError(f"{len(costs)} costs of {len(phases)} phases")
    seen: set[int] = set()
    total = 0.0
    for cost, chunks in zip(costs, phases, strict=True):
        new, old = len(set(chunks) - seen), len(set(chunks) & seen)
        seen |= set(chunks)
        arrivals = sum((old + i) / (old + new) for i in range(1, new + 1)) if new else 1.0
        total += cost * arrivals
    return total
