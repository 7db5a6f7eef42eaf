"""How a process is asked to stop: at once, or after the step of training that it is in."""

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from benchmark.errors import Stopped

_LOOK_SECONDS = 0.5


class Stop:
    """Whether this process was asked to stop.

    While a phase is trained the request waits for the end of the step, so that the state can be put
    by; anything else is left where it is, since it is short or can be computed again.
    """

    def __init__(self) -> None:
        self._asked = self._training = False
        self.file: Path | None = None  # whose existence asks, too: a shared folder has no signals
        self._looked = 0.0

    @property
    def asked(self) -> bool:
        """Whether it was asked to stop."""
        if self.file is not None and time.monotonic() - self._looked > _LOOK_SECONDS:
            self._looked = time.monotonic()
            self._asked = self._asked or self.file.exists()
        return self._asked

    def watch(self, file: Path) -> None:
        """From now on, this file's existence asks."""
        self.file, self._asked = file, False

    @contextmanager
    def after_the_step(self) -> Iterator[None]:
        """Within, a request waits."""
        self._training = True
        try:
            yield
        finally:
            self._training = False

    @contextmanager
    def listening(self, *signals: signal.Signals) -> Iterator[None]:
        """Within, these signals ask; only in a process's main thread."""
        before = {each: signal.signal(each, self._ask) for each in signals}
        self._asked = False
        try:
            yield
        finally:
            self._asked = False  # it has been heard: what comes after is not to stop
            for each, handler in before.items():
                signal.signal(each, handler)

    def _ask(self, number: int, frame: FrameType | None) -> None:
        again, self._asked = self._asked, True
        if again or not self._training:
            raise Stopped


#: Of this process.
STOP = Stop()
