"""A real Ray cluster of two nodes on this machine, one of which is killed in the middle."""

import threading
import time
from pathlib import Path

import pytest

from benchmark.engine.graph import Graph
from benchmark.engine.job import Job
from benchmark.engine.local import Setup
from benchmark.engine.on_ray import run_on_ray
from benchmark.engine.running import read_running
from benchmark.store import Store

SMOKE = "instance/smoke@1"

SLOW = '''
import time
from benchmark.config import Config
from benchmark.method import Method, build_backbone


class Slow(Method):
    """Takes a fifth of a second for a step."""

    config_class = Config

    def __init__(self, setting, config):
        super().__init__(setting, config)
        self.backbone = build_backbone(setting.arch)

    def training_step(self, batch):
        time.sleep(0.2)
        return self.backbone(batch.images.float()).square().mean()
'''


@pytest.fixture
def cluster(home, monkeypatch: pytest.MonkeyPatch):
    """A head that computes nothing, and two nodes of one core each."""
    monkeypatch.setenv("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    monkeypatch.setenv("HEADWATER_SAVE_SECONDS", "0.5")
    ray = pytest.importorskip("ray")
    from ray.cluster_utils import Cluster

    memory = 80 * 2**20
    health = {
        "health_check_initial_delay_ms": 0,
        "health_check_period_ms": 500,
        "health_check_timeout_ms": 2000,
        "health_check_failure_threshold": 3,
    }
    cluster = Cluster(
        initialize_head=True,
        head_node_args={
            "num_cpus": 0,
            "object_store_memory": memory,
            "include_dashboard": False,
            "_system_config": health,
        },
    )
    cluster.nodes = [cluster.add_node(num_cpus=1, object_store_memory=memory) for _ in range(2)]
    ray.init(address=cluster.address, log_to_driver=False)
    yield cluster
    ray.shutdown()
    cluster.shutdown()


@pytest.mark.filterwarnings("ignore")  # Ray's own
def test_a_node_that_is_killed_takes_nothing_with_it(cluster, tmp_path: Path, silent) -> None:
    (tmp_path / "slow.py").write_text(SLOW)
    store = Store(tmp_path / "runs")
    jobs = [Job(SMOKE, f"{tmp_path / 'slow.py'}:Slow", (), seed) for seed in (0, 1)]
    graph = Graph([(job, job.plan()) for job in jobs], store)
    phases = [node.cell for node in graph if node.cell.kind == "pretrain"]
    killed = []

    def kill() -> None:
        while not killed:
            far = [read_running(store.path(cell)) for cell in phases]
            if sum(each is not None and each.step >= 6 for each in far) >= 2:
                cluster.remove_node(cluster.nodes[1], allow_graceful=False)
                killed.append({each.pid for each in far if each})
            time.sleep(0.1)

    thread = threading.Thread(target=kill, daemon=True)
    thread.start()
    run_on_ray(graph, Setup(store.root, threads=1), silent)
    assert killed and len(killed[0]) == 2
    assert {node.state for node in graph} == {"done"}
    assert sorted(silent.computed) == sorted(f"{n.cell.folder}/{n.cell.name}" for n in graph)
    for cell in phases:
        record = store.record(cell)
        (line,) = record.ledger.served
        assert (line.images, line.distinct) == (1024, 128)
