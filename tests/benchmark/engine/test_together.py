"""A phase that two processes train together against one process with the same batches."""

from pathlib import Path

import pytest
import torch

from benchmark.engine.graph import Graph
from benchmark.engine.job import Job
from benchmark.engine.local import Setup, run_workers
from benchmark.store import Store

SMOKE = "instance/smoke@1"
#: A low rate: whatever float32 rounds differently, training makes more of at every step.
MOCO = (("batch_size", 128), ("lr", 2e-5), ("queue_size", 256))


def trained(store: Path, processes: int, job: Job, silent) -> list:
    """The records of the phases, and the state at the end."""
    cells = [cell for cell in job.plan([]) if cell.kind == "pretrain"]
    graph = Graph([(job, cells)], Store(store))
    run_workers(graph, Setup(store, threads=1, processes=processes), silent, workers=1)
    records = [Store(store).record(cell) for cell in cells]
    assert [record.cause for record in records if record.error] == []
    return records, Store(store).read_checkpoint(cells[-1])["method"]


@pytest.mark.parametrize(
    ("method", "options"),
    [
        ("moco_v2/replay", (*MOCO, ("bn_groups", 4))),
        ("moco_v2/sequential", MOCO),
    ],
)
def test_two_processes_have_the_loss_curve_of_one(
    home, tmp_path: Path, silent, method: str, options: tuple
) -> None:
    job = Job(SMOKE, method, options)
    one, state = trained(tmp_path / "one", 1, job, silent)
    two, state_of_two = trained(tmp_path / "two", 2, job, silent)
    for a, b in zip(one, two, strict=True):
        losses = [torch.tensor([point.loss for point in record.curve]) for record in (a, b)]
        assert len(losses[0]) == 8
        torch.testing.assert_close(losses[0], losses[1], rtol=1e-4, atol=1e-4)
        assert a.ledger == b.ledger
        assert a.cost.image_visits == b.cost.image_visits >= 1024
    assert state.keys() == state_of_two.keys()
    for name, value in state.items():
        if value.is_floating_point():
            torch.testing.assert_close(value, state_of_two[name], rtol=0.05, atol=5e-3)
