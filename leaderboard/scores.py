"""Numbers of runs, and weighted sums of them, with the noise that shared test units leave."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmark.metrics import transfer_average
from leaderboard.aggregate import Cell, Results, Run
from leaderboard.catalogue import ProtocolCard
from leaderboard.evidence import Evidence
from leaderboard.statistics import standard_error_of_mean

#: A number and its standard error over the test units; None where that is not known.
Known = tuple[float, float | None]
#: Strategies that do not see the whole stream, and after how many chunks they end.
STOPPING = {"first_chunk": 1}


def stops_after(method: str) -> int | None:
    """After how many chunks a method ends; None if it sees the whole stream.

    Example:
        >>> stops_after("moco_v2/first_chunk"), stops_after("moco_v2/joint+lr=0.1")
        (1, None)
    """
    return STOPPING.get(method.partition("+")[0].rpartition("/")[2])


@dataclass(frozen=True)
class Score:
    """One metric of one evaluation: value, standard error, and what its predictions say."""

    value: float
    standard_error: float | None
    evidence: Evidence | None


def contrast(terms: Sequence[tuple[float, Score]]) -> Known:
    """A weighted sum of numbers, such as a difference, with its standard error.

    Paired where all were tested on the same units: what makes one image hard for all of them
    cancels. Otherwise the errors are added in quadrature.

    Args:
        terms: weight and number, at least one.

    Example:
        >>> one, two = Score(50.0, 3.0, None), Score(46.0, 4.0, None)
        >>> contrast([(1, one), (-1, two)])
        (4.0, 5.0)
    """
    value = sum(weight * tested.value for weight, tested in terms)
    seen = [tested.evidence for _, tested in terms]
    if len(terms) > 1 and seen[0] and all(e and e.identity == seen[0].identity for e in seen):
        parts = sum(
            weight * tested.evidence.parts.astype(np.float64)
            for weight, tested in terms
            if tested.evidence
        )
        return value, float(np.linalg.norm(parts))
    known = [(w, t.standard_error) for w, t in terms if t.standard_error is not None]
    if len(known) < len(terms):
        return value, None
    return value, math.hypot(*(weight * error for weight, error in known))


class Scores:
    """Looks up the numbers of the runs of one protocol.

    Args:
        results: the records.
        card: the protocol's tasks and chunks.
    """

    def __init__(self, results: Results, card: ProtocolCard) -> None:
        self.results, self.card = results, card
        self._known: dict[tuple[str, int, int, Cell, str | None], Score | None] = {}
        self._final: dict[tuple[str, int], int] = {}
        self._averages: dict[tuple[Any, ...], Known | None] = {}

    def of(
        self, run: Run, cell: Cell, chunks: int | None = None, metric: str | None = None
    ) -> Score | None:
        """A number of a run; None where it is not there or its cell failed.

        Args:
            run: the run.
            cell: evaluation and task.
            chunks: those that the checkpoint has seen; None for the final one, which of a method
                that is not trained is the one before all.
            metric: its name; None for the headline.
        """
        seen = self.last(run) if chunks is None else chunks
        key = run.method, run.seed, seen, cell, metric
        if key not in self._known:
            self._known[key] = self._look(run, cell, seen, metric)
        return self._known[key]

    def last(self, run: Run) -> int:
        """Chunks that the run's final checkpoint has seen, or will have: all, unless it stops."""
        key = run.method, run.seed
        if key not in self._final:
            chunks = stops_after(run.method) or self.card.chunks
            self._final[key] = chunks if run.last else 0
        return self._final[key]

    def _look(self, run: Run, cell: Cell, chunks: int, name: str | None) -> Score | None:
        found = run.evaluations.get((chunks, cell))
        if found is None or found.record.status != "ok" or not found.record.metrics:
            return None
        metric = found.record.metrics.get(name or found.headline[0])
        if metric is None:
            return None
        seen = self.results.evidence(found, name)
        error = metric.standard_error
        if error is None and seen is not None:
            error = seen.standard_error()
        return Score(metric.value, error, seen)

    def average(self, terms: Sequence[tuple[float, Run]], evaluation: str) -> Known | None:
        """A weighted sum of runs, averaged over all tasks of a kind; None while one is missing.

        Args:
            terms: weight and run.
            evaluation: linear, fewshot or detection.
        """
        key = evaluation, *((weight, run.method, run.seed) for weight, run in terms)
        if key not in self._averages:
            self._averages[key] = self._averaged(terms, evaluation)
        return self._averages[key]

    def _averaged(self, terms: Sequence[tuple[float, Run]], evaluation: str) -> Known | None:
        values, errors = [], []
        cells = self.card.cells(evaluation)
        for cell in cells:
            tested = [(weight, self.of(run, cell)) for weight, run in terms]
            there = [(weight, one) for weight, one in tested if one is not None]
            if len(there) < len(terms):
                return None
            value, error = contrast(there)
            values.append(value)
            errors.append(error)
        if not values:
            return None
        told = {task: value for (_, task), value in zip(cells, values, strict=True)}
        return transfer_average(told, [*told]), standard_error_of_mean(errors)
