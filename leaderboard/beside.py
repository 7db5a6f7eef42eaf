"""Work in other processes that have all that this one has in memory, with one exchange in between.

A piece of work is a generator. It yields once, what it has found; is sent what follows from what
all pieces found; and returns what is left to tell.
"""

import inspect
import multiprocessing
import os
import sys
import warnings
from collections.abc import Callable, Generator, Sequence
from contextlib import suppress
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from typing import Any, Generic, TypeVar

from benchmark.doctor.machine import cores

Found = TypeVar("Found")
Sent = TypeVar("Sent")
Told = TypeVar("Told")


class Lost(Exception):
    """Nothing came of it in other processes; done again in this one, it may, or tells why not."""


def processes() -> int:
    """How many pieces of work can go on at once; 1 where there is but this process."""
    if sys.platform != "linux" or multiprocessing.current_process().daemon:
        return 1  # other systems' libraries expect no fork, and a daemon may have none
    return max(1, int(cores()))


class Pieces(Generic[Found, Sent, Told]):
    """Pieces of work that go on at once: each in a fork of this process, a single one here.

    It is a context; at its end no other process is left.

    Args:
        works: begin a piece each. In a fork, what they change in memory is lost, and what they
            yield, are sent and return is pickled.

    Raises:
        Lost: there can be no further process.

    Example:
        >>> def work(own):
        ...     most = yield own
        ...     return own == most
        >>> with Pieces([lambda: work(1), lambda: work(2)]) as pieces:
        ...     pieces.go_on(max(pieces.found()))
        ...     pieces.told()
        [False, True]
    """

    def __init__(self, works: Sequence[Callable[[], Generator[Found, Sent, Told]]]) -> None:
        self._here = works[0]() if len(works) == 1 else None
        self._told: list[Told] = []
        self._pipes: list[Connection] = []
        self._processes: list[BaseProcess] = []
        if self._here is not None:
            return
        try:
            for work in works:
                self._fork(work)
        except OSError as error:
            self.__exit__()
            raise Lost from error

    def __enter__(self) -> "Pieces[Found, Sent, Told]":
        return self

    def __exit__(self, *_: object) -> None:
        for pipe in self._pipes:  # who waits for an answer there, ends
            pipe.close()
        for process in self._processes:
            process.join()

    def found(self) -> list[Found]:
        """What every piece has found.

        Raises:
            Lost: one failed.
        """
        if self._here is not None:
            return [next(self._here)]
        return [_receive(pipe) for pipe in self._pipes]

    def go_on(self, sent: Sent) -> None:
        """Let all pieces go on.

        Args:
            sent: what they are sent.
        """
        if self._here is not None:
            try:
                self._here.send(sent)
            except StopIteration as end:
                self._told = [end.value]
        for pipe in self._pipes:
            with suppress(OSError):  # it has failed, as `told` will say
                pipe.send(sent)

    def told(self) -> list[Told]:
        """What every piece has to tell at its end, which is waited for.

        Raises:
            Lost: one failed.
        """
        return self._told or [_receive(pipe) for pipe in self._pipes]

    def _fork(self, work: Callable[[], Generator[Found, Sent, Told]]) -> None:
        ours, theirs = multiprocessing.Pipe()
        self._pipes.append(ours)
        process = multiprocessing.get_context("fork").Process(
            target=_go_through, args=(work, theirs, self._pipes), daemon=True
        )
        with warnings.catch_warnings():
            # Python 3.12 warns where there are threads; those of numpy and torch wait for work
            warnings.simplefilter("ignore", DeprecationWarning)
            process.start()
        self._processes.append(process)
        theirs.close()


def _go_through(
    work: Callable[[], Generator[Found, Sent, Told]], theirs: Connection, others: list[Connection]
) -> None:
    """All that another process does; whatever goes wrong, its pipe ends without an answer."""
    for pipe in others:  # this process has no part in them
        pipe.close()
    with suppress(BaseException):
        piece = work()
        theirs.send(next(piece))
        alive = dict(inspect.getgeneratorlocals(piece))  # noqa: F841
        try:
            piece.send(theirs.recv())
        except StopIteration as end:
            theirs.send(end.value)
            os._exit(0)  # with all that it has read still there: to take that apart takes long


def _receive(pipe: Connection) -> Any:
    try:
        return pipe.recv()
    except (EOFError, OSError) as error:
        raise Lost from error
