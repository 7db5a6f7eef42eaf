"""Progress of a run: a bar with an estimate on a terminal, else a line now and then."""

import sys
import time
from collections.abc import Sequence

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn

from benchmark.cells import Cell
from benchmark.protocol import ProtocolSpec
from benchmark.result import Record

#: Seconds that a cell is taken for before one of its kind has been timed, on two CPU cores.
_GUESS = {"stream": 4.0, "linear": 2.0, "detection": 35.0, "finetune": 10.0, "sharpness": 30.0}
_IMAGES_PER_SECOND = 700.0
#: Without a terminal, a line at most this often.
_LINE_SECONDS = 15.0


class RunProgress:
    """Tells how far a list of cells is, and for how much longer it will take.

    The estimate scales the guesses for what is left by how the guesses for what is done came out.

    Args:
        protocol: gives the visits of each phase.
        cells: everything that will be computed.
        console: where to print; standard error if None.
    """

    def __init__(
        self, protocol: ProtocolSpec, cells: Sequence[Cell], console: Console | None = None
    ) -> None:
        self._console = console or Console(stderr=True)
        self._guess = {cell.key: _guess(protocol, cell) for cell in cells}
        self._total = sum(self._guess.values())
        self._done, self._spent, self._count, self._last = 0.0, 0.0, 0, time.monotonic()
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.fields[left]}"),
            console=self._console,
            transient=True,
            disable=not self._console.is_terminal,
        )
        self._task = self._bar.add_task("starting", total=self._total or 1, left="")

    def __enter__(self) -> "RunProgress":
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def begin(self, cell: Cell) -> "_CellProgress":
        """A cell starts."""
        self._count += 1
        self._show(cell, 0.0, "")
        return _CellProgress(self, cell)

    def end(self, cell: Cell, record: Record) -> None:
        """A cell is written."""
        self._done += self._guess[cell.key]
        self._spent += record.cost.seconds
        if record.status == "failed":
            self._console.print(f"failed: {cell.title}: {record.cause}", markup=False)
        self._show(cell, 0.0, "")

    def _show(self, cell: Cell, within: float, detail: str) -> None:
        done = self._done + within * self._guess[cell.key]
        pace = self._spent / self._done if self._done else 1.0
        left = f"about {_minutes((self._total - done) * pace)} left"
        what = f"{self._count}/{len(self._guess)} {cell.title}{detail}"
        self._bar.update(self._task, description=what, completed=done, left=left)
        now = time.monotonic()
        if not self._console.is_terminal and now - self._last >= _LINE_SECONDS:
            self._last = now
            print(f"{what}; {left}", file=sys.stderr, flush=True)


class _CellProgress:
    """What training calls with (step, steps, loss)."""

    def __init__(self, progress: RunProgress, cell: Cell) -> None:
        self._progress, self._cell = progress, cell

    def __call__(self, step: int, steps: int, loss: float) -> None:
        self._progress._show(self._cell, step / steps, f" step {step}/{steps} loss {loss:.3f}")


def _guess(protocol: ProtocolSpec, cell: Cell) -> float:
    if cell.kind == "pretrain":
        visits = protocol.phase_visits(cell.chunks) if cell.chunks else 0
        return 0.5 + visits / _IMAGES_PER_SECOND
    return _GUESS.get(cell.evaluation or "", 1.0)


def _minutes(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 90 else f"{seconds / 60:.0f} min"
