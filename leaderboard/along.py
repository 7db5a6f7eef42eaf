"""What happens along the stream: the accuracy matrix of a run, and what follows from it."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from benchmark.metrics import (
    final_accuracy,
    first_chunk_forgetting,
    forgetting,
    forward_transfer,
)
from leaderboard.aggregate import STREAM, Run
from leaderboard.scores import Known, Score, Scores, contrast
from leaderboard.statistics import Estimate, estimate, standard_error_of_mean

#: Task-aware: a probe of each chunk tells its own images apart. Pooled: one probe tells apart all
#: images of the chunks seen so far. The two can differ in sign.
Reading = Literal["aware", "pooled"]
READINGS: tuple[Reading, ...] = ("aware", "pooled")
_PREFIX = {"aware": "", "pooled": "pooled_"}

#: a[i][j]: after chunk i + 1, on held-out images of chunk j + 1; None where it was not measured.
Matrix = list[list[Score | None]]


@dataclass(frozen=True)
class Course:
    """What a method does along the stream, over its seeds.

    Args:
        first: (chunks seen, accuracy on the first chunk), task-aware.
        matrix: of each reading, the accuracy matrix (T, T); None where it was not measured.
        first_forgetting: of the first chunk, whose best earlier accuracy counts; of each reading.
        forgetting: mean over the chunks before the last; of each reading.
        forward: forward transfer, task-aware; None without the untrained network.
        final: mean accuracy over all chunks at the end; of each reading.
    """

    first: tuple[tuple[int, Estimate], ...]
    matrix: dict[Reading, tuple[tuple[Estimate | None, ...], ...]]
    first_forgetting: dict[Reading, Estimate | None]
    forgetting: dict[Reading, Estimate | None]
    forward: Estimate | None
    final: dict[Reading, Estimate | None]


def course(scores: Scores, runs: Sequence[Run], untrained: Sequence[Run] = ()) -> Course:
    """What a method does along the stream; each number only from seeds that have all of it.

    A curve and a matrix are of the seeds that have every entry that any seed has, so that all of
    their entries are of the same runs.

    Args:
        scores: looks numbers up.
        runs: of the method.
        untrained: those of the network that is not trained.
    """
    matrices = {r: [matrix_of(scores, run, r) for run in runs] for r in READINGS}
    floors = {run.seed: _row(scores, run, 0, "aware") for run in untrained}
    forward = [
        known
        for run, matrix in zip(runs, matrices["aware"], strict=True)
        if (floor := floors.get(run.seed)) and (known := forward_of(matrix, floor))
    ]
    curves = [
        [_row(scores, run, 0, "aware")[0], *(row[0] for row in matrix)]
        for run, matrix in zip(runs, matrices["aware"], strict=True)
    ]
    points = means_of_whole(curves)
    return Course(
        first=tuple((seen, point) for seen, point in enumerate(points) if point),
        matrix={reading: _mean_matrix(found) for reading, found in matrices.items()},
        first_forgetting={r: _over(map(first_forgetting_of, m)) for r, m in matrices.items()},
        forgetting={r: _over(map(forgetting_of, m)) for r, m in matrices.items()},
        forward=_over(forward),
        final={r: _over(map(final_of, m)) for r, m in matrices.items()},
    )


def matrix_of(scores: Scores, run: Run, reading: Reading) -> Matrix:
    """The accuracy matrix of a run."""
    return [_row(scores, run, seen, reading) for seen in range(1, scores.card.chunks + 1)]


def _row(scores: Scores, run: Run, seen: int, reading: Reading) -> list[Score | None]:
    names = [f"{_PREFIX[reading]}chunk{j}" for j in range(1, scores.card.chunks + 1)]
    return [scores.of(run, STREAM, seen, name) for name in names]


def first_forgetting_of(matrix: Matrix) -> Known | None:
    """Forgetting of the first chunk, paired over its images; None while a checkpoint is missing."""
    known = _first_column(matrix)
    if known is None:
        return None
    return first_chunk_forgetting([score.value for score in known]), contrast(_lost(known))[1]


def first_forgetting_difference(a: Matrix, b: Matrix) -> Known | None:
    """That of one run less that of another, paired over the images that both are tested on."""
    one, other = _first_column(a), _first_column(b)
    if one is None or other is None:
        return None
    return contrast([*_lost(one), *((-weight, score) for weight, score in _lost(other))])


def _first_column(matrix: Matrix) -> list[Score] | None:
    """The accuracies on the first chunk; None while one is missing."""
    known = [row[0] for row in matrix if row[0] is not None]
    return known if len(known) == len(matrix) > 1 else None


def forgetting_of(matrix: Matrix) -> Known | None:
    """Mean forgetting of the chunks before the last; None while a number that it needs is missing.

    Each chunk's loss is paired over its own held-out images, and those of different chunks are
    independent.
    """
    last = len(matrix) - 1
    columns = [[row[j] for row in matrix[j:]] for j in range(last)]
    if last < 1 or any(score is None for column in columns for score in column):
        return None
    errors = [contrast(_lost([score for score in column if score]))[1] for column in columns]
    return forgetting(_values(matrix)), standard_error_of_mean(errors)


def _lost(column: Sequence[Score]) -> list[tuple[float, Score]]:
    """The best of the earlier accuracies less the last one."""
    return [(1, max(column[:-1], key=lambda score: score.value)), (-1, column[-1])]


def forward_of(matrix: Matrix, floor: Sequence[Score | None]) -> Known | None:
    """Forward transfer, paired with the untrained network; None while a number is missing."""
    pairs = [(matrix[j - 1][j], floor[j]) for j in range(1, len(matrix))]
    known = [(one, other) for one, other in pairs if one is not None and other is not None]
    if not pairs or len(known) < len(pairs):
        return None
    untrained = [np.nan if score is None else score.value for score in floor]
    errors = [contrast([(1, one), (-1, other)])[1] for one, other in known]
    return forward_transfer(_values(matrix), untrained), standard_error_of_mean(errors)


def final_of(matrix: Matrix) -> Known | None:
    """Mean accuracy over all chunks at the end, whose held-out images are independent; None while
    one is missing."""
    known = [score for score in matrix[-1] if score is not None]
    if len(known) < len(matrix):
        return None
    return final_accuracy(_values(matrix)), standard_error_of_mean(
        [s.standard_error for s in known]
    )


def _values(matrix: Matrix) -> list[list[float]]:
    """The accuracies alone, NaN where one was not measured."""
    return [[np.nan if score is None else score.value for score in row] for row in matrix]


def means_of_whole(found: Sequence[Sequence[Score | None]]) -> list[Estimate | None]:
    """The mean of each entry, over the seeds that have every entry that any seed has.

    Args:
        found: of each seed, the same entries; None where one was not measured.
    """
    there = [any(entries) for entries in zip(*found, strict=True)]
    whole = [one for one in found if [score is not None for score in one] == there]
    return [
        _over((s.value, s.standard_error) for s in entries if s is not None)
        for entries in (zip(*whole, strict=True) if whole else [()] * len(there))
    ]


def _mean_matrix(found: Sequence[Matrix]) -> tuple[tuple[Estimate | None, ...], ...]:
    means = means_of_whole([[entry for row in matrix for entry in row] for matrix in found])
    chunks = math.isqrt(len(means))
    return tuple(tuple(means[i * chunks : (i + 1) * chunks]) for i in range(chunks))


def _over(found: Iterable[Known | None]) -> Estimate | None:
    """Over seeds, those left out that have nothing."""
    known = [one for one in found if one is not None]
    if not known or any(not math.isfinite(value) for value, _ in known):
        return None
    return estimate([value for value, _ in known], [error for _, error in known])
