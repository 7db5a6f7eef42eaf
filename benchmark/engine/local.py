"""Computes a graph on this machine: in this process, or by worker processes."""

import contextlib
import os
import signal
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from multiprocessing import connection, get_context, parent_process, set_start_method
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Literal, Protocol

from benchmark.cells import Cell
from benchmark.engine.attempt import Attempt
from benchmark.engine.compute import Computer
from benchmark.engine.graph import Graph, Node
from benchmark.engine.job import Job
from benchmark.engine.running import Progress
from benchmark.engine.stop import STOP
from benchmark.errors import HeadwaterError, Stopped
from benchmark.resolve import ResolvedMethod
from benchmark.store import Store

#: Seconds between two looks at what runs, and those that a worker has for stopping.
LOOK_SECONDS, STOP_SECONDS = 0.5, 4.0


class Observer(Protocol):
    """Who is told what happens; `benchmark.cli.progress` has the one for the terminal."""

    def begin(self, cell: Cell) -> Progress | None:
        """A cell starts; what is returned is told how far it is, where it runs in this process."""

    def end(self, cell: Cell, attempt: Attempt) -> None:
        """A cell is finished, or failed, or another process has it."""

    def look(self) -> None:
        """Time has passed."""


@dataclass(frozen=True)
class Setup:
    """What a process needs to compute cells.

    Args:
        store: folder of the records.
        threads: of each process; None for all cores.
        retry_failed: whether cells that failed are computed again.
        logs: folder for TensorBoard's files; None for none.
        processes: that share a phase, each with its part of every batch.
    """

    store: Path
    threads: int | None = None
    retry_failed: bool = False
    logs: Path | None = None
    processes: int = 1

    def computer(self, job: Job, method: ResolvedMethod | None = None) -> Computer:
        """Of a job's cells; a process that has the method itself need not find it by its name."""
        return Computer(
            job.spec, method or job.method_itself, Store(self.store), job.replicate, logs=self.logs
        )

    def attempt(self, computer: Computer, job: Job, cell: Cell) -> Attempt:
        """Compute a cell, a phase by several processes if they share one."""
        compute = None
        if self.processes > 1 and cell.kind == "pretrain" and cell.chunks:
            from benchmark.engine.together import Together

            compute = Together(computer, job, self.processes, self.threads).compute
        return computer.attempt(cell, retry_failed=self.retry_failed, compute=compute)

    def failed(self, node: Node, cause: str) -> Attempt:
        """A failure, recorded in the place of a process that could not do so."""
        try:
            return Attempt.of(self.computer(node.job).give_up(node.cell, cause))
        except OSError as error:
            return Attempt("failed", cause=f"{cause}; {error}")


def run_here(
    graph: Graph,
    computer: Callable[[Job], Computer],
    observer: Observer,
    *,
    retry_failed: bool = False,
) -> None:
    """Compute a graph in this process, one cell after the other.

    Args:
        graph: what is to be computed.
        computer: of a job's cells.
        observer: is told.
        retry_failed: whether cells that failed are computed again.

    Raises:
        Stopped: somebody asked for it.
    """
    of: tuple[Job, Computer] | None = None
    while not graph.finished:
        node = graph.take(in_order=True)
        if node is None:
            time.sleep(LOOK_SECONDS)
            observer.look()
            continue
        if of is None or of[0] != node.job:
            of = node.job, computer(node.job)
        progress = observer.begin(node.cell)
        attempt = of[1].attempt(node.cell, progress, retry_failed=retry_failed)
        graph.end(node, attempt.status)
        observer.end(node.cell, attempt)
        if STOP.asked:
            raise Stopped


def run_workers(graph: Graph, setup: Setup, observer: Observer, *, workers: int) -> None:
    """Compute a graph by worker processes; one that dies takes nothing with it but its cell.

    Args:
        graph: what is to be computed.
        setup: of each process.
        observer: is told.
        workers: their number.

    Raises:
        HeadwaterError: a worker does not even start.
        Stopped: somebody asked for it; phases of training have been put by.
    """
    crew = [_Worker(setup, number) for number in range(workers)]
    try:
        while not graph.finished:
            for worker in crew:
                if worker.node is None:
                    node = graph.take(worker.last, in_order=workers == 1)
                    if node is not None:
                        worker.give(node)
                        observer.begin(node.cell)
            reports = [each for worker in crew for each in (worker.pipe, worker.process.sentinel)]
            told = connection.wait(reports, LOOK_SECONDS)
            for number, worker in enumerate(crew):
                if worker.pipe not in told and worker.process.sentinel not in told:
                    continue
                node, report = worker.node, worker.report()
                if report == "gone":
                    if not worker.started:
                        raise HeadwaterError(f"a worker process {worker.end}; see above for why")
                    crew[number] = _Worker(setup, number)
                    if node is not None:
                        report = setup.failed(node, f"the worker process {worker.end}")
                if node is not None and isinstance(report, Attempt):
                    graph.end(node, report.status)
                    observer.end(node.cell, report)
            observer.look()
            if STOP.asked:
                raise Stopped
    finally:
        for worker in crew:
            worker.stop()
        deadline = time.monotonic() + STOP_SECONDS
        for worker in crew:
            worker.process.join(max(0.0, deadline - time.monotonic()))
            worker.process.kill()
            worker.process.join()


class _Worker:
    """A worker process, as the one that started it sees it."""

    def __init__(self, setup: Setup, number: int) -> None:
        context = get_context("spawn")
        self.pipe, theirs = context.Pipe()
        self.process: BaseProcess = context.Process(
            target=_work, args=(setup, number, theirs), daemon=False
        )
        with _threads(setup.threads):
            self.process.start()
        theirs.close()
        self.node: Node | None = None
        self.last: Node | None = None
        self.started = False

    def give(self, node: Node) -> None:
        """Have it compute a cell."""
        self.node = node
        try:
            self.pipe.send((node.job, node.cell))
        except OSError:  # it is gone, which its sentinel tells
            return

    def report(self) -> Attempt | Literal["ready", "gone"]:
        """What it has to tell: what came of its cell, or that it is ready, or that it is gone."""
        try:
            told: Attempt | Literal["ready"] = self.pipe.recv()
        except (EOFError, OSError):
            self.process.join()
            return "gone"
        self.started = True
        if isinstance(told, Attempt):
            self.last, self.node = self.node, None
        return told

    def stop(self) -> None:
        """Ask it to stop."""
        if self.process.is_alive():
            self.process.terminate()

    @property
    def end(self) -> str:
        """How the process ended."""
        code = self.process.exitcode or 0
        if code >= 0:
            return f"ended with exit status {code}"
        name = signal.Signals(-code).name
        memory = ": the system kills processes when memory is short" if name == "SIGKILL" else ""
        return f"was killed by {name}{memory}"


class _threads:
    """Within, processes are started that have so many threads."""

    NAMES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")

    def __init__(self, threads: int | None) -> None:
        self.threads = threads

    def __enter__(self) -> None:
        self.before = {name: os.environ.get(name) for name in self.NAMES}
        if self.threads is not None:
            os.environ.update(dict.fromkeys(self.NAMES, str(self.threads)))

    def __exit__(self, *_: object) -> None:
        for name, value in self.before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def _work(setup: Setup, number: int, pipe: Connection) -> None:
    """What a worker process does: cells that it is given, until nobody gives any."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # whoever started it decides
    threading.Thread(target=_end_with_parent, daemon=True).start()
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("500")  # better this than who started it
    set_start_method("fork", force=True)  # of those that load images; mmengine's choice, too
    import torch

    from benchmark.registry import load_shipped

    load_shipped()
    if setup.threads is not None:
        torch.set_num_threads(setup.threads)
    if torch.cuda.is_available():
        torch.cuda.set_device(number % torch.cuda.device_count())
    computer = lru_cache(maxsize=2)(setup.computer)
    with STOP.listening(signal.SIGTERM):
        try:
            pipe.send("ready")
            while True:
                job, cell = pipe.recv()
                pipe.send(setup.attempt(computer(job), job, cell))
        except (Stopped, EOFError, BrokenPipeError):
            return


def _end_with_parent() -> None:
    """End this process when the one that started it has gone, however it went."""
    parent = parent_process()
    assert parent is not None
    parent.join()
    os._exit(1)
