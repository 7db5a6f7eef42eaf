"""What a running cell tells the world: a small file beside its record, and a lock on it."""

import errno
import json
import os
import socket
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from filelock import FileLock, Timeout

from benchmark.errors import HeadwaterError
from benchmark.result import CurvePoint


@dataclass
class Running:
    """How far a cell is.

    Args:
        host, pid: of the process that computes it.
        started, updated: seconds since 1970.
        step, steps: of a phase; 0 of 0 where there are no steps.
        first: step that this process began with.
        loss: mean since the last point.
        images_per_second: likewise.
        memory_bytes: that the process holds now.
    """

    host: str
    pid: int
    started: float
    updated: float
    step: int = 0
    steps: int = 0
    loss: float | None = None
    images_per_second: float | None = None
    memory_bytes: int = 0
    first: int = 0

    @classmethod
    def begun(cls) -> "Running":
        """Of this process, now."""
        now = time.time()
        return cls(socket.gethostname(), os.getpid(), now, now, memory_bytes=resident_bytes())

    def moved(self, step: int, steps: int, point: CurvePoint | None = None) -> None:
        """So many steps of so many are done; mean loss and rate since it moved last."""
        self.step, self.steps = step, steps
        if point is None:
            self.first = step
        else:
            self.loss, self.images_per_second = point.loss, point.images_per_second
        self.updated, self.memory_bytes = time.time(), resident_bytes()

    def tell(self, record: Path) -> None:
        """Write it beside a record; a disk that is full is no reason to end."""
        path = beside(record, "running.json")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            handle, aside = tempfile.mkstemp(dir=path.parent, prefix=path.name)
            with os.fdopen(handle, "w") as file:
                json.dump(asdict(self), file)
            os.replace(aside, path)
        except OSError:
            return


#: Who is told how far a cell is that is computed in this process.
Progress = Callable[[Running], object]


def beside(record: Path, ending: str) -> Path:
    """The hidden file of a record that ends so."""
    return record.with_name(f".{record.stem}.{ending}")


@contextmanager
def claimed(record: Path) -> Iterator[bool]:
    """Claim a cell for this process; True if nobody else has it.

    The claim is an advisory lock of the operating system, which ends with the process however that
    ends, so that no claim outlives its owner. On a shared folder it holds between machines where
    the file system carries `flock`, as NFS does.

    Raises:
        HeadwaterError: the file system of the store has no locks.
    """
    record.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(beside(record, "lock"), timeout=0)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", UserWarning)  # filelock's, before it goes without flock
            lock.acquire()
    except Timeout:
        yield False
        return
    except (NotImplementedError, UserWarning, OSError) as error:
        if getattr(error, "errno", None) not in (None, errno.ENOSYS, errno.ENOTSUP, errno.ENOLCK):
            raise
        raise HeadwaterError(
            f"the file system of {record.parent} has no locks (flock), which keep two runs from "
            f"computing the same cell; choose a store on another one"
        ) from error
    try:
        yield True
    finally:
        forget_running(record)
        lock.release()


def forget_running(record: Path) -> None:
    """The cell does not run any more."""
    beside(record, "running.json").unlink(missing_ok=True)


def is_claimed(record: Path) -> bool:
    """Whether some process computes the cell now."""
    path = beside(record, "lock")
    if not path.exists():
        return False
    lock = FileLock(path, timeout=0)
    try:
        lock.acquire()
    except Timeout:
        return True
    lock.release()
    return False


def read_running(record: Path) -> Running | None:
    """How far a cell is that some process computes now; None where none does."""
    try:
        told = json.loads(beside(record, "running.json").read_text())
        return Running(**told) if is_claimed(record) else None
    except (OSError, ValueError, TypeError):
        return None


def resident_bytes() -> int:
    """Memory that this process holds now; 0 where the system does not tell."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except OSError:
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE")
