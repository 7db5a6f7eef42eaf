"""A stranger's folder, read so that it can do nothing: no links, no bombs, nothing executed."""

import ast
import hashlib
import os
import re
import stat
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from benchmark.errors import DataError
from leaderboard.submission.findings import Findings

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._+=@-]{0,199}")
_DEPTH = 12
_MIB = 2**20

#: Most files, and most folders, of what a stranger packed, and of a store that its keeper has.
OF_BUNDLE, OF_STORE = 20_000, 500_000

#: Largest file of each kind that a bundle consists of, in bytes.
KINDS = {".json": 4 * _MIB, ".npz": 256 * _MIB, ".py": _MIB // 2, ".csv": 4 * _MIB}
#: Kinds that are told apart in the refusal.
_PICKLES = {".pkl", ".pickle", ".pth", ".pt", ".ckpt", ".bin", ".joblib", ".npy"}


@dataclass(frozen=True)
class Folder:
    """The plain files of a folder.

    Args:
        root: the folder.
        files: path inside it, with /, to the size in bytes.
    """

    root: Path
    files: Mapping[str, int]

    def read(self, name: str) -> bytes:
        """A file's content; one that has grown or turned into a link meanwhile is refused.

        Raises:
            DataError: it cannot be read.
        """
        try:
            handle = os.open(self.root / name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
            with os.fdopen(handle, "rb") as file:
                content = file.read(self.files[name] + 1)
        except OSError as error:
            raise DataError(f"{name} cannot be read: {error.strerror}") from error
        if len(content) != self.files[name]:
            raise DataError(f"{name} changes while it is read")
        return content

    def sha256(self, name: str) -> str:
        """Hash of a file's content."""
        return hashlib.sha256(self.read(name)).hexdigest()


def open_folder(
    root: Path,
    findings: Findings,
    only: Callable[[str], bool] | None = None,
    most: int = OF_BUNDLE,
) -> Folder:
    """List a folder's plain files, and find what else is in it.

    Nothing is followed and nothing outside is touched; what is refused is not among the files.

    Args:
        root: the folder.
        findings: is told.
        only: which paths are looked at, those of folders ending with /; None for all.
        most: files, and folders; of a folder that has more, nothing further is looked at (S04).

    Returns:
        The files, in the order of their paths; none where the folder cannot be read.
    """
    files: dict[str, int] = {}
    todo = [("", 0)]
    seen = {"files": 0, "folders": 0}
    while todo:
        inside, depth = todo.pop()
        try:
            entries = os.scandir(root / inside)
        except (OSError, ValueError) as error:
            told = getattr(error, "strerror", None) or str(error)
            findings.add("S01", inside or ".", f"cannot be read: {told}", "name a folder")
            continue
        with entries:
            for entry in entries:
                path = f"{inside}/{entry.name}" if inside else entry.name
                is_folder = entry.is_dir(follow_symlinks=False)
                if only is not None and not only(f"{path}/" if is_folder else path):
                    continue
                what = "folders" if is_folder else "files"
                seen[what] += 1
                if seen[what] > most:
                    told = f"there are more than {most:,} {what}, and none was looked at"
                    findings.add("S04", ".", told, "move some of them to a folder of their own")
                    return Folder(root, dict(sorted(files.items())))
                if is_folder and _named(entry.name) and depth < _DEPTH:
                    todo.append((path, depth + 1))
                    continue
                size = _examined(entry, path, findings)
                if size is not None:
                    files[path] = size
    return Folder(root, dict(sorted(files.items())))


def _named(name: str) -> bool:
    return _NAME.fullmatch(name) is not None


def _examined(entry: "os.DirEntry[str]", path: str, findings: Findings) -> int | None:
    """Size of a file that may be in a bundle; None for whatever may not, with a finding."""
    try:
        status = entry.stat(follow_symlinks=False)
    except OSError as error:
        findings.add("S01", path, f"cannot be read: {error.strerror}", "remove it")
        return None
    mode = status.st_mode
    if not _named(entry.name) or stat.S_ISDIR(mode):
        findings.add("S03", path, "is no name, or lies too deep", "rename or remove it")
    elif stat.S_ISLNK(mode):
        findings.add("S02", path, "is a link", "put the file itself there, or remove it")
    elif not stat.S_ISREG(mode):
        findings.add("S02", path, "is no plain file", "remove it")
    elif (kind := os.path.splitext(entry.name)[1]) not in KINDS:
        reason = "can hold a pickle" if kind in _PICKLES else f"is none of {', '.join(KINDS)}"
        findings.add("S06", path, reason, "remove it")
    elif status.st_size > KINDS[kind]:
        findings.add(
            "S05",
            path,
            f"has {status.st_size:,} bytes, and a {kind} has at most {KINDS[kind]:,}",
            "make it smaller",
        )
    else:
        return status.st_size
    return None


def parsed(source: bytes) -> ast.Module:
    """A stranger's Python source as a tree; it is never compiled to code or run.

    Raises:
        DataError: it is no Python.
    """
    try:
        return ast.parse(source.decode("utf-8"))
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise DataError(f"it is no Python that can be read ({type(error).__name__})") from error
