"""Retrieval against brute force, and an index in files that is built piece by piece."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from benchmark.errors import DataError, HeadwaterError, UsageError
from benchmark.retrieval.clusters import assigned, centres
from benchmark.retrieval.exact import ExactIndex, unit
from benchmark.retrieval.pool import Layout, PoolIndex, build

DRAWS = np.random.default_rng(0)


def vectors(n: int, d: int = 16) -> np.ndarray:
    return unit(DRAWS.normal(size=(n, d)).astype(np.float32))


@pytest.mark.parametrize(("n", "k"), [(1, 1), (50, 7), (500, 500), (3, 10)])
def test_exact_retrieval_is_brute_force(n: int, k: int) -> None:
    pool, queries = vectors(n), vectors(9)
    similarity, rows = ExactIndex(pool).search(queries, k)
    order = np.argsort(-(queries @ pool.T), axis=1, kind="stable")[:, :k]
    np.testing.assert_array_equal(rows, order)
    np.testing.assert_allclose(
        similarity, np.take_along_axis(queries @ pool.T, order, 1), atol=1e-6
    )


def test_ranks_go_through_the_whole_pool() -> None:
    pool, queries = vectors(700), vectors(4)
    ranks = list(ExactIndex(pool).by_rank(queries))
    assert len(ranks) == 700
    order = np.argsort(-(queries @ pool.T), axis=1)
    for rank in (0, 63, 64, 699):
        assert sorted(ranks[rank]) == sorted(order[:, rank])


@pytest.mark.parametrize("wrong", [np.nan, np.inf])
def test_features_that_are_not_finite(wrong: float) -> None:
    with pytest.raises(HeadwaterError, match="not finite"):
        ExactIndex(np.full((3, 2), wrong, np.float32))
    with pytest.raises(HeadwaterError, match="at least one"):
        ExactIndex(np.zeros((0, 2), np.float32))
    with pytest.raises(HeadwaterError, match="not finite"):
        ExactIndex(vectors(3)).search(np.full((1, 16), wrong, np.float32), 1)


def test_centres_are_means_of_what_is_assigned_to_them() -> None:
    pool = vectors(300, 4)
    found = centres(pool, 6, seed=1, rounds=100)
    nearest = assigned(pool, found)
    for k in range(6):
        np.testing.assert_allclose(found[k], pool[nearest == k].mean(0), atol=1e-4)
    np.testing.assert_array_equal(found, centres(pool, 6, seed=1, rounds=100))
    assert len(centres(np.ones((9, 4), np.float32), 5, seed=0)) == 1


@pytest.fixture
def shards(tmp_path: Path) -> list[Path]:
    paths = [tmp_path / f"{name}.npy" for name in "abc"]
    for path, n in zip(paths, (400, 1, 250), strict=True):
        np.save(path, vectors(n))
    return paths


def test_an_index_in_files_is_the_exact_one_if_all_lists_are_looked_at(
    shards: list[Path], tmp_path: Path
) -> None:
    pool = np.concatenate([np.load(path) for path in shards])
    index = build(shards, tmp_path / "index", Layout(lists=8, code="Flat", sample=300))
    assert len(index) == 651
    queries = vectors(20)
    expected = ExactIndex(pool).search(queries, 5)
    similarity, rows = index.search(queries, 5, probes=8)
    np.testing.assert_array_equal(rows, expected[1])
    np.testing.assert_allclose(similarity, expected[0], atol=1e-5)
    assert (index.search(queries, 5, probes=1)[0] <= similarity + 1e-6).all()
    assert not list((tmp_path / "index").glob("shard-*"))
    moved = tmp_path / "elsewhere"
    shutil.move(tmp_path / "index", moved)
    np.testing.assert_array_equal(PoolIndex(moved).search(queries, 5, probes=8)[1], rows)


@pytest.mark.parametrize("stopped_in", ["shard-00001", "index", "trained"])
def test_a_build_goes_on_where_it_was_stopped(
    shards: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stopped_in: str
) -> None:
    import benchmark.retrieval.pool as module

    whole = build(shards, tmp_path / "whole", Layout(lists=4, code="SQ8"))
    written, made = module._written, []

    def stopping(index: object, path: Path) -> None:
        if path.stem == stopped_in and len(made) < 5:
            path.with_suffix(".part").write_bytes(b"half")
            made.append("stopped")
            raise KeyboardInterrupt
        made.append(path.stem)
        written(index, path)

    monkeypatch.setattr(module, "_written", stopping)
    with pytest.raises(KeyboardInterrupt):
        build(shards, tmp_path / "index", Layout(lists=4, code="SQ8"))
    with pytest.raises(DataError, match="no finished index"):
        PoolIndex(tmp_path / "index")
    monkeypatch.setattr(module, "_written", written)
    again = build(shards, tmp_path / "index", Layout(lists=4, code="SQ8"))
    queries = vectors(10)
    for mine, theirs in zip(again.search(queries, 7, 4), whole.search(queries, 7, 4), strict=True):
        np.testing.assert_array_equal(mine, theirs)
    assert again.bytes == whole.bytes > 651 * 16


def test_a_folder_is_an_index_of_one_thing(shards: list[Path], tmp_path: Path) -> None:
    build(shards, tmp_path / "index", Layout(lists=4))
    with pytest.raises(UsageError, match="other vectors"):
        build(shards[:2], tmp_path / "index", Layout(lists=4))
    with pytest.raises(UsageError, match="other vectors"):
        build(shards, tmp_path / "index", Layout(lists=5))
    with pytest.raises(UsageError, match="at least one shard"):
        build([], tmp_path / "other")


@pytest.mark.parametrize("content", [b"", b"no vectors", None])
def test_shards_that_are_none(content: bytes | None, tmp_path: Path) -> None:
    path = tmp_path / "a.npy"
    if content is None:
        np.save(path, np.zeros((3, 2)))
    else:
        path.write_bytes(content)
    with pytest.raises(DataError, match=r"a\.npy"):
        build([path], tmp_path / "index")
