"""What a table needs to know beside the records: which tasks, chunks and sources there are."""

from collections.abc import Iterable
from dataclasses import dataclass

from benchmark.registry import PROTOCOLS, TASKS, load_shipped
from leaderboard.aggregate import STREAM, Cell, Results

#: The kinds of downstream evaluation, in the order of the tables.
EVALUATIONS = ("linear", "fewshot", "detection")
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
    """Under which licence a package of images is used, and for what."""

    used_for: str
    package: str
    licence: str
    attribution: str


@dataclass(frozen=True)
class ProtocolCard:
    """A protocol as the page shows it.

    Args:
        id: for instance `instance/nano@1`.
        chunks: number of chunks of the stream.
        tasks: in the order of the tables.
        image_visits: the budget; None where it is not known.
        pool: name of the image set that the stream is drawn from; None where it is not known.
        chunk_ids: the sample ids of each chunk, for the picture.
        licences: of the images.
    """

    id: str
    chunks: int
    tasks: tuple[TaskCard, ...]
    image_visits: int | None = None
    pool: str | None = None
    chunk_ids: tuple[tuple[str, ...], ...] = ()
    licences: tuple[Licence, ...] = ()

    def cells(self, *evaluations: str) -> tuple[Cell, ...]:
        """The cells that a finished run has on its last checkpoint, all kinds unless named.

        Example:
            >>> flags = TaskCard("flags", "country", "top1", ("linear", "fewshot"))
            >>> ProtocolCard("instance/nano@1", 4, (flags,)).cells("linear")
            (('linear', 'flags'),)
        """
        return tuple(
            (evaluation, task.name)
            for evaluation in evaluations or EVALUATIONS
            for task in self.tasks
            if evaluation in task.evaluations
        )


def find_card(protocol: str, results: Results) -> ProtocolCard:
    """The card of a protocol, from the registries; from the records if it is not registered.

    Args:
        protocol: its id.
        results: records, read only where the registries do not know the protocol.

    Returns:
        The card.
    """
    load_shipped()
    if protocol not in PROTOCOLS:
        return card_from_records(protocol, results)
    spec = PROTOCOLS.get(protocol)
    tasks = [TASKS.get(name.partition("@")[0]).spec for name in spec.tasks]
    return ProtocolCard(
        id=spec.id,
        chunks=spec.chunks,
        tasks=tuple(TaskCard(t.name, t.title, t.metric, tuple(t.evaluations)) for t in tasks),
        image_visits=spec.budget.image_visits,
        pool=spec.pool,
        chunk_ids=spec.manifest.chunks,
        licences=tuple(_licences((task.name, task.sources) for task in tasks)),
    )


def _licences(sources: Iterable[tuple[str, Iterable[object]]]) -> Iterable[Licence]:
    for name, group in sources:
        for source in group:
            package = f"{source.package} {source.version}"  # type: ignore[attr-defined]
            yield Licence(name, package, source.licence, source.attribution)  # type: ignore[attr-defined]


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
