"""A cell while it runs: it tells how far it is, and a phase puts its state by."""

import os
import time
from pathlib import Path
from typing import Any, Literal

from benchmark.cells import Cell
from benchmark.distributed import rank
from benchmark.engine.running import Progress, Running
from benchmark.engine.stop import STOP
from benchmark.result import CurvePoint
from benchmark.store import Store

#: Seconds between two states of a phase that are put by; a step and the writing of one come on top.
SAVE_SECONDS = float(os.environ.get("HEADWATER_SAVE_SECONDS", 40))


class Teller:
    """Tells how far a cell is: to the world by a file, and to who started it."""

    def __init__(self, record: Path, progress: Progress | None) -> None:
        self.record, self.progress, self.running = record, progress, Running.begun()
        self._tell()

    def go_on(self, step: int, steps: int) -> None:
        """The phase goes on from a step."""
        self.running.moved(step, steps)
        self._tell()

    def __call__(self, step: int, steps: int, point: CurvePoint) -> None:
        self.running.moved(step, steps, point)
        if time.monotonic() - self._told > 1:
            self._tell()
        if self.progress:
            self.progress(self.running)

    def _tell(self) -> None:
        self._told = time.monotonic()
        if rank() == 0:
            self.running.tell(self.record)


class PhaseSaver:
    """Puts the state of a phase by now and then, and when this process is to stop."""

    def __init__(self, store: Store, cell: Cell, before: float) -> None:
        self.store, self.cell, self.before = store, cell, before
        self._began = self._last = time.perf_counter()

    def wanted(self) -> Literal["", "save", "stop"]:
        if STOP.asked:
            return "stop"
        return "save" if time.perf_counter() - self._last >= SAVE_SECONDS else ""

    def save(self, state: dict[str, Any]) -> None:
        now = time.perf_counter()
        spent = {"seconds": self.before + now - self._began}
        self.store.write_step(self.cell, state["step"], state | spent)
        self._last = time.perf_counter()
