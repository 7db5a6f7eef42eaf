"""Rules of single records: what each says must fit what is known here, and where it lies."""

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any

from benchmark.canonical import sha256_of
from benchmark.errors import DataError, UsageError
from benchmark.evaluations import STREAM_TASK
from benchmark.protocol import ProtocolSpec
from benchmark.registry import PROTOCOLS, TASKS
from benchmark.resolve import protocol_named
from benchmark.result import Provenance, Record, Seeds, parse_record
from benchmark.seeds import seed_for
from leaderboard.submission.findings import Findings
from leaderboard.submission.folder import Folder

PLACE = re.compile(
    r"(?P<root>(?:.+/)?)(?P<protocol>[^/]+@\d+)/(?P<method>.+)/seed(?P<seed>\d{1,6})/"
    r"after-chunk(?P<seen>\d{1,6})/(?P<name>[^/]+)\.json"
)

#: What is taken for a record: all that lies in a bundle's results/, and elsewhere what
#: `leaderboard.aggregate.read_results` reads.
_READ = re.compile(r"results/.+\.json|.+/seed[^/]*/after-chunk[^/]*/[^/]+\.json")

#: Largest whole number that a record may hold: more than all bytes of all machines.
MOST = 10**18
#: Most threads of a cell, which `verify` computes it again by.
_THREADS = 1024
#: How the command of every record begins, which the page offers to be copied.
_COMMAND = ("headwater", "run")
#: Its options that say what is computed, to what each is about; where and how is its reader's.
_OPTIONS = {
    **{"-p": "protocol", "--protocol": "protocol", "-m": "method", "--method": "method"},
    **{name: name.removeprefix("--") for name in ("--seed", "--seeds", "--set", "--shares")},
    **{name: name.removeprefix("--") for name in ("--tasks", "--evaluations")},
}
_FLAG = "--every-chunk"
#: Longest word of a command, which may be a path, and most words.
_WORD, _WORDS = 1000, 100
#: Longest text elsewhere, and most parts of a method's options and how deep they may lie.
_TEXT, _PARTS, _DEPTH = 200, 1000, 4
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\+00:00|Z)", re.ASCII)
#: A clock that is behind does not make what Headwater comes with one of the future.
_CLOCK = datetime(2026, 12, 1, tzinfo=timezone.utc)
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
    for what in (*_command(record), *_texts(record), *_times(record.provenance)):
        findings.add("R10", entry.path, what, _RERUN)
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


def _command(record: Record) -> Iterator[str]:
    """What is wrong with the command that a record says it came from, which a page offers."""
    argv = record.provenance.argv
    if tuple(argv[:2]) != _COMMAND:
        yield f"its command is not {' '.join(_COMMAND)}"
    elif not all(word.isprintable() for word in argv):
        yield "its command holds what cannot be printed"
    elif len(argv) > _WORDS or any(len(word) > _WORD for word in argv):
        yield f"its command has more than {_WORDS} words, or one of more than {_WORD:,} characters"
    else:
        try:
            yield from _others(options_told(argv), record)
        except UsageError as error:
            yield str(error)


def options_told(argv: Sequence[str]) -> dict[str, list[str]]:
    """What the options of a command say, by what each is about.

    Raises:
        UsageError: one of them says nothing of what is computed, or has no value.

    Example:
        >>> options_told(["headwater", "run", "-m", "byol/joint", "--seed=2", "--every-chunk"])
        {'method': ['byol/joint'], 'seed': ['2']}
    """
    told: dict[str, list[str]] = {}
    words = iter(argv[len(_COMMAND) :])
    for word in words:
        if word == _FLAG:
            continue
        name, equals, value = word.partition("=") if word.startswith("--") else (word, "", "")
        if name not in _OPTIONS:
            raise UsageError(f"its command has {word!r}, which does not say what is computed")
        given = value if equals else next(words, None)
        if given is None:
            raise UsageError(f"its command says {word} of nothing")
        told.setdefault(_OPTIONS[name], []).append(given)
    return told


def _others(told: Mapping[str, Sequence[str]], record: Record) -> Iterator[str]:
    """What a command computes that is not what the record is of."""
    protocol = told.get("protocol", ["none"])[-1]
    if _newest(protocol) != record.protocol.id:
        yield f"its command is of protocol {protocol}, and it is of {record.protocol.id}"
    name, methods = record.method.name, told.get("method", ["none"])
    options = sorted(told.get("set", ()), key=lambda option: option.partition("=")[0])
    if name not in {"+".join([one.rpartition(":")[2], *options]) for one in methods}:
        named = "+".join([", ".join(methods), *options])
        yield f"its command is of method {named}, and it is of {name}"
    seed, seeds = told.get("seed", ["0"])[-1], told.get("seeds", [""])[-1]
    covered = range(_number(seeds)) if seeds else [_number(seed)]
    if record.seeds.replicate not in covered:
        named = f"the first {seeds} seeds" if seeds else f"seed {seed}"
        yield f"its command is of {named}, and it is of seed {record.seeds.replicate}"
    if record.task is None or record.task.name == STREAM_TASK:  # which every run has
        of_task = {"evaluations": record.task.evaluation} if record.task else {}
    else:
        of_task = {"tasks": record.task.name, "evaluations": record.task.evaluation}
    for about, own in of_task.items():
        names = [one.strip() for one in told.get(about, [""])[-1].split(",") if one.strip()]
        if names and names != ["all"] and own not in names:
            yield f"its command is of {about} {', '.join(names)}, and it is of {own}"


def _newest(protocol: str) -> str:
    """Id of a protocol, which may be named without its version."""
    try:
        return protocol_named(protocol).id
    except UsageError:
        return protocol


def _number(text: str) -> int:
    """A number of seeds; -1 where it is none that could be of any.

    Example:
        >>> _number("2"), _number("two"), _number("9" * 5000)
        (2, -1, -1)
    """
    return int(text) if re.fullmatch("[0-9]{1,6}", text) else -1


def _texts(record: Record) -> Iterator[str]:
    """Texts of a record that are not plain and short, and options without end."""
    texts = record.environment.model_dump() | record.provenance.model_dump(exclude={"argv"})
    texts["target"] = record.selection.target if record.selection else ""
    for name, text in texts.items():
        if not _is_plain(text):
            yield f"{name} is not plain text of at most {_TEXT} characters"
    todo: list[tuple[Any, int]] = [(record.method.config, 0)]
    for seen in range(_PARTS + 1):
        if not todo:
            return
        part, depth = todo.pop()
        inside = [*part, *part.values()] if isinstance(part, dict) else part
        if not _is_plain(part):
            yield f"its options hold what is not plain, or longer than {_TEXT} characters"
            return
        if isinstance(inside, list):
            todo += ((one, depth + 1) for one in inside)
        if depth > _DEPTH or seen + len(todo) > _PARTS:
            break
    yield f"its options have more than {_PARTS:,} parts, or lie more than {_DEPTH} deep"


def _is_plain(value: Any) -> bool:
    """Whether a value is none that a page or a terminal would act on, or that has no end.

    Example:
        >>> [_is_plain(value) for value in ("cpu", chr(27) + "[2J", "a" * 300, 0.1, 10**300)]
        [True, False, False, True, False]
    """
    if isinstance(value, str):
        return len(value) <= _TEXT and value.isprintable()
    return not isinstance(value, int) or abs(value) <= MOST


def _times(provenance: Provenance) -> Iterator[str]:
    """What is wrong with the times of a record, by which the newest is told."""
    moments = []
    for name in ("started", "ended"):
        text = getattr(provenance, name)
        try:
            if not _TIME.fullmatch(text):
                raise ValueError
            moments.append(datetime.fromisoformat(text.replace("Z", "+00:00")))
        except ValueError:
            yield f"{name} is {text!r}, and no time in UTC such as 2026-11-28T09:00:00+00:00"
    if len(moments) == 2 and moments[1] < moments[0]:
        yield f"it ended at {provenance.ended}, before it started at {provenance.started}"
    latest = max(datetime.now(timezone.utc), _CLOCK) + timedelta(days=1)
    if any(moment > latest for moment in moments):
        yield f"it is of {provenance.ended}, which has not come yet"


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
        if not math.isfinite(metric.value) or abs(metric.value) > 1e9 or metric.n > MOST:
            yield f"{name} is out of range"
        if metric.standard_error is not None and metric.standard_error > 1e9:
            yield f"the standard error of {name} is out of range"
    served = record.ledger.served if record.ledger else ()
    if len(record.metrics) > 200 or max(len(record.curve), len(served)) > 1000:
        yield "it holds too many metrics, points of the curve or lines of the ledger"


def _is_beyond(number: Any) -> bool:
    return isinstance(number, (int, float)) and not 0 <= number <= MOST
