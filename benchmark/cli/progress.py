"""Progress of a run: bars with estimates on a terminal, else a line now and then."""

import sys
import time
from functools import partial

from rich.console import Console
from rich.progress import BarColumn, TaskID, TextColumn
from rich.progress import Progress as Bars

from benchmark.cells import Cell
from benchmark.cost.rates import Rates
from benchmark.engine.attempt import Attempt
from benchmark.engine.graph import Graph
from benchmark.engine.running import Progress, Running, read_running
from benchmark.protocol import ProtocolSpec
from benchmark.store import Store

#: Without a terminal, a line at most this often; on one, running cells are looked at this often.
_LINE_SECONDS, _LOOK_SECONDS = 15.0, 1.0


class RunProgress:
    """Tells how far a graph of cells is, and for how much longer it will take.

    The estimate is what the cells that are left are expected to take, at the pace of those that are
    done.

    Args:
        protocol: gives the visits of each phase.
        store: where running cells tell how far they are.
        console: where to print; standard error if None.
    """

    def __init__(
        self, protocol: ProtocolSpec, store: Store, console: Console | None = None
    ) -> None:
        self._protocol, self._store = protocol, store
        self._rates = Rates.of(store.root)
        self._console = console or Console(stderr=True)
        self._bar = Bars(
            TextColumn("{task.description}"),
            BarColumn(bar_width=20),
            TextColumn("{task.fields[told]}"),
            console=self._console,
            transient=True,
            disable=not self._console.is_terminal,
        )
        self._running: dict[str, tuple[Cell, TaskID, float]] = {}
        self._looked = self._lined = time.monotonic()

    def __enter__(self) -> "RunProgress":
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def start(self, graph: Graph, workers: int) -> None:
        """The graph is known; cells are about to be computed by so many workers."""
        self._graph, self._workers, self._began = graph, workers, time.monotonic()
        self._cost = {
            node.cell.key: self.expected(node.cell) for node in graph if node.state == "todo"
        }
        self._done = 0.0
        self._total = sum(self._cost.values())
        self._all = self._bar.add_task("", total=self._total or 1, told="")
        self._tell()

    def expected(self, cell: Cell) -> float:
        """Seconds that a cell is expected to take."""
        return self._rates.seconds(self._protocol, cell)

    def begin(self, cell: Cell) -> Progress:
        """A cell starts."""
        row = self._bar.add_task(f"  {cell.title}", total=1.0, told="")
        self._running[cell.key] = (cell, row, 0.0)
        self._tell()
        return partial(self.show, cell)

    def end(self, cell: Cell, attempt: Attempt) -> None:
        """A cell is finished, or failed, or somebody else has it."""
        _, row, _ = self._running.pop(cell.key)
        self._bar.remove_task(row)
        if attempt.status != "busy":
            self._done += self._cost.get(cell.key, 0.0)
        if attempt.status == "failed":
            self._console.print(f"failed: {cell.title}: {attempt.cause}", markup=False)
        self._tell()

    def look(self) -> None:
        """Time has passed: ask the running cells how far they are."""
        now = time.monotonic()
        if now - self._looked >= _LOOK_SECONDS:
            self._looked = now
            for cell, *_ in list(self._running.values()):
                if running := read_running(self._store.path(cell)):
                    self.show(cell, running)

    def show(self, cell: Cell, running: Running) -> None:
        """A cell is so far."""
        _, row, _ = self._running[cell.key]
        within = running.step / running.steps if running.steps else 0.0
        self._running[cell.key] = (cell, row, within)
        self._bar.update(row, completed=within, told=details(running))
        self._tell(f"; {cell.title} {details(running)}")

    def _tell(self, detail: str = "") -> None:
        counts = self._graph.count()
        total = len(self._cost)
        left = counts["todo"] + counts["running"]
        what = f"{total - left}/{total} cells"
        if counts["failed"] or counts["blocked"]:
            what += f", {counts['failed'] + counts['blocked']} failed"
        estimate = f"about {minutes(self._left())} left"
        if self._console.is_terminal:
            self._bar.update(self._all, description=what, completed=self._so_far(), told=estimate)
            return
        now = time.monotonic()
        if now - self._lined >= _LINE_SECONDS:
            self._lined = now
            if not detail and self._running:
                detail = "; " + ", ".join(cell.title for cell, *_ in self._running.values())
            print(f"{what}{detail}; {estimate} in all", file=sys.stderr, flush=True)

    def _so_far(self) -> float:
        """Seconds that what is done was expected to take."""
        return self._done + sum(
            within * self._cost.get(key, 0.0) for key, (_, _, within) in self._running.items()
        )

    def _left(self) -> float:
        """Seconds that are left."""
        so_far = self._so_far()
        elapsed = time.monotonic() - self._began
        # a first guess counts for some seconds, so that the estimate does not jump
        pace = (elapsed + 10.0) / (so_far + 10.0 * self._workers)
        return (self._total - so_far) * pace


def details(running: Running) -> str:
    """How far a cell is, in words.

    Example:
        >>> details(Running("here", 1, 0.0, 60.0, 30, 90, 5.25, 1234.0, 3 * 2**29))
        'step 30/90, loss 5.250, 1,234 images/s, 1.5 GiB, about 2 min left'
    """
    parts = []
    if running.steps:
        begun = f" (going on from {running.first})" if running.first else ""
        parts.append(f"step {running.step}/{running.steps}{begun}")
    if running.loss is not None:
        parts.append(f"loss {running.loss:.3f}")
    if running.images_per_second is not None:
        parts.append(f"{running.images_per_second:,.0f} images/s")
    parts.append(f"{running.memory_bytes / 2**30:.1f} GiB")
    if running.step > running.first:
        pace = (running.updated - running.started) / (running.step - running.first)
        parts.append(f"about {minutes(pace * (running.steps - running.step))} left")
    return ", ".join(parts)


def minutes(seconds: float) -> str:
    """A time for people.

    Example:
        >>> minutes(42.3), minutes(600), minutes(90_000)
        ('42 s', '10 min', '25 h')
    """
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.0f} h"
