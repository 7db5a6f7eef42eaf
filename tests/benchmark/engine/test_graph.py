"""What is to be computed, in which order, and which weights are kept."""

import errno
import resource

import pytest

from benchmark import store as store_module
from benchmark.cells import plan
from benchmark.engine.graph import Graph
from benchmark.engine.job import Job
from benchmark.engine.local import Setup, run_here
from benchmark.resolve import protocol_named, resolve
from benchmark.store import Store

SMOKE = "instance/smoke@1"
METHOD = "supervised/sequential"


@pytest.fixture
def graph(home, tmp_path):
    """Makes the graph of a method on the store `runs`."""

    def make(**options) -> Graph:
        job = Job(SMOKE, METHOD)
        return Graph([(job, job.plan())], Store(tmp_path / "runs"), **options)

    return make


@pytest.fixture
def compute(silent):
    """Computes a graph in this process; gives the names of what was computed."""

    def compute(graph: Graph) -> list[str]:
        silent.computed.clear()
        run_here(graph, Setup(graph.store.root).computer, silent)
        return [name.split("/")[-2] + " " + name.split("/")[-1] for name in silent.computed]

    return compute


ALL = [
    *("after-chunk1 pretrain", "after-chunk1 stream.chunks", "after-chunk2 pretrain"),
    *("after-chunk2 stream.chunks", "after-chunk2 linear.shapes", "after-chunk2 fewshot.shapes"),
]


def test_a_phase_waits_for_the_one_before_and_comes_before_evaluations(graph) -> None:
    small = graph(cost=lambda cell: 5.0 if cell.evaluation == "fewshot" else 1.0)
    first = small.take()
    assert small.take(first) is None  # all else waits for the first phase
    small.end(first, "ok")
    second = small.take(first)
    small.end(second, "ok")
    then = [small.take(second).cell.name for _ in range(4)]
    assert (first.cell.chunks, second.cell.chunks) == ((1,), (2,))
    assert then[0] == "fewshot.shapes"  # it takes longest
    assert sorted(then[1:]) == ["linear.shapes", "stream.chunks", "stream.chunks"]
    assert small.take() is None and not small.finished


def test_what_is_finished_is_not_computed_and_lost_weights_only_if_needed(graph, compute) -> None:
    assert compute(graph()) == ALL
    assert compute(graph()) == []
    store, cells = graph().store, Job(SMOKE, METHOD).plan()
    for cell in cells[0], cells[2]:
        store.prune_checkpoint(cell)
        assert store.state(cell) == "pruned"
    assert compute(graph()) == []  # all that is missing is weights that nobody asks for
    store.path(cells[4]).unlink()
    assert compute(graph()) == [ALL[0], ALL[2], ALL[4]]
    assert graph().count() == {"done": 6}


def test_a_damaged_checkpoint_is_computed_again_where_it_is_needed(graph, compute) -> None:
    compute(graph())
    store, cells = graph().store, Job(SMOKE, METHOD).plan()
    path = store.path(cells[2]).with_name("checkpoint.pth")
    whole = path.read_bytes()
    path.write_bytes(whole[:-100] + bytes(100))
    store.path(cells[5]).unlink()
    assert compute(graph()) == [ALL[2], ALL[5]]
    assert path.read_bytes() == whole  # the same bits


def test_an_altered_record_is_found(graph, compute) -> None:
    compute(graph())
    cell = Job(SMOKE, METHOD).plan()[4]
    path = graph().store.path(cell)
    text = path.read_text()
    path.write_text(text.replace('"higher_is_better": true', '"higher_is_better": false', 1))
    assert text != path.read_text()
    assert "was altered after it was written" in graph().store.state(cell)
    assert compute(graph()) == [ALL[4]]
    assert path.read_text() != text.replace("true", "false", 1)


def test_with_keep_last_the_weights_that_nothing_needs_go(graph, compute) -> None:
    compute(graph(keep_all=False))
    kept = sorted(p.parent.name for p in graph().store.root.rglob("checkpoint.pth"))
    assert kept == ["after-chunk2"]
    assert compute(graph(keep_all=False)) == []


def test_a_file_that_cannot_be_written_fails_its_cell_with_the_cause(home, tmp_path, forked, go):
    def limited() -> None:  # records are small, checkpoints are not
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
        go(METHOD, tmp_path / "runs")

    forked(limited).join()
    store, cells = Store(tmp_path / "runs"), Job(SMOKE, METHOD).plan()
    assert store.state(cells[0]) == "failed"
    assert "OSError: [Errno 27] File too large" in store.record(cells[0]).cause
    assert not list(store.root.rglob("*.pth*"))
    assert not go(METHOD, store.root, retry_failed=True).failed


def test_a_disk_that_is_full_loses_nothing(home, tmp_path, go, monkeypatch) -> None:
    def full(path, content):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(store_module, "write_whole", full)
        outcome = go(METHOD, tmp_path / "runs")
    assert len(outcome.failed) == 6 and outcome.computed == 0
    cells = plan(protocol_named(SMOKE), resolve(METHOD), 0)
    assert Store(tmp_path / "runs").state(cells[0]) == "missing"
    assert go(METHOD, tmp_path / "runs").computed == 6
