"""The store: finished means whole, by hash; anything else is missing, stale or failed."""

import os
from pathlib import Path

import numpy as np
import pytest
import torch

from benchmark.canonical import sha256_of, write_whole
from benchmark.cells import Cell
from benchmark.errors import DataError, UsageError
from benchmark.result import Record, read_record
from benchmark.store import Store

ZERO = "0" * 64


def cell(version: int = 1) -> Cell:
    return Cell(
        kind="pretrain",
        folder="p@1/m/seed0/after-chunk1",
        name="pretrain",
        determined_by={"version": version},
        chunks=(1,),
        chunks_seen=1,
        phase=0,
    )


def record(of: Cell, **changes: object) -> Record:
    fields = {
        "kind": "pretrain",
        "status": "ok",
        "key": of.key,
        "protocol": {"id": "p@1", "digest": ZERO},
        "stream": {"chunks": (1,), "chunks_seen": 1, "manifest_sha256": ZERO},
        "method": {
            "name": "m",
            "version": 1,
            "config": {"lr": 0.1},
            "config_sha256": ZERO,
            "source_sha256": ZERO,
        },
        "seeds": {"replicate": 0, "stream": 0, "training": 2**62, "evaluation": 3},
        "cost": {
            "image_visits": 128,
            "optimiser_steps": 1,
            "stored_bytes": 0,
            "extra_parameters": 0,
            "seconds": 1.5,
            "peak_memory_bytes": 1,
        },
        "environment": {
            "python": "3",
            "torch": "2",
            "platform": "Linux",
            "device": "cpu",
            "threads": 2,
            "deterministic": True,
            "lock_sha256": None,
        },
        "provenance": {"argv": ("headwater",), "started": "a", "ended": "b", "headwater": "0"},
    }
    return Record.model_validate(fields | changes)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "runs")


def test_states_from_missing_to_done(store: Store) -> None:
    one = cell()
    assert store.state(one) == "missing"
    checkpoint = store.write_checkpoint(one, {"weight": torch.arange(3.0)})
    assert store.state(one) == "missing"  # a checkpoint without a record counts for nothing
    store.write(one, record(one, checkpoint=checkpoint))
    assert store.state(one) == "done"
    assert store.record(one) == record(one, checkpoint=checkpoint)
    torch.testing.assert_close(store.read_checkpoint(one)["weight"], torch.arange(3.0))


def test_another_determinant_makes_it_stale(store: Store) -> None:
    store.write(cell(1), record(cell(1)))
    assert store.state(cell(2)).startswith("stale: computed from another")


def test_failed_is_not_done(store: Store) -> None:
    store.write(cell(), record(cell(), status="failed", error="ValueError: no"))
    assert store.state(cell()) == "failed"


@pytest.mark.parametrize(
    ("damage", "told"),
    [("truncate", "is altered"), ("alter", "is altered"), ("remove", "is not there")],
)
def test_a_damaged_file_is_found(store: Store, damage: str, told: str) -> None:
    one = cell()
    predictions = store.write_predictions(one, {"label": np.arange(50)})
    store.write(one, record(one, predictions=predictions))
    path = store.path(one).parent / "pretrain.npz"
    content = path.read_bytes()
    if damage == "truncate":
        path.write_bytes(content[:-5])
    elif damage == "alter":
        path.write_bytes(content[:20] + bytes([content[20] ^ 1]) + content[21:])
    else:
        path.unlink()
    assert store.state(one) == f"stale: pretrain.npz {told}"


def test_a_store_is_a_folder(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="is a file; choose a folder"):
        Store(tmp_path / "file")


@pytest.mark.parametrize(
    ("text", "told"),
    [("{", "JSON"), ("{}", "Field required"), ("[]", "object"), ('{"kind": 1}', "kind")],
)
def test_a_bad_record_is_one_sentence_that_names_the_file(tmp_path, text, told) -> None:
    path = tmp_path / "x.json"
    path.write_text(text)
    with pytest.raises(DataError, match="is not a Headwater record") as caught:
        read_record(path)
    assert told in str(caught.value) and "\n" not in str(caught.value)


def test_unknown_fields_and_infinite_numbers_are_refused() -> None:
    with pytest.raises(ValueError, match="Extra inputs"):
        record(cell(), score=1)
    cost = record(cell()).cost.model_dump() | {"seconds": float("inf")}
    with pytest.raises(ValueError, match="finite"):
        record(cell(), cost=cost)


def test_an_error_while_writing_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch) -> None:
    path = tmp_path / "file"
    write_whole(path, b"old")

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        write_whole(path, b"new")
    assert path.read_bytes() == b"old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["file"]
    write_whole(path, b"new", lasting=False)  # it does not wait for the disk
    assert path.read_bytes() == b"new"


def test_hash_is_that_of_canonical_json() -> None:
    # printf '{"a":[1,2],"b":null}' | sha256sum
    expected = "f25109c4111335e4a32d49373585e7a788ff5b10e70023f7004b170e7f84716a"
    assert sha256_of({"b": None, "a": [1, 2]}) == expected


def test_what_methods_share_is_written_once_and_vouched_for(tmp_path: Path) -> None:
    store, one = Store(tmp_path), cell()
    arrays = {"query": np.arange(6).reshape(2, 3)}
    file = store.write_shared(one, arrays)
    path = tmp_path / "p@1" / "shared" / "seed0" / "pretrain.npz"
    written = path.stat().st_mtime_ns
    assert store.write_shared(one, arrays) == file
    assert path.stat().st_mtime_ns == written
    store.write(one, record(one, shared=file))
    assert store.state(one) == "done"
    assert store.write_shared(one, {"query": np.arange(3)}) != file
    assert store.state(one) == "stale: pretrain.npz is altered"
    path.unlink()
    assert store.state(one) == "stale: pretrain.npz is not there"
    assert store.write_shared(one, {}) is None
