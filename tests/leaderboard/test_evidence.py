"""What predictions say of noise, against hand calculations and scipy."""

import math

import numpy as np
import pytest
from scipy import stats

from benchmark.errors import DataError
from leaderboard.evidence import evidence, of_units


def weighted_standard_error(units: np.ndarray, strata: np.ndarray) -> float:
    return of_units(b"", units, strata).standard_error()


def test_one_stratum_is_the_standard_error_of_scipy() -> None:
    units = np.random.default_rng(0).normal(size=57)
    assert weighted_standard_error(units, np.zeros(57)) == pytest.approx(stats.sem(units))


def test_classes_as_strata_by_hand() -> None:
    # class 0: 1, 0, 1: s^2 = 1/3, / 3; class 1: 1, 0: s^2 = 1/2, / 2; sqrt(1/9 + 1/4) / 2
    units, strata = np.array([1.0, 0, 1, 1, 0]), np.array([0, 0, 0, 7, 7])
    assert weighted_standard_error(units, strata) == pytest.approx(math.sqrt(13 / 36) / 2)


def test_a_class_of_one_image_gets_the_pooled_variance() -> None:
    # class 0: 1, 0: squares 0.5; class 1: 1 alone; pooled 0.5 / (3 - 2); sqrt(0.25 + 0.5) / 2
    units, strata = np.array([1.0, 0, 1]), np.array([0, 0, 1])
    assert weighted_standard_error(units, strata) == pytest.approx(math.sqrt(0.75) / 2)
    # nothing but classes of one image: the variance over all, never 0 for want of a spread
    units, strata = np.array([1.0, 0, 1, 0]), np.arange(4)
    assert weighted_standard_error(units, strata) == pytest.approx(math.sqrt(0.25 * 4) / 4)


def single(right: np.ndarray, metric: str = "top1", classes: int = 5, start: int = 0):
    label = np.arange(len(right)) % classes
    prediction = np.where(right, label, (label + 1) % classes)
    index = np.arange(len(right)) + start
    return evidence({"index": index, "label": label, "prediction": prediction}, metric)


def test_pairing_is_that_of_scipys_paired_t_test() -> None:
    draw = np.random.default_rng(1)
    hard = draw.random(400)
    a, b = hard < 0.6 + 0.1 * draw.random(400), hard < 0.5 + 0.1 * draw.random(400)
    one, two = single(a), single(b)
    assert one
    assert two
    paired = one.paired_standard_error(two)
    result = stats.ttest_rel(100.0 * a, 100.0 * b)
    assert paired == pytest.approx(100 * (a.mean() - b.mean()) / result.statistic)
    assert paired < math.hypot(one.standard_error(), two.standard_error())


def test_different_images_are_not_paired() -> None:
    one, two = single(np.ones(50) > 0), single(np.ones(50) > 0, start=1)
    assert one
    assert two
    assert one.paired_standard_error(two) is None


def test_map11_is_paired_on_shared_resamples() -> None:
    draw = np.random.default_rng(2)
    label = (draw.random((120, 4)) < 0.3).astype(np.uint8)
    signal = draw.normal(size=(120, 4))
    arrays = {"index": np.arange(120), "label": label}
    one = evidence({**arrays, "score": signal + label}, "map11")
    two = evidence({**arrays, "score": signal + 1.2 * label}, "map11")
    other = evidence({**arrays, "score": draw.normal(size=(120, 4)) + label}, "map11")
    assert one
    assert two
    assert other
    assert one.paired_standard_error(one) == 0
    close, far = one.paired_standard_error(two), one.paired_standard_error(other)
    assert close is not None
    assert far is not None
    assert close < far / 2  # nearly the same ranking against an independent one
    assert 1 < one.standard_error() < 10


def answers(percent: np.ndarray, ways: int = 5) -> np.ndarray:
    """Answers of episodes of which so many per cent are right, twenty queries a class."""
    truth = np.arange(ways).repeat(20).reshape(ways, 20)
    wrong = [np.arange(ways * 20) >= round(p / 100 * ways * 20) for p in percent]
    return np.stack([(truth + w.reshape(ways, 20)) % ways for w in wrong])


def test_episodes_are_paired() -> None:
    five = np.array([80.0, 60, 70, 90])
    one = evidence({"prediction_5shot": answers(five)}, "5way5shot")
    two = evidence({"prediction_5shot": answers(five - 5)}, "5way5shot")
    assert one
    assert two
    assert one.standard_error() == pytest.approx(stats.sem(five))
    assert one.paired_standard_error(two) == pytest.approx(0, abs=1e-12)


def test_a_metric_that_nothing_is_known_of() -> None:
    assert evidence({"image": np.zeros(3)}, "sharpness") is None


def test_predictions_that_lack_an_array() -> None:
    with pytest.raises(DataError, match="top1 needs: 'prediction"):
        evidence({"index": np.arange(2), "label": np.arange(2)}, "top1")


def test_a_chunk_is_paired_with_itself_at_another_checkpoint() -> None:
    draw = np.random.default_rng(3)
    arrays = {
        "chunk": np.repeat([1, 2], 50),
        "index": np.arange(100),
        "label": np.arange(100) % 7,
    }
    right = [draw.random(100) < share for share in (0.6, 0.4)]
    one, two = (
        evidence({**arrays, "prediction": np.where(r, arrays["label"], 99)}, "chunk1")
        for r in right
    )
    assert one
    assert two
    a, b = (100.0 * r[:50] for r in right)
    assert one.standard_error() == pytest.approx(stats.sem(a))
    assert one.paired_standard_error(two) == pytest.approx(stats.sem(a - b))


def test_few_ways_are_few_shot_too() -> None:
    found = evidence({"prediction_5shot": answers(np.array([10.0, 30.0]), ways=4)}, "4way5shot")
    assert found
    assert found.standard_error() == pytest.approx(10)


def pictures(hit: np.ndarray, shift: float = 0.0):
    """Predictions of a detector: one object a picture, found surely or not at all."""
    box = np.array([[0.0, 0, 10, 10]]) + shift
    seen = np.flatnonzero(hit)
    return {
        "truth_image": np.arange(len(hit)),
        "truth_box": np.repeat(box, len(hit), 0),
        "truth_label": np.zeros(len(hit), np.int64),
        "image": seen,
        "box": np.repeat(box, len(seen), 0),
        "label": np.zeros(len(seen), np.int64),
        "score": np.ones(len(seen)),
    }


def test_ap50_of_sure_boxes_has_the_error_of_a_share() -> None:
    hit = np.arange(400) % 4 == 0
    found, other = evidence(pictures(hit), "ap50"), evidence(pictures(~hit), "ap50")
    # precision is 1 up to a recall of 1/4, so AP50 is that recall, but for the grid of 101 points
    assert found.standard_error() == pytest.approx(100 * math.sqrt(0.25 * 0.75 / 400), rel=0.12)
    assert found.paired_standard_error(found) == 0
    # shares of the same pictures that leave nothing over: errors add up
    assert found.paired_standard_error(other) == pytest.approx(2 * found.standard_error(), rel=0.1)
    assert found.paired_standard_error(evidence(pictures(hit, 1.0), "ap50")) is None


def test_voc_ap50_has_an_interval_and_leaves_difficult_objects_out() -> None:
    hit = np.arange(400) % 2 == 0
    arrays = pictures(hit)
    plain = evidence(arrays, "voc_ap50")
    assert plain.standard_error() > 1
    missed = {**arrays, "truth_difficult": ~hit}  # what was not found need not be found
    assert evidence(missed, "voc_ap50").standard_error() == 0  # always 100


def test_predictions_of_a_detector_that_lack_an_array_are_told() -> None:
    arrays = pictures(np.ones(3, bool))
    del arrays["score"]
    with pytest.raises(DataError, match="score"):
        evidence(arrays, "ap50")
