"""Work in other processes that have all that this one has in memory, with one exchange in between.

A piece of work is a generator. It yields once, what it has found; is sent what follows from what
all pieces found; and returns what is left to tell.
"""

import multiprocessing
import sys
import warnings
from collections.abc import Callable, Generator, Sequence
from contextlib import suppress
from multiprocessing.connection import Connection
from typing import Any, Generic, TypeVar

from benchmark.doctor.machine import cores

Found = TypeVar("Found")
Sent = TypeVar("Sent")
Told = TypeVar("Told")


class Lost(Exception):
    """A piece of work failed in another process; done again here, it tells why."""


def processes() -> int:
    """How many pieces of work can go on at once; 1 where there is but this process."""
    return int(cores()) if sys.platform == "linux" else 1  # others' libraries expect no fork


class Pieces(Generic[Found, Sent, Told]):
    """Pieces of work that go on at once: each in a fork of this process, a single one here.

    Args:
        works: begin a piece each. In a fork, what they change in memory is lost, and what they
            yield, are sent and return is pickled.

    Example:
        >>> def work(own):
        ...     most = yield own
        ...     return own == most
        >>> pieces = Pieces([lambda: work(1), lambda: work(2)])
        >>> pieces.go_on(max(pieces.found()))
        >>> pieces.told()
        [False, True]
    """

    def __init__(self, works: Sequence[Callable[[], Generator[Found, Sent, Told]]]) -> None:
        self._here = works[0]() if len(works) == 1 else None
        self._told: list[Told] = []
        self._others = [] if self._here else [_fork(work) for work in works]

    def found(self) -> list[Found]:
        """What every piece has found.

        Raises:
            Lost: one failed.
        """
        if self._here:
            return [next(self._here)]
        return [_receive(other) for other in self._others]

    def go_on(self, sent: Sent) -> None:
        """Let all pieces go on.

        Args:
            sent: what they are sent.
        """
        if self._here:
            try:
                self._here.send(sent)
            except StopIteration as end:
                self._told = [end.value]
        for other in self._others:
            with suppress(OSError):  # it has failed, as `told` will say
                other.send(sent)

    def told(self) -> list[Told]:
        """What every piece has to tell at its end, which is waited for.

        Raises:
            Lost: one failed.
        """
        return self._told or [_receive(other) for other in self._others]


def _fork(work: Callable[[], Generator[Found, Sent, Told]]) -> Connection:
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("fork").Process(
        target=_go_through, args=(work, ours, theirs), daemon=True
    )
    with warnings.catch_warnings():
        # Python 3.12 warns where there are threads; those of numpy and torch wait for work
        warnings.simplefilter("ignore", DeprecationWarning)
        process.start()
    theirs.close()
    return ours


def _go_through(
    work: Callable[[], Generator[Found, Sent, Told]], ours: Connection, theirs: Connection
) -> None:
    """All that the other process does; whatever goes wrong, the pipe ends without an answer."""
    ours.close()
    try:
        piece = work()
        theirs.send(next(piece))
        piece.send(theirs.recv())
    except StopIteration as end:
        theirs.send(end.value)
    except BaseException:
        return


def _receive(other: Connection) -> Any:
    try:
        return other.recv()
    except (EOFError, OSError) as error:
        raise Lost from error
