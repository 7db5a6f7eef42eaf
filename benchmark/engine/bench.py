"""What the engine costs: planning, looking, each cell; and what a second worker brings."""

import json
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmark.cells import Cell, Planner
from benchmark.cli.progress import RunProgress
from benchmark.cli.status import count
from benchmark.engine.attempt import Attempt
from benchmark.engine.compute import Computer
from benchmark.engine.graph import Graph
from benchmark.engine.job import Job
from benchmark.engine.local import Setup, run_workers
from benchmark.registry import METHODS
from benchmark.resolve import grid, protocol_named
from benchmark.result import CurvePoint, Metric, Record
from benchmark.store import Store

SMOKE, NANO = "instance/smoke@1", "instance/nano@1"
#: Cells of the large graph.
MANY = 10_000
#: Nano checkpoints whose evaluations two workers share.
REPLICATES = 1


class _Clock:
    """Notes when the first cell starts and the last one ends."""

    def __init__(self) -> None:
        self.first: float | None = None
        self.last = 0.0
        self.beyond: list[float] = []  # seconds of each cell in which it was not computed
        self.failed: list[str] = []

    def begin(self, cell: Cell) -> None:
        self.first = self.first or time.perf_counter()

    def end(self, cell: Cell, attempt: Attempt) -> None:
        now = time.perf_counter()
        if attempt.record is None or attempt.status != "ok":
            self.failed.append(f"{cell.title}: {attempt.cause}")
        else:
            self.beyond.append(now - self.last - attempt.record.cost.seconds)
        self.last = now

    def look(self) -> None: ...

    @property
    def wall(self) -> float:
        """Seconds from the first start to the last end."""
        assert self.first is not None and not self.failed, self.failed
        return self.last - self.first


def engine_rates(rounds: int, tell: Callable[[str], object]) -> dict[str, Any]:
    """Seconds that the engine takes, and what a second worker brings.

    Args:
        rounds: times that each is measured; medians count.
        tell: called with a line now and then.

    Returns:
        `cells`; `plan_seconds` of planning them and making their graph, `status_seconds` of the
        states of all when all are done; `overhead_seconds` of a cell beyond its own work;
        `workers`: seconds of the evaluations of some nano checkpoints by one worker with one
        thread, by two with one each and by one with two, and how many times faster two are.
    """
    found: dict[str, list[Any]] = {}
    for number in range(rounds):
        for name, measure in (("large", _large), ("overhead", _overhead), ("workers", _workers)):
            found.setdefault(name, []).append(measure())
            tell(f"round {number + 1} of {rounds}: {name} {found[name][-1]}")
    plans, looks, cells = zip(*found["large"], strict=True)
    crews = [statistics.median(times) for times in zip(*found["workers"], strict=True)]
    speed = sorted(one / two for one, two, _ in found["workers"])
    return {
        "cells": cells[0],
        "plan_seconds": statistics.median(plans),
        "status_seconds": statistics.median(looks),
        "overhead_seconds": statistics.median(found["overhead"]),
        "workers": {
            "one": crews[0],
            "two": crews[1],
            "one_with_two_threads": crews[2],
            "speedup": statistics.median(speed),
            "range": [speed[0], speed[-1]],
        },
    }


def _large() -> tuple[float, float, int]:
    """Seconds of planning a large graph, and of looking at the states of its cells."""
    methods = [*METHODS.names(), *grid()]
    with tempfile.TemporaryDirectory() as folder:
        store = Store(Path(folder))
        began = time.perf_counter()
        plans, planner, cells, replicate = [], Planner(), 0, 0
        while cells < MANY:
            for name in methods:
                job = Job(NANO, name, (), replicate)
                plans.append((job, job.plan_of(job.method_itself, planner=planner)))
                cells += len(plans[-1][1])
            replicate += 1
        graph = Graph(plans, store)
        planned = time.perf_counter() - began
        assert graph.count()["todo"] == cells
        _finish(plans, store)
        began = time.perf_counter()
        done = sum(count(job.method, list(job_cells), store)[0]["done"] for job, job_cells in plans)
        looked = time.perf_counter() - began
        assert done == cells
    return planned, looked, cells


def _finish(plans: list[tuple[Job, list[Cell]]], store: Store) -> None:
    """Write a record for each cell, and a file that it vouches for; no disk is waited for."""
    spec = protocol_named(NANO)
    curve = tuple(CurvePoint(visits=k, loss=1.0, images_per_second=1.0) for k in range(50))
    metrics = {f"chunk{k}": Metric(value=50.0, unit="%", n=100) for k in range(4)}
    for job, cells in plans:
        computer = Computer(spec, job.method_itself, store, job.replicate)
        written: dict[str, Record] = {}
        for cell in cells:
            path = store.path(cell)
            path.parent.mkdir(parents=True, exist_ok=True)
            if cell.kind not in written:
                told = {"curve": curve} if cell.kind == "pretrain" else {"metrics": metrics}
                written[cell.kind] = computer.record(cell, told, "2026-01-01T00:00:00+00:00")
            record, own = written[cell.kind], {"key": cell.key}
            file = path.with_suffix(".npz")
            file.write_bytes(bytes(1000))
            vouched = {"name": file.name, "sha256": 64 * "0", "size": 1000}
            text = record.model_copy(update=own).model_dump(mode="json", exclude={"sha256"})
            path.write_text(json.dumps(text | {"predictions": vouched}))


def _overhead() -> float:
    """Seconds that a cell takes beyond its own work, in a worker that is warm."""
    jobs = [Job(SMOKE, "random_init", (), replicate) for replicate in range(10)]
    with tempfile.TemporaryDirectory() as folder:
        clock, graph = _Clock(), _graph(jobs, Path(folder))
        run_workers(graph, Setup(Path(folder)), clock, workers=1)
    return statistics.median(clock.beyond[1:])


def _workers() -> tuple[float, float, float]:
    """Seconds of some checkpoints' evaluations by one worker, by two, and by one that has both."""
    walls = []
    for workers, threads in ((1, 1), (2, 1), (1, 2)):
        jobs = [Job(NANO, "random_init", (), replicate) for replicate in range(REPLICATES)]
        with tempfile.TemporaryDirectory() as folder:
            clock, graph = _Clock(), _graph(jobs, Path(folder))
            setup = Setup(Path(folder), threads=threads)
            run_workers(graph, setup, clock, workers=workers)
        walls.append(clock.wall)
    return walls[0], walls[1], walls[2]


def _graph(jobs: list[Job], store: Path) -> Graph:
    progress = RunProgress(jobs[0].spec, Store(store))
    return Graph([(job, job.plan()) for job in jobs], Store(store), cost=progress.expected)
