"""Manifests, the order of the samples, and the reader that guards the chunks."""

import json
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest

from benchmark.errors import HeadwaterError
from benchmark.registry import PROTOCOLS
from benchmark.streams.manifest import Manifest, instance_split, load_manifest, write_manifest
from benchmark.streams.reader import PhaseSteps, StreamReader, sample_order


def reader(labelled: bool = True) -> StreamReader:
    names = tuple("abcdefgh")
    images = np.arange(8, dtype=np.uint8)[:, None, None, None] * np.ones((1, 3, 4, 4), np.uint8)
    pool = SimpleNamespace(ids=names, images=images, labels=np.arange(8))
    manifest = Manifest(chunks=(("a", "c"), ("b", "d", "e")), held_out=(("f",), ("g", "h")))
    return StreamReader(pool, manifest, labelled=labelled)


def test_split_is_a_partition_of_equal_chunks_whatever_the_order() -> None:
    ids = [f"id{number}" for number in range(103)]
    chunks = instance_split(ids, 4, "seed", 0)
    assert sorted(name for chunk in chunks for name in chunk) == sorted(ids)
    assert {len(chunk) for chunk in chunks} == {25, 26}
    assert chunks == instance_split(ids[::-1], 4, "seed", 0)
    assert chunks != instance_split(ids, 4, "seed", 1)


def test_split_is_the_same_under_another_hash_seed() -> None:
    code = (
        "from benchmark.streams.manifest import instance_split as f;"
        "import json; print(json.dumps(f([str(n) for n in range(50)], 3, 'x')))"
    )
    runs = [
        subprocess.run(
            [sys.executable, "-c", code],
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": "."},
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    ]
    assert json.loads(runs[0]) == json.loads(runs[1])
    assert json.loads(runs[0]) == instance_split([str(n) for n in range(50)], 3, "x")


@pytest.mark.parametrize("name", ["instance/nano@1", "instance/smoke@1"])
def test_shipped_manifests_are_disjoint_and_equal_in_size(name: str) -> None:
    manifest = PROTOCOLS.get(name).manifest
    everything = [i for part in (*manifest.chunks, *manifest.held_out) for i in part]
    assert len(set(everything)) == len(everything)
    assert max(map(len, manifest.chunks)) - min(map(len, manifest.chunks)) <= 1
    assert len(manifest.chunks) == len(manifest.held_out) == PROTOCOLS.get(name).chunks


def test_manifest_round_trip(tmp_path, monkeypatch) -> None:
    manifest = Manifest(chunks=(("a",), ("b",)), held_out=(("c",), ()))
    monkeypatch.setattr("benchmark.streams.manifest._FOLDER", tmp_path)
    write_manifest(manifest, "x-y@1", tmp_path)
    assert load_manifest("x-y@1") == manifest


def test_order_visits_every_sample_once_an_epoch_and_runs_across_epochs() -> None:
    rows = np.arange(100, 110)
    order = sample_order(rows, 5, 4, "seed", 0)
    assert order.shape == (5, 4)
    assert sorted(order.ravel()[:10]) == sorted(order.ravel()[10:]) == list(rows)
    assert list(order.ravel()[:10]) != list(order.ravel()[10:])
    np.testing.assert_array_equal(order, sample_order(rows, 5, 4, "seed", 0))
    np.testing.assert_array_equal(order[:3], sample_order(rows, 3, 4, "seed", 0))
    assert (order != sample_order(rows, 5, 4, "seed", 1)).any()


def test_reader_serves_open_chunks_and_counts() -> None:
    stream = reader()
    assert list(stream.open((2,))) == [1, 3, 4]
    batch = stream.read(np.array([4, 1, 1]), seed=5)
    assert batch.images[:, 0, 0, 0].tolist() == [4, 1, 1]
    assert batch.labels.tolist() == [4, 1, 1] and batch.seed == 5
    assert stream.visits == {1: 0, 2: 3}


@pytest.mark.parametrize(("row", "sample", "chunk"), [(0, "a", 1), (6, "g", 0)])
def test_reader_refuses_closed_chunks_and_held_out_images(row, sample, chunk) -> None:
    stream = reader()
    stream.open((2,))
    with pytest.raises(HeadwaterError, match=f"sample {sample} belongs to chunk {chunk}"):
        stream.read(np.array([1, row]), seed=0)
    assert stream.visits == {1: 0, 2: 0}


def test_labels_are_not_served_unless_asked_for() -> None:
    stream = reader(labelled=False)
    stream.open((1,))
    assert stream.read(np.array([0]), seed=0).labels is None


def test_every_step_has_its_own_seed() -> None:
    stream = reader()
    steps = PhaseSteps(stream, sample_order(stream.open((1, 2)), 4, 2, "n"), "n")
    assert len({steps[step].seed for step in range(4)}) == 4
    assert steps[2].seed == steps[2].seed
