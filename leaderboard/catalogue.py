"""What a table needs to know beside the records: which tasks, chunks and sources there are."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from benchmark.errors import DataError
from benchmark.protocol import ProtocolSpec
from benchmark.registry import PROTOCOLS, TASKS, load_shipped
from leaderboard.aggregate import STREAM, Cell, Results

if TYPE_CHECKING:
    from benchmark.data.imageset import ImageSet

#: The kinds of downstream evaluation, in the order of the tables.
EVALUATIONS = ("linear", "fewshot", "detection")
#: What is evaluated on the tasks of another kind, as well.
ALSO = {"knn": "linear"}
#: The method that is not trained: what every other has to beat.
FLOOR = "random_init"


@dataclass(frozen=True)
class TaskCard:
    """A downstream task: name, what is to be told, and how it is evaluated."""

    name: str
    title: str
    metric: str
    evaluations: tuple[str, ...]


@dataclass(frozen=True)
class Licence:
    """A package of images: whose they are, under which licence, in which sets, and a note."""

    package: str
    licence: str
    attribution: str
    used_by: str
    note: str = ""


@dataclass(frozen=True)
class ProtocolCard:
    """A protocol as the page shows it.

    Args:
        id: for instance `instance/nano@1`.
        chunks: number of chunks of the stream.
        tasks: in the order of the tables.
        references: image visits of the references, as `ProtocolSpec.references` has them; empty
            where they are not known.
        chunk_ids: the sample ids of each chunk, for the picture.
        load_pool: loads the images that the stream is drawn from; None where that is not known.
        licences: of the images.
        what: what the stream is, in a sentence or two.
    """

    id: str
    chunks: int
    tasks: tuple[TaskCard, ...]
    references: Mapping[str, int] = field(default_factory=dict)
    chunk_ids: tuple[tuple[str, ...], ...] = ()
    load_pool: "Callable[[], ImageSet] | None" = None
    licences: tuple[Licence, ...] = ()
    what: str = ""

    def cells(self, *evaluations: str) -> tuple[Cell, ...]:
        """The cells that a finished run has on its last checkpoint, all kinds unless named.

        Nearest neighbours are asked on the tasks of the linear probe, on request.

        Example:
            >>> flags = TaskCard("flags", "country", "top1", ("linear", "fewshot"))
            >>> ProtocolCard("instance/nano@1", 4, (flags,)).cells("linear", "knn")
            (('linear', 'flags'), ('knn', 'flags'))
        """
        return tuple(
            (evaluation, task.name)
            for evaluation in evaluations or EVALUATIONS
            for task in self.tasks
            if ALSO.get(evaluation, evaluation) in task.evaluations
        )


def find_card(protocol: str, results: Results) -> ProtocolCard:
    """The card of a protocol, from the registries; from the records if it is not registered.

    Args:
        protocol: its id.
        results: records, read only where the registries do not know the protocol.

    Returns:
        The card.
    """
    from benchmark.pools import load_pool

    load_shipped()
    if protocol not in PROTOCOLS:
        return card_from_records(protocol, results)
    spec = PROTOCOLS.get(protocol)
    tasks = [TASKS.get(name.partition("@")[0]).spec for name in spec.tasks]
    return ProtocolCard(
        id=spec.id,
        chunks=spec.chunks,
        tasks=tuple(TaskCard(t.name, t.title, t.metric, tuple(t.evaluations)) for t in tasks),
        references=spec.references(),
        chunk_ids=_chunk_ids(spec),
        load_pool=partial(load_pool, spec),
        licences=_licences(tasks) if spec.tier == "nano" else (),
        what=_what(spec),
    )


#: What the images of each pool are, by tier and name.
_POOLS = {
    ("smoke", "pool"): "procedural shapes",
    ("nano", "pool"): "emoji",
    ("full", "imagenet"): "ImageNet",
    ("full", "domainnet"): "DomainNet",
}
#: How each stream shares its images out.
_STREAMS = {
    "instance": "images are dealt out at random, so that all chunks look alike",
    "random-class": "classes are dealt out at random, and each chunk has its own",
    "distant-class": "classes that are close to each other come together, and chunks are far apart",
    "domain": "each chunk is in a style of its own",
}


def _what(spec: ProtocolSpec) -> str:
    """The stream in words."""
    images = _POOLS.get((spec.tier, spec.pool), spec.pool)
    how = _STREAMS.get(spec.rule, "images come in an order of their own")
    told = ""
    if not spec.boundaries:
        told = f" Neighbours share {spec.overlap:.0%} of a chunk; where one ends is not told."
    return (
        f"A stream of {spec.chunks} chunks of {images}: {how}.{told} Every method has the same "
        f"{spec.budget.image_visits:,} image visits for its steps, backbone ({spec.arch}) and "
        f"views of {spec.view_size} pixels; what some read beyond that, their visits tell."
    )


def _chunk_ids(spec: ProtocolSpec) -> tuple[tuple[str, ...], ...]:
    """The ids of each chunk; none where the full tier's images are not prepared here."""
    try:
        return tuple(tuple(spec.manifest.chunk_ids(k + 1)) for k in range(spec.chunks))
    except DataError:
        return ()


def _licences(tasks: Iterable[object]) -> tuple[Licence, ...]:
    from benchmark.data.prepare import licences

    return tuple(
        Licence(
            package=f"{row['package']} {row['version']}",
            licence=row["licence"],
            attribution=row["attribution"],
            used_by=", ".join(row["used_by"]),
            note=row["note"],
        )
        for row in licences(tasks)
    )


def card_from_records(protocol: str, results: Results) -> ProtocolCard:
    """A card of whatever the records hold, for protocols that this installation lacks."""
    kinds: dict[str, list[str]] = {}
    metrics: dict[str, str] = {}
    chunks = 0
    for found in results.located:
        if found.record.protocol.id != protocol:
            continue
        chunks = max(chunks, found.record.stream.chunks_seen)
        if found.cell is None or found.cell == STREAM:
            continue
        evaluation, task = found.cell
        seen = kinds.setdefault(task, [])
        if evaluation not in seen:
            seen.append(evaluation)
        if evaluation == "linear" and found.record.metrics:
            metrics[task] = found.headline[0]
    tasks = (TaskCard(n, n, metrics.get(n, ""), tuple(kinds[n])) for n in sorted(kinds))
    return ProtocolCard(protocol, chunks, tuple(tasks))
