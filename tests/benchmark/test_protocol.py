"""Protocols never change: a golden digest each, and any field that matters moves it."""

import dataclasses
import json
import subprocess
import sys

import pytest

from benchmark.errors import UsageError
from benchmark.protocol import Budget
from benchmark.registry import PROTOCOLS, TASKS

GOLDEN = {
    "instance/nano@1": "053427ba4e96ccae008b6455d6831376c2f3dffc6f97914ee905f4fc8fa99c49",
    "instance/smoke@1": "da91e2bf6ac9ddd60b57140988e5572c4ee99c1576070f6730993af279c9aec3",
}


@pytest.mark.parametrize("name", GOLDEN)
def test_digest_is_frozen(name: str) -> None:
    assert PROTOCOLS.get(name).digest == GOLDEN[name]


def test_every_protocol_is_in_the_golden_list() -> None:
    assert set(PROTOCOLS.names()) == set(GOLDEN)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("version", 2),
        ("pool_sha256", "0" * 64),
        ("chunks", 5),
        ("budget", Budget(image_visits=1)),
        ("arch", "other"),
        ("view_size", 28),
        ("tasks", ("digits@2",)),
        ("stream_seed", 1),
        ("classes", 651),
    ],
)
def test_any_field_moves_the_digest(field, value, monkeypatch) -> None:
    spec = PROTOCOLS.get("instance/smoke@1")
    monkeypatch.setattr("benchmark.protocol.manifest_sha256", lambda _: "fixed")
    same = dataclasses.replace(spec)
    assert dataclasses.replace(spec, **{field: value}).digest != same.digest


def test_the_manifest_moves_the_digest(monkeypatch) -> None:
    spec = PROTOCOLS.get("instance/smoke@1")
    monkeypatch.setattr("benchmark.protocol.manifest_sha256", lambda _: "another")
    assert dataclasses.replace(spec).digest != GOLDEN[spec.id]


def test_digest_is_the_same_in_another_process_with_another_hash_seed() -> None:
    code = (
        "import json, benchmark.protocols; from benchmark.registry import PROTOCOLS;"
        "print(json.dumps({n: PROTOCOLS.get(n).digest for n in PROTOCOLS.names()}))"
    )
    printed = subprocess.run(
        [sys.executable, "-c", code],
        env={"PYTHONHASHSEED": "7", "PYTHONPATH": ".", "OMP_NUM_THREADS": "1"},
        capture_output=True,
        check=True,
    ).stdout
    assert json.loads(printed) == GOLDEN


@pytest.mark.parametrize("name", GOLDEN)
def test_tasks_are_registered_at_the_versions_named(name: str) -> None:
    for task in PROTOCOLS.get(name).tasks:
        spec = TASKS.get(task.partition("@")[0]).spec
        assert task == f"{spec.name}@{spec.version}"
        assert spec.data_sha256 is not None


def test_visits_of_phases_share_the_budget() -> None:
    spec = PROTOCOLS.get("instance/nano@1")
    total = spec.budget.image_visits
    assert sum(spec.phase_visits((chunk,)) for chunk in (1, 2, 3, 4)) == total
    assert spec.phase_visits((1, 2, 3, 4)) == total
    with pytest.raises(UsageError, match="chunks 1 to 4"):
        spec.phase_visits((5,))
