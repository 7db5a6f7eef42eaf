"""Average precision on resamples against the formulas applied to one resample after the other."""

import numpy as np
import pytest

from tasks.detection.metrics import Boxes, ap50_of_samples
from tasks.probes.metrics import average_precision_11
from tasks.resampled import resampled_ap11, resampled_ap50, table_of


def scene(seed: int, images: int = 14, classes: int = 3) -> tuple[Boxes, Boxes]:
    """Objects, and boxes near them and elsewhere, with ties of score and of overlap."""
    draw = np.random.default_rng(seed)
    objects = draw.integers(0, 4, size=images)
    image = np.repeat(np.arange(images), objects)
    corner = draw.integers(0, 40, size=(len(image), 2)).astype(float)
    box = np.concatenate([corner, corner + draw.integers(8, 20, size=(len(image), 2))], 1)
    label = draw.integers(0, classes, size=len(image))
    copies = draw.integers(0, 4, size=len(image))
    near = np.repeat(np.arange(len(image)), copies)
    moved = (
        box[near] + np.repeat(draw.integers(-4, 5, size=(len(near), 2)), 2, axis=1)[:, [0, 2, 1, 3]]
    )
    far = draw.integers(0, 30, size=(60, 2)).astype(float)
    boxes = np.concatenate([moved, np.concatenate([far, far + 10], 1)])
    found = Boxes(
        np.concatenate([image[near], draw.integers(0, images, 60)]),
        boxes,
        np.concatenate([label[near], draw.integers(0, classes + 1, 60)]),
        draw.integers(0, 12, len(boxes)) / 10,
    )
    return Boxes(image, box, label), found


@pytest.mark.parametrize("voc", [False, True])
@pytest.mark.parametrize("seed", range(8))
def test_ap50_is_that_of_each_resample(seed: int, voc: bool) -> None:
    truth, found = scene(seed)
    images = np.unique(np.concatenate([truth.image, found.image]))
    n = len(images)
    counts = np.random.default_rng(seed).multinomial(n, np.full(n, 1 / n), 50)
    wanted = ap50_of_samples(truth, found, images, counts, voc=voc)
    assert 1 < wanted.mean() < 99
    assert resampled_ap50(truth, found, images, counts, voc=voc) == pytest.approx(wanted, abs=1e-9)


def test_more_than_100_boxes_of_an_image_and_class_do_not_count() -> None:
    box = np.array([[0.0, 0, 10, 10]])
    truth = Boxes(np.zeros(1, int), box, np.zeros(1, int))
    away = np.repeat(box + 50, 100, 0)
    found = Boxes(
        np.zeros(101, int), np.concatenate([away, box]), np.zeros(101, int), np.arange(101.0)[::-1]
    )
    once = np.ones((1, 1), np.int64)
    assert resampled_ap50(truth, found, np.zeros(1, int), once).tolist() == [0]
    assert ap50_of_samples(truth, found, np.zeros(1, int), once).tolist() == [0]


def test_nothing_found_and_difficult_objects() -> None:
    truth, found = scene(3)
    nothing = Boxes(*(np.zeros((0, *a.shape[1:])) for a in (found.image, found.box, found.label)),
                    np.zeros(0))  # fmt: skip
    images = np.arange(14)
    once = np.ones((1, 14), np.int64)
    assert resampled_ap50(truth, nothing, images, once).tolist() == [0]
    hard = Boxes(truth.image, truth.box, truth.label, difficult=truth.label == 1)
    wanted = ap50_of_samples(hard, found, images, once)
    assert resampled_ap50(hard, found, images, once).tolist() == wanted.tolist()


@pytest.mark.parametrize("decimals", [0, 1, 9])
def test_ap11_is_that_of_each_resample(decimals: int) -> None:
    draw = np.random.default_rng(decimals)
    scores, positive = draw.normal(size=90).round(decimals), draw.random(90) < 0.2
    counts = draw.multinomial(90, np.full(90, 1 / 90), 40)
    wanted = average_precision_11(scores, positive, counts)
    found = resampled_ap11(scores, positive, table_of(counts))
    assert found == pytest.approx(wanted, abs=1e-12)
    assert np.isnan(resampled_ap11(scores, positive & False, table_of(counts))).all()
