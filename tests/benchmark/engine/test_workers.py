"""Worker processes: they share the work, and what ends one of them is its cell's failure alone."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from benchmark.cli.session import How, run_methods
from benchmark.engine.graph import Graph
from benchmark.engine.job import Job
from benchmark.engine.local import Setup, run_workers
from benchmark.engine.running import is_claimed, read_running
from benchmark.errors import Stopped
from benchmark.resolve import protocol_named, resolve
from benchmark.store import Store

SMOKE = "instance/smoke@1"

TROUBLE = '''
import os, signal, time
import torch
from benchmark.config import Config
from benchmark.method import Method, build_backbone


class Trouble(Method):
    """Comes to an end of one kind or another in its second chunk."""

    config_class = Config

    def __init__(self, setting, config):
        super().__init__(setting, config)
        self.backbone = build_backbone(setting.arch)

    def begin_chunk(self, context):
        self.second = context.chunks == (2,)

    def training_step(self, batch):
        if self.second:
            self.trouble()
        return self.backbone(batch.images.float()).square().mean()


class Killed(Trouble):
    def trouble(self):
        os.kill(os.getpid(), signal.SIGKILL)


class Crashing(Trouble):
    def trouble(self):
        os._exit(3)


class Hungry(Trouble):
    def trouble(self):
        torch.empty(2**50)


class NotANumber(Trouble):
    def training_step(self, batch):
        return super().training_step(batch) * float("nan")


class Slow(Trouble):
    def training_step(self, batch):
        time.sleep(0.2)
        return super().training_step(batch)

    def trouble(self):
        pass
'''


@pytest.fixture
def trouble(tmp_path: Path) -> Path:
    path = tmp_path / "trouble.py"
    path.write_text(TROUBLE)
    return path


def jobs_on(store: Path, names, **options) -> Graph:
    jobs = [Job(SMOKE, str(name)) for name in names]
    return Graph([(job, job.plan()) for job in jobs], Store(store), **options)


def test_every_kind_of_end_is_a_failure_with_its_cause_and_the_others_go_on(
    home, tmp_path, trouble, silent
) -> None:
    kinds = {
        "Killed": "was killed by SIGKILL: the system kills processes when memory is short",
        "Crashing": "the worker process ended with exit status 3",
        "Hungry": "memory",
        "NotANumber": "the loss is nan at step 1; lower the learning rate",
    }
    store = Store(tmp_path / "runs")
    names = [*(f"{trouble}:{kind}" for kind in kinds), "random_init"]
    graph = jobs_on(store.root, names)
    run_workers(graph, Setup(store.root, threads=1), silent, workers=2)
    assert graph.finished
    for kind, cause in kinds.items():
        (failed,) = [n for n in graph if kind in n.cell.folder and n.state == "failed"]
        assert store.state(failed.cell) == "failed"
        record = store.record(failed.cell)
        assert cause in record.cause
        later = [n.state for n in graph if kind in n.cell.folder and failed.cell == n.cell.parent]
        assert set(later) == {"blocked"}
    assert {n.state for n in graph if n.job.method == "random_init"} == {"done"}


def test_a_failed_cell_is_computed_again_only_when_asked(home, tmp_path, trouble, silent) -> None:
    store, name = Store(tmp_path / "runs"), f"{trouble}:NotANumber"
    options = {"how": How(workers=0)}
    spec, method = protocol_named(SMOKE), resolve(name)
    first = run_methods(spec, [method], store.root, **options)["NotANumber"]
    ended = store.record(Job(SMOKE, name).plan()[0]).provenance.ended
    assert (first["computed"], first["failed"]) == (0, 6)
    time.sleep(1.1)  # times are to the second
    assert run_methods(spec, [method], store.root, **options)["NotANumber"] == first
    assert store.record(Job(SMOKE, name).plan()[0]).provenance.ended == ended
    again = {"how": How(workers=0, retry_failed=True)}
    assert run_methods(spec, [method], store.root, **again)["NotANumber"] == first
    assert store.record(Job(SMOKE, name).plan()[0]).provenance.ended > ended


def test_two_runs_on_one_store_share_the_work(home, tmp_path, forked, go, cells) -> None:
    from benchmark.engine import compute

    names = ["supervised/sequential", "supervised/joint"]
    written = tmp_path / "written"
    original = compute.Computer.compute

    def noted(self, cell, progress=None):
        record = original(self, cell, progress)
        with written.open("a") as file:
            file.write(f"{os.getpid()} {cell.folder}/{cell.name}\n")
        return record

    def both(order):
        for name in order:
            go(name, tmp_path / "runs")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(compute.Computer, "compute", noted)
        crew = [forked(lambda order=order: both(order)) for order in (names, names[::-1])]
        for process in crew:
            process.join()
    assert [process.exitcode for process in crew] == [0, 0]
    lines = written.read_text().splitlines()
    assert len({line.split()[0] for line in lines}) == 2  # both had a part in it
    done = [line.split()[1] for line in lines]
    every = [f"{cell.folder}/{cell.name}" for name in names for cell in cells(name)]
    assert sorted(done) == sorted(every)  # each once


def test_a_running_cell_tells_how_far_it_is_and_stops_within_five_seconds(
    home, tmp_path, trouble, silent
) -> None:
    store = Store(tmp_path / "runs")
    graph = jobs_on(store.root, [f"{trouble}:Slow"])
    first = next(iter(graph)).cell
    seen = []

    def ask() -> None:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            running = read_running(store.path(first))
            if running and running.step >= 5:
                seen.append((running, time.monotonic()))
                os.kill(os.getpid(), signal.SIGINT)
                return
            time.sleep(0.1)

    thread = threading.Thread(target=ask)
    thread.start()
    from benchmark.engine.stop import STOP

    with STOP.listening(signal.SIGINT), pytest.raises(Stopped):
        run_workers(graph, Setup(store.root, threads=1), silent, workers=1)
    ((running, asked),) = seen
    assert time.monotonic() - asked < 5 and not STOP.asked
    assert (running.steps, running.pid != os.getpid()) == (16, True)
    assert running.memory_bytes > 2**20
    state = store.read_step(first)
    assert state is not None and state["step"] >= running.step
    assert not is_claimed(store.path(first))


def test_workers_end_when_the_one_that_started_them_is_killed(home, tmp_path, trouble) -> None:
    store = Store(tmp_path / "runs")
    name = f"{trouble}:Slow"
    first = Job(SMOKE, name).plan()[0]
    command = [sys.executable, "-c", "from benchmark.cli.main import main; main()"]
    command += ["run", "-p", SMOKE, "-m", name, "--store", str(store.root)]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as parent:
        deadline = time.monotonic() + 120
        while (running := read_running(store.path(first))) is None:
            assert time.monotonic() < deadline
            time.sleep(0.1)
        assert running.pid != parent.pid
        parent.kill()
    deadline = time.monotonic() + 5
    while is_claimed(store.path(first)):
        assert time.monotonic() < deadline, "the worker went on"
        time.sleep(0.1)
