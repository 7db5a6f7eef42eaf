"""From the records of a store to tidy tables: one row a number, nothing averaged yet."""

import hashlib
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from benchmark.errors import DataError
from benchmark.result import Metric, Record, read_record
from leaderboard.statistics import Evidence, evidence

if TYPE_CHECKING:
    import pandas as pd

#: A cell of the tables: evaluation and task, for instance ("linear", "flags").
Cell = tuple[str, str]
STREAM: Cell = ("stream", "chunks")


@dataclass(frozen=True)
class Located:
    """A record and the file that it was read from."""

    path: Path
    record: Record

    @property
    def cell(self) -> Cell | None:
        """Evaluation and task; None for a phase of pre-training."""
        if self.record.kind == "pretrain":
            return None
        if task := self.record.task:
            return task.evaluation, task.name
        evaluation, _, name = self.path.stem.partition(".")  # it failed before it knew its task
        return evaluation, name

    @property
    def headline(self) -> tuple[str, Metric]:
        """Name and value of the first metric."""
        return next(iter(self.record.metrics.items()))

    def evidence(self) -> Evidence | None:
        """What the predictions beside the record say of each test unit; None without any.

        Raises:
            DataError: the file is missing, is not the one that the record names, or is no npz
                of plain arrays.
        """
        if self.record.predictions is None or not self.record.metrics:
            return None
        path = self.path.parent / self.record.predictions.name
        return _read_evidence(path, self.record.predictions.sha256, self.headline[0])


@lru_cache(maxsize=4096)
def _read_evidence(path: Path, sha256: str, metric: str) -> Evidence | None:
    """Kept, since the page is built again as methods finish and content is named by its hash."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror}; rerun the cell") from error
    if hashlib.sha256(content).hexdigest() != sha256:
        raise DataError(f"{path} is not the file that its record names; rerun the cell")
    try:
        with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
            return evidence({name: arrays[name] for name in arrays.files}, metric)
    except (ValueError, OSError, EOFError, DataError) as error:
        raise DataError(f"{path} holds no predictions: {error}; rerun the cell") from error


@dataclass(frozen=True)
class Run:
    """All records of one method under one seed of one protocol."""

    protocol: str
    method: str
    seed: int
    phases: dict[int, Located] = field(default_factory=dict)
    evaluations: dict[tuple[int, Cell], Located] = field(default_factory=dict)

    @property
    def last(self) -> int:
        """Chunks seen by the run's last checkpoint, 0 if none was trained."""
        seen = [*self.phases, *(chunks for chunks, _ in self.evaluations)]
        return max(seen, default=0)


@dataclass(frozen=True)
class Results:
    """The records of a store.

    Args:
        located: records in the order of their paths.
        stale: records left out: of an earlier digest of the protocol, other images, or an earlier
            version of the method.
    """

    located: tuple[Located, ...]
    stale: tuple[Located, ...] = ()

    @property
    def protocols(self) -> list[str]:
        """Ids of the protocols that have records."""
        return sorted({found.record.protocol.id for found in self.located})

    def runs(self, protocol: str) -> list[Run]:
        """The runs of a protocol, by method and seed."""
        runs: dict[tuple[str, int], Run] = {}
        for found in self.located:
            record = found.record
            if record.protocol.id != protocol:
                continue
            name, seed = record.method.name, record.seeds.replicate
            run = runs.setdefault((name, seed), Run(protocol, name, seed))
            chunks = record.stream.chunks_seen
            if found.cell is None:
                run.phases[chunks] = found
            else:
                run.evaluations[chunks, found.cell] = found
        return [runs[key] for key in sorted(runs)]

    def numbers(self) -> "pd.DataFrame":
        """One row a metric of an evaluation, headline first within a cell."""
        import pandas as pd

        rows = [
            {
                "protocol": found.record.protocol.id,
                "method": found.record.method.name,
                "seed": found.record.seeds.replicate,
                "chunks_seen": found.record.stream.chunks_seen,
                "evaluation": found.cell[0],
                "task": found.cell[1],
                "metric": name,
                "headline": position == 0,
                "value": metric.value,
                "standard_error": metric.standard_error,
                "n": metric.n,
                "unit": metric.unit,
                "trust": found.record.trust,
            }
            for found in self.located
            if found.cell and found.record.status == "ok"
            for position, (name, metric) in enumerate(found.record.metrics.items())
        ]
        frame: pd.DataFrame = pd.DataFrame(rows, columns=[*NUMBERS])
        return frame

    def costs(self) -> "pd.DataFrame":
        """One row a cell: what it used, and whether it succeeded."""
        import pandas as pd

        rows = [
            {
                "protocol": found.record.protocol.id,
                "method": found.record.method.name,
                "seed": found.record.seeds.replicate,
                "chunks_seen": found.record.stream.chunks_seen,
                "cell": ".".join(found.cell) if found.cell else "pretrain",
                "status": found.record.status,
                **found.record.cost.model_dump(),
            }
            for found in self.located
        ]
        frame: pd.DataFrame = pd.DataFrame(rows, columns=[*COSTS])
        return frame


_KEYS = ("protocol", "method", "seed", "chunks_seen")
NUMBERS = (
    *_KEYS,
    *("evaluation", "task", "metric", "headline", "value", "standard_error", "n", "unit", "trust"),
)
COSTS = (
    *(*_KEYS, "cell", "status", "image_visits", "optimiser_steps", "stored_bytes"),
    *("extra_parameters", "seconds", "peak_memory_bytes"),
)


def read_results(store: Path) -> Results:
    """Read all records of a store.

    Where a method has records of several digests of a protocol, of several copies of the full
    tier's images, or of several versions of its code or configuration, those that go with its
    newest record count and the others are stale: numbers of different things are never put side by
    side under one name.

    Args:
        store: folder that `headwater run --store` wrote; it may be empty.

    Returns:
        The records.

    Raises:
        DataError: no such folder, a file that is not a record, or two records of one cell.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as store:
        ...     read_results(Path(store)).protocols
        []
    """
    if not store.is_dir():
        raise DataError(f"there is no store at {store}: name a folder that `headwater run` wrote")
    pattern = "*/**/seed*/after-chunk*/*.json"
    paths = sorted(p for p in store.glob(pattern) if not p.name.startswith("."))
    located = [Located(path, read_record(path)) for path in paths]
    fresh, stale = _split_stale(located)
    _refuse_doubles(fresh)
    return Results(tuple(fresh), tuple(stale))


def _split_stale(located: Sequence[Located]) -> tuple[list[Located], list[Located]]:
    """Records that go with the newest one of their method, and the others."""
    digests: dict[str, tuple[str, str, str]] = {}
    codes: dict[tuple[str, str], tuple[str, str, str]] = {}
    for record in (found.record for found in located):
        ended, method = record.provenance.ended, record.method
        protocol, name = record.protocol.id, (record.protocol.id, method.name)
        digest = (ended, record.protocol.digest, record.stream.manifest_sha256)
        digests[protocol] = max(digests.get(protocol, ("", "", "")), digest)
        code = (ended, method.config_sha256, method.source_sha256)
        codes[name] = max(codes.get(name, ("", "", "")), code)
    fresh: list[Located] = []
    stale: list[Located] = []
    for found in located:
        record, method = found.record, found.record.method
        stream = (record.protocol.digest, record.stream.manifest_sha256)
        current = digests[record.protocol.id][1:] == stream and codes[
            record.protocol.id, method.name
        ][1:] == (method.config_sha256, method.source_sha256)
        (fresh if current else stale).append(found)
    return fresh, stale


def _refuse_doubles(located: Iterable[Located]) -> None:
    seen: dict[tuple[object, ...], Path] = {}
    for found in located:
        record = found.record
        chunks, seed = record.stream.chunks_seen, record.seeds.replicate
        key = (record.protocol.id, record.method.name, seed, chunks, found.cell)
        if key in seen:
            raise DataError(f"{seen[key]} and {found.path} are of the same cell; remove one")
        seen[key] = found.path
