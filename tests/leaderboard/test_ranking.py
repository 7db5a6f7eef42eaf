"""Ranks and critical differences against hand calculations, scipy, and one pair after the other."""

from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from benchmark.errors import UsageError
from leaderboard.aggregate import Cell, Results, Run
from leaderboard.catalogue import ProtocolCard, TaskCard
from leaderboard.groups import groups
from leaderboard.ranking import (
    all_differences,
    critical_difference,
    studentised_range,
    tied_ranks,
    told_apart,
)
from leaderboard.scores import Score, Scores

PROTOCOL = "instance/test@1"
FLAGS = TaskCard("flags", "countries", "top1", ("linear",))


def square(pairs: dict[tuple[int, int], tuple[float, float]], count: int):
    """Differences and p-values (M, M) from those of pairs."""
    value, p_value = np.zeros((count, count)), np.full((count, count), np.nan)
    for (a, b), (difference, p) in pairs.items():
        value[a, b], value[b, a] = difference, -difference
        p_value[a, b] = p_value[b, a] = p
    return value, p_value


def test_ranks_follow_holm() -> None:
    # p in order 0.010, 0.030, 0.040 against 0.05 / 3 = 0.0167, 0.025, 0.05: only a > c stands,
    # though each alone is under 0.05
    pairs = {(0, 1): (1.0, 0.03), (0, 2): (2.0, 0.01), (1, 2): (1.0, 0.04)}
    assert tied_ranks(told_apart(*square(pairs, 3))) == [(1, 2), (1, 3), (2, 3)]
    # with 0.020 in the place of 0.030 the second stands, and then the third
    pairs[0, 1] = (1.0, 0.02)
    assert tied_ranks(told_apart(*square(pairs, 3))) == [(1, 1), (2, 2), (3, 3)]


def unlike(count: int, *pairs: tuple[int, int]):
    """The row is behind the column, for each pair."""
    behind = np.zeros((count, count), bool)
    for pair in pairs:
        behind[pair] = True
    return behind


@pytest.mark.parametrize(
    ("behind", "wanted"),
    [
        (unlike(0), []),
        (unlike(1), [(0,)]),
        (unlike(3), [(0,), (0,), (0,)]),
        (unlike(3, (1, 0), (2, 0), (2, 1)), [(0,), (1,), (2,)]),
        (unlike(4, (2, 0), (3, 0), (3, 1)), [(0,), (0, 1), (1, 2), (2,)]),
        # the first and the last are level, and the one between them is behind the first
        (unlike(3, (1, 0)), [(0,), (1,), (0, 1)]),
        # level: first and third, and the last with all; groups {1, 3, 4} and {2, 4}
        (unlike(4, (1, 0), (2, 1)), [(0,), (1,), (0,), (0, 1)]),
    ],
)
def test_groups_by_hand(behind, wanted: list[tuple[int, ...]]) -> None:
    assert groups(behind) == wanted


@pytest.mark.parametrize("seed", range(20))
def test_two_methods_share_a_group_if_and_only_if_they_are_not_told_apart(seed: int) -> None:
    draw = np.random.default_rng(seed)
    level = -np.sort(-draw.normal(0, 3, 40))
    noise = draw.uniform(0.1, 2, 40)
    behind = level[:, None] - level < -2 * np.hypot(noise[:, None], noise)
    found = [set(numbers) for numbers in groups(behind)]
    for (i, one), (j, other) in combinations(enumerate(found), 2):
        assert bool(one & other) is not bool(behind[i, j] or behind[j, i])


class Told(Scores):
    """Numbers of one task by method and seed, each with its standard error."""

    def __init__(self, error: float, **values: list[float]) -> None:
        super().__init__(Results(()), ProtocolCard(PROTOCOL, 4, (FLAGS,)))
        self.error, self.values = error, values

    def of(self, run: Run, cell: Cell, chunks: int | None = None, metric: str | None = None):
        return Score(self.values[run.method][run.seed], self.error, None)

    def differences(self):
        runs = [
            [Run(PROTOCOL, name, seed) for seed in range(len(own))]
            for name, own in self.values.items()
        ]
        return all_differences(self, runs, "linear")


def test_p_values_of_seeds_are_those_of_a_paired_t_test() -> None:
    a, b = [54.0, 55.0, 56.0], [50.0, 50.0, 50.0]
    value, _, p_value = Told(0.0, a=a, b=b).differences()
    assert value[0, 1] == pytest.approx(5)
    assert p_value[0, 1] == p_value[1, 0] == pytest.approx(stats.ttest_rel(a, b).pvalue)  # 0.013
    assert p_value[0, 0] == 1


def test_p_values_of_one_seed_are_normal() -> None:
    _, half, p_value = Told(3.0, a=[10.0], b=[0.0]).differences()
    assert half[0, 1] == pytest.approx(1.96 * 18**0.5)
    assert p_value[0, 1] == pytest.approx(2 * stats.norm.sf(10 / 18**0.5))


def test_p_values_of_both_kinds_of_noise_have_satterthwaite_s_freedom() -> None:
    _, _, p_value = Told(0.5, a=[54.0, 55.0, 56.0], b=[50.0, 50.0, 50.0]).differences()
    # samples 0.5, seeds 1 / 3 on 2 degrees of freedom: (5/6)^2 / ((1/3)^2 / 2) = 12.5
    assert p_value[0, 1] == pytest.approx(2 * stats.t.sf(5 / (5 / 6) ** 0.5, 12.5))


def test_without_an_interval_all_ranks_are_open() -> None:
    value = np.array([[0.0, 9.0], [-9.0, 0.0]])
    assert tied_ranks(told_apart(value, np.full((2, 2), np.nan))) == [(1, 2), (1, 2)]
    assert tied_ranks(told_apart(np.zeros((1, 1)), np.zeros((1, 1)))) == [(1, 1)]
    assert tied_ranks(told_apart(np.zeros((0, 0)), np.zeros((0, 0)))) == []
    # no noise at all: apart if different
    assert tied_ranks(told_apart(value, np.zeros((2, 2)))) == [(1, 1), (2, 2)]
    value, _, p_value = Told(0.0, a=[1.0], b=[1.0]).differences()
    assert p_value.tolist() == [[1, 1], [1, 1]]
    assert tied_ranks(told_apart(value, p_value)) == [(1, 2), (1, 2)]
    assert Told(0.0, a=[1.0], b=[2.0]).differences()[2].tolist() == [[1, 0], [0, 1]]


@pytest.mark.parametrize("seeds", [1, 3])
def test_all_pairs_at_once_are_the_pairs_one_by_one(
    full_store: Path, writer, board, seeds: int
) -> None:
    found = board(full_store)
    if seeds > 1:
        for seed in range(seeds):
            for method in ("moco_v2/joint", "moco_v2/sequential"):
                writer.whole(method, seed=seed)
        writer.whole("random_init", predictions=False)  # not paired, and no interval of scenes
        found = board(writer.root)
    names = [row.method for row in found.rows]
    runs = [found.runs[name] for name in names]
    value, half, p_value = all_differences(found.scores, runs, "linear")
    for a, b in combinations(range(len(names)), 2):
        one = found.gap(names[a], names[b])
        assert value[a, b] == pytest.approx(one.value)
        assert half[a, b] == pytest.approx(one.half) if one.half else np.isnan(half[a, b])
        assert np.isnan(p_value[a, b]) == np.isnan(half[a, b])


# Demsar 2006, table 5a: q of the two-tailed Nemenyi test at 0.05
@pytest.mark.parametrize(("methods", "quantile"), [(2, 1.960), (3, 2.343), (5, 2.728), (10, 3.164)])
def test_the_critical_difference_is_that_of_the_table(methods: int, quantile: float) -> None:
    table = np.random.default_rng(methods).normal(size=(methods, 12))
    found = critical_difference(table)
    wanted = quantile * (methods * (methods + 1) / (6 * 12)) ** 0.5
    assert found.difference == pytest.approx(wanted, abs=1e-3)


@pytest.mark.parametrize("count", [2, 3, 22, 100, 400])
def test_the_studentised_range_is_that_of_scipy(count: int) -> None:
    wanted = stats.studentized_range.ppf(0.95, count, np.inf)
    assert studentised_range(count) == pytest.approx(wanted, rel=1e-8)


def test_mean_ranks_and_friedman_are_those_of_scipy() -> None:
    draw = np.random.default_rng(1)
    table = draw.integers(0, 5, size=(4, 15)) + np.arange(4)[:, None]  # with ties
    found = critical_difference(table)
    wanted = stats.rankdata(-table, axis=0).mean(1)
    assert found.ranks == pytest.approx(wanted.tolist())
    assert found.p_value == pytest.approx(stats.friedmanchisquare(*table).pvalue)
    assert list(found.order) == np.argsort(wanted, kind="stable").tolist()
    for start, end in found.cliques:
        ranks = sorted(wanted)
        assert ranks[end] - ranks[start] <= found.difference
        if end + 1 < 4:
            assert ranks[end + 1] - ranks[start] > found.difference


@pytest.mark.parametrize("table", [[[1.0, 2.0]], [[1.0], [2.0]], [[1.0, np.nan], [2.0, 1.0]]])
def test_mean_ranks_need_two_by_two_and_nothing_missing(table: list[list[float]]) -> None:
    with pytest.raises(UsageError, match="two methods on two tasks"):
        critical_difference(table)
