"""The track of selections: what a choice of images is worth, for each target and each budget."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from benchmark.metrics import transfer_average
from benchmark.protocol import SELECTION, SelectionSpec
from benchmark.registry import PROTOCOLS, SELECTIONS, TASKS
from leaderboard import words
from leaderboard.aggregate import Cell, Located, Results, Run
from leaderboard.scores import Known, Score, contrast
from leaderboard.spread import Spread, difference_over_seeds, enough, spread_over_seeds
from leaderboard.statistics import Estimate, estimate, standard_error_of_mean

#: The ways in which a choice is judged.
KINDS = ("linear", "finetune", "fewshot", "detection")


@dataclass(frozen=True, order=True)
class Choice:
    """A way of choosing, and how much.

    Args:
        method: objective and selection, `moco_v2/sept`.
        shots: training images of the target a class; 0 for all.
        share: of the pool that may be chosen.
    """

    method: str
    shots: int
    share: float

    @property
    def of_pool(self) -> str:
        """The share in words; that of a selection which takes none of the pool is left blank.

        Example:
            >>> Choice("moco_v2/sept", 10, 0.1).of_pool
            '10 %'
        """
        if self._declares("of_target"):
            return words.BLANK
        return f"{100 * self.share:g} %"

    @property
    def remark(self) -> str:
        """What has to be said beside its name.

        Example:
            >>> from benchmark.registry import load_shipped
            >>> load_shipped()
            >>> Choice("moco_v2/oracle", 10, 0.1).remark
            "reference: sees the pool's labels"
        """
        return "reference: sees the pool's labels" if self._declares("uses_pool_labels") else ""

    def _declares(self, what: str) -> bool:
        name = self.method.rpartition("/")[2]
        return name in SELECTIONS and bool(getattr(SELECTIONS.get(name), what))

    def cell(self, kind: str, target: str) -> Cell:
        """Where the record has a kind of number.

        Example:
            >>> Choice("moco_v2/sept", 10, 0.1).cell("linear", "flags")
            ('linear_10shot', 'flags')
        """
        few = f"_{self.shots}shot" if self.shots and kind in ("linear", "finetune") else ""
        return f"{kind}{few}", target


class Track:
    """All runs of a selection protocol, by choice, seed and target.

    Args:
        results: the records.
        protocol: its id, `selection/nano@1`.
    """

    def __init__(self, results: Results, protocol: str) -> None:
        spec = PROTOCOLS.get(protocol)
        assert isinstance(spec, SelectionSpec)
        self.results, self.spec = results, spec
        self._spreads: dict[tuple[str, tuple[str, ...]], Spread | None] = {}
        self.runs: dict[Choice, dict[int, dict[str, Run]]] = {}
        for run in results.runs(protocol):
            config = run.all_located[0].record.method.config
            share, shots, target = (config.get(n) for n in ("share", "shots", "target"))
            if not isinstance(share, int | float) or not isinstance(shots, int):
                continue  # it was examined by nobody: `validate` refuses it
            choice = Choice(run.method.partition("+")[0], shots, float(share))
            for task in [str(target)] if target else spec.task_names:
                self.runs.setdefault(choice, {}).setdefault(run.seed, {})[task] = run

    @cached_property
    def choices(self) -> list[Choice]:
        """All choices that have records, sorted."""
        return sorted(self.runs)

    def targets(self, kind: str) -> list[str]:
        """The targets that a kind of number is of."""
        return [
            name
            for name in self.spec.task_names
            if kind in (*TASKS.get(name).spec.evaluations, *TASKS.get(name).spec.further)
        ]

    def score(self, choice: Choice, kind: str, target: str) -> Estimate | None:
        """The number of a target over the seeds that have it."""
        found = [
            score
            for seed in self.runs.get(choice, {})
            if (score := self._score(choice, kind, target, seed))
        ]
        if not found:
            return None
        return estimate([s.value for s in found], [s.standard_error for s in found])

    def average(self, choice: Choice, kind: str) -> Estimate | None:
        """Averaged over all targets that have the kind, over the seeds that have them all."""
        return self.combined([(1.0, choice)], kind)

    def difference(self, a: Choice, b: Choice, kind: str) -> Estimate | None:
        """How far a choice is above another on average, paired by seed, target and test image."""
        return self.combined([(1.0, a), (-1.0, b)], kind)

    def difference_on(self, a: Choice, b: Choice, kind: str, target: str) -> Estimate | None:
        """The same on one target."""
        return self._combined([(1.0, a), (-1.0, b)], kind, (target,))

    def combined(self, terms: Sequence[tuple[float, Choice]], kind: str) -> Estimate | None:
        """A weighted sum of choices, averaged over all targets; None without a complete seed."""
        return self._combined(terms, kind, tuple(self.targets(kind)))

    def _combined(
        self, terms: Sequence[tuple[float, Choice]], kind: str, targets: tuple[str, ...]
    ) -> Estimate | None:
        found = self._over_seeds(terms, kind, targets)
        if not found:
            return None
        weights = [weight for weight, _ in terms]
        return difference_over_seeds(
            list(found.values()), weights, lambda: self._spread(kind, targets)
        )

    def _spread(self, kind: str, targets: tuple[str, ...]) -> Spread | None:
        """How far a difference moves from seed to seed, known from the choices of several seeds."""
        key = kind, targets
        if key not in self._spreads:
            values = {
                str(choice): {seed: known[0] for seed, known in found.items()}
                for choice in self.choices
                if (found := self._over_seeds([(1.0, choice)], kind, targets))
            }
            self._spreads[key] = enough(spread_over_seeds(values))
        return self._spreads[key]

    def _over_seeds(
        self, terms: Sequence[tuple[float, Choice]], kind: str, targets: Sequence[str]
    ) -> dict[int, Known]:
        seeds = [set(self.runs.get(choice, {})) for _, choice in terms]
        found = {}
        for seed in sorted(set.intersection(*seeds)):
            values: dict[str, float] = {}
            errors = []
            for target in targets:
                tested = [(w, self._score(choice, kind, target, seed)) for w, choice in terms]
                there = [(w, score) for w, score in tested if score is not None]
                if len(there) == len(terms):
                    values[target], error = contrast(there)
                    errors.append(error)
            if targets and len(values) == len(targets):
                mean = transfer_average(values, targets)
                found[seed] = mean, standard_error_of_mean(errors)
        return found

    def record(self, choice: Choice, kind: str, target: str) -> Located | None:
        """The record of the first seed that a target's number is of; None without any."""
        seeds = sorted(self.runs.get(choice, {}))
        found = (self._record(choice, kind, target, seed) for seed in seeds)
        return next(filter(None, found), None)

    def _record(self, choice: Choice, kind: str, target: str, seed: int) -> Located | None:
        run = self.runs.get(choice, {}).get(seed, {}).get(target)
        found = run and run.evaluations.get((1, choice.cell(kind, target)))
        return found if found and found.record.status == "ok" and found.record.metrics else None

    def _score(self, choice: Choice, kind: str, target: str, seed: int) -> Score | None:
        found = self._record(choice, kind, target, seed)
        if found is None:
            return None
        metric, seen = found.headline[1], self.results.evidence(found)
        error = metric.standard_error
        if error is None and seen is not None:
            error = seen.standard_error()
        return Score(metric.value, error, seen)

    def runs_of(self, choice: Choice) -> list[Run]:
        """The runs of a choice, by seed and target, each once: one may be of all targets."""
        found = {
            (seed, run.method): run
            for seed, runs in sorted(self.runs.get(choice, {}).items())
            for run in runs.values()
        }
        return list(found.values())

    def selections(self, choice: Choice) -> list[Located]:
        """The records of what was chosen, by seed and target, each once."""
        return [located for run in self.runs_of(choice) for located in run.choices]


def tracks(results: Results) -> list[Track]:
    """The tracks that have records, the smallest tier last."""
    names = [name for name in results.protocols if name.startswith(f"{SELECTION}/")]
    known = [Track(results, name) for name in names if name in PROTOCOLS]
    return sorted(known, key=lambda track: track.spec.place, reverse=True)
