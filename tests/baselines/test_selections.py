"""The selections, each against what can be worked out by hand."""

import numpy as np
import pytest

from baselines.selections.cluster_balanced import ClusterBalanced, ClusterOptions
from baselines.selections.oracle import Oracle
from baselines.selections.reservoir_k import ReservoirK
from baselines.selections.sept import Sept
from baselines.selections.sept_stream import SeptStream
from baselines.selections.simcore import SimCore, SimCoreOptions
from benchmark.errors import HeadwaterError, UsageError
from benchmark.registry import SELECTIONS, STRATEGIES, load_shipped
from benchmark.resolve import resolve
from benchmark.retrieval.exact import unit
from benchmark.selection import Given, Selection, SelectionOptions, Side, chosen

load_shipped()
RANDOM = np.random.default_rng(3)


def side(features, labels=None) -> Side:
    features = unit(np.asarray(features, np.float32))
    images = np.zeros((len(features), 3, 2, 2), np.uint8)
    return Side(images, lambda rows: features[rows], labels)


def given(pool, target=None, budget: int = 5, labels=None, seed: int = 0) -> Given:
    target = None if target is None else side(target, np.zeros(len(target), np.int64))
    return Given(side(pool, labels), target, budget, seed)


def build(name: str, **options: object) -> Selection:
    cls = SELECTIONS.get(name)
    return cls(None, cls.config_class(**options))


def choose(name: str, what: Given, chunks: int = 4, **options: object) -> np.ndarray:
    arrivals = np.array_split(np.arange(len(what.pool)), chunks)
    return chosen(build(name, **options), what, arrivals)


KINDS = {
    "random": RANDOM.normal(size=(60, 8)),
    "constant": np.ones((60, 8)),
    "empty": np.zeros((60, 8)),
    "duplicates": np.repeat(RANDOM.normal(size=(6, 8)), 10, axis=0),
    "one": RANDOM.normal(size=(1, 8)),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("budget", [1, 7, 60, 1000])
@pytest.mark.parametrize("name", SELECTIONS.names())
def test_the_budget_is_kept_and_the_choice_repeats(name: str, budget: int, kind: str) -> None:
    cls, pool = SELECTIONS.get(name), KINDS[kind]
    target = RANDOM.normal(size=(9, 8)) if cls.uses_target else None
    labels = np.arange(len(pool)) % 4 if cls.uses_pool_labels else None
    budget = len(pool) if name == "all" else budget
    what = [given(pool, target, budget, labels, seed=5) for _ in range(2)]
    first, again = (choose(name, one) for one in what)
    np.testing.assert_array_equal(first, again)
    assert len(np.unique(first)) == len(first) > 0
    if name == "simcore":  # which may stop before
        assert len(first) <= min(budget, len(pool))
    else:
        assert len(first) == (9 if name == "target_only" else min(budget, len(pool)))


def test_sept_takes_the_nearest_rank_by_rank() -> None:
    pool, target = unit(RANDOM.normal(size=(300, 16))), unit(RANDOM.normal(size=(11, 16)))
    similarity = target @ pool.T
    expected: list[int] = []
    for rank in range(300):  # by hand: each query's image of that rank, the most similar first
        column = np.argsort(-similarity, axis=1)[:, rank]
        for query in np.argsort(-similarity[np.arange(11), column]):
            if column[query] not in expected:
                expected.append(int(column[query]))
    assert choose("sept", given(pool, target, 100)).tolist() == expected[:100]
    assert choose("sept", given(pool, target, 10**6)).tolist() == expected


def test_a_stream_of_one_chunk_is_no_stream() -> None:
    pool, target = RANDOM.normal(size=(80, 8)), RANDOM.normal(size=(5, 8))
    once = choose("sept_stream", given(pool, target, 20), chunks=1)
    assert sorted(once) == sorted(choose("sept", given(pool, target, 20)))
    passing = choose("sept_stream", given(pool, target, 20), chunks=8)
    assert len(np.intersect1d(passing, once)) >= 15


@pytest.mark.parametrize("chunks", [1, 3, 50])
def test_a_reservoir_is_a_uniform_sample(chunks: int) -> None:
    pool = np.zeros((50, 4))
    found = choose("reservoir_k", given(pool, None, 10), chunks=chunks)
    numbers = np.random.default_rng(0).random(50)
    assert sorted(found) == sorted(np.argsort(numbers)[:10])
    often = np.zeros(50)
    for seed in range(400):
        often[choose("reservoir_k", given(pool, None, 10, seed=seed), chunks=chunks)] += 1
    # binomial of 400 and 0.2: mean 80, standard deviation 8
    assert abs(often - 80).max() < 35


def test_simcore_takes_turns_and_stops() -> None:
    target = np.eye(3)[:2]  # two images: their own centres
    near = [[1, 0, t] for t in (0.0, 0.1, 0.2, 2.0)] + [[0, 1, t] for t in (0.05, 0.15, 3.0)]
    found = choose("simcore", given(near, target, 7))
    turns = [{0, 4}, {1, 5}, {2}]  # the third round has one that is far: 0.98 and 0.45
    assert set(found[:2]) == turns[0] and set(found[2:4]) == turns[1]
    assert len(found) == 6  # the round that falls below the threshold is the last
    assert len(choose("simcore", given(near, target, 7), threshold=0.0)) == 7
    with pytest.raises(UsageError, match="threshold"):
        SimCoreOptions(threshold=2.0)


def test_simcore_has_no_more_centres_than_it_may() -> None:
    target = np.concatenate(
        [RANDOM.normal([9, 0, 0], 0.1, (40, 3)), RANDOM.normal([0, 9, 0], 0.1, (40, 3))]
    )
    pool = np.concatenate(
        [RANDOM.normal([9, 0, 0], 0.1, (10, 3)), RANDOM.normal([0, 9, 0], 0.1, (10, 3))]
    )
    found = choose("simcore", given(pool, target, 10, seed=1), centroids=2)
    assert np.bincount(found // 10).tolist() == [5, 5]


def test_clusters_share_the_budget() -> None:
    sizes = [200, 40, 4]
    pool = np.concatenate(
        [RANDOM.normal(np.eye(3)[k] * 50, 0.1, (n, 3)) for k, n in enumerate(sizes)]
    )
    found = choose("cluster_balanced", given(pool, None, 60), images=80, clusters=1)
    kinds = np.searchsorted(np.cumsum(sizes), found, side="right")
    assert np.bincount(kinds).tolist() == [28, 28, 4]
    assert isinstance(build("cluster_balanced").config, ClusterOptions)
    assert ClusterBalanced.uses_target is False


def test_the_oracle_takes_whole_classes() -> None:
    pool = [[1, 0, 0], [0.9, 0.1, 0], [0, 1, 0], [0, 0.9, 0.1], [0, 0, 1]]
    labels = np.array([7, 7, 2, 2, 5])
    target = [[0, 1, 0.05], [0, 1, 0.1], [1, 0, 0]]
    found = choose("oracle", given(pool, target, 4, labels))
    assert labels[found].tolist() == [2, 2, 7, 7]
    assert Oracle.uses_pool_labels


def test_the_pool_s_labels_are_withheld() -> None:
    class Peeking(Selection):
        def choose(self, given: Given) -> list[int]:
            return np.flatnonzero(given.pool.labels == 0).tolist()

    with pytest.raises(HeadwaterError, match="uses_pool_labels"):
        chosen(Peeking(None, SelectionOptions()), given(KINDS["random"], [[1.0] * 8]), [])


@pytest.mark.parametrize(
    ("rows", "told"),
    [
        ([], "chose no images"),
        ([0, 0], "twice"),
        (range(6), "chose 6 images, and may choose 5"),
        ([61], "cannot have"),
        ([-1], "cannot have"),
        ([0.5], "chose no images"),
    ],
)
def test_a_choice_that_is_none(rows: object, told: str) -> None:
    class Wrong(Selection):
        def choose(self, given: Given) -> object:
            return rows if not isinstance(rows, range) else list(rows)

    with pytest.raises(HeadwaterError, match=told):
        chosen(Wrong(None, SelectionOptions()), given(KINDS["random"], [[1.0] * 8]), [])


def test_what_has_passed_cannot_be_looked_at() -> None:
    class Late(SeptStream):
        def arrive(self, given: Given, kept: np.ndarray, arrived: np.ndarray) -> np.ndarray:
            given.pool.features(np.array([0]))
            return arrived[:1]

    what = given(KINDS["random"], [[1.0] * 8])
    with pytest.raises(HeadwaterError, match="image 0 of the pool, which has passed"):
        chosen(Late(None, SelectionOptions()), what, np.array_split(np.arange(60), 3))


def test_names_of_selections_are_no_strategies() -> None:
    assert not set(SELECTIONS.names()) & set(STRATEGIES.names())
    assert resolve("moco_v2/sept", {"target": "flags"}).folder == "moco_v2/sept+target=flags"
    with pytest.raises(UsageError, match="unlabelled"):
        resolve("supervised/sept")
    assert Sept.uses_features and not ReservoirK.uses_features
    assert SimCore.uses_target
