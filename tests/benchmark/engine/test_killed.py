"""Killed at random moments, a run goes on from what was put by, and ends with the same bits."""

import os
import random
import signal
import time

import pytest
import torch

from benchmark.engine import saving
from benchmark.rehearsal import difference
from benchmark.store import Store

METHOD = "moco_v2/mas_replay"  # a queue, a momentum encoder, importances and kept images
KILLS = 30


@pytest.fixture(scope="module")
def often():
    """States are put by after every few steps."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(saving, "SAVE_SECONDS", 0.05)
        yield


@pytest.fixture
def whole(home, tmp_path, go, cells):
    """A run that nobody disturbed, and how long it took."""
    began = time.monotonic()
    assert not go(METHOD, tmp_path / "whole").failed
    return Store(tmp_path / "whole"), time.monotonic() - began


def same(one: Store, other: Store, cells) -> None:
    for cell in cells:
        a, b = one.record(cell), other.record(cell)
        assert a.metrics == b.metrics and a.ledger == b.ledger
        assert [p.loss for p in a.curve] == [p.loss for p in b.curve]
        for told in ("image_visits", "optimiser_steps", "stored_bytes", "extra_parameters"):
            assert getattr(a.cost, told) == getattr(b.cost, told)
        if a.predictions:
            assert a.predictions.sha256 == b.predictions.sha256
        if cell.kind == "pretrain":
            x, y = one.read_checkpoint(cell), other.read_checkpoint(cell)
            assert difference(x.pop("method"), y.pop("method")) is None
            assert x.keys() == y.keys() and all(torch.equal(x[k], y[k]) for k in x)


def test_killed_thirty_times(often, whole, home, tmp_path, go, cells, forked) -> None:
    undisturbed, seconds = whole
    draw, store = random.Random(0), Store(tmp_path / "killed")
    ended, resumed = 0, 0
    for _ in range(KILLS):
        process = forked(lambda: go(METHOD, store.root))
        time.sleep(draw.uniform(0.02, 1.0) * seconds / 4)
        os.kill(process.pid, signal.SIGKILL)
        process.join()
        ended += process.exitcode == 0
        resumed += any(store.read_step(c) for c in cells(METHOD) if c.kind == "pretrain")
    assert resumed > 0
    outcome = go(METHOD, store.root)
    assert not outcome.failed
    same(undisturbed, store, cells(METHOD))
    left = [path.name for path in store.root.rglob(".*") if not path.name.endswith(".lock")]
    assert left == []  # nothing half-written, nothing put by


def test_a_state_that_is_damaged_is_not_used(often, whole, home, tmp_path, go, cells, forked):
    undisturbed, _ = whole
    store, first = Store(tmp_path / "damaged"), cells(METHOD)[0]
    process = forked(lambda: go(METHOD, store.root))
    while store.read_step(first) is None:
        assert process.is_alive()
        time.sleep(0.01)
    process.kill()
    process.join()
    (state,) = store.path(first).parent.glob(".pretrain.step-*.pth")
    content = bytearray(state.read_bytes())
    content[len(content) // 2] ^= 1
    state.write_bytes(content)
    assert store.read_step(first) is None
    assert not go(METHOD, store.root).failed
    same(undisturbed, store, cells(METHOD))


def test_what_was_put_by_for_a_finished_phase_is_removed(home, tmp_path, go, cells) -> None:
    """Who finished the phase was killed before it could tidy up."""
    store, first = Store(tmp_path / "store"), cells(METHOD)[0]
    go(METHOD, store.root)
    store.write_step(first, 3, {"step": 3})
    assert go(METHOD, store.root).computed == 0
    assert not list(store.root.rglob(".pretrain.step*"))
