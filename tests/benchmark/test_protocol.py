"""Protocols never change: a golden digest each, and any field that matters moves it."""

import dataclasses
import json
import subprocess
import sys
from pathlib import Path

import pytest

from benchmark.errors import DataError, UsageError
from benchmark.protocol import Budget, ProtocolSpec
from benchmark.registry import PROTOCOLS, TASKS
from benchmark.streams.manifest import Manifest

GOLDEN: dict[str, str] = json.loads((Path(__file__).parent / "golden_digests.json").read_text())
STREAMS = (
    *("instance", "random-class", "distant-class", "domain"),
    *("blurred-instance", "blurred-class", "long-distant-class", "selection"),
)


@pytest.mark.parametrize("name", GOLDEN)
def test_digest_is_frozen(name: str) -> None:
    assert PROTOCOLS.get(name).digest == GOLDEN[name]


def test_every_protocol_is_in_the_golden_list_and_every_stream_at_every_tier() -> None:
    assert set(PROTOCOLS.names()) == set(GOLDEN)
    assert set(GOLDEN) == {f"{s}/{tier}@1" for s in STREAMS for tier in ("smoke", "nano", "full")}
    assert len(set(GOLDEN.values())) == len(GOLDEN)


@pytest.mark.parametrize("tier", ["smoke", "nano"])
def test_the_long_stream_is_the_other_with_four_times_the_budget(tier: str) -> None:
    long, base = (PROTOCOLS.get(f"{s}/{tier}@1") for s in ("long-distant-class", "distant-class"))
    assert long.manifest.digest == base.manifest.digest
    assert long.budget.image_visits == 4 * base.budget.image_visits
    same = dataclasses.replace(long, stream=base.stream, budget=base.budget)
    assert same == base


OTHER = {
    "stream": "other",
    "tier": "other",
    "version": 2,
    "pool": "other",
    "pool_sha256": "0" * 64,
    "pool_images": (1, 1),
    "classes": 651,
    "chunks": 5,
    "budget": Budget(image_visits=1),
    "arch": "other",
    "view_size": 28,
    "tasks": ("digits@2",),
    "domains": ("other",),
    "overlap": 0.3,
    "stream_seed": 1,
}


@pytest.mark.parametrize("field", [field.name for field in dataclasses.fields(ProtocolSpec)])
def test_any_field_moves_the_digest(field: str, monkeypatch: pytest.MonkeyPatch) -> None:
    spec = PROTOCOLS.get("instance/smoke@1")
    manifest = spec.manifest
    monkeypatch.setattr("benchmark.protocol.shipped_manifest", lambda _: manifest)
    assert dataclasses.replace(spec).digest == spec.digest
    assert dataclasses.replace(spec, **{field: OTHER[field]}).digest != spec.digest


def test_the_manifest_moves_the_digest(monkeypatch: pytest.MonkeyPatch) -> None:
    spec = PROTOCOLS.get("instance/smoke@1")
    other: Manifest = PROTOCOLS.get("domain/smoke@1").manifest
    monkeypatch.setattr("benchmark.protocol.shipped_manifest", lambda _: other)
    assert dataclasses.replace(spec).digest != GOLDEN[spec.id]


def test_the_lists_of_classes_move_the_digest_of_the_full_tier(monkeypatch) -> None:
    spec = PROTOCOLS.get("distant-class/full@1")
    lists = spec.class_lists
    assert [len(chunk) for chunk in lists["classes"]] == [250] * 4
    assert len({name for chunk in lists["classes"] for name in chunk}) == 1000
    swapped = lists | {"classes": lists["classes"][::-1]}
    monkeypatch.setattr("benchmark.protocol.shipped_classes", lambda _: swapped)
    assert dataclasses.replace(spec).digest != GOLDEN[spec.id]


@pytest.mark.parametrize("threads", ["1", "2"])
def test_digests_are_the_same_with_other_hash_seeds_and_threads(threads: str) -> None:
    code = (
        "import json, benchmark.protocols; from benchmark.registry import PROTOCOLS;"
        "print(json.dumps({n: PROTOCOLS.get(n).digest for n in PROTOCOLS.names()}))"
    )
    printed = subprocess.run(
        [sys.executable, "-c", code],
        env={"PYTHONHASHSEED": f"{threads}7", "PYTHONPATH": ".", "OMP_NUM_THREADS": threads},
        capture_output=True,
        check=True,
    ).stdout
    assert json.loads(printed) == GOLDEN


@pytest.mark.parametrize("name", GOLDEN)
def test_tasks_are_registered_at_the_versions_named(name: str) -> None:
    for task in PROTOCOLS.get(name).tasks:
        spec = TASKS.get(task.partition("@")[0]).spec
        assert task == f"{spec.name}@{spec.version}"
        assert spec.tier == PROTOCOLS.get(name).tier
        assert spec.data_sha256 is not None or spec.tier == "full"


def test_visits_of_phases_share_the_budget() -> None:
    spec = PROTOCOLS.get("instance/nano@1")
    total = spec.budget.image_visits
    assert sum(spec.phase_visits((chunk,)) for chunk in (1, 2, 3, 4)) == total
    assert spec.phase_visits((1, 2, 3, 4)) == total
    with pytest.raises(UsageError, match="chunks 1 to 4"):
        spec.phase_visits((5,))


def test_joint_retraining_at_every_arrival_costs_what_the_sum_says() -> None:
    visits = PROTOCOLS.get("instance/nano@1").references()
    assert visits["first_chunk"] == 24_576
    assert visits["sequential"] == visits["joint"] == 98_304
    # a quarter, a half, three quarters and all of the joint budget
    assert visits["joint_at_every_arrival"] == 24_576 + 49_152 + 73_728 + 98_304


def test_distant_classes_are_further_apart_than_random_ones() -> None:
    for tier in ("nano", "full"):
        random, distant = (
            spec.class_lists["distance"] if tier == "full" else spec.manifest.about["distance"]
            for spec in (PROTOCOLS.get(f"{s}-class/{tier}@1") for s in ("random", "distant"))
        )
        assert distant["between"] > random["between"]
        assert distant["within"] < random["within"]


def test_a_manifest_of_the_full_tier_that_is_not_built_says_what_to_run(own_home: Path) -> None:
    spec = dataclasses.replace(PROTOCOLS.get("domain/full@1"))
    with pytest.raises(DataError, match="headwater prepare full --set domainnet --images DIR"):
        _ = spec.manifest
