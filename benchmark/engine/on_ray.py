"""Computes a graph on a Ray cluster, whose machines share the folder of the store."""

import uuid
from functools import lru_cache
from pathlib import Path
from typing import Any

from benchmark.cells import Cell
from benchmark.engine.attempt import Attempt
from benchmark.engine.compute import Computer
from benchmark.engine.graph import Graph, Node
from benchmark.engine.job import Job
from benchmark.engine.local import LOOK_SECONDS, STOP_SECONDS, Observer, Setup
from benchmark.engine.stop import STOP
from benchmark.errors import Stopped, UsageError

#: How often a cell is given out anew whose node was lost.
RETRIES = 3


def run_on_ray(graph: Graph, setup: Setup, observer: Observer, *, gpus: float = 0.0) -> None:
    """Compute a graph on the cluster that RAY_ADDRESS names, or else on a new one of this machine.

    A cell is a Ray task that asks for `setup.threads` cores (one, if None) and for `gpus`. Where a
    node is lost, Ray gives its cells out again, and each goes on from the last step that was put
    by. Phases have priority: their tasks are submitted before the evaluations that became ready
    with them.

    Args:
        graph: what is to be computed.
        setup: of each process; its store is a folder that all machines see under the same path.
        observer: is told.
        gpus: of each cell; fractions share one.

    Raises:
        UsageError: Ray is not installed.
        Stopped: somebody asked for it.
    """
    try:
        import ray
    except ImportError as error:
        raise UsageError("the executor ray needs Ray: pip install headwater[ray]") from error
    ours = not ray.is_initialized()
    if ours:
        ray.init(log_to_driver=False, configure_logging=False)
    compute = ray.remote(_compute).options(
        num_cpus=setup.threads or 1, num_gpus=gpus, max_retries=RETRIES
    )
    given: dict[Any, Node] = {}
    stop = setup.store / f".stop-{uuid.uuid4().hex}"
    try:
        while not graph.finished:
            while (node := graph.take()) is not None:
                given[compute.remote(setup, stop, node.job, node.cell)] = node
                observer.begin(node.cell)
            done, _ = ray.wait([*given], timeout=LOOK_SECONDS) if given else ([], [])
            for reference in done:
                node = given.pop(reference)
                attempt = _answer(ray, reference, setup, node)
                graph.end(node, attempt.status)
                observer.end(node.cell, attempt)
            observer.look()
            if STOP.asked:
                raise Stopped
    finally:
        if given:
            stop.touch()
            ray.wait([*given], num_returns=len(given), timeout=STOP_SECONDS)
            for reference in given:
                ray.cancel(reference, force=True)
            stop.unlink()
        if ours:
            ray.shutdown()


def _answer(ray: Any, reference: Any, setup: Setup, node: Node) -> Attempt:
    """What came of a cell; a failure where Ray gave it up, with Ray's reason."""
    try:
        attempt: Attempt = ray.get(reference)
    except ray.exceptions.RayError as error:
        reason = " ".join(str(error).split())[:500]
        return setup.failed(node, f"Ray gave the cell up: {type(error).__name__}: {reason}")
    return attempt


def _compute(setup: Setup, stop: Path, job: Job, cell: Cell) -> Attempt:
    """What a Ray worker does; it keeps what it loaded for the next cell of the same job."""
    STOP.watch(stop)
    try:
        return setup.attempt(_computer(setup, job), job, cell)
    except Stopped:
        return Attempt("busy")


@lru_cache(maxsize=2)
def _computer(setup: Setup, job: Job) -> Computer:
    import torch

    from benchmark.registry import load_shipped

    load_shipped()
    torch.set_num_threads(setup.threads or 1)
    return setup.computer(job)
