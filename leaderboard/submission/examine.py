"""`headwater validate`: all rules over a folder, all findings at once."""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from benchmark.errors import UsageError
from benchmark.registry import PROTOCOLS, load_shipped
from leaderboard import words
from leaderboard.submission.bundle import (
    CARD,
    ENVIRONMENT,
    MANIFEST,
    PARTS,
    RESULTS,
    SOURCE,
    TABLES,
    examine_bundle,
    is_own,
)
from leaderboard.submission.card import Card
from leaderboard.submission.findings import Findings
from leaderboard.submission.folder import OF_BUNDLE, OF_STORE, Folder, open_folder
from leaderboard.submission.predictions import Rescoring, same_weights
from leaderboard.submission.records import Entry, examine_record, read_records
from leaderboard.submission.runs import examine_runs
from leaderboard.trust import TRUST

Kind = Literal["bundle", "store"]


@dataclass(frozen=True)
class Examined:
    """What came of an examination.

    Args:
        kind: a bundle, or a store of records without card, source and manifest.
        findings: of all rules.
        card: the bundle's; None if it has none that can be read.
        entries: the records.
        rescored: those whose metrics were computed again, and agree.
    """

    kind: Kind
    findings: Findings
    card: Card | None
    entries: tuple[Entry, ...]
    rescored: tuple[Entry, ...]

    @property
    def accepted(self) -> bool:
        """Whether there is no error."""
        return not self.findings.errors

    @property
    def verdict(self) -> str:
        """The last line: what it is, and whether it is accepted."""
        levels = [finding.level for finding in self.findings.found]
        evaluations = sum(entry.record.kind == "evaluation" for entry in self.entries)
        counts = (
            f"{len(self.entries)} records, {len(self.rescored)} of {evaluations} evaluations "
            f"computed again; {words.counted(self.findings.errors, 'error')}, "
            f"{words.counted(levels.count('warning'), 'warning')}"
        )
        what = "bundle" if self.kind == "bundle" else "store, without card, source and manifest"
        return f"{'accepted' if self.accepted else 'refused'}: a {what}: {counts}"


def examine(
    root: Path, tell: Callable[[str], object] = lambda _: None, kind: Kind | None = None
) -> Examined:
    """Examine a bundle, or a store; nothing of it is executed, unpickled or followed.

    Args:
        root: the folder.
        tell: is told the path of each record that is looked at.
        kind: what it has to be. None: it is a bundle unless it has nothing of one and holds the
            folder of a protocol, as a store does. Of a store, its own folders are looked at, and
            not the bundles that lie beside them.

    Returns:
        All findings at once; of a folder of too many files, that alone.

    Raises:
        UsageError: there is no such folder.
        DataError: the images of the small tiers, which predictions are judged by, are not prepared.
    """
    if root.is_file():
        raise UsageError(f"{root} is a file; name the folder of a bundle, or a store of records")
    if not root.is_dir():
        raise UsageError(f"there is no folder {root}; name a bundle, or a store of records")
    if re.fullmatch(r".+-(smoke|nano|full)@\d+", root.resolve().name) and is_own(root.resolve()):
        parent = root.parent if root.name else root.resolve().parent
        raise UsageError(f"{root} is the folder of one protocol; name the store, {parent}")
    load_shipped()
    findings = Findings()
    kind = kind or _kind(root)
    if kind == "bundle":
        folder = open_folder(root, findings, most=OF_BUNDLE)
    else:
        folder = open_folder(root, findings, only=_of_store(root), most=OF_STORE)
    if findings.of(["S04"]):  # of what was not looked at, nothing can be said
        return Examined(kind, findings, None, (), ())
    entries = read_records(folder, findings)
    if kind == "store":
        _tell_hidden(root, findings)
        entries = list(_placed(entries, findings))
    rescoring = Rescoring(folder, findings, root if kind == "store" else None)
    for entry in entries:
        tell(entry.path)
        if examine_record(entry, findings):
            if entry.record.kind == "evaluation":
                rescoring.examine(entry)
            elif entry.record.kind == "selection":
                rescoring.look(entry)
    rescoring.finish()
    same_weights(entries, findings)
    examine_runs(entries, findings)
    card = None
    if kind == "bundle":
        _refuse_others(folder, findings)
        card = examine_bundle(folder, entries, findings)
    elif not entries:
        findings.add("K02", ".", "there are no records", "run a method first")
    return Examined(kind, findings, card, tuple(entries), tuple(rescoring.rescored))


def _of_store(root: Path) -> Callable[[str], bool]:
    """What says whether something in a store is looked at: its own folders, weights left out.

    A folder's path ends with /: records are read from hidden ones, too.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as store:
        ...     for name in ("b@1", "tuning", "me@home", "me@2/results"):
        ...         (Path(store) / name).mkdir(parents=True)
        ...     looked_at = _of_store(Path(store))
        >>> [looked_at(path) for path in ("b@1/a", "tuning", "b@1/.c.lock", "b@1/c.pth")]
        [True, False, False, False]
        >>> [looked_at(path) for path in ("b@1/.c/", "b@1/c.pth/", "tuning/", "me@home/", "me@2/")]
        [True, True, False, False, False]
    """
    own = {path.name for path in root.iterdir() if is_own(path)}

    def looked_at(path: str) -> bool:
        top, *_, name = path.split("/") * 2
        return top in own and not name.startswith(".") and not name.endswith(".pth")

    return looked_at


def _kind(root: Path) -> Kind:
    inside = list(root.iterdir())
    own = any(is_own(path) and not path.name.startswith(".") for path in inside)
    return "store" if own and not PARTS & {path.name for path in inside} else "bundle"


def _tell_hidden(root: Path, findings: Findings) -> None:
    """Find folders of known protocols in which a bundle lies, so that they are not looked at."""
    for name in sorted({PROTOCOLS.get(known).folder for known in PROTOCOLS.names()}):
        if (root / name).is_dir() and not is_own(root / name):
            what = "holds what a bundle consists of, so that none of it is looked at"
            findings.add("S06", name, what, "give the bundle a folder with a name of its own")


def _placed(entries: Sequence[Entry], findings: Findings) -> Iterator[Entry]:
    """Records of a store that lie where its own do, and in no folder inside another."""
    for entry in entries:
        if not entry.root:
            yield entry
            continue
        what = f"it lies in {entry.root}, and a store's own records lie in none"
        findings.add("R02", entry.path, what, "put it where its record belongs, or pack a bundle")


def _refuse_others(folder: Folder, findings: Findings) -> None:
    """In a bundle, everything has its place; how far it is trusted, others say."""
    for path in folder.files:
        kind, name = path.rpartition(".")[2], path.rpartition("/")[2]
        inside = (path.startswith(RESULTS) and kind in ("json", "npz")) or (
            path.startswith(SOURCE) and kind == "py"
        )
        beside = path in (MANIFEST, CARD, ENVIRONMENT, *TABLES)
        if not (inside or beside) or name.lower() == TRUST:
            findings.add("S06", path, "has no place in a bundle", "remove it")
