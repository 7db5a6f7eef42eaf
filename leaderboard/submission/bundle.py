"""What a bundle consists of beside its records, and the rules of that."""

import ast
import csv
import io
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError

from benchmark.canonical import sha256_of
from benchmark.errors import DataError, UsageError
from benchmark.provenance import code_of, source_sha256
from benchmark.registry import METHODS, OBJECTIVES, SELECTIONS, STRATEGIES
from benchmark.resolve import resolve
from benchmark.result import Record, Served, Sha256, Strict
from leaderboard.aggregate import PROTOCOL_FOLDER
from leaderboard.submission.card import Card, read_card
from leaderboard.submission.findings import Findings
from leaderboard.submission.folder import Folder, parsed
from leaderboard.submission.records import Entry, protocol_of

MANIFEST, CARD, ENVIRONMENT = "manifest.json", "card.json", "environment.json"
SOURCE, RESULTS = "source/", "results/"
TABLES = ("curves.csv", "ledger.csv")

#: By any of these, a folder is a submission's.
PARTS = frozenset({MANIFEST, CARD, SOURCE.rstrip("/"), RESULTS.rstrip("/")})

#: What a class declares of labels, the stream's or the pool's.
_LABELS = ("needs_labels", "uses_pool_labels")

_PACK = "pack it again with `headwater pack`"


class Contents(Strict):
    """The manifest: the version of Headwater that packed, and path to sha256 of every file."""

    schema_version: Literal[1] = 1
    headwater: Annotated[str, Field(max_length=50)]
    files: dict[str, Sha256]

    def to_json(self) -> str:
        """The manifest as text, ending with a newline."""
        return self.model_dump_json(indent=1) + "\n"


def is_own(path: Path) -> bool:
    """Whether something in a store is the store's own: called as a protocol's folder, no bundle.

    What cannot be looked into, and a link, which is not followed, go by the name alone.

    Example:
        >>> [is_own(Path("nowhere") / name) for name in ("instance-nano@1", "me@home", "mine")]
        [True, False, False]
    """
    if not PROTOCOL_FOLDER.fullmatch(path.name):
        return False
    if path.is_symlink():
        return True
    try:
        return not PARTS & set(os.listdir(path))
    except OSError:
        return True


def tables(records: Sequence[Record]) -> dict[str, bytes]:
    """The curves and the ledgers of some records as CSV, for people and their tools."""
    curves: list[Sequence[Any]] = [("seed", "chunks_seen", "visits", "loss", "images_per_second")]
    ledger: list[Sequence[Any]] = [("seed", "chunks_seen", *Served.model_fields)]
    phases = [record for record in records if record.kind == "pretrain"]
    for record in sorted(phases, key=lambda r: (r.seeds.replicate, r.stream.chunks_seen)):
        key = record.seeds.replicate, record.stream.chunks_seen
        curves += [(*key, p.visits, p.loss, p.images_per_second) for p in record.curve]
        served = record.ledger.served if record.ledger else ()
        ledger += [(*key, *line.model_dump().values()) for line in served]
    return {name: _csv(rows) for name, rows in zip(TABLES, (curves, ledger), strict=True)}


def _csv(rows: Sequence[Sequence[Any]]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue().encode()


def examine_bundle(folder: Folder, entries: Sequence[Entry], findings: Findings) -> Card | None:
    """Manifest, card, source and tables of a bundle; returns the card if it can be read."""
    _manifest(folder, findings)
    card = _card(folder, entries, findings)
    declared = _source(folder, entries, findings)
    _names(entries, findings)
    used = declared or any(e.record.ledger and e.record.ledger.labelled for e in entries)
    if card is not None and used and not card.labels:
        findings.add("C03", CARD, "labels are used, and it says that they are not", "say so")
    _follow(folder, [entry.record for entry in entries], findings)
    return card


def _follow(folder: Folder, records: Sequence[Record], findings: Findings) -> None:
    """The files that follow from the records, byte for byte."""
    known = tables(records) | {ENVIRONMENT: environment_document(records, _packages(folder))}
    for name, content in known.items():
        if name not in folder.files:
            findings.add("M04", name, "is not there", _PACK)
            continue
        try:
            same = folder.read(name) == content
        except DataError:
            same = False
        if not same:
            findings.add("M04", name, "it is not what the records say", _PACK)


def _packages(folder: Folder) -> dict[str, str]:
    """Names and versions of what was installed where it was packed; none if they cannot be read."""
    try:
        told = json.loads(folder.read(ENVIRONMENT))["packages"]
        return {name: version for name, version in told.items() if isinstance(version, str)}
    except (DataError, ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return {}


def _manifest(folder: Folder, findings: Findings) -> None:
    if MANIFEST not in folder.files:
        findings.add("M01", MANIFEST, "is not there", _PACK)
        return
    try:
        contents = Contents.model_validate_json(folder.read(MANIFEST))
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "the document"
        findings.add("M01", MANIFEST, f"cannot be read: {where}: {first['msg']}", _PACK)
        return
    except DataError as error:
        findings.add("M01", MANIFEST, str(error), _PACK)
        return
    for path, sha256 in contents.files.items():
        if path not in folder.files:
            findings.add("M02", path, "is in the manifest and not in the folder", _PACK)
            continue
        try:
            if folder.sha256(path) != sha256:
                findings.add("M02", path, "is not the file that the manifest lists", _PACK)
        except DataError as error:
            findings.add("M02", path, str(error), _PACK)
    for path in folder.files:
        if path not in contents.files and path != MANIFEST:
            findings.add("M03", path, "is not in the manifest", "remove it, or pack again")


def _card(folder: Folder, entries: Sequence[Entry], findings: Findings) -> Card | None:
    if CARD not in folder.files:
        findings.add("C01", CARD, "is not there", _PACK)
        return None
    try:
        card = read_card(folder.read(CARD))
    except DataError as error:
        findings.add("C01", CARD, str(error), "mend these fields and pack again")
        return None
    for protocol, method in sorted({entry.run[:2] for entry in entries}):
        if (protocol, method) != (card.protocol, card.method):
            what = f"it is of {card.method} on {card.protocol}, and there is {method} on {protocol}"
            findings.add("C02", CARD, what, "one bundle for each method and protocol")
    if not entries:
        findings.add("K02", RESULTS, "there are no records", _PACK)
    return card


def _source(folder: Folder, entries: Sequence[Entry], findings: Findings) -> bool:
    """Whether the source, which must be that of the records, declares that labels are used."""
    files = [path for path in folder.files if path.startswith(SOURCE) and path.endswith(".py")]
    if not files:
        findings.add("X01", SOURCE, "the method's source is not there", _PACK)
        return False
    codes, labels = [], False
    for path in files:
        try:
            content = folder.read(path)
            labels = declares_labels(parsed(content)) or labels
            codes.append(code_of(content.decode()))
        except DataError as error:
            findings.add("X01", path, str(error), _PACK)
            return labels
    given = sha256_of(sorted(codes))
    if wrong := [e.path for e in entries if e.record.method.source_sha256 != given]:
        what = f"it is not the source of {len(wrong)} records, such as {wrong[0]}"
        findings.add("X02", SOURCE, what, "pack the source that the records were computed with")
    return labels


def _names(entries: Sequence[Entry], findings: Findings) -> None:
    """See to it that a name that Headwater ships is not given to another method."""
    kinds: dict[tuple[str, ...], Entry] = {}
    for entry in entries:
        method = entry.record.method
        key = entry.run[0], method.name, method.source_sha256, method.config_sha256
        kinds.setdefault(key, entry)
    for entry in kinds.values():
        method = entry.record.method
        parts = _parts_named(method.name)
        if not is_shipped(parts):
            continue
        if method.source_sha256 != source_sha256(parts, helpers=True):
            what = f"its source is not that of {method.name} in this version of Headwater"
            mend = "give your method a name of its own, or rerun it with this version"
            findings.add("X03", entry.path, what, mend)
        elif what := _other_options(entry.record):
            mend = "run it with --set, so that its name tells the options, and pack again"
            findings.add("X03", entry.path, what, mend)


def _other_options(record: Record) -> str:
    """How options differ from those that a name which Headwater ships stands for; empty if not.

    Nothing is imported for the name, whose classes are known.
    """
    from leaderboard.submission.verify import options_of

    method, spec = record.method, protocol_of(record)
    name, values = options_of(method.name, method.config)
    if name != method.name.partition("+")[0]:  # else `resolve` might take it for that of a file
        return "options in its name are not told as +name=value"
    if spec is None:  # R03 says so
        return ""
    try:
        ours = resolve(name, values, spec.tier)
    except UsageError as error:
        return f"{name} cannot have its options: {error}"
    if ours.folder != method.name:
        return f"by its options it is called {ours.folder}, and not {method.name}"
    if sha256_of(ours.config) == method.config_sha256:
        return ""
    both = sorted({*ours.config, *method.config})
    other = [n for n in both if ours.config.get(n, both) != method.config.get(n, both)]
    told = ", ".join(other) or "config_sha256"
    return f"its options are not those that {method.name} stands for: {told}"


def _parts_named(name: str) -> list[Any]:
    """The classes that a name in records stands for here, nothing being imported for it."""
    name = name.partition("+")[0]
    if name in METHODS:
        return [METHODS.get(name)]
    objective, _, second = name.partition("/")
    found = [OBJECTIVES.get(objective)] if objective in OBJECTIVES else []
    found += [one.get(second) for one in (STRATEGIES, SELECTIONS) if second in one]
    return found if len(found) == 2 else []


def is_shipped(parts: Sequence[Any]) -> bool:
    """Whether a method's classes are all Headwater's own, and none an installed plug-in's."""
    return bool(parts) and all(part.__module__.startswith("baselines.") for part in parts)


def declares_labels(tree: ast.Module) -> bool:
    """Whether some class says needs_labels or uses_pool_labels = True, or anything but False."""
    for node in _statements(tree):
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        inside = [part for target in targets for part in ast.walk(target)]
        named = any(isinstance(part, ast.Name) and part.id in _LABELS for part in inside)
        known_false = isinstance(node.value, ast.Constant) and node.value.value is False
        if named and node.value is not None and not known_false:
            return True
    return False


def _statements(tree: ast.Module) -> Iterator[ast.Assign | ast.AnnAssign]:
    for node in ast.walk(tree):
        if isinstance(node, (ast.Assign, ast.AnnAssign)):
            yield node


def environment_document(records: Sequence[Record], packages: Mapping[str, str]) -> bytes:
    """Where the records were computed, each place once, and what is installed here."""
    places = {record.environment.model_dump_json(): record.environment for record in records}
    document = {
        "computed": [places[key].model_dump(mode="json") for key in sorted(places)],
        "packages": dict(sorted(packages.items())),
    }
    return (json.dumps(document, indent=1) + "\n").encode()
