"""`headwater pack`: the records of a method with all that is needed to judge and rerun them."""

import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path

from packaging.requirements import Requirement

from benchmark.canonical import write_whole
from benchmark.cells import Cell, Planner
from benchmark.data.home import sha256_file
from benchmark.errors import UsageError
from benchmark.evaluations import STREAM_TASK
from benchmark.protocol import ProtocolSpec
from benchmark.provenance import source_files, tool_version
from benchmark.registry import OBJECTIVES, STRATEGIES, TASKS
from benchmark.resolve import ResolvedMethod
from benchmark.result import Record
from benchmark.store import Store
from leaderboard.submission.bundle import (
    CARD,
    ENVIRONMENT,
    MANIFEST,
    RESULTS,
    SOURCE,
    Contents,
    environment_document,
    is_shipped,
    tables,
)
from leaderboard.submission.card import Card, Tuning


@dataclass(frozen=True)
class Chosen:
    """The cells that are packed, and their records, in the same order."""

    cells: tuple[Cell, ...]
    records: tuple[Record, ...]


def choose(
    spec: ProtocolSpec, method: ResolvedMethod, store: Store, seeds: Sequence[int] | None = None
) -> Chosen:
    """What of a method is packed: all ranked cells of each seed, and of the others what is done.

    Others are evaluations on request, and those of the tasks after earlier chunks.

    Args:
        spec: the protocol.
        method: the method.
        store: with its records.
        seeds: replicates; None for those that there are.

    Raises:
        UsageError: there is none, or a ranked cell of one is not done; names them.
    """
    folder = store.root / spec.folder / method.folder
    if seeds is None:
        found = (path.name.removeprefix("seed") for path in folder.glob("seed*"))
        seeds = sorted(int(name) for name in found if name.isdigit())
    run = f"headwater run -p {spec.id} -m {method.folder} --store {store.root}"
    if not seeds:
        others = sorted(path.name for path in folder.parent.glob(f"{folder.name}+*"))
        told = f"it has {', '.join(others[:5])}: add --set NAME=VALUE" if others else f"run: {run}"
        raise UsageError(f"{store.root} has no records of {method.folder} on {spec.id}; {told}")
    planner, cells, missing = Planner(), [], []
    ways = [
        way
        for name in (STREAM_TASK, *spec.task_names)
        for way in (*TASKS.get(name).spec.evaluations, *TASKS.get(name).spec.further)
    ]
    for seed in seeds:
        ranked = {cell.key for cell in planner.plan(spec, method, seed)}
        for cell in planner.plan(spec, method, seed, evaluations=sorted(set(ways)), every=True):
            state = store.state(cell)
            if state in ("done", "pruned"):
                cells.append(cell)
            elif cell.key in ranked:
                missing.append(f"{cell.folder}/{cell.name} ({state.partition(':')[0]})")
    if missing:
        shown = missing[:5] + [f"and {len(missing) - 5} more"] * (len(missing) > 5)
        raise UsageError(
            f"{len(missing)} cells of {method.folder} are not done: {', '.join(shown)}; "
            f"run: {run} --seeds {max(seeds) + 1}"
        )
    return Chosen(tuple(cells), tuple(store.record(cell) for cell in cells))


def own_card(spec: ProtocolSpec, method: ResolvedMethod) -> Card:
    """The card of a method that Headwater ships.

    Raises:
        UsageError: it is not one of these.
    """
    if ".py:" in method.name or not is_shipped(method.parts) or not method.papers:
        raise UsageError(
            f"{method.name} needs a card: write one by `headwater pack -p {spec.id} "
            f"-m {method.name} --new-card card.json`, fill it in, and give it by --card card.json"
        )
    return Card(
        protocol=spec.id,
        method=method.folder,
        title=f"{method.folder}, as Headwater has it",
        authors=("Headwater's authors",),
        licence="MIT",
        labels=_reads_labels(method),
        extra_data="none",
        tuning=Tuning(trials=_trials(method), on="validation images, at nano"),
        description=f"After {method.papers}.",
        citation=method.papers,
    )


def _trials(method: ResolvedMethod) -> int:
    """All trials that a shipped method's options were chosen by, of what it combines, too."""
    from baselines import tune

    tuned = {name: OBJECTIVES.get(name) for name in tune.OBJECTIVES}
    tuned |= {name: STRATEGIES.get(name) for name in tune.STRATEGIES}
    return sum(
        len(list(tune.trials(name)))
        for name, one in tuned.items()
        if any(issubclass(part, one) for part in method.parts)
    )


def blank_card(spec: ProtocolSpec, method: ResolvedMethod) -> str:
    """A card to be filled in, as JSON; it is refused until authors, title and licence are there."""
    tuning = Tuning.model_construct(trials=0, on="")
    card = Card.model_construct(
        protocol=spec.id,
        method=method.folder,
        title="",
        authors=(),
        licence="",
        labels=_reads_labels(method),
        extra_data="",
        tuning=tuning,
    )
    return card.to_json()


def _reads_labels(method: ResolvedMethod) -> bool:
    """Whether labels are used, the stream's, or the pool's that is chosen from."""
    return method.needs_labels or any(
        getattr(part, "uses_pool_labels", False) for part in method.parts
    )


def pack(
    spec: ProtocolSpec,
    method: ResolvedMethod,
    store: Store,
    card: Card,
    output: Path,
    seeds: Sequence[int] | None = None,
) -> Chosen:
    """Write a bundle, whole or not at all.

    The same records give the same bytes where the same versions of packages are installed.

    Args:
        spec: the protocol.
        method: the method.
        store: with its records.
        card: of the method.
        output: a folder that is not there yet.
        seeds: replicates; None for those that there are.

    Raises:
        UsageError: the folder is there, or cells are not done.
    """
    if output.exists():
        raise UsageError(f"{output} is there already; remove it, or choose another --output")
    chosen = choose(spec, method, store, seeds)
    output.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{output.name}.", dir=output.parent) as aside:
        folder = Path(aside) / output.name
        for cell, record in zip(chosen.cells, chosen.records, strict=True):
            _copy_cell(store, cell, record, folder / RESULTS)
        for name, path in source_files(method.parts).items():
            _copy(path, folder / SOURCE / name)
        texts = {
            CARD: card.to_json().encode(),
            ENVIRONMENT: environment_document(chosen.records, _packages()),
            **tables(chosen.records),
        }
        for name, content in texts.items():
            write_whole(folder / name, content)
        paths = sorted(path for path in folder.rglob("*") if path.is_file())
        files = {path.relative_to(folder).as_posix(): sha256_file(path) for path in paths}
        manifest = Contents(headwater=tool_version(), files=files)
        write_whole(folder / MANIFEST, manifest.to_json().encode())
        folder.rename(output)
    return chosen


def _copy_cell(store: Store, cell: Cell, record: Record, results: Path) -> None:
    """A record with its predictions, and what it shares with others."""

    def copied(path: Path) -> None:
        _copy(path, results / path.relative_to(store.root))

    path = store.path(cell)
    copied(path)
    if record.predictions:
        copied(path.with_name(record.predictions.name))
    if record.shared:
        copied(store.shared_file(cell, record.shared))


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)


def _packages() -> dict[str, str]:
    """Versions of what Headwater is built on, as installed."""
    found = {}
    for line in requires("headwater") or ():
        wanted = Requirement(line)
        if wanted.marker is None or wanted.marker.evaluate({"extra": ""}):
            try:
                found[wanted.name] = version(wanted.name)
            except PackageNotFoundError:
                continue
    return found
