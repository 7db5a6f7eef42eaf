"""Splits by group: nobody on two sides, shares about right, independent of the order."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmark.data.split import split_groups

ROWS = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 8)), min_size=1, max_size=60)


@given(ROWS, st.floats(0.1, 0.6))
def test_groups_stay_together_whatever_the_order(rows, test):
    labels = [label for label, _ in rows]
    groups = [f"{label}/{group}" for label, group in rows]
    splits = split_groups("t", labels, groups, test=test)
    sides = dict(zip(groups, splits, strict=True))
    assert [sides[group] for group in groups] == splits
    backwards = split_groups("t", labels[::-1], groups[::-1], test=test)
    assert backwards[::-1] == splits


@given(ROWS, st.floats(0.1, 0.6))
def test_the_share_is_missed_by_half_a_group_at_most(rows, test):
    labels = [label for label, _ in rows]
    groups = [f"{label}/{group}" for label, group in rows]
    splits = split_groups("t", labels, groups, test=test)
    for label in set(labels):
        mine = [row for row, other in enumerate(labels) if other == label]
        largest = max(Counter(groups[row] for row in mine).values())
        reached = sum(splits[row] == "test" for row in mine)
        assert abs(reached - test * len(mine)) <= largest / 2 + 1e-9


def test_shares_of_many_single_samples():
    names = [str(n) for n in range(1000)]
    splits = Counter(split_groups("t", [0] * 1000, names, test=0.3))
    assert splits == {"test": 300, "val": 140, "train": 560}


def test_tasks_are_split_independently():
    names = [str(n) for n in range(100)]
    one = split_groups("one", [0] * 100, names, test=0.5)
    two = split_groups("two", [0] * 100, names, test=0.5)
    both = sum(a == b == "test" for a, b in zip(one, two, strict=True))
    assert both == pytest.approx(25, abs=12)
