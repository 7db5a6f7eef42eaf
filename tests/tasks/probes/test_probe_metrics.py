"""The probes' metrics against hand-worked cases and independent definitions."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from tasks.probes.metrics import (
    average_precision_11,
    map11,
    map11_error,
    mean_per_class,
    mean_per_class_error,
    top1,
    top1_error,
)


def test_top1() -> None:
    labels, predictions = np.array([0, 1, 2, 2, 1]), np.array([0, 1, 2, 0, 2])
    assert top1(labels, predictions) == pytest.approx(60)
    # sqrt(0.6 * 0.4 / 5)
    assert top1_error(labels, predictions) == pytest.approx(21.9089023)


def test_mean_per_class_leaves_out_classes_without_images() -> None:
    labels = np.array([0, 0, 0, 0, 3, 3])
    predictions = np.array([0, 0, 0, 1, 3, 1])
    # (3/4 + 1/2) / 2
    assert mean_per_class(labels, predictions) == pytest.approx(62.5)
    # sqrt(3/4 * 1/4 / 4 + 1/2 * 1/2 / 2) / 2 = sqrt(0.046875 + 0.125) / 2
    assert mean_per_class_error(labels, predictions) == pytest.approx(20.7288899)


def ap(scores: list[float], positive: list[int]) -> float:
    return float(average_precision_11(np.array(scores, float), np.array(positive, bool))[0])


def test_average_precision_by_hand() -> None:
    assert ap([4, 3, 2, 1], [1, 1, 0, 0]) == pytest.approx(1)
    # found 0, 1, 1, 2 of 2; precision 0, 1/2, 1/3, 2/4: at most 1/2 at every recall
    assert ap([4, 3, 2, 1], [0, 1, 0, 1]) == pytest.approx(1 / 2)
    # recall 1/2 at precision 1 serves 0 .. 0.5 (six points), then 2/3 serves 0.6 .. 1 (five)
    assert ap([3, 2, 1], [1, 0, 1]) == pytest.approx((6 + 5 * 2 / 3) / 11)
    # ten positives with a negative after the third: recall 0.3 has precision 1 (four points:
    # 0, 0.1, 0.2, 0.3), all later ones at best 10/11
    assert ap(list(range(11, 0, -1)), [1] * 3 + [0] + [1] * 7) == pytest.approx(
        (4 + 7 * 10 / 11) / 11
    )


def test_tied_images_pass_a_threshold_together() -> None:
    # all three at once: precision 1/3 at recall 1, whatever the order they are stored in
    assert ap([1, 1, 1], [1, 0, 0]) == ap([1, 1, 1], [0, 0, 1]) == pytest.approx(1 / 3)
    # the tie of one positive and one negative behind a positive: 1 up to recall 1/2, then 2/3
    for order in ([1, 1, 0], [1, 0, 1]):
        assert ap([2, 1, 1], order) == pytest.approx((6 + 5 * 2 / 3) / 11)


def brute(scores: NDArray[np.float64], positive: NDArray[np.bool_]) -> float:
    """The definition, threshold by threshold."""
    points = []
    for k in range(11):
        best = 0.0
        for threshold in set(scores.tolist()):
            passed = scores >= threshold
            found = int((passed & positive).sum())
            if 10 * found >= k * int(positive.sum()):
                best = max(best, found / int(passed.sum()))
        points.append(best)
    return sum(points) / 11


@given(st.lists(st.tuples(st.integers(0, 6), st.booleans()), min_size=1, max_size=25))
def test_average_precision_is_its_definition(images: list[tuple[int, bool]]) -> None:
    scores = np.array([score for score, _ in images], np.float64)
    positive = np.array([is_positive for _, is_positive in images])
    value = average_precision_11(scores, positive)[0]
    if positive.any():
        assert value == pytest.approx(brute(scores, positive))
    else:
        assert np.isnan(value)


@given(
    st.lists(
        st.tuples(st.integers(0, 4), st.booleans(), st.integers(0, 3)), min_size=1, max_size=12
    )
)
def test_counts_mean_repetition(images: list[tuple[int, bool, int]]) -> None:
    scores, positive, counts = (np.array(column) for column in zip(*images, strict=True))
    repeated = np.repeat(positive, counts)
    value = average_precision_11(scores.astype(float), positive, counts[None])[0]
    if repeated.any():
        assert value == pytest.approx(brute(np.repeat(scores, counts).astype(float), repeated))
    else:
        assert np.isnan(value)


def test_map11_is_the_mean_over_classes_that_occur() -> None:
    labels = np.array([[1, 0, 0], [0, 1, 0], [1, 0, 0]], np.uint8)
    scores = np.array([[3.0, 1, 9], [2, 2, 9], [1, 3, 9]])
    # the first class as in the hand case above; the second ranks its positive second of three
    assert map11(labels, scores) == pytest.approx(100 * ((6 + 10 / 3) / 11 + 1 / 2) / 2)


def test_map11_error_is_the_spread_over_test_sets() -> None:
    draw = np.random.default_rng(0)

    def test_set() -> tuple[NDArray[np.uint8], NDArray[np.float64]]:
        labels = (draw.random((300, 3)) < 0.3).astype(np.uint8)
        return labels, labels + draw.normal(size=(300, 3))

    spread = np.std([map11(*test_set()) for _ in range(300)])
    assert np.mean([map11_error(*test_set()) for _ in range(5)]) == pytest.approx(spread, rel=0.2)
    labels, scores = test_set()
    assert map11_error(labels, scores) == map11_error(labels, scores)
