"""Rules of single records: what each says must fit what is known here, and where it lies."""

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass

from benchmark.canonical import sha256_of
from benchmark.errors import DataError, UsageError
from benchmark.protocol import ProtocolSpec
from benchmark.registry import PROTOCOLS, TASKS
from benchmark.result import Record, Seeds, parse_record
from benchmark.seeds import seed_for
from leaderboard.submission.findings import Findings
from leaderboard.submission.folder import Folder

PLACE = re.compile(
    r"(?P<root>(?:.+/)?)(?P<protocol>[^/]+@\d+)/(?P<method>.+)/seed(?P<seed>\d{1,6})/"
    r"after-chunk(?P<seen>\d{1,6})/(?P<name>[^/]+)\.json"
)

#: Largest whole number that a record may hold: more than all bytes of all machines.
_MOST = 10**18
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
    return entries


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
    if record.method.config_sha256 != sha256_of(record.method.config):
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
    return known and record.status == "ok"


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
    whole = {**record.cost.model_dump(), "chunks_seen": record.stream.chunks_seen}
    if record.ledger is not None:
        whole |= {"ledger." + n: v for n, v in record.ledger.model_dump(exclude={"served"}).items()}
    for name, number in whole.items():
        if isinstance(number, (int, float)) and not 0 <= number <= _MOST:
            yield f"{name} is out of range"
    for name, metric in record.metrics.items():
        share = metric.unit in ("%", "AP") and metric.higher_is_better
        if share and not -100 <= metric.value <= 100:
            yield f"{name} is {metric.value:.6g} {metric.unit}"
        if not math.isfinite(metric.value) or abs(metric.value) > 1e9 or metric.n > _MOST:
            yield f"{name} is out of range"
        if metric.standard_error is not None and metric.standard_error > 1e9:
            yield f"the standard error of {name} is out of range"
    if len(record.metrics) > 200 or len(record.curve) > 1000:
        yield "it holds too many metrics or points of the curve"
