"""The records of a store, sorted into runs: nothing averaged yet."""

import hashlib
import os
import re
import shlex
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from pathlib import Path

from benchmark.errors import DataError, UsageError
from benchmark.result import Metric, Record, parse_record
from leaderboard.arrays import read_arrays
from leaderboard.bounds import within
from leaderboard.cache import EvidenceCache, users_cache
from leaderboard.evidence import Evidence, all_evidence
from leaderboard.trust import Tier, Trust, read_trust

#: A cell of the tables: evaluation and task, for instance ("linear", "flags").
Cell = tuple[str, str]
STREAM: Cell = ("stream", "chunks")
#: The name of a protocol's folder.
PROTOCOL_FOLDER = re.compile(r".*@\d+", re.DOTALL | re.ASCII)
#: The folder of a checkpoint's records.
_CHECKPOINT = re.compile(r"/seed[^/]*/after-chunk[^/]*\Z")
_CHUNK = re.compile(r"(pooled_)?chunk\d+")


@dataclass(frozen=True)
class Located:
    """A record and the file that it was read from."""

    path: Path
    record: Record

    @cached_property
    def cell(self) -> Cell | None:
        """Evaluation and task; None for a phase of pre-training."""
        if self.record.kind != "evaluation":
            return None
        if task := self.record.task:
            return task.evaluation, task.name
        evaluation, _, name = self.path.stem.partition(".")  # it failed before it knew its task
        return evaluation, name

    @property
    def command(self) -> str:
        """What computes it again, to the bit on the same kind of machine."""
        words, where = self.record.provenance.argv, self.record.environment
        own = ("--threads", str(where.threads)) if where.device == "cpu" else ()
        return _quoted((*words, *(own if words[:2] == ("headwater", "run") else ())))

    @property
    def headline(self) -> tuple[str, Metric]:
        """Name and value of the first metric."""
        return next(iter(self.record.metrics.items()))

    def evidence(self) -> Evidence | None:
        """What the predictions beside the record say of its headline; None without any.

        Raises:
            DataError: the file is missing, is not the one that the record names, or is no npz
                of plain arrays.
        """
        return self.all_evidence().get(self.headline[0]) if self.record.metrics else None

    @property
    def judged(self) -> list[str]:
        """Metrics that predictions are evidence of: the headline; of the stream, every chunk."""
        if self.cell != STREAM:
            return [self.headline[0]] if self.record.metrics else []
        return [name for name in self.record.metrics if _CHUNK.fullmatch(name)]

    def all_evidence(self) -> dict[str, Evidence]:
        """Evidence of all metrics that are judged; see `evidence`."""
        if self.record.predictions is None:
            return {}
        path = self.path.parent / self.record.predictions.name
        try:
            content = path.read_bytes()
        except OSError as error:
            raise DataError(f"cannot read {path}: {error.strerror}; rerun the cell") from error
        if hashlib.sha256(content).hexdigest() != self.record.predictions.sha256:
            raise DataError(f"{path} is not the file that its record names; rerun the cell")
        try:
            return all_evidence(read_arrays(content), self.judged)
        except DataError as error:
            raise DataError(f"{path} holds no predictions: {error}; rerun the cell") from error


@dataclass(frozen=True)
class Run:
    """All records of one method under one seed of one protocol."""

    protocol: str
    method: str
    seed: int
    phases: dict[int, Located] = field(default_factory=dict)
    evaluations: dict[tuple[int, Cell], Located] = field(default_factory=dict)
    choices: list[Located] = field(default_factory=list)

    @property
    def all_located(self) -> list[Located]:
        """All its records: selections, phases, then evaluations."""
        return [*self.choices, *self.phases.values(), *self.evaluations.values()]

    @property
    def last(self) -> int:
        """Chunks seen by the run's last checkpoint, 0 if none was trained."""
        seen = [*self.phases, *(chunks for chunks, _ in self.evaluations)]
        return max(seen, default=0)


@dataclass(frozen=True)
class Stale:
    """A record that is left out, and why."""

    found: Located
    why: str


@dataclass(frozen=True)
class Results:
    """The records of a store.

    Args:
        located: records in the order of their paths.
        stale: records left out: of an earlier digest of the protocol, other images, or an earlier
            version of the method.
        problems: what cannot be read, a sentence each; grows as predictions are looked at.
        trust: how far the runs were examined by whoever keeps the store.
        store: the folder that they were read from.
    """

    located: tuple[Located, ...]
    stale: tuple[Stale, ...] = ()
    problems: list[str] = field(default_factory=list)
    trust: Trust = field(default_factory=Trust)
    store: Path | None = None

    @cached_property
    def cache(self) -> EvidenceCache:
        """Where evidence is kept from one time to the next: by the store's keeper, and here."""
        return EvidenceCache(users_cache(), self.store)

    @cached_property
    def _seen(self) -> dict[Path, dict[str, Evidence]]:
        return {}

    def evidence(self, found: Located, metric: str | None = None) -> Evidence | None:
        """What predictions say of a metric, the headline unless named; None without any.

        A file that is damaged is noted as a problem, and says nothing.
        """
        if found.record.predictions is None or not found.record.metrics:
            return None
        known = self._seen.get(found.path)
        if known is None:
            sha256 = found.record.predictions.sha256
            known = self.cache.read(sha256, found.judged)
            if known is None:
                try:
                    known = found.all_evidence()
                    all_known = {name: known.get(name) for name in found.judged}
                    self.cache.write(sha256, all_known)
                except DataError as error:
                    self.problems.append(str(error))
                    known = {}
            self._seen[found.path] = known
        return known.get(metric or found.headline[0])

    def unseen(self) -> list[Path]:
        """Records with predictions of which nothing is known yet; what the cache has, is read."""
        left = []
        for found in self.located:
            if (file := found.record.predictions) and found.judged:
                known = self.cache.read(file.sha256, found.judged)
                if known is None:
                    left.append(found.path)
                else:
                    self._seen[found.path] = known
        return left

    @cached_property
    def _tiers(self) -> dict[tuple[str, str], Tier]:
        hashes: dict[tuple[str, str], list[str]] = {}
        for record in (found.record for found in self.located):
            key = record.protocol.id, record.method.name
            hashes.setdefault(key, []).append(record.sha256 or "")
        return {key: self.trust.tier(*key, found) for key, found in hashes.items()}

    def tier(self, protocol: str, method: str) -> Tier:
        """How far the records of a method were examined by whoever keeps the store."""
        return self._tiers.get((protocol, method), "self-reported")

    @cached_property
    def protocols(self) -> list[str]:
        """Ids of the protocols that have records."""
        return sorted({found.record.protocol.id for found in self.located})

    @cached_property
    def _runs(self) -> dict[str, dict[tuple[str, int], Run]]:
        protocols: dict[str, dict[tuple[str, int], Run]] = {}
        for found in self.located:
            record = found.record
            name, seed = record.method.name, record.seeds.replicate
            runs = protocols.setdefault(record.protocol.id, {})
            run = runs.setdefault((name, seed), Run(record.protocol.id, name, seed))
            chunks = record.stream.chunks_seen
            if record.kind == "selection":
                run.choices.append(found)
            elif found.cell is None:
                run.phases[chunks] = found
            else:
                run.evaluations[chunks, found.cell] = found
        return protocols

    def runs(self, protocol: str) -> list[Run]:
        """The runs of a protocol, by method and seed."""
        runs = self._runs.get(protocol, {})
        return [runs[key] for key in sorted(runs)]


@lru_cache(maxsize=4096)  # the cells of a run have one command
def _quoted(words: tuple[str, ...]) -> str:
    return shlex.join(words)


def record_paths(store: Path) -> list[Path]:
    """Where the records of a store lie, in order.

    Raises:
        UsageError: no such folder.
    """
    if not store.is_dir():
        raise UsageError(f"there is no store at {store}: name a folder that `headwater run` wrote")
    found: list[str] = []
    _, tops, _ = next(os.walk(store), ("", [], []))
    for top in (f"{store}/{name}" for name in tops):
        for folder, _, names in os.walk(top):  # in half the time of a glob
            if _CHECKPOINT.search(folder, len(top)):
                found += [
                    f"{folder}/{name}"
                    for name in names
                    if name.endswith(".json") and not name.startswith(".")
                ]
    return [Path(path) for path in sorted(found, key=lambda path: path.split("/"))]


def read_results(store: Path, paths: Sequence[Path] | None = None) -> Results:
    """Read the records of a store.

    Where a method has records of several digests of a protocol, of several copies of the full
    tier's images, or of several versions of its code or configuration, those that go with its
    newest record count and the others are stale: numbers of different things are never put side by
    side under one name.

    Args:
        store: folder that `headwater run --store` wrote; it may be empty.
        paths: those of `record_paths` that are to be read, all unless given.

    Returns:
        The records; what is no record, or the second of a cell, is left out and told of.

    Raises:
        UsageError: no such folder, where no paths are given.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as store:
        ...     read_results(Path(store)).protocols
        []
    """
    located, problems = [], []
    for path in record_paths(store) if paths is None else paths:
        try:
            record = parse_record(path.read_bytes())
            if not within(record):
                raise DataError("holds a number that is out of range")
            located.append(Located(path, record))
        except (DataError, OSError) as error:
            problems.append(f"{path} {error}; rerun the cell")
    fresh, stale = _split_stale(located)
    try:
        trust = read_trust(store)
    except DataError as error:
        problems.append(str(error))
        trust = Trust()
    return Results(_without_doubles(fresh, problems), tuple(stale), problems, trust, store)


def _split_stale(located: Sequence[Located]) -> tuple[list[Located], list[Stale]]:
    """Records that go with the newest one of their method, and the others."""
    streams: dict[str, Record] = {}
    methods: dict[tuple[str, str], Record] = {}

    def order(record: Record) -> tuple[str, ...]:
        method = record.method
        digests = record.protocol.digest, record.stream.manifest_sha256
        return record.provenance.ended, *digests, method.config_sha256, method.source_sha256

    for record in sorted((found.record for found in located), key=order):  # the newest stays
        streams[record.protocol.id] = record
        methods[record.protocol.id, record.method.name] = record
    fresh: list[Located] = []
    stale: list[Stale] = []
    for found in located:
        record = found.record
        why = _outdated(
            record, streams[record.protocol.id], methods[record.protocol.id, record.method.name]
        )
        if why:
            stale.append(Stale(found, why))
        else:
            fresh.append(found)
    return fresh, stale


def _outdated(record: Record, stream: Record, method: Record) -> str:
    """Why a record does not go with the newest of its protocol and its method; empty if it does."""
    if record.protocol.digest != stream.protocol.digest:
        return "the protocol has changed"
    if record.stream.manifest_sha256 != stream.stream.manifest_sha256:
        return "the stream consists of other images"
    if record.method.config_sha256 != method.method.config_sha256:
        return "the method has another configuration"
    if record.method.source_sha256 != method.method.source_sha256:
        return "the method's code has changed"
    return ""


def _without_doubles(located: Iterable[Located], problems: list[str]) -> tuple[Located, ...]:
    """The first record of each cell; of the others it is told."""
    seen: dict[tuple[object, ...], Located] = {}
    for found in located:
        record = found.record
        chunks, seed = record.stream.chunks_seen, record.seeds.replicate
        key = (record.protocol.id, record.method.name, seed, chunks, record.kind, found.cell)
        first = seen.setdefault(key, found)
        if first is not found:
            problems.append(f"{first.path} and {found.path} are of the same cell; remove one")
    return tuple(seen.values())
