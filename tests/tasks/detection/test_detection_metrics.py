"""Average precision against pycocotools, against VOC's development kit, and by hand."""

import contextlib
import io

import numpy as np
import pytest
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from tasks.detection.metrics import Boxes, ap50_of_samples, detection_metrics

NAMES = ("ap50", "ap", "ap75", "voc_ap50")


def boxes(image, box, label, score=None):
    return Boxes(
        np.array(image, np.int64),
        np.array(box, np.float32).reshape(-1, 4),
        np.array(label, np.int64),
        None if score is None else np.array(score, np.float32),
    )


def some_boxes(seed, *, ties):
    """Objects of 12 images, of five classes of which two are rare, and a middling detector."""
    rng = np.random.default_rng(seed)
    n = 60
    image = np.sort(rng.integers(0, 12, n))
    corner = rng.integers(0, 40, (n, 2))
    box = np.concatenate([corner, corner + rng.integers(8, 30, (n, 2))], 1)
    label = rng.choice(5, n, p=[0.4, 0.3, 0.26, 0.02, 0.02])
    truth = boxes(image, box, label)
    again = rng.integers(0, n, 150)
    noise = rng.normal(size=(150, 4)) * rng.choice([0.5, 3.0, 12.0], (150, 1))
    shifted = box[again] + noise
    shifted[:, 2:] = np.maximum(shifted[:, 2:], shifted[:, :2] + 1)
    guessed = np.where(rng.random(150) < 0.7, label[again], rng.integers(0, 5, 150))
    score = rng.random(150)
    if ties:
        score = np.round(score, 1)
    order = np.argsort(image[again], kind="stable")  # as a detector goes through the images
    return truth, boxes(image[again][order], shifted[order], guessed[order], score[order])


def by_pycocotools(truth, found):
    def rows(some):
        for k in range(len(some.image)):
            x1, y1, x2, y2 = some.box[k].tolist()
            row = {
                "id": k + 1,
                "image_id": int(some.image[k]),
                "category_id": int(some.label[k]),
                "bbox": [x1, y1, x2 - x1, y2 - y1],
                "area": (x2 - x1) * (y2 - y1),
                "iscrowd": 0,
            }
            yield row if some.score is None else {**row, "score": float(some.score[k])}

    with contextlib.redirect_stdout(io.StringIO()):
        coco = COCO()
        coco.dataset = {
            "info": {},
            "images": [{"id": k} for k in range(12)],
            "categories": [{"id": k} for k in range(5)],
            "annotations": list(rows(truth)),
        }
        coco.createIndex()
        judge = COCOeval(coco, coco.loadRes(list(rows(found))), "bbox")
        judge.evaluate()
        judge.accumulate()
        judge.summarize()
    return 100 * judge.stats[1], 100 * judge.stats[0], 100 * judge.stats[2]


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("seed", range(6))
def test_coco(seed, ties):
    truth, found = some_boxes(seed, ties=ties)
    ours = detection_metrics(truth, found)
    theirs = by_pycocotools(truth, found)
    assert 5 < theirs[1] < 90
    assert [ours[name] for name in NAMES[:3]] == pytest.approx(theirs, abs=1e-9)


def voc_development_kit(truth, found, label):
    """VOCevaldet.m, line by line; its +1 is left out as our boxes end one past the last pixel."""
    objects = {k: [] for k in range(12)}
    for k in np.flatnonzero(truth.label == label):
        objects[int(truth.image[k])].append([*truth.box[k].astype(float), False])
    positives = sum(map(len, objects.values()))
    rows = np.flatnonzero(found.label == label)
    rows = rows[np.argsort(-found.score[rows], kind="stable")]
    right, wrong = np.zeros(len(rows)), np.zeros(len(rows))
    for d, row in enumerate(rows):
        best, where = -np.inf, None
        x1, y1, x2, y2 = found.box[row].astype(float)
        for thing in objects[int(found.image[row])]:
            wide = min(x2, thing[2]) - max(x1, thing[0])
            high = min(y2, thing[3]) - max(y1, thing[1])
            if wide > 0 and high > 0:
                area = (x2 - x1) * (y2 - y1) + (thing[2] - thing[0]) * (thing[3] - thing[1])
                overlap = wide * high / (area - wide * high)
                if overlap > best:
                    best, where = overlap, thing
        if best >= 0.5 and not where[4]:
            right[d], where[4] = 1, True
        else:
            wrong[d] = 1
    right, wrong = np.cumsum(right), np.cumsum(wrong)
    recall, precision = right / positives, right / (right + wrong)
    value = 0.0
    for tenth in range(11):
        high_enough = precision[recall >= tenth / 10 - 1e-12]
        value += (high_enough.max() if len(high_enough) else 0) / 11
    return 100 * value


@pytest.mark.parametrize("seed", range(6))
def test_voc(seed):
    truth, found = some_boxes(seed, ties=False)
    each = [voc_development_kit(truth, found, label) for label in np.unique(truth.label)]
    assert detection_metrics(truth, found)["voc_ap50"] == pytest.approx(np.mean(each), abs=1e-9)


def test_by_hand():
    square = [0, 0, 10, 10]
    truth = boxes([0, 1], [square, square], [0, 0])
    # image 0: a hit (IoU 1); image 1: first a miss, then one of IoU 0.62
    found = boxes(
        [0, 1, 1], [square, [20, 20, 30, 30], [0, 0, 10, 6.2]], [0, 0, 0], [0.9, 0.8, 0.7]
    )
    values = detection_metrics(truth, found)
    # at overlaps of 0.5, 0.55 and 0.6: precision 1 up to recall 0.5, then 2/3: 51 and 50 of 101
    # points, 6 and 5 of 11
    low, high = (51 + 50 * 2 / 3) / 101, 51 / 101
    assert values["ap50"] == pytest.approx(100 * low)
    assert values["ap75"] == pytest.approx(100 * high)
    assert values["ap"] == pytest.approx(10 * (3 * low + 7 * high))
    assert values["voc_ap50"] == pytest.approx(100 * (6 + 5 * 2 / 3) / 11)


def test_a_second_box_on_an_object_is_a_miss():
    square = [0, 0, 10, 10]
    truth = boxes([0, 0], [square, [20, 0, 30, 10]], [0, 0])
    found = boxes([0, 0, 0], [square, square, [20, 0, 30, 10]], [0, 0, 0], [0.9, 0.8, 0.7])
    values = detection_metrics(truth, found)
    expected = [100 * (51 + 50 * 2 / 3) / 101] * 3 + [100 * (6 + 5 * 2 / 3) / 11]
    assert [values[name] for name in NAMES] == pytest.approx(expected)


def test_nothing_found():
    truth = boxes([0], [[0, 0, 5, 5]], [2])
    assert set(detection_metrics(truth, boxes([], [], [], [])).values()) == {0.0}


def test_a_class_without_objects_does_not_count():
    square = [0, 0, 10, 10]
    truth = boxes([0], [square], [1])
    found = boxes([0, 0], [square, square], [1, 4], [0.5, 0.9])
    assert set(detection_metrics(truth, found).values()) == {100.0}


@pytest.mark.parametrize("seed", range(3))
def test_a_sample_that_has_an_image_twice_is_the_set_with_its_copy(seed):
    truth, found = some_boxes(seed, ties=False)
    counts = np.random.default_rng(seed).integers(0, 3, 12)
    copies = [image for image, count in enumerate(counts) for _ in range(count)]

    def copied(some):
        rows = [np.flatnonzero(some.image == image) for image in copies]
        number = np.repeat(np.arange(len(copies)), [len(r) for r in rows])
        every = np.concatenate(rows)
        score = None if some.score is None else some.score[every]
        return boxes(number, some.box[every], some.label[every], score)

    expected = detection_metrics(copied(truth), copied(found))["ap50"]
    value = ap50_of_samples(truth, found, np.arange(12), np.array([counts, np.ones(12, np.int64)]))
    assert value == pytest.approx([expected, detection_metrics(truth, found)["ap50"]], abs=1e-9)


def test_an_image_that_no_sample_draws_does_not_count():
    truth = boxes([0, 1], [[0, 0, 9, 9]] * 2, [0, 1])
    found = boxes([0], [[0, 0, 9, 9]], [0], [0.5])
    value = ap50_of_samples(truth, found, np.arange(2), np.array([[1, 1], [3, 0], [0, 1]]))
    assert value == pytest.approx([50, 100, 0])  # a class without an object is left out
