"""The cells that a plan counts, with or without the images that their keys depend on."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Literal

from benchmark.cells import Cell, Planner
from benchmark.cost.records import Timing, is_done
from benchmark.errors import DataError
from benchmark.method import Method
from benchmark.protocol import ProtocolSpec
from benchmark.resolve import ResolvedMethod

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
    planner: Planner | None = None,
    *,
    every: bool = False,
) -> list[Outline]:
    """The cells of methods on a protocol, those of `benchmark.cells.plan`, keys included.

    Args:
        protocol: the protocol; its images need not be prepared.
        methods: the methods, at least one.
        seeds: replicates of each, from 0.
        tasks, evaluations, every: as in `benchmark.cells.plan`.
        planner: one that has planned other cells already, and remembers what they share.

    Raises:
        UsageError: as from `benchmark.cells.plan`, for any of the methods.

    Example:
        >>> from benchmark.resolve import protocol_named, resolve
        >>> [told] = outlines(protocol_named("instance/smoke"), [resolve("moco_v2/joint")], 3)
        >>> len(told.replicates), [cell.name for cell in told.replicates[2]]
        (3, ['pretrain', 'stream.chunks', 'linear.shapes', 'fewshot.shapes'])
    """
    planner, told = planner or Planner(), []
    for method in methods:
        plan = partial(
            planner.plan, protocol, method, tasks=tasks, evaluations=evaluations, every=every
        )
        try:
            keyed, replicates = True, [plan(number) for number in range(seeds)]
        except DataError:  # without the images of the full tier there are no keys
            keyed, replicates = False, [plan(number, keyed=False) for number in range(seeds)]
        built = planner.outline(protocol, method)
        told.append(Outline(protocol, method, built, tuple(map(tuple, replicates)), keyed))
    return told


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
        elif any(found.get(_place(source)) == "failed" for source in cell.sources):
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
            needed |= {_place(source) for source in cell.sources}
    return [found[_place(cell)] for cell in cells]


def _place(cell: Cell) -> str:
    return f"{cell.folder}/{cell.name}"
