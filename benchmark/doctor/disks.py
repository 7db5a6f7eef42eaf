"""The folders that Headwater writes to: free space, and whether a store can do its work there."""

import shutil
import tempfile
import warnings
from pathlib import Path

from benchmark.canonical import write_whole
from benchmark.doctor.finding import Finding
from benchmark.errors import HeadwaterError

_LEAST = 5_000_000_000


def space(name: str, folder: Path, choice: str) -> Finding:
    """Free space where a folder is, or would be made.

    Args:
        name: of the finding.
        folder: need not be there.
        choice: how to choose another folder.

    Example:
        >>> space("store disk", Path("no/such/folder"), "--store DIR").name
        'store disk'
    """
    free = shutil.disk_usage(_existing(folder)).free
    remedy = f"Free some space, or choose another disk by {choice}."
    found = f"{free / 1e9:.1f} GB free for {folder.absolute()}"
    return Finding.of(name, found, warning=remedy if free < _LEAST else "")


def store(folder: Path) -> Finding:
    """Whether records can be written and replaced where the store is, and cells be claimed.

    Args:
        folder: need not be there, and is not made; what is tried is removed again.
    """
    place = _existing(folder)
    elsewhere = "Choose a folder on a local disk that you may write to: --store DIR"
    try:
        with tempfile.TemporaryDirectory(prefix=".headwater-doctor-", dir=place) as scratch:
            record = Path(scratch, "record.json")
            for content in (b"old", b"new"):
                write_whole(record, content)  # as the store does
            locks = _locks(record)
    except OSError as error:
        found = f"cannot write in {place}: {error.strerror or error}"
        return Finding.of("store", found, problem=elsewhere)
    if not locks:
        found = f"flock does not keep others out in {place}, and runs claim their cells by it"
        return Finding.of("store", found, problem=elsewhere)
    return Finding.of("store", "files are replaced whole, and flock works")


def _locks(record: Path) -> bool:
    """Whether a cell can be claimed, and only once."""
    from benchmark.engine.running import claimed

    held = []
    try:
        with warnings.catch_warnings():
            # filelock warns where it makes do without flock, by files that outlive their process.
            warnings.simplefilter("error", UserWarning)
            with claimed(record) as first, claimed(record) as second:
                held = [first, second]
    except (HeadwaterError, UserWarning):
        return False
    return held == [True, False]


def _existing(path: Path) -> Path:
    """The path itself, or the nearest folder above it that is there."""
    path = path.absolute()
    return next(place for place in (path, *path.parents) if place.exists())
