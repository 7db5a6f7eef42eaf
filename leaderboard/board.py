"""The leaderboard of one protocol: rows, differences and ranks, ready to be shown."""

from collections.abc import Callable, Sequence
from functools import cached_property

from benchmark.metrics import gap_recovered
from benchmark.protocol import SELECTION
from leaderboard.aggregate import Cell, Results, Run
from leaderboard.along import (
    Matrix,
    course,
    first_forgetting_difference,
    first_forgetting_of,
    matrix_of,
)
from leaderboard.catalogue import EVALUATIONS, FLOOR, ProtocolCard, find_card
from leaderboard.gather import gather
from leaderboard.groups import groups, letters
from leaderboard.ranking import all_differences, tied_ranks, told_apart
from leaderboard.row import Row, command_of, cost_of, forgets
from leaderboard.scores import Scores, contrast
from leaderboard.spread import Spread, difference_over_seeds, enough, spread_over_seeds
from leaderboard.statistics import Estimate, estimate


class Board:
    """All rows of one protocol, ranked by average linear transfer, incomplete ones last.

    Args:
        results: the records.
        card: the protocol's tasks and chunks.
        planned: methods to list as pending while they have no record.
    """

    def __init__(self, results: Results, card: ProtocolCard, planned: Sequence[str] = ()) -> None:
        self.card, self.results = card, results
        self.scores = Scores(results, card)
        self.runs: dict[str, list[Run]] = {}
        for run in results.runs(card.id):
            if _extractor_only(run):
                continue
            self.runs.setdefault(run.method, []).append(run)
        self.pending = tuple(name for name in planned if name not in self.runs)
        self.stale = [s for s in results.stale if s.found.record.protocol.id == card.id]
        located = [found for found in results.located if found.record.protocol.id == card.id]
        self.digests = sorted({found.record.protocol.digest for found in located})
        self.versions = sorted({found.record.provenance.headwater for found in located})
        self.newest = max((found.record.provenance.ended for found in located), default=None)
        self._gaps: dict[tuple[str, str, str], Estimate | None] = {}
        self._spreads: dict[str | Cell, Spread | None] = {}
        averages = {name: self._average(name, "linear") for name in self.runs}
        values = {name: average.value for name, average in averages.items() if average}
        complete = sorted(values, key=lambda name: (-values[name], name))
        whole = [[r for r in self.runs[name] if self._whole(r)] for name in complete]
        difference, _, p_value = all_differences(
            self.scores, whole, "linear", self.known_spread("linear")
        )
        behind = told_apart(difference, p_value)
        grouped = map(letters, groups(behind))
        places = dict(zip(complete, zip(tied_ranks(behind), grouped, strict=True), strict=True))
        rest = sorted(set(self.runs) - set(complete))
        self.rows = tuple(
            self._row(name, *places.get(name, (None, ""))) for name in [*complete, *rest]
        )
        self._by_name = {row.method: row for row in self.rows}

    def row(self, method: str) -> Row | None:
        """The row of a method, None without one."""
        return self._by_name.get(method)

    @property
    def all_runs(self) -> list[Run]:
        """The runs of all methods."""
        return [run for runs in self.runs.values() for run in runs]

    @property
    def seeds(self) -> int:
        """The most seeds that a row's transfer rests on."""
        return max((row.transfer.seeds for row in self.rows if row.transfer), default=0)

    def score(self, method: str, cell: Cell, chunks: int | None = None) -> Estimate | None:
        """Score in one cell over the seeds that have it, on the final checkpoint or another."""
        found = [self.scores.of(run, cell, chunks) for run in self.runs[method]]
        known = [score for score in found if score is not None]
        errors = [score.standard_error for score in known]
        return estimate([score.value for score in known], errors) if known else None

    def spread(self, of: str | Cell) -> Spread | None:
        """How far a difference between two methods moves from seed to seed, pooled over methods.

        Args:
            of: a cell, or a kind of evaluation, whose average is meant.

        Returns:
            None where no two methods share two seeds.
        """
        if of not in self._spreads:
            values: dict[str, dict[int, float]] = {}
            for method, runs in self.runs.items():
                for run in runs:
                    value = self._value(run, of)
                    if value is not None:
                        values.setdefault(method, {})[run.seed] = value
            self._spreads[of] = spread_over_seeds(values)
        return self._spreads[of]

    def known_spread(self, of: str | Cell) -> Spread | None:
        """The same where it rests on enough to be used for all differences."""
        return enough(self.spread(of))

    def known_spreads(self) -> dict[str, float]:
        """Half the interval that one seed leaves open of a difference, by cell and by kind."""
        wanted: dict[str, str | Cell] = {kind: kind for kind in EVALUATIONS}
        wanted |= {".".join(cell): cell for cell in self.card.cells()}
        known = {name: self.known_spread(of) for name, of in wanted.items()}
        return {name: round(spread.half, 6) for name, spread in known.items() if spread}

    def _value(self, run: Run, of: str | Cell) -> float | None:
        if isinstance(of, str):
            average = self.scores.average([(1.0, run)], of)
            return average[0] if average else None
        score = self.scores.of(run, of)
        return score.value if score else None

    def compare(self, a: str, b: str, *evaluations: str) -> dict[Cell, Estimate]:
        """Score of `a` minus score of `b`, per cell that both have, with its 95 % interval.

        Paired over the same test samples where both have predictions, and over the seeds that they
        share. Its interval has the spread over seeds of all methods of several, where there are
        enough of them.
        """
        found = {c: self.difference(a, b, c) for c in self.card.cells(*evaluations)}
        return {cell: difference for cell, difference in found.items() if difference}

    def difference(self, a: str, b: str, cell: Cell) -> Estimate | None:
        """Score of `a` minus score of `b` in one cell; None where they share none."""
        known = [
            contrast([(1, mine), (-1, other)])
            for x, y in self._shared(a, b)
            if (mine := self.scores.of(x, cell)) and (other := self.scores.of(y, cell))
        ]
        if not known:
            return None
        return difference_over_seeds(known, (1, -1), lambda: self.known_spread(cell))

    def gap(self, a: str, b: str, evaluation: str = "linear") -> Estimate | None:
        """Average over all tasks of a kind of score of `a` minus score of `b`.

        None while either row is incomplete.
        """
        key = a, b, evaluation
        if key not in self._gaps:
            pairs = [[(1, x), (-1, y)] for x, y in self._shared(a, b)]
            self._gaps[key] = self._contrast(pairs, evaluation)
        return self._gaps[key]

    def _contrast(
        self, each: Sequence[Sequence[tuple[float, Run]]], evaluation: str = "linear"
    ) -> Estimate | None:
        """A weighted sum of averages over seeds, of the seeds whose rows are complete."""
        found = [known for terms in each if (known := self.scores.average(terms, evaluation))]
        if not found:
            return None
        weights = [weight for weight, _ in each[0]]
        return difference_over_seeds(found, weights, lambda: self.known_spread(evaluation))

    def recovered(self, method: str) -> Estimate | None:
        """Share of the gap between sequential and joint training that a method closes.

        r = (method - sequential) / (joint - sequential), of the means over the seeds that all three
        have; its interval is that of (method - sequential) - r (joint - sequential), divided by
        joint - sequential. None where joint is not ahead beyond noise, where a twin is missing, or
        for the twins themselves.
        """
        objective, _, strategy = method.partition("/")
        names = f"{objective}/sequential", f"{objective}/joint"
        if not strategy or method in names or not set(names) <= set(self.runs):
            return None
        twins = [{run.seed: run for run in self.runs[name]} for name in names]
        shared = [
            (run, twins[0][run.seed], twins[1][run.seed])
            for run in self.runs[method]
            if all(run.seed in twin for twin in twins)
        ]
        part = self._contrast([[(1, run), (-1, low)] for run, low, _ in shared])
        whole = self._contrast([[(1, high), (-1, low)] for _, low, high in shared])
        if whole is None or part is None or whole.half is None:
            return None
        share = gap_recovered(part.value, 0.0, whole.value, whole.half)
        if share is None:
            return None
        rest = self._contrast(
            [[(1, run), (share - 1, low), (-share, high)] for run, low, high in shared]
        )
        if rest is None:
            return None
        half = None if rest.half is None else rest.half / whole.value
        return Estimate(share, half, rest.seeds)

    def beyond_noise(self, a: str, b: str, evaluation: str = "linear") -> dict[str, bool]:
        """Per task: is `a` above `b` beyond the 95 % interval of their difference?"""
        differences = self.compare(a, b, evaluation)
        return {task: d.above for (_, task), d in differences.items()}

    def forgetting_difference(self, a: str, b: str) -> Estimate | None:
        """Forgetting of the first chunk under `a` less that under `b`, task-aware.

        Paired over the same held-out images and over the seeds that both share; its interval has
        the spread over seeds of all methods of several. None where one was not watched.
        """
        found = [
            known
            for x, y in self._shared(a, b)
            if (known := first_forgetting_difference(self._matrix(x), self._matrix(y)))
        ]
        if not found:
            return None
        return difference_over_seeds(found, (1, -1), lambda: enough(self._forgetting_spread))

    @cached_property
    def _forgetting_spread(self) -> Spread | None:
        values: dict[str, dict[int, float]] = {}
        for method, runs in self.runs.items():
            for run in runs:
                if known := first_forgetting_of(self._matrix(run)):
                    values.setdefault(method, {})[run.seed] = known[0]
        return spread_over_seeds(values)

    def _matrix(self, run: Run) -> Matrix:
        return matrix_of(self.scores, run, "aware")

    def twins(self) -> list[tuple[str, str, str]]:
        """(objective, sequential, joint) of each objective that has records of both."""
        objectives = sorted({name.partition("/")[0] for name in self.runs if "/" in name})
        pairs = [(o, f"{o}/sequential", f"{o}/joint") for o in objectives]
        return [pair for pair in pairs if pair[1] in self.runs and pair[2] in self.runs]

    def _shared(self, a: str, b: str) -> list[tuple[Run, Run]]:
        others = {run.seed: run for run in self.runs.get(b, [])}
        return [(run, others[run.seed]) for run in self.runs.get(a, []) if run.seed in others]

    def _whole(self, run: Run) -> bool:
        return all(self.scores.of(run, cell) for cell in self.card.cells("linear"))

    def _average(self, method: str, evaluation: str) -> Estimate | None:
        return self._contrast([[(1, run)] for run in self.runs[method]], evaluation)

    def _row(self, method: str, ranks: tuple[int, int] | None, group: str) -> Row:
        runs, cells = self.runs[method], self.card.cells()
        scores = {cell: score for cell in cells if (score := self.score(method, cell))}
        lacking = {run.seed: [c for c in cells if not self.scores.of(run, c)] for run in runs}
        whole = tuple(seed for seed, missing in lacking.items() if not missing)
        twin = f"{method.partition('/')[0]}/joint"
        floor = self.beyond_noise(method, FLOOR) if FLOOR in self.runs else {}
        spent = [sum(e.record.cost.seconds for e in run.evaluations.values()) for run in runs]
        return Row(
            method=method,
            trust=self.results.tier(self.card.id, method),
            seeds=whole or tuple(run.seed for run in runs),
            scores=scores,
            averages={kind: self._average(method, kind) for kind in EVALUATIONS},
            gap=self.gap(twin, method) if twin != method and twin in self.runs else None,
            recovered=self.recovered(method),
            above_floor=sum(floor.values())
            if method != FLOOR and len(floor) == len(self.card.cells("linear"))
            else None,
            course=course(self.scores, runs, self.runs.get(FLOOR, ())),
            forgets=any(forgets(run, self.card.chunks) for run in runs),
            cost=cost_of(runs, self.scores.last(runs[0])),
            evaluation_seconds=sum(spent) / len(spent),
            ranks=ranks,
            group=group,
            done=sum(len(cells) - len(missing) for missing in lacking.values()),
            wanted=len(cells) * len(runs),
            missing=tuple(c for c in cells if any(c in missing for missing in lacking.values())),
            failed={
                found.cell: found.record.cause
                for run in runs
                for found in run.all_located
                if found.record.status == "failed"
            },
            command=command_of(runs[0]),
        )


def load_boards(
    results: Results,
    planned: Sequence[str] = (),
    card_of: Callable[[str, Results], ProtocolCard] = find_card,
    at_once: int | None = None,
) -> list[Board]:
    """The board of every stream protocol that has records, the one with the most runs first.

    Args:
        results: the records.
        planned: methods to list as pending while they have no record.
        card_of: finds what is known of a protocol beside its records.
        at_once: processes that look at predictions, as `gather` has it.
    """
    gather(results, at_once)
    streams = [name for name in results.protocols if not name.startswith(f"{SELECTION}/")]
    ids = sorted(streams, key=lambda name: (-len(results.runs(name)), name))
    boards = [Board(results, card_of(protocol, results), planned) for protocol in ids]
    return [board for board in boards if board.runs or board.pending]


def _extractor_only(run: Run) -> bool:
    """Whether it was computed for the features that a selection looks at, and is no entry."""
    return run.method.endswith("/first_chunk") and not run.evaluations
