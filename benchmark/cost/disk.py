"""What a run writes, and what has to be fetched before it can start."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from benchmark.cells import Cell
from benchmark.cost.declared import ARCHIVES
from benchmark.cost.reference import Reference
from benchmark.data.home import home
from benchmark.data.imageset import check_image_set
from benchmark.data.listing import listing_path
from benchmark.data.pool import POOL, POOL_SHA256
from benchmark.data.source import Source
from benchmark.data.styles import EMOJI_SOURCES
from benchmark.errors import DataError
from benchmark.evaluations import STREAM_TASK
from benchmark.method import Method
from benchmark.models import held_bytes
from benchmark.protocol import ProtocolSpec
from benchmark.registry import TASKS

#: Tensors of a parameter's size that an optimiser keeps.
_MOMENTS = {"adamw": 2, "sgd": 1, "lars": 1}
#: Bytes of an index, a label and a prediction of a test image, compressed; measured at nano.
_IMAGE_BYTES = 6
#: Of VOC's detections: boxes, scores and classes of 4,952 images; our guess.
_DETECTIONS_BYTES = 10_000_000


def optimiser_bytes(built: Method) -> int:
    """Bytes of the optimiser's state in the middle of a phase."""
    trained = sum(p.nbytes for p in built.parameters() if p.requires_grad)
    return _MOMENTS[built.config.optimiser] * trained


@dataclass(frozen=True)
class Sizes:
    """Bytes of a method on a protocol, worked out once for all its phases.

    Args:
        state: parameters and buffers.
        optimiser: its state in the middle of a phase.
        kept: the list of images that a method may keep.
    """

    state: int
    optimiser: int
    kept: int

    @classmethod
    def of(cls, protocol: ProtocolSpec, built: Method) -> "Sizes":
        """Of a method that was built, on any device."""
        kept = 8 * int(built.memory_share * protocol.pool_images[0])
        return cls(held_bytes(built), optimiser_bytes(built), kept)

    def checkpoint(self, protocol: ProtocolSpec, cell: Cell) -> int:
        """After a phase; with the optimiser where the schedule goes on."""
        goes_on = not protocol.boundaries and cell.chunks_seen < protocol.chunks
        return self.state + self.kept + (self.optimiser if goes_on else 0)

    @property
    def snapshot(self) -> int:
        """Of a phase that is under way, so that it can go on after a stop."""
        return self.state + self.kept + self.optimiser


def written_bytes(protocol: ProtocolSpec, reference: Reference, cell: Cell) -> tuple[int, int, int]:
    """Bytes of a cell's record, of its predictions, and of what all methods have in common."""
    if cell.kind == "pretrain":
        return reference.phase_bytes, 0, 0
    if cell.kind == "selection":  # a row, its nearest and their similarity, of each image at most
        return reference.phase_bytes, 20 * protocol.pool_images[0], 0
    known = reference.evaluation(protocol.tier, f"{cell.evaluation}.{cell.task}")[0]
    record, predictions, shared = known.sizes
    if protocol.tier == "full":
        files = getattr(TASKS.get(cell.task or STREAM_TASK), "files", None)
        test = int(files.images.get("test", 0)) if files else 0
        if cell.evaluation in ("detection", "detection_frozen"):
            predictions = _DETECTIONS_BYTES
        elif cell.evaluation == "stream":
            predictions = 2 * _IMAGE_BYTES * protocol.pool_images[1]
        else:
            predictions = max(predictions, _IMAGE_BYTES * test)
    return record, predictions, shared


@dataclass(frozen=True)
class Download:
    """A set that is not prepared.

    Args:
        name: of the set.
        tier: nano or full, which `headwater prepare` is told.
        size: bytes that have to be fetched for it alone, at most once for all.
        rendered: bytes that preparing it writes.
        source: where the size was read.
        assumed: whether it is an assumption.
    """

    name: str
    tier: str
    size: int
    rendered: int
    source: str
    assumed: bool = False

    def document(self) -> dict[str, Any]:
        """As JSON has it."""
        return {
            "name": self.name,
            "tier": self.tier,
            "bytes": self.size,
            "prepared_bytes": self.rendered,
            "source": self.source,
            "assumed": self.assumed,
        }


def downloads(
    protocols: Sequence[ProtocolSpec], cells: Iterable[Cell], reference: Reference
) -> list[Download]:
    """The sets that a plan needs and that are not prepared, in the order of their first use.

    Args:
        protocols: whose pools are needed.
        cells: what is to be computed.
        reference: has the sizes of the nano tier's packages.
    """
    tasks = dict.fromkeys(
        cell.task for cell in cells if cell.task is not None and cell.task != STREAM_TASK
    )
    found: list[Download] = []
    fetched: set[str] = set()
    if any(protocol.tier == "nano" for protocol in protocols):
        pool = (POOL, POOL_SHA256, EMOJI_SOURCES)
        sets = [pool]
        for name in tasks:
            spec = TASKS.get(name).spec
            if spec.tier == "nano":
                sets.append((f"tasks/{name}", spec.data_sha256, spec.sources))
        found += [_nano(*each, reference, fetched) for each in sets if not _is_prepared(*each[:2])]
    full = [p.pool for p in protocols if p.tier == "full"]
    full += [name for name in tasks if TASKS.get(name).spec.tier == "full"]
    for name in dict.fromkeys(full):
        if not listing_path(name).is_file():
            known = ARCHIVES.get(name)
            found.append(
                Download(name, "full", known.size, 0, known.source, known.assumed)
                if known
                else Download(name, "full", 0, 0, "unknown", assumed=True)
            )
    return found


def _is_prepared(name: str, digest: str | None) -> bool:
    try:
        check_image_set(name, expected_sha256=digest)
    except DataError:
        return False
    return True


def _nano(
    name: str,
    digest: str | None,
    sources: Sequence[Source],
    reference: Reference,
    fetched: set[str],
) -> Download:
    missing = [
        source.filename
        for source in sources
        if source.registry != "installed"
        and source.filename not in fetched
        and not (home() / "packages" / source.filename).is_file()
    ]
    fetched.update(missing)
    size = sum(reference.archives.get(file, 0) for file in missing)
    unknown = [file for file in missing if file not in reference.archives]
    rendered = reference.sets.get(name, 0)
    source = "archives as they were fetched for the table of costs"
    return Download(name, "nano", size, rendered, source, assumed=bool(unknown))
