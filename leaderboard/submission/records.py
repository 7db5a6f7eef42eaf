"""Rules of single records: what each says must fit what is known here, and where it lies."""

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from benchmark.canonical import sha256_of
from benchmark.errors import DataError, UsageError
from benchmark.protocol import ProtocolSpec
from benchmark.registry import PROTOCOLS, TASKS
from benchmark.result import Record, Seeds, parse_record
from benchmark.seeds import seed_for
from leaderboard.bounds import LARGEST, MOST
from leaderboard.submission.findings import Findings
from leaderboard.submission.folder import Folder
from leaderboard.submission.told import of_command, of_texts, of_times

PLACE = re.compile(
    r"(?P<root>(?:.+/)?)(?P<protocol>[^/]+@\d+)/(?P<method>.+)/seed(?P<seed>\d{1,6})/"
    r"after-chunk(?P<seen>\d{1,6})/(?P<name>[^/]+)\.json"
)

#: What is taken for a record: all that lies in a bundle's results/, and elsewhere what
#: `leaderboard.aggregate.read_results` reads.
_READ = re.compile(r"results/.+\.json|.+/seed[^/]*/after-chunk[^/]*/[^/]+\.json")

#: Most threads of a cell, which `verify` computes it again by.
_THREADS = 1024
_RERUN = "rerun the cell and pack again"


@dataclass(frozen=True)
class Entry:
    """A record and where it lies.

    Args:
        path: inside the folder.
        root: what its path begins with, before the protocol's folder.
        record: what it says.
    """

    path: str
    root: str
    record: Record

    @property
    def run(self) -> tuple[str, str, int]:
        """Protocol, method and replicate."""
        record = self.record
        return record.protocol.id, record.method.name, record.seeds.replicate

    def beside(self, name: str) -> str:
        """Path of a file that lies beside the record."""
        return f"{self.path.rpartition('/')[0]}/{name}"

    def shared(self, name: str) -> str:
        """Path of a file that all methods have in common."""
        folder = self.record.protocol.id.replace("/", "-")
        return f"{self.root}{folder}/shared/seed{self.record.seeds.replicate}/{name}"


def read_records(folder: Folder, findings: Findings) -> list[Entry]:
    """Every record of the folder that can be read, whatever else is wrong with it."""
    entries = []
    for path in folder.files:
        place = PLACE.fullmatch(path)
        if place is None:
            if _READ.fullmatch(path):
                told = "no record has this place"
                findings.add("R02", path, told, "remove it, or put it where its record belongs")
            continue
        try:
            record = parse_record(folder.read(path))
        except DataError as error:
            findings.add("R01", path, str(error), _RERUN)
            continue
        if record.sha256 is None:
            findings.add("R01", path, "it does not end with the hash of its text", _RERUN)
        entry = Entry(path, place["root"], record)
        belongs = _place(record)
        if path != entry.root + belongs:
            findings.add("R02", path, f"what it says belongs to {belongs}", "put it there")
            continue
        entries.append(entry)
    _unnamed(folder, entries, findings)
    return entries


def _unnamed(folder: Folder, entries: Sequence[Entry], findings: Findings) -> None:
    """Find arrays in the folders of records that no record names."""
    named = {e.beside(file.name) for e in entries if (file := e.record.predictions)}
    named |= {e.shared(file.name) for e in entries if (file := e.record.shared)}
    for path in folder.files:
        if path.endswith(".npz") and path not in named:
            findings.add("P01", path, "no record that can be read names it", "remove it")


def _place(record: Record) -> str:
    """Where the store has a record."""
    name: str = record.kind
    if record.kind == "evaluation":
        name = f"{record.task.evaluation}.{record.task.name}" if record.task else "no task"
    return (
        f"{record.protocol.id.replace('/', '-')}/{record.method.name}/"
        f"seed{record.seeds.replicate}/after-chunk{record.stream.chunks_seen}/{name}.json"
    )


def protocol_of(record: Record) -> ProtocolSpec | None:
    """The protocol as it is known here; None if there is none of that id."""
    found = PROTOCOLS.get(record.protocol.id) if record.protocol.id in PROTOCOLS else None
    return found if isinstance(found, ProtocolSpec) else None


def examine_record(entry: Entry, findings: Findings) -> bool:
    """Whether protocol, task and seeds are those known here, so that its numbers can be checked."""
    record, before = entry.record, findings.errors
    for what, mend in _protocol(record):
        findings.add("R03", entry.path, what, mend)
    known = findings.errors == before
    if known and record.kind == "evaluation":
        for what, mend in _task(record):
            findings.add("R04", entry.path, what, mend)
            known = False
    spec = protocol_of(record)
    if spec is not None and record.seeds != (wanted := seeds_of(spec, record)):
        wrong = [n for n in Seeds.model_fields if getattr(record.seeds, n) != getattr(wanted, n)]
        findings.add("R05", entry.path, f"not the seed that follows: {', '.join(wrong)}", _RERUN)
        known = False
    if record.method.config_sha256 != _hash(record.method.config):
        findings.add("R06", entry.path, "config_sha256 is not that of config", _RERUN)
    if record.status == "failed":
        mend = "run it again with --retry-failed"
        findings.add("R07", entry.path, f"the cell failed: {record.cause}", mend)
    for what in _out_of_range(record):
        findings.add("R08", entry.path, what, _RERUN)
        known = False
    if record.trust != "self-reported":
        findings.add(
            "R09",
            entry.path,
            f"it claims to be {record.trust}",
            "leave self-reported: who examines it says more",
        )
    for what in of_command(record):
        findings.add("R10", entry.path, what, _RERUN)
    for what in (*of_texts(record), *of_times(record.provenance)):
        findings.add("R11", entry.path, what, _RERUN)
    return known and record.status == "ok"


def in_range(record: Record) -> bool:
    """Whether its chunks are the protocol's and its numbers such that they can be reckoned with."""
    return not any(_protocol(record)) and not any(_out_of_range(record))


def _hash(config: Mapping[str, Any]) -> str | None:
    """Hash of a configuration; None if a number in it is not finite, which no JSON has."""
    try:
        return sha256_of(config)
    except ValueError:
        return None


def seeds_of(spec: ProtocolSpec, record: Record) -> Seeds:
    """The seeds that follow from protocol, method and replicate."""
    replicate = record.seeds.replicate
    return Seeds(
        replicate=replicate,
        stream=spec.stream_seed,
        training=seed_for("train", spec.id, record.method.name, replicate),
        evaluation=seed_for("evaluation", spec.id, replicate),
    )


def _protocol(record: Record) -> Iterator[tuple[str, str]]:
    spec = protocol_of(record)
    if spec is None:
        yield f"no protocol is called {record.protocol.id!r} here", "update headwater, or rename"
        return
    rerun = "rerun it with the protocol of this version"
    if record.protocol.digest != spec.digest:
        yield f"the digest of {spec.id} is another one here", rerun
    elif record.stream.manifest_sha256 != spec.manifest.digest:
        yield "the stream consists of other images here", rerun
    chunks = record.stream.chunks
    if len(set(chunks)) != len(chunks) or not set(chunks) <= set(range(1, spec.chunks + 1)):
        yield f"it was trained on chunks {chunks}, and there are 1 to {spec.chunks}", _RERUN
    if not len(chunks) <= record.stream.chunks_seen <= spec.chunks:
        yield f"chunks_seen is {record.stream.chunks_seen} of {spec.chunks}", _RERUN


def _task(record: Record) -> Iterator[tuple[str, str]]:
    task = record.task
    if task is None or task.name not in TASKS:
        yield "its task is not known here", "update headwater, or leave it out"
        return
    known = TASKS.get(task.name)()
    if task.evaluation not in (*known.spec.evaluations, *known.spec.further):
        yield f"{task.name} has no evaluation {task.evaluation}", "leave it out"
    if task.version != known.spec.version:
        yield f"{task.name} is of version {task.version}, here of {known.spec.version}", _RERUN
    try:
        if task.data_sha256 != known.data_sha256():
            yield f"{task.name} was evaluated on other data", _RERUN
    except (DataError, UsageError) as error:
        yield f"the data of {task.name} are not here: {error}", "prepare them and examine again"


def _out_of_range(record: Record) -> Iterator[str]:
    whole: list[tuple[str, Any]] = [
        *record.cost.model_dump().items(),
        ("chunks_seen", record.stream.chunks_seen),
        *(("curve.visits", point.visits) for point in record.curve),
    ]
    for part in (record.ledger, record.selection, *(record.ledger.served if record.ledger else ())):
        whole += part.model_dump(exclude={"served"}).items() if part else ()
    for name in dict.fromkeys(name for name, number in whole if _is_beyond(number)):
        yield f"{name} is out of range"
    if record.environment.threads > _THREADS:
        yield f"it was computed by more than {_THREADS:,} threads"
    for name, metric in record.metrics.items():
        share = metric.unit in ("%", "AP") and metric.higher_is_better
        if share and not -100 <= metric.value <= 100:
            yield f"{name} is {metric.value:.6g} {metric.unit}"
        if not math.isfinite(metric.value) or abs(metric.value) > LARGEST or metric.n > MOST:
            yield f"{name} is out of range"
        if metric.standard_error is not None and metric.standard_error > LARGEST:
            yield f"the standard error of {name} is out of range"
    served = record.ledger.served if record.ledger else ()
    if len(record.metrics) > 200 or max(len(record.curve), len(served)) > 1000:
        yield "it holds too many metrics, points of the curve or lines of the ledger"


def _is_beyond(number: Any) -> bool:
    return isinstance(number, (int, float)) and not 0 <= number <= MOST
