"""Cells: the units of work of a run, what determines each, and the order they depend on."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any, Literal, cast

from benchmark.canonical import sha256_of
from benchmark.errors import UsageError
from benchmark.evaluations import (
    STREAM_TASK,
    chosen_evaluations,
    labels_given,
    refuse_idle,
    targets,
    tier_task,
)
from benchmark.method import Method
from benchmark.protocol import ProtocolSpec, SelectionSpec
from benchmark.provenance import FILE_HARNESS, HARNESS, SELECTION_HARNESS, source_sha256
from benchmark.registry import TASKS
from benchmark.resolve import ResolvedMethod, resolve
from benchmark.result import Evaluation
from benchmark.selection import SelectionOptions


@dataclass(frozen=True)
class Cell:
    """One unit of work.

    Args:
        kind: the selection of images, a phase of pre-training, or one evaluation of the checkpoint
            after it.
        folder: the checkpoint's folder in a store.
        name: file name of the record, without ending.
        determined_by: everything that the result depends on.
        chunks: chunks that the phase reads; () where nothing is trained.
        chunks_seen: chunks that the model has seen after the phase.
        phase: number of the phase, from 0.
        schedule: the phase's first step in its schedule, and the steps of the whole schedule; only
            on a stream without boundaries is the schedule longer than the phase.
        parent: the cell whose checkpoint this one starts from, or whose selection it trains on.
        task, evaluation: what is evaluated, and how.
    """

    kind: Literal["selection", "pretrain", "evaluation"]
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
        # all targets of a selection have the same
        self._extractors: dict[tuple[ProtocolSpec, str, int, bool], tuple[ResolvedMethod, Cell]]
        self._extractors = {}

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
        names: Sequence[str] = protocol.task_names
        if tasks is not None:
            names = [tier_task(protocol, task) for task in tasks]
        along: tuple[str, ...] = (STREAM_TASK,)
        if isinstance(protocol, SelectionSpec):
            names, along = targets(protocol, method, names), ()
            options = cast(SelectionOptions, method.configs[1])
            evaluations = evaluations or labels_given(options.shots)
        elif method.selects:
            raise UsageError(f"{method.name} selects images: run it on selection/{protocol.tier}")
        ways = {name: chosen_evaluations(name, evaluations) for name in (*along, *names)}
        if evaluations is not None:
            refuse_idle(protocol, names, evaluations, ways)
        layout = self._layout(protocol, method)
        common = self._common(protocol, layout) if keyed else {}
        cells: list[Cell] = []
        checkpoint: Cell | None = None
        if isinstance(protocol, SelectionSpec):
            checkpoint = self._selection(protocol, method, replicate, keyed)
            cells.append(checkpoint)
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
                for name in (*along, *(names if last or every else ()))
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

    def extractor(
        self, protocol: SelectionSpec, method: ResolvedMethod, replicate: int, *, keyed: bool = True
    ) -> tuple[ResolvedMethod, Cell]:
        """What gives a selection its features: the objective on the first chunk of the stream."""
        key = protocol, method.extractor, replicate, keyed
        if key not in self._extractors:
            extractor = resolve(method.extractor, {}, protocol.tier)
            cells = self.plan(protocol.arrivals, extractor, replicate, (), keyed=keyed)
            self._extractors[key] = extractor, cells[0]
        return self._extractors[key]

    def _selection(
        self, protocol: SelectionSpec, method: ResolvedMethod, replicate: int, keyed: bool
    ) -> Cell:
        """The choice of the images."""
        selection, options = method.parts[1], cast(SelectionOptions, method.configs[1])
        parent = None
        if selection.uses_features:
            _, parent = self.extractor(protocol, method, replicate, keyed=keyed)
        determined_by: dict[str, Any] = {}
        if keyed:
            target = [TASKS.get(options.target)().data_sha256()] if options.target else []
            determined_by = {
                "protocol": protocol.digest,
                "replicate": replicate,
                "selection": [method.folder, selection.version, asdict(options), *target],
                "source": source_sha256((selection,), helpers=True),
                "harness": source_sha256(SELECTION_HARNESS),
            }
        return Cell(
            kind="selection",
            folder=f"{protocol.folder}/{method.folder}/seed{replicate}/after-chunk1",
            name="selection",
            determined_by=determined_by,
            chunks=(1,),
            chunks_seen=1,
            phase=0,
            parent=parent,
        )

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
