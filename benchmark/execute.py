"""Runs the cells that are missing of one method, in order, in this process."""

from collections.abc import Sequence
from dataclasses import dataclass

from benchmark.cells import Cell, Planner, plan
from benchmark.engine.compute import Computer
from benchmark.engine.graph import Graph
from benchmark.engine.job import Job, extractor_job
from benchmark.engine.local import Observer, run_here
from benchmark.needs import require_data
from benchmark.protocol import ProtocolSpec
from benchmark.resolve import ResolvedMethod
from benchmark.store import Store


@dataclass(frozen=True)
class Outcome:
    """What a run did.

    Args:
        computed: number of cells that were missing, and are there now.
        found: number of cells that were there already.
        failed: keys of the cells that failed, or start from one that did.
    """

    computed: int
    found: int
    failed: tuple[str, ...]

    @classmethod
    def of(cls, graph: Graph, job: Job) -> "Outcome":
        """Of a job, when its graph is finished."""
        nodes = [node for node in graph if node.job == job]
        done = [node for node in nodes if node.state == "done"]
        return cls(
            sum(not node.found for node in done),
            sum(node.found for node in done),
            tuple(node.cell.key for node in nodes if node.state in ("failed", "blocked")),
        )


def run(
    protocol: ProtocolSpec,
    method: ResolvedMethod,
    store: Store,
    observer: Observer,
    *,
    replicate: int = 0,
    tasks: Sequence[str] | None = None,
    every: bool = False,
    cells: Sequence[Cell] | None = None,
    retry_failed: bool = False,
) -> Outcome:
    """Compute what is missing of one method and replicate, and record it.

    A cell that fails is recorded as failed with its cause; the others go on, but for those that
    start from it.

    Args:
        protocol: the protocol; its pool and tasks must be prepared.
        method: the method.
        store: where records are read and written.
        observer: is told of every cell that is computed.
        replicate: number of the repetition.
        tasks: downstream tasks to evaluate on; None for all of the protocol.
        every: whether they are evaluated after every phase, not only after the last.
        cells: the plan, if it has been made already.
        retry_failed: whether cells that failed are computed again.

    Raises:
        DataError: images that are needed are not there; names them all.
    """
    if cells is None:
        cells = plan(protocol, method, replicate, tasks, every=every)
    job = Job(protocol.id, method.name, method.options, replicate)
    before = extractor_job(Planner(), job, method)
    plans = [(before.job, [before.cell])] if before else []
    graph = Graph([*plans, (job, cells)], store, retry_failed=retry_failed)
    require_graph(graph, protocol)

    def computer(of: Job) -> Computer:
        if before and of == before.job:
            return Computer(of.spec, before.method, store, replicate)
        return Computer(protocol, method, store, replicate)

    run_here(
        graph,
        computer,
        observer,
        retry_failed=retry_failed,
    )
    return Outcome.of(graph, job)


def require_graph(graph: Graph, protocol: ProtocolSpec) -> None:
    """See to it that all images are there that a graph's cells read.

    Raises:
        DataError: something is missing; names it all.
    """
    todo = {(n.cell.task, n.cell.evaluation) for n in graph if n.state == "todo"}
    if todo:
        require_data(protocol, todo)
