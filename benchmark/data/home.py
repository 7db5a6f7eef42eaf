"""Where Headwater keeps what it downloads and renders, and how it writes there."""

import errno
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path

from benchmark.errors import DataError


def home() -> Path:
    """Folder of the data: `HEADWATER_HOME`, else `headwater` in the user's cache folder.

    Example:
        >>> home().name != ""
        True
    """
    if chosen := os.environ.get("HEADWATER_HOME"):
        return Path(chosen).expanduser().absolute()
    if sys.platform == "darwin":
        cache = Path.home() / "Library" / "Caches"
    elif sys.platform == "win32":
        cache = Path(os.environ.get("LOCALAPPDATA", Path.home() / "AppData" / "Local"))
    else:
        cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return cache / "headwater"


def sha256_file(path: Path) -> str:
    """Hexadecimal sha256 of a file's content."""
    digest = sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def sha256_text(*parts: str) -> str:
    """Hexadecimal sha256 of parts joined by a character that none of them holds."""
    return sha256("\0".join(parts).encode()).hexdigest()


@contextmanager
def explained(where: Path) -> Iterator[None]:
    """Turn an operating system's error about writing under `where` into one sentence.

    Raises:
        DataError: instead of any OSError.
    """
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            why = "the disk is full; free some space or point HEADWATER_HOME to another disk"
        elif error.errno in (
            errno.EACCES,
            errno.EPERM,
            errno.EROFS,
            errno.ENOTDIR,
            errno.EEXIST,
        ):
            why = f"{error.strerror}; point HEADWATER_HOME to a folder that you may write to"
        else:
            why = f"{error.strerror or error}; check HEADWATER_HOME"
        raise DataError(f"cannot write under {where}: {why}") from error


@contextmanager
def aside(target: Path) -> Iterator[Path]:
    """Give an empty folder beside `target` that takes its place at the end, or vanishes.

    The folder replaces what `target` was only when the block ends without an error, so a reader
    sees the old content or the new, never a half. Any error, Ctrl-C too, removes the folder.

    Raises:
        DataError: the disk is full or the place is not writable.
    """
    with explained(target.parent):
        target.parent.mkdir(parents=True, exist_ok=True)
        work = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
        try:
            os.chmod(work, 0o755)  # mkdtemp's 0700 would hide a shared cache from other users
            yield work
            for file in work.iterdir():
                _sync(file)
            if target.exists():
                old = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
                os.replace(target, old / "old")
                os.replace(work, target)
                shutil.rmtree(old, ignore_errors=True)
            else:
                os.replace(work, target)
        finally:
            shutil.rmtree(work, ignore_errors=True)


def _sync(file: Path) -> None:
    with file.open("rb+") as handle:
        os.fsync(handle.fileno())
