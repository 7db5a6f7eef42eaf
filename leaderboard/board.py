"""The leaderboard of one protocol: rows, differences and ranks, ready to be shown."""

import math
import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

from benchmark.metrics import first_chunk_forgetting, transfer_average
from leaderboard.aggregate import STREAM, Cell, Located, Results, Run
from leaderboard.catalogue import EVALUATIONS, FLOOR, ProtocolCard, find_card
from leaderboard.statistics import (
    Estimate,
    estimate,
    standard_error_of_mean,
    tied_ranks,
)


@dataclass(frozen=True)
class Row:
    """What is known of one method.

    Args:
        method: name, `objective/strategy` or a plain one.
        seeds: those whose row is complete, or all if none is.
        scores: headline of each cell on the last checkpoint.
        averages: per kind of evaluation, over all its tasks; None while one is missing.
        gap: average linear transfer of the joint twin minus this one's; None without a twin.
        above_floor: linear tasks on which the method beats the untrained network beyond noise;
            None for the floor itself or while either is missing a linear task.
        first_chunk: (chunks seen, accuracy on the first chunk's held-out images).
        forgetting: of the first chunk; None unless the whole stream was watched.
        visits, seconds: of pre-training, mean over seeds; None before its end.
        evaluation_seconds: of all evaluations, mean over seeds.
        ranks: best and worst rank that noise leaves open; None while incomplete.
        done, wanted: cells on the last checkpoint, over all seeds.
        missing: cells that some seed lacks.
        failed: cell to the error of its record.
        command: what reproduces the row's first seed.
    """

    method: str
    seeds: tuple[int, ...]
    scores: Mapping[Cell, Estimate]
    averages: Mapping[str, Estimate | None]
    gap: Estimate | None
    above_floor: int | None
    first_chunk: tuple[tuple[int, Estimate], ...]
    forgetting: Estimate | None
    visits: int | None
    seconds: float | None
    evaluation_seconds: float
    ranks: tuple[int, int] | None
    done: int
    wanted: int
    missing: tuple[Cell, ...]
    failed: Mapping[Cell | None, str]
    command: str

    @property
    def transfer(self) -> Estimate | None:
        """Average over the linear tasks; None over an incomplete row."""
        return self.averages["linear"]

    @property
    def objective(self) -> str:
        """The first half of the name."""
        return self.method.partition("/")[0]

    @property
    def strategy(self) -> str:
        """The second half of the name; empty for a plain one."""
        return self.method.partition("/")[2]


class Board:
    """All rows of one protocol, ranked by average linear transfer, incomplete ones last.

    Args:
        results: the records.
        card: the protocol's tasks and chunks.
        planned: methods to list as pending while they have no record.
    """

    def __init__(self, results: Results, card: ProtocolCard, planned: Sequence[str] = ()) -> None:
        self.card = card
        self._runs: dict[str, list[Run]] = {}
        for run in results.runs(card.id):
            self._runs.setdefault(run.method, []).append(run)
        self.pending = tuple(name for name in planned if name not in self._runs)
        self.stale = sum(found.record.protocol.id == card.id for found in results.stale)
        located = [found for found in results.located if found.record.protocol.id == card.id]
        self.digests = sorted({found.record.protocol.digest for found in located})
        self.versions = sorted({found.record.provenance.headwater for found in located})
        self.newest = max((found.record.provenance.ended for found in located), default=None)
        complete = [name for name in self._runs if self._average(name, "linear") is not None]
        complete.sort(key=lambda name: (-self._value(name), name))
        ranks = tied_ranks(
            complete, {(a, b): d for a, b in combinations(complete, 2) if (d := self.gap(a, b))}
        )
        rest = sorted(set(self._runs) - set(complete))
        self.rows = tuple(self._row(name, ranks.get(name)) for name in [*complete, *rest])

    def row(self, method: str) -> Row | None:
        """The row of a method, None without one."""
        return next((row for row in self.rows if row.method == method), None)

    @property
    def seeds(self) -> int:
        """The most seeds that a row rests on."""
        return max((len(row.seeds) for row in self.rows), default=0)

    def compare(self, a: str, b: str, *evaluations: str) -> dict[Cell, Estimate]:
        """Score of `a` minus score of `b`, per cell that both have, with its 95 % interval.

        Paired over the same test samples where both have predictions, over the same seeds where
        they share any.
        """
        found = {}
        for cell in self.card.cells(*evaluations):
            pairs = [p for x, y in self._shared(a, b) if (p := self._pair(x, y, cell))]
            if pairs:
                found[cell] = estimate([d for d, _ in pairs], [se for _, se in pairs])
        return found

    def gap(self, a: str, b: str, evaluation: str = "linear") -> Estimate | None:
        """Average over all tasks of a kind of score of `a` minus score of `b`.

        None while either row is incomplete.
        """
        cells = self.card.cells(evaluation)
        values, errors = [], []
        for x, y in self._shared(a, b):
            pairs = [self._pair(x, y, cell) for cell in cells]
            known = [pair for pair in pairs if pair is not None]
            if cells and len(known) == len(cells):
                values.append(sum(d for d, _ in known) / len(known))
                errors.append(standard_error_of_mean([se for _, se in known]))
        return estimate(values, errors) if values else None

    def beyond_noise(self, a: str, b: str, evaluation: str = "linear") -> dict[str, bool]:
        """Per task: is `a` above `b` beyond the 95 % interval of their difference?"""
        differences = self.compare(a, b, evaluation)
        return {task: d.value > 0 and d.beyond_noise for (_, task), d in differences.items()}

    def twins(self) -> list[tuple[str, str, str]]:
        """(objective, sequential, joint) of each objective that has records of both."""
        names = [row.method for row in self.rows]
        objectives = sorted({name.partition("/")[0] for name in names if "/" in name})
        pairs = [(o, f"{o}/sequential", f"{o}/joint") for o in objectives]
        return [pair for pair in pairs if pair[1] in names and pair[2] in names]

    def _shared(self, a: str, b: str) -> list[tuple[Run, Run]]:
        others = {run.seed: run for run in self._runs.get(b, [])}
        return [(run, others[run.seed]) for run in self._runs.get(a, []) if run.seed in others]

    def _found(self, run: Run, cell: Cell, chunks: int | None = None) -> Located | None:
        """The cell after some chunks, of the final checkpoint unless said; None if it failed."""
        final = self.card.chunks if run.last else 0
        found = run.evaluations.get((final if chunks is None else chunks, cell))
        return found if found and found.record.status == "ok" and found.record.metrics else None

    def _score(self, run: Run, cell: Cell) -> tuple[float, float | None] | None:
        """Value and standard error of a cell."""
        found = self._found(run, cell)
        if found is None:
            return None
        metric = found.headline[1]
        error = metric.standard_error
        if error is None and (seen := found.evidence()):
            error = seen.standard_error()
        return metric.value, error

    def _pair(self, a: Run, b: Run, cell: Cell) -> tuple[float, float | None] | None:
        """Difference of a cell and its standard error."""
        first, second = self._found(a, cell), self._found(b, cell)
        left, right = self._score(a, cell), self._score(b, cell)
        if first is None or second is None or left is None or right is None:
            return None
        return left[0] - right[0], _paired(first, second, left[1], right[1])

    def _average(self, method: str, evaluation: str) -> Estimate | None:
        cells = self.card.cells(evaluation)
        values, errors = [], []
        for run in self._runs[method]:
            scores = {cell[1]: score for cell in cells if (score := self._score(run, cell))}
            if cells and len(scores) == len(cells):
                tasks = [task for _, task in cells]
                values.append(transfer_average({t: scores[t][0] for t in tasks}, tasks))
                errors.append(standard_error_of_mean([scores[t][1] for t in tasks]))
        return estimate(values, errors) if values else None

    def _value(self, method: str) -> float:
        average = self._average(method, "linear")
        return -math.inf if average is None else average.value

    def _row(self, method: str, ranks: tuple[int, int] | None) -> Row:
        runs, cells = self._runs[method], self.card.cells()
        scores = {}
        for cell in cells:
            if known := [score for run in runs if (score := self._score(run, cell))]:
                scores[cell] = estimate([v for v, _ in known], [se for _, se in known])
        lacking = {run.seed: [c for c in cells if not self._found(run, c)] for run in runs}
        whole = tuple(seed for seed, missing in lacking.items() if not missing)
        objective = method.partition("/")[0]
        twin = f"{objective}/joint"
        floor = self.beyond_noise(method, FLOOR) if FLOOR in self._runs else {}
        trained = [run for run in runs if self.card.chunks in run.phases or not run.last]
        visits = [sum(p.record.cost.image_visits for p in r.phases.values()) for r in trained]
        seconds = [sum(p.record.cost.seconds for p in r.phases.values()) for r in trained]
        spent = [sum(e.record.cost.seconds for e in run.evaluations.values()) for run in runs]
        return Row(
            method=method,
            seeds=whole or tuple(run.seed for run in runs),
            scores=scores,
            averages={kind: self._average(method, kind) for kind in EVALUATIONS},
            gap=self.gap(twin, method) if twin != method and twin in self._runs else None,
            above_floor=sum(floor.values())
            if method != FLOOR and len(floor) == len(self.card.cells("linear"))
            else None,
            first_chunk=self._along(runs),
            forgetting=self._forgetting(runs),
            visits=round(sum(visits) / len(visits)) if visits else None,
            seconds=sum(seconds) / len(seconds) if seconds else None,
            evaluation_seconds=sum(spent) / len(spent),
            ranks=ranks,
            done=sum(len(cells) - len(missing) for missing in lacking.values()),
            wanted=len(cells) * len(runs),
            missing=tuple(c for c in cells if any(c in missing for missing in lacking.values())),
            failed={
                found.cell: found.record.cause
                for run in runs
                for found in [*run.phases.values(), *run.evaluations.values()]
                if found.record.status == "failed"
            },
            command=_command(runs[0]),
        )

    def _along(self, runs: Sequence[Run]) -> tuple[tuple[int, Estimate], ...]:
        points = []
        for chunks in range(self.card.chunks + 1):
            found = [f for run in runs if (f := self._found(run, STREAM, chunks))]
            if metrics := [m for f in found if (m := f.record.metrics.get("chunk1"))]:
                errors = [metric.standard_error for metric in metrics]
                points.append((chunks, estimate([m.value for m in metrics], errors)))
        return tuple(points)

    def _forgetting(self, runs: Sequence[Run]) -> Estimate | None:
        values, errors = [], []
        for run in runs:
            steps = range(1, self.card.chunks + 1)
            found = [f for i in steps if (f := self._found(run, STREAM, i))]
            metrics = [m for f in found if (m := f.record.metrics.get("chunk1"))]
            if len(metrics) == self.card.chunks > 1:
                values.append(first_chunk_forgetting([m.value for m in metrics]))
                best = max(range(len(metrics) - 1), key=lambda i: metrics[i].value)
                pair = (found[best], found[-1])
                errors.append(
                    _paired(*pair, metrics[best].standard_error, metrics[-1].standard_error)
                )
        return estimate(values, errors) if values else None


def _paired(a: Located, b: Located, error_a: float | None, error_b: float | None) -> float | None:
    """Standard error of a difference: paired if the predictions allow, else in quadrature."""
    if (mine := a.evidence()) and (other := b.evidence()):
        error = mine.paired_standard_error(other)
        if error is not None:
            return error
    return None if error_a is None or error_b is None else math.hypot(error_a, error_b)


def load_boards(
    results: Results,
    planned: Sequence[str] = (),
    card_of: Callable[[str, Results], ProtocolCard] = find_card,
) -> list[Board]:
    """The board of every protocol that has records, the one with the most runs first."""
    ids = sorted(results.protocols, key=lambda name: (-len(results.runs(name)), name))
    return [Board(results, card_of(protocol, results), planned) for protocol in ids]


def _command(run: Run) -> str:
    """What a reader types to get this row again: the command that the newest record names."""
    found = [*run.phases.values(), *run.evaluations.values()]
    newest = max(found, key=lambda f: (f.record.provenance.ended, f.path))
    return shlex.join(newest.record.provenance.argv)
