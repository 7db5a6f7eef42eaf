"""Difficult objects: neither to be found nor wrong to find; by hand, mmdet and pycocotools."""

import contextlib
import io

import numpy as np
import pytest
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from tasks.detection.metrics import Boxes, ap50_of_samples, detection_metrics, voc_metrics
from tasks.detection.operators import import_mmdet

IMAGES, CLASSES = 12, 4
VOC = ("voc_ap50", "voc_ap", "voc_ap75")
A, B = [0, 0, 10, 10], [20, 0, 30, 10]


def truth_of(box, difficult):
    n = len(box)
    zeros = np.zeros(n, np.int64)
    return Boxes(zeros, np.array(box, float), zeros, difficult=np.array(difficult, bool))


def found_of(box):
    """In the first image, of the first class, the surest first."""
    n = len(box)
    zeros = np.zeros(n, np.int64)
    return Boxes(zeros, np.array(box, float).reshape(-1, 4), zeros, np.linspace(0.9, 0.5, n))


def some_boxes(seed):
    """A third of the objects are difficult; some detections are shared by several of them."""
    rng = np.random.default_rng(seed)
    n, d = 90, 260
    image = np.sort(rng.integers(0, IMAGES, n))
    corner = rng.integers(0, 40, (n, 2))
    box = np.concatenate([corner, corner + rng.integers(8, 30, (n, 2))], 1).astype(np.float32)
    label = rng.choice(CLASSES, n, p=[0.4, 0.3, 0.26, 0.04])
    truth = Boxes(image, box, label, difficult=(rng.random(n) < 0.35) | (label == 3))
    again = np.sort(rng.integers(0, n, d))  # as a detector goes through the images
    moved = box[again] + rng.normal(size=(d, 4)) * rng.choice([0.5, 2.0, 8.0], (d, 1))
    moved[:, 2:] = np.maximum(moved[:, 2:], moved[:, :2] + 1)
    score = rng.permutation(d) / d
    return truth, Boxes(image[again], moved.astype(np.float32), label[again], score)


def test_by_hand():
    truth = truth_of([A, B], [False, True])
    # all that lie on the difficult B are neither right nor wrong, however many
    for boxes in ([A], [B, A], [B, B, A, B]):
        assert list(detection_metrics(truth, found_of(boxes)).values()) == pytest.approx([100] * 6)
    # a miss before the hit halves the precision, whatever lies on B
    for boxes in ([[50, 50, 60, 60], A], [B, [50, 50, 60, 60], B, A]):
        assert list(voc_metrics(truth, found_of(boxes)).values()) == pytest.approx([50] * 3)
    # B being plain: nothing is wrong, and half is found: 6 of the 11 points, 51 of COCO's 101
    values = detection_metrics(truth_of([A, B], [False, False]), found_of([A]))
    assert [values[n] for n in VOC] == pytest.approx([600 / 11] * 3)
    assert values["ap"] == pytest.approx(5100 / 101)


def test_a_difficult_object_counts_from_the_threshold_on():
    # IoU 0.6 with the difficult B: ignored up to 0.6, wrong above; A is found after it
    truth, found = truth_of([A, B], [False, True]), found_of([[20, 0, 30, 6], A])
    values = voc_metrics(truth, found)
    assert values["voc_ap50"] == pytest.approx(100)
    assert values["voc_ap75"] == pytest.approx(50)
    assert values["voc_ap"] == pytest.approx((3 * 100 + 7 * 50) / 10)
    # COCO: all of it is covered by B
    assert detection_metrics(truth, found)["ap"] == pytest.approx(100)


def test_the_better_object_decides():
    # VOC gives a detection to the object that it overlaps most, be it difficult
    near = [0, 0, 10, 9]
    truth, found = truth_of([A, near], [False, True]), found_of([near])
    assert voc_metrics(truth, found)["voc_ap50"] == 0
    # COCO gives it to a plain one as long as that is left
    assert detection_metrics(truth, found)["ap50"] == pytest.approx(100)


def test_a_class_of_difficult_objects_only_does_not_count():
    truth = Boxes(
        np.zeros(2, np.int64),
        np.array([A, B], float),
        np.array([0, 1]),
        difficult=np.array([False, True]),
    )
    found = Boxes(truth.image, truth.box, truth.label, np.array([0.5, 0.9]))
    assert list(detection_metrics(truth, found).values()) == pytest.approx([100] * 6)
    counts = np.array([[1], [2]])
    assert ap50_of_samples(truth, found, np.arange(1), counts) == pytest.approx([100, 100])


@pytest.mark.parametrize("seed", range(3))
def test_none_that_is_difficult_is_as_if_it_were_not_said(seed):
    truth, found = some_boxes(seed)
    unsaid = Boxes(truth.image, truth.box, truth.label)
    plain = Boxes(truth.image, truth.box, truth.label, difficult=np.zeros(90, bool))
    values = detection_metrics(unsaid, found)
    assert list(values) == ["ap50", "ap", "ap75", *VOC]
    assert detection_metrics(plain, found) == values
    assert detection_metrics(truth, found) != values


@pytest.mark.parametrize("seed", range(4))
def test_voc_against_mmdet(seed):
    import_mmdet()
    from mmdet.evaluation.functional import eval_map

    truth, found = some_boxes(seed)
    annotations, results = [], []
    for image in range(IMAGES):
        rows = truth.image == image
        plain, difficult = rows & ~truth.difficult, rows & truth.difficult
        annotations.append(
            {
                "bboxes": truth.box[plain],
                "labels": truth.label[plain],
                "bboxes_ignore": truth.box[difficult],
                "labels_ignore": truth.label[difficult],
            }
        )
        mine = found.image == image
        results.append(
            [
                np.column_stack([found.box, found.score])[mine & (found.label == k)]
                for k in range(CLASSES)
            ]
        )
    ours = voc_metrics(truth, found)
    for name, threshold in (("voc_ap50", 0.5), ("voc_ap75", 0.75)):
        _, each = eval_map(
            results,
            annotations,
            iou_thr=threshold,
            dataset=None,
            logger="silent",
            eval_mode="11points",
            nproc=1,
        )
        theirs = [
            # its own sum compares recalls in single precision, and misses some of the eleven points
            np.mean(
                [row["precision"][row["recall"] >= k / 10 - 1e-6].max(initial=0) for k in range(11)]
            )
            for row in each
            if row["num_gts"]
        ]
        assert len(theirs) == 3  # the fourth class is difficult
        assert ours[name] == pytest.approx(100 * np.mean(theirs), abs=1e-4), name


@pytest.mark.parametrize("seed", range(4))
def test_coco_against_pycocotools(seed):
    truth, found = some_boxes(seed)

    def rows(some, **more):
        for k, (x1, y1, x2, y2) in enumerate(some.box.tolist()):
            yield {
                "id": k + 1,
                "image_id": int(some.image[k]),
                "category_id": int(some.label[k]),
                "bbox": [x1, y1, x2 - x1, y2 - y1],
                "area": (x2 - x1) * (y2 - y1),
                **{name: values[k].item() for name, values in more.items()},
            }

    with contextlib.redirect_stdout(io.StringIO()):
        coco = COCO()
        coco.dataset = {
            "info": {},
            "images": [{"id": k} for k in range(IMAGES)],
            "categories": [{"id": k} for k in range(CLASSES)],
            "annotations": list(rows(truth, iscrowd=truth.difficult.astype(int))),
        }
        coco.createIndex()
        judge = COCOeval(coco, coco.loadRes(list(rows(found, score=found.score))), "bbox")
        judge.evaluate()
        judge.accumulate()
        judge.summarize()
    ours = detection_metrics(truth, found)
    assert 5 < ours["ap"] < 95
    theirs = dict(zip(("ap", "ap50", "ap75"), 100 * judge.stats[:3], strict=True))
    assert {name: ours[name] for name in theirs} == pytest.approx(theirs, abs=1e-9)
    once = ap50_of_samples(truth, found, np.arange(IMAGES), np.ones((1, IMAGES), np.int64))
    assert once == pytest.approx([theirs["ap50"]], abs=1e-9)
