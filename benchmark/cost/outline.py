"""The cells that a plan counts, with or without the images that their keys depend on."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from benchmark.cells import STREAM_TASK, Cell, Planner, chosen_evaluations, tier_task
from benchmark.cost.records import Timing, is_done
from benchmark.errors import DataError, UsageError
from benchmark.method import Method
from benchmark.protocol import ProtocolSpec
from benchmark.resolve import ResolvedMethod
from benchmark.result import Evaluation

State = Literal["done", "failed", "left"]


@dataclass(frozen=True)
class Outline:
    """A method on a protocol: how it is built, and the cells of its replicates.

    Args:
        protocol: the protocol.
        method: the method, resolved.
        built: the same, built once and never trained; on PyTorch's meta device where it can be,
            which takes no memory and no time.
        replicates: the cells of each, in order.
        keyed: whether the cells have keys; at the full tier only once the images are prepared.
    """

    protocol: ProtocolSpec
    method: ResolvedMethod
    built: Method
    replicates: tuple[tuple[Cell, ...], ...]
    keyed: bool

    @cached_property
    def cells(self) -> tuple[Cell, ...]:
        """Those of all replicates."""
        return tuple(cell for cells in self.replicates for cell in cells)


def outlines(
    protocol: ProtocolSpec,
    methods: Sequence[ResolvedMethod],
    seeds: int,
    tasks: Sequence[str] | None = None,
    evaluations: Sequence[str] | None = None,
    built: "dict[tuple[Any, ...], Method] | None" = None,
) -> list[Outline]:
    """The cells of methods on a protocol, those of `benchmark.cells.plan`, keys included.

    Args:
        protocol: the protocol; its images need not be prepared.
        methods: the methods, at least one.
        seeds: replicates of each, from 0.
        tasks, evaluations: as in `benchmark.cells.plan`.
        built: methods that were built for other protocols, which may share them; is added to.

    Raises:
        UsageError: as from `benchmark.cells.plan`, for any of the methods.

    Example:
        >>> from benchmark.resolve import protocol_named, resolve
        >>> [told] = outlines(protocol_named("instance/smoke"), [resolve("moco_v2/joint")], 3)
        >>> len(told.replicates), [cell.name for cell in told.replicates[2]]
        (3, ['pretrain', 'stream.chunks', 'linear.shapes', 'fewshot.shapes'])
    """
    names = protocol.task_names if tasks is None else [tier_task(protocol, name) for name in tasks]
    ways = {name: chosen_evaluations(name, evaluations) for name in (STREAM_TASK, *names)}
    planner, known, told = Planner(), {} if built is None else built, []
    for method in methods:
        like = (method.name, method.options, protocol.arch, protocol.view_size, protocol.classes)
        made = known[like] = known.get(like) or method.outline(protocol)
        keyed = True
        try:
            cells = [
                tuple(planner.plan(protocol, method, number, tasks, evaluations))
                for number in range(seeds)
            ]
        except DataError:  # without the images of the full tier there are no keys
            keyed = False
            _check(method, made, protocol)
            cells = [
                tuple(_without_keys(protocol, method, made, number, ways))
                for number in range(seeds)
            ]
        told.append(Outline(protocol, method, made, tuple(cells), keyed))
    return told


def _check(method: ResolvedMethod, built: Method, protocol: ProtocolSpec) -> None:
    """Refuse what `benchmark.cells.plan` refuses."""
    if built.needs_boundaries and not protocol.boundaries:
        raise UsageError(
            f"{method.name} acts where a chunk ends, and {protocol.id} does not tell where: choose "
            f"a stream with boundaries, or a method without, such as one with lump or reservoir"
        )
    for chunks in filter(None, built.phases(protocol.chunks)):
        visits, batch_size = protocol.phase_visits(chunks), built.config.batch_size
        if visits < batch_size:
            raise UsageError(
                f"a phase of {protocol.id} has {visits} image visits, fewer than a batch of "
                f"{batch_size}: choose a smaller batch_size"
            )


def _without_keys(
    protocol: ProtocolSpec,
    method: ResolvedMethod,
    built: Method,
    replicate: int,
    ways: Mapping[str, Sequence[Evaluation]],
) -> list[Cell]:
    """The cells as `benchmark.cells.Planner` has them, but for what determines them."""
    base = f"{protocol.folder}/{method.folder}/seed{replicate}"
    phases = built.phases(protocol.chunks) or ((),)
    steps = [phase_steps(protocol, built, chunks) for chunks in phases]
    cells: list[Cell] = []
    checkpoint: Cell | None = None

    def evaluated(of: Cell, task: str) -> list[Cell]:
        as_phase = replace(of, kind="evaluation", schedule=(0, 0), parent=of, task=task)
        return [replace(as_phase, name=f"{way}.{task}", evaluation=way) for way in ways[task]]

    for number, chunks in enumerate(phases):
        whole = (0, steps[number]) if protocol.boundaries else (sum(steps[:number]), sum(steps))
        seen = len({chunk for phase in phases[: number + 1] for chunk in phase})
        checkpoint = Cell(
            kind="pretrain",
            folder=f"{base}/after-chunk{seen}",
            name="pretrain",
            determined_by={},
            chunks=chunks,
            chunks_seen=seen,
            phase=number,
            schedule=whole,
            parent=checkpoint,
        )
        cells += [checkpoint, *evaluated(checkpoint, STREAM_TASK)]
    assert checkpoint is not None
    tasks = [name for name in ways if name != STREAM_TASK]
    return cells + [cell for task in tasks for cell in evaluated(checkpoint, task)]


def phase_steps(protocol: ProtocolSpec, built: Method, chunks: tuple[int, ...]) -> int:
    """Steps of a phase; 0 where nothing is trained."""
    return protocol.phase_visits(chunks) // built.config.batch_size if chunks else 0


def states(
    store: Path, timings: Mapping[str, Timing], cells: Sequence[Cell], *, keyed: bool
) -> list[State]:
    """What a run would find of each cell, in their order.

    A phase whose weights are not kept is left again if something needs them; what failed is not
    tried again, nor is what starts from it.

    Args:
        store: folder of the records.
        timings: what `read_timings` found there.
        cells: each after the one it starts from.
        keyed: whether they have keys; without, all are left.
    """
    if not keyed:
        return ["left"] * len(cells)
    found: dict[str, State] = {}
    for cell in cells:
        known = timings.get(_place(cell))
        if is_done(store, timings, cell):
            found[_place(cell)] = "done"
        elif any(found.get(_place(source)) == "failed" for source in _sources(cell)):
            found[_place(cell)] = "failed"
        else:
            failed = known is not None and not known.ok and known.key == cell.key
            found[_place(cell)] = "failed" if failed else "left"
    needed = set[str]()
    for cell in reversed(cells):
        place = _place(cell)
        if found[place] == "done" and place in needed:
            weights = [file for file in timings[place].files if file.suffix == ".pth"]
            if not all((store / file).is_file() for file in weights):
                found[place] = "left"
        if found[place] == "left":
            needed |= {_place(source) for source in _sources(cell)}
    return [found[_place(cell)] for cell in cells]


def _place(cell: Cell) -> str:
    return f"{cell.folder}/{cell.name}"


def _sources(cell: Cell) -> list[Cell]:
    """The phases whose weights a cell needs."""
    if cell.parent is None:
        return []
    before = [cell.parent.parent] if cell.task == STREAM_TASK and cell.parent.parent else []
    return [cell.parent, *before]
