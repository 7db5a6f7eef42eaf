"""Cells: the units of work of a run, what determines each, and the order they depend on."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, get_args

from benchmark.canonical import sha256_of
from benchmark.errors import UsageError
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
    def title(self) -> str:
        """What a person reads while it runs."""
        return f"{self.folder.partition('/')[2]} {self.name}"


def plan(
    protocol: ProtocolSpec,
    method: ResolvedMethod,
    replicate: int,
    tasks: Sequence[str] | None = None,
    evaluations: Sequence[str] | None = None,
) -> list[Cell]:
    """All cells of one method and replicate, each after the one it starts from.

    Args:
        protocol: the protocol.
        method: the method, resolved.
        replicate: 0 or more.
        tasks: names of the downstream tasks to evaluate on, the protocol's or others of its tier;
            None for all of the protocol.
        evaluations: names of the ways in which to evaluate, where a task has them; None for those
            that are ranked.

    Raises:
        UsageError: no such task or evaluation, or a batch that a phase cannot fill.
    """
    base = f"{protocol.folder}/{method.folder}/seed{replicate}"
    names = protocol.task_names if tasks is None else [tier_task(protocol, t) for t in tasks]
    ways = {name: chosen_evaluations(name, evaluations) for name in (STREAM_TASK, *names)}
    if evaluations is not None and not any(ways.values()):
        spec = TASKS.get(names[0]).spec if names else None
        there = f"; {spec.name} has {', '.join((*spec.evaluations, *spec.further))}" if spec else ""
        raise UsageError(f"none of these tasks has the evaluation {', '.join(evaluations)}{there}")
    fresh = method.build(protocol, replicate)
    if fresh.needs_boundaries and not protocol.boundaries:
        raise UsageError(
            f"{method.name} acts where a chunk ends, and {protocol.id} does not tell where: choose "
            f"a stream with boundaries, or a method without, such as one with lump or reservoir"
        )
    phases, batch_size = fresh.phases(protocol.chunks) or ((),), fresh.config.batch_size
    steps = [protocol.phase_visits(chunks) // batch_size if chunks else 0 for chunks in phases]
    files = protocol.tier == "full"  # whose ids and content the protocol's digest does not cover
    images = {"manifest": protocol.manifest.digest} if files else {}
    harness = source_sha256(HARNESS + (FILE_HARNESS if files else ()))
    cells: list[Cell] = []
    checkpoint: Cell | None = None
    for number, chunks in enumerate(phases):
        if chunks and protocol.phase_visits(chunks) < batch_size:
            raise UsageError(
                f"a phase of {protocol.id} has {protocol.phase_visits(chunks)} image visits, fewer "
                f"than a batch of {batch_size}: choose a smaller batch_size"
            )
        whole = (0, steps[number]) if protocol.boundaries else (sum(steps[:number]), sum(steps))
        seen = len({chunk for phase in phases[: number + 1] for chunk in phase})
        checkpoint = Cell(
            kind="pretrain",
            folder=f"{base}/after-chunk{seen}",
            name="pretrain",
            determined_by={
                "protocol": protocol.digest,
                **images,
                "method": method.reference().model_dump(mode="json"),
                "harness": harness,
                "replicate": replicate,
                "phase": [number, list(chunks), *whole],
            },
            chunks=chunks,
            chunks_seen=seen,
            phase=number,
            schedule=whole,
            parent=checkpoint,
        )
        cells += [checkpoint, *(_evaluation(checkpoint, STREAM_TASK, w) for w in ways[STREAM_TASK])]
    assert checkpoint is not None
    for name in names:
        cells += [_evaluation(checkpoint, name, evaluation) for evaluation in ways[name]]
    return cells


def tier_task(protocol: ProtocolSpec, name: str) -> str:
    """The name, if it is that of a downstream task of the protocol's tier.

    Raises:
        UsageError: it is not.
    """
    there = tier_tasks(protocol)
    if name not in there:
        raise UsageError(f"{protocol.id} has no task {name!r}; it has {', '.join(there)}")
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
            f"there is no evaluation {', '.join(map(repr, unknown))}; there are: "
            f"{', '.join(get_args(Evaluation))}"
        )
    return [name for name in (*spec.evaluations, *spec.further) if name in evaluations]


def _evaluation(checkpoint: Cell, name: str, evaluation: Evaluation) -> Cell:
    task = TASKS.get(name)()
    return Cell(
        kind="evaluation",
        folder=checkpoint.folder,
        name=f"{evaluation}.{name}",
        determined_by={
            "task": [name, task.spec.version, task.data_sha256()],
            "source": source_sha256(task.source(evaluation)),
        },
        chunks=checkpoint.chunks,
        chunks_seen=checkpoint.chunks_seen,
        phase=checkpoint.phase,
        parent=checkpoint,
        task=name,
        evaluation=evaluation,
    )
