"""Running methods, with progress; what `run`, `demo` and `evaluate` share."""

import signal
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmark.cells import Cell, Planner
from benchmark.cli.progress import RunProgress
from benchmark.doctor.machine import cores
from benchmark.engine.attempt import Attempt
from benchmark.engine.graph import Graph
from benchmark.engine.job import Job, extractor_job
from benchmark.engine.local import Setup, run_here, run_workers
from benchmark.engine.running import Progress
from benchmark.engine.stop import STOP
from benchmark.errors import DataError, UsageError
from benchmark.execute import Outcome, require_graph
from benchmark.needs import require_data, wanted
from benchmark.protocol import ProtocolSpec
from benchmark.resolve import ResolvedMethod
from benchmark.store import Store


@dataclass(frozen=True)
class How:
    """By whom cells are computed.

    Args:
        executor: `local` or `ray`.
        workers: processes; 0 for this one; None for one, or on Ray for as many as there is room
            for.
        threads: of each worker; None for its share of the cores.
        gpus: of each cell on Ray; fractions share one.
        processes: that share the training of a phase.
        keep_all: whether the weights after every phase are kept.
        retry_failed: whether cells that failed are computed again.
        logs: folder for TensorBoard's files; None for none.
    """

    executor: str = "local"
    workers: int | None = None
    threads: int | None = None
    gpus: float = 0.0
    processes: int = 1
    keep_all: bool = True
    retry_failed: bool = False
    logs: Path | None = None

    def setup(self, store: Path) -> Setup:
        """What each process needs."""
        threads, together = self.threads, (self.workers or 1) * self.processes
        if threads is None and together > 1:
            threads = max(1, int(cores() / together))
        logs = self.logs and self.logs.absolute()
        return Setup(store.absolute(), threads, self.retry_failed, logs, self.processes)


def run_methods(
    protocol: ProtocolSpec,
    methods: Sequence[ResolvedMethod],
    store_path: Path,
    *,
    replicates: Sequence[int] = (0,),
    tasks: Sequence[str] | None = None,
    evaluations: Sequence[str] | None = None,
    every: bool = False,
    how: How | None = None,
    after_method: Callable[[], None] = lambda: None,
) -> dict[str, dict[str, int]]:
    """Run methods.

    Args:
        protocol: the protocol.
        methods: the methods, resolved.
        store_path: folder of the records.
        replicates: numbers of the repetitions.
        tasks: downstream tasks to evaluate on; None for all of the protocol.
        evaluations: ways in which to evaluate; None for those that are ranked.
        every: whether tasks are evaluated after every phase, not only after the last.
        how: by whom; None for one worker process.
        after_method: called when all is there of a method for which something was computed.

    Returns:
        For each method how many cells were computed, found, and failed: of the last, those too
        that start from one that did.

    Raises:
        DataError: images that are needed are not there; names them all.
        Stopped: somebody asked for it; what is finished is kept, and phases were put by.
    """
    how, store = how or How(), Store(store_path)
    jobs = {
        Job(protocol.id, method.name, method.options, replicate): method
        for replicate in replicates
        for method in methods
    }
    planner = Planner()
    try:
        plans = []
        for job, method in list(jobs.items()):
            if needed := extractor_job(planner, job, method):
                jobs[needed.job] = needed.method
                plans.append((needed.job, [needed.cell]))
            plans.append((job, job.plan_of(method, tasks, evaluations, planner, every=every)))
    except DataError:  # hashes of the full tier are known once it is prepared: say all at once
        require_data(protocol, wanted(protocol, tasks, evaluations))
        raise
    with RunProgress(protocol, store) as progress:
        graph = Graph(
            plans,
            store,
            retry_failed=how.retry_failed,
            keep_all=how.keep_all,
            cost=progress.expected,
        )
        require_graph(graph, protocol)
        progress.start(graph, how.workers or 1)
        with STOP.listening(signal.SIGINT, signal.SIGTERM):
            _compute(graph, jobs, how, store_path, _Watcher(graph, progress, after_method))
    return {
        method.folder: _summed(
            [Outcome.of(graph, job) for job, known in jobs.items() if known is method]
        )
        for method in methods
    }


def _compute(
    graph: Graph,
    jobs: dict[Job, ResolvedMethod],
    how: How,
    store: Path,
    watcher: "_Watcher",
) -> None:
    if graph.finished:
        return
    setup = how.setup(store)
    if how.executor == "ray":
        from benchmark.engine.on_ray import run_on_ray

        run_on_ray(graph, setup, watcher, gpus=how.gpus)
    elif how.executor != "local":
        raise UsageError(f"the executor is local or ray, not {how.executor}")
    elif how.workers == 0:
        run_here(
            graph,
            lambda job: setup.computer(job, jobs[job]),
            watcher,
            retry_failed=how.retry_failed,
        )
    else:
        run_workers(graph, setup, watcher, workers=how.workers or 1)


class _Watcher:
    """Tells the progress, and calls back whenever all of a method is there."""

    def __init__(
        self, graph: Graph, progress: RunProgress, after_method: Callable[[], None]
    ) -> None:
        self.graph, self.progress, self.after_method = graph, progress, after_method

    def begin(self, cell: Cell) -> Progress:
        return self.progress.begin(cell)

    def end(self, cell: Cell, attempt: Attempt) -> None:
        self.progress.end(cell, attempt)
        job = self.graph.nodes[cell.key].job
        left = any(n.state in ("todo", "running") and n.job == job for n in self.graph)
        if attempt.status != "busy" and not left:
            self.after_method()

    def look(self) -> None:
        self.progress.look()


def _summed(outcomes: Sequence[Outcome]) -> dict[str, int]:
    failed = sum(len(outcome.failed) for outcome in outcomes)
    computed = sum(outcome.computed for outcome in outcomes)
    found = sum(outcome.found for outcome in outcomes)
    return {"computed": computed, "found": found, "failed": failed}
