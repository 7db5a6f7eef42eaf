"""`headwater validate`: all rules over a folder, all findings at once."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from benchmark.errors import UsageError
from benchmark.registry import load_shipped
from leaderboard import words
from leaderboard.submission.bundle import CARD, MANIFEST, RESULTS, SOURCE, examine_bundle
from leaderboard.submission.card import Card
from leaderboard.submission.findings import Findings
from leaderboard.submission.folder import Folder, open_folder
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
            folder of a protocol, as a store does.

    Returns:
        All findings at once.

    Raises:
        UsageError: there is no such folder.
        DataError: the images of the small tiers, which predictions are judged by, are not prepared.
    """
    if root.is_file():
        raise UsageError(f"{root} is a file; name the folder of a bundle, or a store of records")
    if not root.is_dir():
        raise UsageError(f"there is no folder {root}; name a bundle, or a store of records")
    if re.fullmatch(r".+-(smoke|nano|full)@\d+", root.resolve().name):
        parent = root.parent if root.name else root.resolve().parent
        raise UsageError(f"{root} is the folder of one protocol; name the store, {parent}")
    load_shipped()
    findings = Findings()
    kind = kind or _kind(root)
    folder = open_folder(root, findings, only=None if kind == "bundle" else _of_store)
    entries = read_records(folder, findings)
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


def _of_store(path: str) -> bool:
    """Whether something in a store is looked at: the folders of protocols, weights left out.

    A folder's path ends with /: records are read from hidden ones, too.

    Example:
        >>> [_of_store(p) for p in ("instance-nano@1/a", "tuning", "b@1/.c.lock", "b@1/c.pth")]
        [True, False, False, False]
        >>> [_of_store(p) for p in ("tuning/", "b@1/.c/", "b@1/c.pth/")]
        [False, True, True]
    """
    top, *_, name = path.split("/") * 2
    return "@" in top and not name.startswith(".") and not name.endswith(".pth")


def _kind(root: Path) -> Kind:
    names = {path.name for path in root.iterdir()}
    of_bundles = {MANIFEST, CARD, SOURCE.rstrip("/"), RESULTS.rstrip("/")}
    return "store" if not names & of_bundles and any(map(_of_store, names)) else "bundle"


def _refuse_others(folder: Folder, findings: Findings) -> None:
    """In a bundle, everything has its place; how far it is trusted, others say."""
    for path in folder.files:
        kind, name = path.rpartition(".")[2], path.rpartition("/")[2]
        inside = (path.startswith(RESULTS) and kind in ("json", "npz")) or (
            path.startswith(SOURCE) and kind == "py"
        )
        beside = "/" not in path and kind in ("json", "csv")
        if not (inside or beside) or name.lower() == TRUST:
            findings.add("S06", path, "has no place in a bundle", "remove it")
