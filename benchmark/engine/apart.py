"""Cells computed apart: in processes of their own, one for each number of threads.

They begin with their number of threads, as the workers of a run do, so that nothing that another
process has loaded or computed meanwhile can bear on how threads share a sum.
"""

from collections.abc import Callable
from multiprocessing import connection
from pathlib import Path

from benchmark.cells import Cell
from benchmark.engine.attempt import Attempt
from benchmark.engine.job import Job
from benchmark.engine.local import LOOK_SECONDS, STOP_SECONDS, Setup, Worker
from benchmark.engine.stop import STOP
from benchmark.errors import HeadwaterError, Stopped


class Apart:
    """Processes that compute cells, each of its number of threads; started when first needed.

    Args:
        store: folder of the records.
        look: is called while a cell is computed.
    """

    def __init__(self, store: Path, look: Callable[[], None]) -> None:
        self._store, self._look = store, look
        self._workers: dict[int, Worker] = {}

    def attempt(self, job: Job, cell: Cell, threads: int) -> Attempt:
        """Compute a cell, one that failed before, too.

        Raises:
            Stopped: somebody asked for it.
            HeadwaterError: the process has gone.
        """
        worker = self._workers.get(threads)
        if worker is None:
            setup = Setup(self._store, threads, retry_failed=True)
            worker = self._workers[threads] = Worker(setup, 0)
        worker.pipe.send((job, cell))
        while True:
            if connection.wait([worker.pipe, worker.process.sentinel], LOOK_SECONDS):
                report = worker.report()
                if isinstance(report, Attempt):
                    return report
                if report == "gone":
                    raise HeadwaterError(f"a worker process {worker.end}; see above for why")
            self._look()
            if STOP.asked:
                raise Stopped

    def close(self) -> None:
        """Stop the processes; a phase that is trained is put by."""
        for worker in self._workers.values():
            worker.stop()
        for worker in self._workers.values():
            worker.process.join(STOP_SECONDS)
            worker.process.kill()
            worker.process.join()
