"""Cells: the units of work of a run, what determines each, and the order they depend on."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, get_args

from benchmark.canonical import sha256_of
from benchmark.errors import UsageError, nearest
from benchmark.method import Method
from benchmark.protocol import ProtocolSpec
from benchmark.provenance import FILE_HARNESS, HARNESS, source_sha256
from benchmark.registry import TASKS
from benchmark.resolve import ResolvedMethod
from benchmark.result import Evaluation

#: The evaluation of a checkpoint on the chunks' own held-out images.
STREAM_TASK = "chunks"


@dataclass(frozen=True)
class Cell:
    """One unit of work.

    Args:
        kind: a phase of pre-training, or one evaluation of the checkpoint after it.
        folder: the checkpoint's folder in a store.
        name: file name of the record, without ending.
        determined_by: everything that the result depends on.
        chunks: chunks that the phase reads; () where nothing is trained.
        chunks_seen: chunks that the model has seen after the phase.
        phase: number of the phase, from 0.
        schedule: the phase's first step in its schedule, and the steps of the whole schedule; only
            on a stream without boundaries is the schedule longer than the phase.
        parent: the cell whose checkpoint this one starts from.
        task, evaluation: what is evaluated, and how.
    """

    kind: Literal["pretrain", "evaluation"]
    folder: str
    name: str
    determined_by: dict[str, Any]
    chunks: tuple[int, ...]
    chunks_seen: int
    phase: int
    schedule: tuple[int, int] = (0, 0)
    parent: "Cell | None" = None
    task: str | None = None
    evaluation: Evaluation | None = None

    @cached_property
    def key(self) -> str:
        """Hash of what determines the result, the parent's key included."""
        return sha256_of(self.determined_by | {"parent": self.parent.key if self.parent else None})

    @property
    def sources(self) -> list["Cell"]:
        """The phases whose weights it reads: what happened along the stream needs two."""
        phases = [self.parent] if self.parent else []
        if self.task == STREAM_TASK and self.parent and self.parent.parent:
            phases.append(self.parent.parent)
        return phases

    @property
    def title(self) -> str:
        """What a person reads while it runs."""
        return f"{self.folder.partition('/')[2]} {self.name}"


def plan(
    protocol: ProtocolSpec,
    method: ResolvedMethod,
    replicate: int,
    tasks: Sequence[str] | None = None,
    evaluations: Sequence[str] | None = None,
    *,
    every: bool = False,
) -> list[Cell]:
    """As `Planner.plan`, for one method and replicate alone."""
    return Planner().plan(protocol, method, replicate, tasks, evaluations, every=every)


class Planner:
    """Plans cells, and remembers what many of them have in common: sources, data, phases."""

    def __init__(self) -> None:
        self._harness: dict[bool, str] = {}
        self._methods: dict[tuple[ProtocolSpec, ResolvedMethod], _Layout] = {}
        self._evaluations: dict[tuple[str, str], dict[str, Any]] = {}

    def plan(
        self,
        protocol: ProtocolSpec,
        method: ResolvedMethod,
        replicate: int,
        tasks: Sequence[str] | None = None,
        evaluations: Sequence[str] | None = None,
        *,
        every: bool = False,
        keyed: bool = True,
    ) -> list[Cell]:
        """All cells of one method and replicate, each after the one it starts from.

        Args:
            protocol: the protocol.
            method: the method, resolved.
            replicate: 0 or more.
            tasks: names of the downstream tasks to evaluate on, the protocol's or others of its
                tier; None for all of the protocol.
            evaluations: names of the ways in which to evaluate, where a task has them; None for
                those that are ranked.
            every: whether tasks are evaluated after every phase, not only after the last.
            keyed: whether the cells say what determines them, for which the full tier's images must
                be prepared.

        Raises:
            UsageError: no such task or evaluation, or none that a named task has, or a batch that a
                phase cannot fill.
            DataError: the images are not prepared.
        """
        base = f"{protocol.folder}/{method.folder}/seed{replicate}"
        names = protocol.task_names if tasks is None else [tier_task(protocol, t) for t in tasks]
        ways = {name: chosen_evaluations(name, evaluations) for name in (STREAM_TASK, *names)}
        if evaluations is not None:
            _refuse_idle(protocol, names, evaluations, ways)
        layout = self._layout(protocol, method)
        common = self._common(protocol, layout) if keyed else {}
        cells: list[Cell] = []
        checkpoint: Cell | None = None
        for number, (chunks, steps) in enumerate(zip(layout.phases, layout.steps, strict=True)):
            before, total = sum(layout.steps[:number]), sum(layout.steps)
            whole = (0, steps) if protocol.boundaries else (before, total)
            seen = len({chunk for phase in layout.phases[: number + 1] for chunk in phase})
            checkpoint = Cell(
                kind="pretrain",
                folder=f"{base}/after-chunk{seen}",
                name="pretrain",
                determined_by=common
                | {"replicate": replicate, "phase": [number, list(chunks), *whole]}
                if keyed
                else {},
                chunks=chunks,
                chunks_seen=seen,
                phase=number,
                schedule=whole,
                parent=checkpoint,
            )
            cells.append(checkpoint)
            last = number == len(layout.phases) - 1
            cells += [
                self._evaluation(checkpoint, name, evaluation, keyed)
                for name in (STREAM_TASK, *(names if last or every else ()))
                for evaluation in ways[name]
            ]
        return cells

    def outline(self, protocol: ProtocolSpec, method: ResolvedMethod) -> Method:
        """The method as it was asked for its phases: fresh, perhaps without values."""
        return self._layout(protocol, method).fresh

    def _common(self, protocol: ProtocolSpec, layout: "_Layout") -> dict[str, Any]:
        """What determines all phases of a method."""
        files = protocol.tier == "full"  # whose ids and content the digest does not cover
        if files not in self._harness:
            self._harness[files] = source_sha256(HARNESS + (FILE_HARNESS if files else ()))
        return {
            "protocol": protocol.digest,
            **({"manifest": protocol.manifest.digest} if files else {}),
            "method": layout.reference,
            "harness": self._harness[files],
        }

    def _layout(self, protocol: ProtocolSpec, method: ResolvedMethod) -> "_Layout":
        if (protocol, method) not in self._methods:
            self._methods[protocol, method] = _Layout.of(protocol, method)
        return self._methods[protocol, method]

    def _evaluation(self, checkpoint: Cell, name: str, evaluation: Evaluation, keyed: bool) -> Cell:
        if keyed and (name, evaluation) not in self._evaluations:
            task = TASKS.get(name)()
            self._evaluations[name, evaluation] = {
                "task": [name, task.spec.version, evaluation, task.data_sha256()],
                "source": source_sha256(task.source(evaluation)),
            }
        return Cell(
            kind="evaluation",
            folder=checkpoint.folder,
            name=f"{evaluation}.{name}",
            determined_by=self._evaluations[name, evaluation] if keyed else {},
            chunks=checkpoint.chunks,
            chunks_seen=checkpoint.chunks_seen,
            phase=checkpoint.phase,
            parent=checkpoint,
            task=name,
            evaluation=evaluation,
        )


@dataclass(frozen=True)
class _Layout:
    """A method on a protocol as it is before training: its phases, and the steps of each."""

    fresh: Method
    phases: tuple[tuple[int, ...], ...]
    steps: tuple[int, ...]
    reference: dict[str, Any]

    @classmethod
    def of(cls, protocol: ProtocolSpec, method: ResolvedMethod) -> "_Layout":
        """Ask a fresh method.

        Raises:
            UsageError: it needs boundaries that the stream lacks, or a batch no phase can fill.
        """
        fresh = method.outline(protocol)
        if fresh.needs_boundaries and not protocol.boundaries:
            raise UsageError(
                f"{method.name} acts where a chunk ends, and {protocol.id} does not tell where: "
                f"choose a stream with boundaries, or a method without, such as one with lump or "
                f"reservoir"
            )
        phases, batch_size = fresh.phases(protocol.chunks) or ((),), fresh.config.batch_size
        visits = [protocol.phase_visits(chunks) if chunks else 0 for chunks in phases]
        for chunks, count in zip(phases, visits, strict=True):
            if chunks and count < batch_size:
                raise UsageError(
                    f"a phase of {protocol.id} has {count} image visits, fewer than a batch of "
                    f"{batch_size}: choose a smaller batch_size"
                )
        reference = method.reference().model_dump(mode="json")
        steps = tuple(count // batch_size for count in visits)
        return cls(fresh, tuple(phases), steps, reference)


def _refuse_idle(
    protocol: ProtocolSpec,
    names: Sequence[str],
    evaluations: Sequence[str],
    ways: Mapping[str, Sequence[str]],
) -> None:
    """Refuse tasks that are named and have none of the evaluations that are wanted of tasks."""
    of_tasks = [way for way in evaluations if way not in offered(STREAM_TASK)]
    idle = [name for name in names if not ways[name]]
    few = set(names) < set(tier_tasks(protocol))
    if (idle and of_tasks and few) or not any(ways.values()):
        told = "; ".join(f"{name} has {', '.join(offered(name))}" for name in idle[:3])
        raise UsageError(f"no evaluation {', '.join(of_tasks or evaluations)}: {told}")


def tier_task(protocol: ProtocolSpec, name: str) -> str:
    """The name, if it is that of a downstream task of the protocol's tier.

    Raises:
        UsageError: it is not.
    """
    there = tier_tasks(protocol)
    if name not in there:
        raise UsageError(f"{protocol.id} has no task {name!r}; it has {nearest(name, there)}")
    return name


def tier_tasks(protocol: ProtocolSpec) -> list[str]:
    """Names of all tasks of the protocol's tier: its own first, then those on request."""
    others = [t for t in TASKS.names() if t != STREAM_TASK and t not in protocol.task_names]
    return [*protocol.task_names, *(t for t in others if TASKS.get(t).spec.tier == protocol.tier)]


def chosen_evaluations(task: str, evaluations: Sequence[str] | None) -> list[Evaluation]:
    """Those of a task's evaluations that are wanted.

    Args:
        task: name of the task.
        evaluations: what is wanted; None for what is ranked.

    Raises:
        UsageError: no task has an evaluation of one of the names.
    """
    spec = TASKS.get(task).spec
    if evaluations is None:
        return list(spec.evaluations)
    unknown = [name for name in evaluations if name not in get_args(Evaluation)]
    if unknown:
        raise UsageError(
            f"there is no evaluation {unknown[0]!r}; there are: "
            f"{nearest(unknown[0], get_args(Evaluation))}"
        )
    return [name for name in offered(task) if name in evaluations]


def offered(task: str) -> tuple[Evaluation, ...]:
    """All evaluations that a task has: those that are ranked, then those on request."""
    spec = TASKS.get(task).spec
    return (*spec.evaluations, *spec.further)
