"""Seeds needed against simulation, rankings and likeness against hand calculations."""

from collections.abc import Sequence
from functools import partial
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from scipy import stats

from benchmark.errors import UsageError
from leaderboard import stability as stability_module
from leaderboard.aggregate import read_results
from leaderboard.board import Board
from leaderboard.power import (
    between_seeds,
    kendall,
    likeness,
    sample_noise,
    score_table,
    seeds_needed,
    share_found,
    without_a_task,
)
from leaderboard.power_words import power_table, power_words
from leaderboard.spread import Spread, difference_over_seeds, spread_over_seeds
from leaderboard.stability import seeds_elsewhere, stability
from tests.leaderboard.conftest import GAINS, make_card


@pytest.mark.parametrize(("spread", "difference"), [(0.5, 1.0), (1.0, 1.0), (2.0, 1.5)])
def test_so_many_seeds_find_the_difference_and_one_less_does_not(spread, difference) -> None:
    seeds = seeds_needed(spread, difference)
    draw = np.random.default_rng(0)
    for count, enough in ((seeds, True), (seeds - 1, False)):
        found = draw.normal(difference, spread, size=(40_000, count))
        share = (stats.ttest_1samp(found, 0, axis=1).pvalue < 0.05).mean()
        assert (share > 0.795) == enough


def test_seeds_that_make_no_sense() -> None:
    assert seeds_needed(0.0) == 2
    for spread, difference, power in ((-1.0, 1.0, 0.8), (1.0, 0.0, 0.8), (1.0, 1.0, 1.0)):
        with pytest.raises(UsageError, match="no seeds for"):
            seeds_needed(spread, difference, power)
    with pytest.raises(UsageError, match="more than 1,000"):
        seeds_needed(100.0, 1.0)


def test_the_ranking_without_each_task_by_hand() -> None:
    table = np.array([[9.0, 1.0, 5.0], [4.0, 2.0, 6.0], [1.0, 4.0, 5.0]])
    found = without_a_task(table, ["a", "b", "c"])
    # means without a: 3, 4, 4.5; without b: 7, 5, 3; without c: 5, 3, 2.5
    assert found.without == {"a": -1.0, "b": 1.0, "c": 1.0}
    assert found.methods == 3
    with pytest.raises(UsageError, match="two methods on two tasks"):
        without_a_task(table[:1], ["a", "b", "c"])
    assert kendall([1, 2, 3, 4], [1, 2, 4, 3]) == pytest.approx(4 / 6)


def test_tasks_that_say_the_same() -> None:
    draw = np.random.default_rng(1).normal(size=(400, 3))
    same = np.column_stack([draw[:, 0], 3 * draw[:, 0] + 1, draw[:, 1], np.full(400, 7.0)])
    found = likeness(same, ["a", "b", "c", "level"])
    assert found.pairs[0] == ("a", "b", pytest.approx(1.0))
    # eigenvalues of [[1, 1, 0], [1, 1, 0], [0, 0, 1]]: 2, 1, 0
    assert found.effective == pytest.approx(9 / 5, abs=0.05)
    assert likeness(draw[:9], ["a", "b", "c"]) is None
    assert likeness(np.ones((20, 2)), ["a", "b"]) is None


@pytest.fixture
def seeded(writer) -> Board:
    for method in GAINS:
        for seed in (0, 1, 2) if method != "random_init" else (0,):
            writer.whole(method, seed=seed)
    return Board(read_results(writer.root), make_card())


def test_the_spread_over_seeds_is_of_paired_differences(seeded: Board) -> None:
    names, table = score_table(seeded, by_run=True)
    assert len(names) == 13 and table.shape == (13, 12)
    mean = dict(zip(names, table.mean(1), strict=True))
    methods = [name for name in GAINS if name != "random_init"]
    variances = [
        np.var([mean[f"{a}, seed {s}"] - mean[f"{b}, seed {s}"] for s in range(3)], ddof=1)
        for i, a in enumerate(methods)
        for b in methods[i + 1 :]
    ]
    spread = seeded.spread("linear")
    assert (spread.methods, spread.seeds, spread.freedom) == (4, 3, 6)
    assert spread.value == pytest.approx(np.sqrt(np.mean(variances)))


def test_the_interval_of_the_spread_holds_the_true_one() -> None:
    draw, held = np.random.default_rng(0), 0
    for _ in range(400):
        level, luck = draw.normal(0, 5, (4, 1)), draw.normal(0, 5, (1, 2))
        table = level + luck + draw.normal(0, 1.5, (4, 2))
        values = {f"m{i}": dict(enumerate(row)) for i, row in enumerate(table)}
        spread = spread_over_seeds(values | {"single": {0: 0.0}})
        held += spread.low < 1.5 * np.sqrt(2) < spread.high
    assert 0.92 < held / 400 < 0.98


def same(one: Any) -> Any:
    return one


@pytest.mark.parametrize("seeds", [1, 3])
def test_differences_with_the_spread_of_all_cover_as_they_say(seeds: int) -> None:
    draw, held = np.random.default_rng(1), 0
    for _ in range(2000):
        rest = draw.normal(0, 1.0, (5, 3)) + draw.normal(0, 5, (1, 3))
        spread = spread_over_seeds({str(i): dict(enumerate(row)) for i, row in enumerate(rest)})
        apart = draw.normal(0, np.sqrt(2), seeds)  # of two more methods, which are level
        told = difference_over_seeds([(one, 0.0) for one in apart], (1, -1), partial(same, spread))
        held += abs(told.value) < told.half
    assert 0.94 < held / 2000 < 0.96


def test_the_seeds_that_most_methods_share_count() -> None:
    values = {str(i): {0: 1.0 * i, 1: i + 0.5, 2: 2.0 * i} for i in range(4)}
    known = spread_over_seeds(values)
    assert spread_over_seeds(values | {"other": {3: 0.0, 4: 9.0}, "one": {0: 7.0}}) == known
    assert spread_over_seeds({"a": {0: 1.0, 1: 2.0}, "b": {1: 1.0, 2: 2.0}}) is None
    assert spread_over_seeds({}) is None


def test_what_the_readme_says(seeded: Board, writer) -> None:
    told = power_words(seeded)
    assert len(told) == 4
    assert (
        told[0].startswith("Over seeds, the difference") and "4 methods of 3 seeds each" in told[0]
    )
    assert "with 3 seeds in" in told[1] and "any number of seeds in" in told[1]
    assert "of 5 methods agrees" in told[2]
    assert told[3].startswith("Over 13 runs the 12 tasks amount to")
    head, _, line = power_table([seeded]).splitlines()
    assert head.count("|") == line.count("|") == 12
    assert line.startswith("| instance | ") and f"{seeded.spread('linear').value:.2f} (" in line


@pytest.mark.parametrize("seeds", [1, 3, 30])
def test_so_often_a_point_is_found_by_simulation(seeds: int) -> None:
    known, draw = Spread(0.9, 14, 8, 3), np.random.default_rng(0)
    found = draw.normal(1.0, 0.4, 50_000) + draw.normal(0, 0.9, (seeds, 50_000)).mean(0)
    half = np.hypot(1.96 * 0.4, stats.t.ppf(0.975, 14) * 0.9 / np.sqrt(seeds))
    assert share_found(known, 0.4, seeds) == pytest.approx((abs(found) > half).mean(), abs=0.01)
    assert share_found(known, 0.4, seeds) < share_found(known, 0.4, np.inf)


def test_the_noise_of_the_samples_is_that_of_the_pairs(seeded: Board) -> None:
    halves = [
        seeded.scores.average([(1, seeded.runs[a][0]), (-1, seeded.runs[b][0])], "linear")[1]
        for i, a in enumerate(seeded.runs)
        for b in list(seeded.runs)[i + 1 :]
    ]
    assert sample_noise(seeded) == pytest.approx(np.median(halves))


def test_two_seeds_by_hand() -> None:
    first = {"a": 4.0, "b": 3.0, "c": 2.0, "d": 1.0}
    swapped = {"a": 3.0, "b": 4.0, "c": 2.0, "d": 1.0, "e": 9.0}
    assert between_seeds({0: first, 1: swapped}) == (pytest.approx(4 / 6), 4)
    assert between_seeds({0: first}) is None and between_seeds({}) is None


def test_a_ranking_is_stable_where_it_moves_no_more_than_with_the_seed(
    monkeypatch, seeded: Board
) -> None:
    assert stability([]) == "" and stability([seeded]) == ""  # nothing by nearest neighbours
    taus = {
        (0, "a"): (0.9, 0.65, 0.65),
        (0, "all"): (0.9, 0.7, 0.65),
        (1, "all"): (0.5, 0.6, 0.65),
        (1, "b"): (1.0, 1.0, 1.0),
    }

    def on_the_same(board: Any, names: Sequence[str]) -> tuple[float, float, float] | None:
        groups = {name.partition("/")[0] for name in names}
        return taus.get((board.number, "all" if len(groups) > 1 else groups.pop()))

    monkeypatch.setattr(stability_module, "on_the_same", on_the_same)
    runs = {"a/x": (1, 2), "a/y": (1, 2), "b/x": (1, 2), "b/once": (1,)}
    boards = [SimpleNamespace(number=number, runs=runs) for number in (0, 1)]
    assert stability(boards).partition(", of the ")[2] == (  # type: ignore[arg-type]
        "methods that have several: of all (3) with any one task left out on 1 of 2 streams and by "
        "nearest neighbours on 1; of a (2) with any one task left out on 1 of 1 streams and by "
        "nearest neighbours on 1; of b (1) with any one task left out on 1 of 1 streams and by "
        "nearest neighbours on 1."
    )


def test_the_taus_that_are_compared_are_of_the_same_methods(monkeypatch) -> None:
    linear = np.array([[5.0, 1.0], [4.0, 2.0], [3.0, 4.0], [9.0, 9.0]])
    near = np.array([[1.0], [2.0], [3.0], [0.0]])
    names = ["a/x", "a/y", "a/z", "b/x"]
    monkeypatch.setattr(
        stability_module,
        "score_table",
        lambda _, evaluation="linear": (names, near if evaluation == "knn" else linear),
    )
    monkeypatch.setattr(stability_module, "two_seeds", lambda _, wanted: (0.5, len(wanted)))
    card = SimpleNamespace(cells=lambda kind: [(kind, "s"), (kind, "t")])
    told = stability_module.on_the_same(SimpleNamespace(card=card), names[:3])  # type: ignore[arg-type]
    # means 3, 3, 3.5; without s 1, 2, 4, without t 5, 4, 3; by neighbours 1, 2, 3
    means = stats.kendalltau
    least = min(means([3, 3, 3.5], own).statistic for own in ([1, 2, 4], [5, 4, 3]))
    near_by = means([3, 3, 3.5], [1, 2, 3]).statistic
    assert told == (pytest.approx(least), pytest.approx(near_by), 0.5)


def test_how_many_methods_have_seeds_of_other_machines(writer) -> None:
    def seeds(method: str, *cpus: str | None) -> None:
        for seed, writer.cpu in enumerate(cpus):
            writer.pretrain(method, seed=seed)

    seeds("a/joint", "x", "x")
    seeds("b/joint", "x", "y")
    seeds("c/joint", None, None)
    seeds("d/joint", "x")
    found = Board(read_results(writer.root), make_card())
    assert seeds_elsewhere([found, found]) == (
        "Of 6 times that a method has several seeds on a stream, these were trained on machines "
        "that may differ in 4, which is part of the spread."
    )
    assert seeds_elsewhere([]) == ""


def test_one_seed_says_that_nothing_is_known(full_store) -> None:
    told = power_words(Board(read_results(full_store), make_card()))
    assert "not known yet" in told[0]
    assert len(told) == 2


def test_nearest_neighbours_rank_where_all_of_them_are_there(writer) -> None:
    for method in GAINS:
        writer.whole(method)
        for path in list(writer.root.rglob("linear.*.json")):
            text = path.read_text()
            head = text[: text.index(',\n "sha256": "', text.index('"trust"'))] + "\n}\n"
            other = head.replace('"evaluation": "linear"', '"evaluation": "knn"')
            path.with_name(path.name.replace("linear", "knn")).write_text(other)
    told = power_words(Board(read_results(writer.root), make_card()))
    assert "of 5 methods agrees by a tau of 1.00." in told[2]
