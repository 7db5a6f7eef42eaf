"""What is known of one method on one protocol."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from benchmark.metrics import cumulative_cost
from benchmark.result import Environment
from leaderboard.aggregate import Cell, Run
from leaderboard.along import Course
from leaderboard.scores import stops_after
from leaderboard.statistics import Estimate
from leaderboard.trust import Tier

#: What a processor is called in records that do not name it.
UNNAMED = "a processor of no known kind"


@dataclass(frozen=True)
class Cost:
    """What a method used, mean over the seeds that saw the whole stream.

    Args:
        visits: image visits of pre-training.
        seconds: of pre-training.
        cumulative_visits: to have an up-to-date model after every arrival; None of what stops
            before the end of the stream, and never is.
        stored_bytes: images kept of the stream, at the most.
        extra_parameters: numbers held beyond the backbone.
        peak_memory_bytes: of the largest phase.
        steps: optimiser steps.
        machines: what the seeds were trained on, by name, with the share of the seeds.
        by_seed: of each seed, what it was trained on, and the seconds.
    """

    visits: int
    seconds: float
    cumulative_visits: int | None
    stored_bytes: int
    extra_parameters: int
    peak_memory_bytes: int
    steps: int
    machines: Mapping[str, float]
    by_seed: Mapping[int, tuple[str, float]] = field(default_factory=dict)

    def timed_like(self, other: "Cost") -> bool:
        """Whether the seconds compare: the same machines, each for the same share of the seeds.

        Two processors whose kind is not known may be of two kinds.
        """
        return self.machines == other.machines and not any(UNNAMED in m for m in self.machines)

    def times_as_long(self, other: "Cost") -> list[float]:
        """Seconds over those of another, of each seed that both trained on one known machine.

        Example:
            >>> one, two = (
            ...     Cost(*range(7), {}, {0: (kind, seconds), 1: (UNNAMED, 9.0)})
            ...     for kind, seconds in (("a", 3.0), ("a", 2.0))
            ... )
            >>> one.times_as_long(two)
            [1.5]
        """
        both = [(self.by_seed[seed], other.by_seed.get(seed)) for seed in self.by_seed]
        return [
            mine[1] / theirs[1]
            for mine, theirs in both
            if theirs and mine[0] == theirs[0] and UNNAMED not in mine[0] and theirs[1]
        ]


@dataclass(frozen=True)
class Row:
    """What is known of one method.

    Args:
        method: name, `objective/strategy` or a plain one.
        trust: how far its records were examined by whoever keeps the store.
        seeds: those whose row is complete, or all if none is.
        scores: headline of each cell on the last checkpoint.
        averages: per kind of evaluation, over all its tasks; None while one is missing.
        gap: average linear transfer of the joint twin minus this one's; None without a twin.
        recovered: share of the gap between sequential and joint that it closes; None where that is
            within noise, or for these two.
        above_floor: linear tasks on which the method beats the untrained network beyond noise;
            None for the floor itself or while either is missing a linear task.
        course: what happens along the stream.
        forgets: whether forgetting can be measured of it, as `forgets` says of a run.
        cost: of pre-training; None before its end.
        evaluation_seconds: of all evaluations, mean over seeds.
        ranks: best and worst rank that noise leaves open; None while incomplete.
        group: letters, of which it shares one with each method that it cannot be told apart from;
            empty while incomplete.
        done, wanted: cells on the last checkpoint, over all seeds.
        missing: cells that some seed lacks.
        failed: cell to the error of its record.
        command: what reproduces the row's first seed.
    """

    method: str
    trust: Tier
    seeds: tuple[int, ...]
    scores: Mapping[Cell, Estimate]
    averages: Mapping[str, Estimate | None]
    gap: Estimate | None
    recovered: Estimate | None
    above_floor: int | None
    course: Course
    forgets: bool
    cost: Cost | None
    evaluation_seconds: float
    ranks: tuple[int, int] | None
    group: str
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
    def forgetting(self) -> Estimate | None:
        """Of the first chunk, task-aware; None unless the whole stream was watched."""
        return self.course.first_forgetting["aware"]

    @property
    def first_chunk(self) -> tuple[tuple[int, Estimate], ...]:
        """(Chunks seen, accuracy on the first chunk's held-out images)."""
        return self.course.first

    @property
    def objective(self) -> str:
        """The first half of the name."""
        return self.method.partition("/")[0]

    @property
    def strategy(self) -> str:
        """The second half of the name; empty for a plain one."""
        return self.method.partition("/")[2]


def cost_of(runs: Sequence[Run], chunks: int) -> Cost | None:
    """What a method used, of the runs that saw all of its chunks; None if there is none.

    Visits, seconds and steps: the sum over a run's phases, the mean over runs. Stored bytes,
    parameters and peak memory: the most of any phase of any run. Visits at every arrival: those of
    `benchmark.metrics.cumulative_cost`, the mean over runs.
    """
    trained = [
        run
        for run in runs
        if not run.last or (chunks in run.phases and run.phases[chunks].record.status == "ok")
    ]
    phases = [[found.record for _, found in sorted(run.phases.items())] for run in trained]
    if not trained:
        return None

    def mean(values: Sequence[float]) -> float:
        return math.fsum(values) / len(values)

    def total(name: str) -> float:
        return mean([sum(getattr(p.cost, name) for p in own) for own in phases])

    def most(name: str) -> int:
        return max((getattr(p.cost, name) for own in phases for p in own), default=0)

    where = ["; ".join(sorted({machine(p.environment) for p in own})) for own in phases]
    arrivals = [
        cumulative_cost([p.cost.image_visits for p in own], [p.stream.chunks for p in own])
        for own in phases
    ]
    return Cost(
        visits=round(total("image_visits")),
        seconds=total("seconds"),
        cumulative_visits=None if stops_after(runs[0].method) else round(mean(arrivals)),
        stored_bytes=most("stored_bytes"),
        extra_parameters=most("extra_parameters"),
        peak_memory_bytes=most("peak_memory_bytes"),
        steps=round(total("optimiser_steps")),
        machines=shares(where),
        by_seed={
            run.seed: (name, sum(p.cost.seconds for p in own))
            for run, name, own in zip(trained, where, phases, strict=True)
        },
    )


def forgets(run: Run, chunks: int) -> bool:
    """Whether a run has, or may still get, a checkpoint after every chunk of its stream.

    Args:
        run: any.
        chunks: of its stream.

    Example:
        >>> forgets(Run("instance/nano@1", "moco_v2/first_chunk", 0), 4)
        False
    """
    if not run.last or stops_after(run.method):
        return False
    return chunks not in run.phases or len(run.phases) == chunks


def shares(names: Sequence[str]) -> dict[str, float]:
    """How often each name occurs among all, in the order of the names.

    Example:
        >>> shares(["b", "a", "a", "b"])
        {'a': 0.5, 'b': 0.5}
    """
    return {name: number / len(names) for name, number in sorted(Counter(names).items())}


def machine(there: Environment) -> str:
    """Device or processor, platform, version and threads in a few words.

    Example:
        >>> machine(Environment(
        ...     python="3.11.1", torch="2.14.0+cpu", platform="Linux x86_64", device="cpu",
        ...     threads=1, deterministic=True, lock_sha256=None,
        ... ))
        'a processor of no known kind, by 1 thread (torch 2.14.0, Linux x86_64)'
        >>> machine(Environment(
        ...     python="3.11.1", torch="2.14.0", platform="Linux x86_64", device="cpu", threads=2,
        ...     cpu="AMD EPYC (family 25, model 17), AVX512", deterministic=True, lock_sha256=None,
        ... ))
        'AMD EPYC (family 25, model 17), AVX512, by 2 threads (torch 2.14.0, Linux x86_64)'
    """
    on_cpu = there.device == "cpu"
    many = "" if there.threads == 1 else "s"
    threads = f" by {there.threads} thread{many}" if on_cpu else ""
    device = f"{there.cpu or UNNAMED}," if on_cpu else there.device
    version = there.torch.partition("+")[0]
    return f"{device}{threads} (torch {version}, {there.platform})"


def command_of(run: Run) -> str:
    """What a reader types to get this row again: the command that the newest phase names."""
    found = list(run.phases.values()) or list(run.evaluations.values())
    return max(found, key=lambda f: (f.record.provenance.ended, f.path)).command
