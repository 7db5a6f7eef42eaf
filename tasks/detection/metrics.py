"""Average precision from flat arrays: COCO's, and PASCAL VOC 2007's of 11 points."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

#: COCO's thresholds of overlap, 0.50, 0.55, .. 0.95, and of recall, 0, 0.01, .. 1; written with
#: linspace, as there, since the last bit decides ties.
OVERLAPS = np.linspace(0.5, 0.95, 10)
RECALLS = np.linspace(0.0, 1.0, 101)

#: COCO counts at most so many boxes an image and class.
MOST = 100


@dataclass(frozen=True)
class Boxes:
    """Boxes of many images; rows of all members correspond.

    Args:
        image: (n,) int64, which image.
        box: (n, 4) x1, y1, x2, y2 in pixels; x2 and y2 one past the last pixel.
        label: (n,) int64, which class.
        score: (n,) higher is surer; None for the truth.
    """

    image: NDArray[np.int64]
    box: NDArray[Any]
    label: NDArray[np.int64]
    score: NDArray[Any] | None = None


def detection_metrics(truth: Boxes, found: Boxes) -> dict[str, float]:
    """The four figures of a detector.

    Args:
        truth: every object of the test images.
        found: with scores.

    Returns:
        "ap50", "ap", "ap75" (COCO) and "voc_ap50", in 0..100, averaged over the classes that occur
        in the truth.

    Source:
        Lin et al., Microsoft COCO (ECCV 2014), with cocodataset/cocoapi's cocoeval for areas "all"
        and 100 detections; Everingham et al., The PASCAL VOC Challenge (IJCV 2010), section 4.

    Example:
        >>> one = np.array([[0.0, 0, 10, 10]])
        >>> truth = Boxes(np.array([0]), one, np.array([3]))
        >>> found = Boxes(np.array([0]), one + [0, 0, 0, 2], np.array([3]), np.array([0.9]))
        >>> {name: round(value, 3) for name, value in detection_metrics(truth, found).items()}
        {'ap50': 100.0, 'ap': 70.0, 'ap75': 100.0, 'voc_ap50': 100.0}
    """
    coco, voc = [], []
    for label in np.unique(truth.label):
        true = _of_class(truth, label)
        ranked = _ranked(true, _of_class(found, label))
        objects, once = np.array([len(true.image)]), np.ones((1, len(ranked.image)), np.int64)
        coco.append([_coco(column, objects, once)[0] for column in ranked.hits.T])
        voc.append(_voc(ranked.hits_voc, len(true.image)))
    mean = 100 * np.mean(coco, axis=0)
    return {
        "ap50": float(mean[0]),
        "ap": float(mean.mean()),
        "ap75": float(mean[5]),
        "voc_ap50": 100 * float(np.mean(voc)),
    }


def ap50_of_samples(
    truth: Boxes, found: Boxes, images: NDArray[np.int64], counts: NDArray[np.int64]
) -> Floats:
    """COCO's AP50 on bootstrap samples of the test images.

    Args:
        truth: every object of the test images.
        found: with scores.
        images: (n,) the test images, sorted.
        counts: (B, n) how often each occurs in each sample.

    Returns:
        (B,) in 0..100, averaged over the classes that occur in the sample.

    Example:
        >>> box = np.array([[0.0, 0, 10, 10], [0, 0, 10, 10]])
        >>> truth = Boxes(np.array([0, 1]), box, np.array([3, 3]))
        >>> found = Boxes(np.array([0]), box[:1], np.array([3]), np.array([0.9]))
        >>> ap50_of_samples(truth, found, np.arange(2), np.array([[2, 0], [0, 2]]))
        array([100.,   0.])
    """
    values = []
    for label in np.unique(truth.label):
        true = _of_class(truth, label)
        ranked = _ranked(true, _of_class(found, label))
        objects = counts[:, np.searchsorted(images, true.image)].sum(1)
        often = counts[:, np.searchsorted(images, ranked.image)]
        values.append(_coco(ranked.hits[:, 0], objects, often))
    mean: Floats = 100 * np.nanmean(values, axis=0)
    return mean


def overlaps(a: Floats, b: Floats) -> Floats:
    """Intersection over union of boxes (n, 4) with boxes (m, 4), as (n, m).

    Example:
        >>> overlaps(np.array([[0.0, 0, 2, 2]]), np.array([[1.0, 0, 3, 2]])).round(3)
        array([[0.333]])
    """
    low = np.maximum(a[:, None, :2], b[None, :, :2])
    high = np.minimum(a[:, None, 2:], b[None, :, 2:])
    common = (high - low).clip(0).prod(2)
    areas = [(boxes[:, 2:] - boxes[:, :2]).prod(1) for boxes in (a, b)]
    union = areas[0][:, None] + areas[1][None, :] - common
    shared: Floats = np.divide(common, union, out=np.zeros_like(common), where=union > 0)
    return shared


def _of_class(boxes: Boxes, label: int) -> Boxes:
    rows = np.flatnonzero(boxes.label == label)
    score = None if boxes.score is None else boxes.score[rows]
    return Boxes(boxes.image[rows], boxes.box[rows].astype(np.float64), boxes.label[rows], score)


@dataclass(frozen=True)
class _Ranked:
    """Detections of one class, surest first: their images, and which of them hit.

    By COCO's rule at each of `OVERLAPS` (K, 10), and by VOC's at 0.5 (K,).
    """

    image: NDArray[np.int64]
    hits: Bools
    hits_voc: Bools


def _ranked(truth: Boxes, found: Boxes) -> _Ranked:
    hits: list[Bools] = [np.zeros((0, len(OVERLAPS)), bool)]
    hits_voc: list[Bools] = [np.zeros(0, bool)]
    kept: list[NDArray[np.int64]] = [np.zeros(0, np.int64)]
    assert found.score is not None
    for image in np.unique(found.image):
        rows = np.flatnonzero(found.image == image)
        rows = rows[np.argsort(-found.score[rows], kind="mergesort")][:MOST]
        overlap = overlaps(found.box[rows], truth.box[truth.image == image])
        hits.append(_hits_coco(overlap))
        hits_voc.append(_hits_voc(overlap))
        kept.append(rows)
    rows = np.concatenate(kept)
    order = np.argsort(-found.score[rows].astype(np.float64), kind="mergesort")
    return _Ranked(
        found.image[rows[order]], np.concatenate(hits)[order], np.concatenate(hits_voc)[order]
    )


def _hits_coco(overlap: Floats) -> Bools:
    """A detection takes the best object that is left, if it overlaps enough."""
    hits = np.zeros((len(overlap), len(OVERLAPS)), bool)
    if not overlap.shape[1]:
        return hits
    for t, threshold in enumerate(OVERLAPS):
        left = overlap.copy()
        for row in range(len(left)):
            # of equal ones the last, as in cocoeval
            best = left.shape[1] - 1 - int(left[row, ::-1].argmax())
            if left[row, best] >= threshold:
                hits[row, t] = True
                left[:, best] = -1
    return hits


def _hits_voc(overlap: Floats) -> Bools:
    """A detection takes the best object; if another has taken it before, it is a miss."""
    hits, taken = np.zeros(len(overlap), bool), set[int]()
    for row in range(len(overlap) if overlap.shape[1] else 0):
        best = int(overlap[row].argmax())
        if overlap[row, best] >= 0.5 and best not in taken:
            hits[row] = True
            taken.add(best)
    return hits


def _coco(hits: Bools, objects: NDArray[np.int64], often: NDArray[np.int64]) -> Floats:
    """Average precision (B,) of detections (K,) that count `often` (B, K); NaN without objects."""
    found = np.cumsum(often * hits, 1)
    precision = found / np.maximum(np.cumsum(often, 1), 1)
    precision = np.maximum.accumulate(precision[:, ::-1], 1)[:, ::-1]
    recall = found / np.maximum(objects, 1)[:, None]
    place = [np.searchsorted(row, RECALLS, side="left") for row in recall]
    reached = np.take_along_axis(np.pad(precision, ((0, 0), (0, 1))), np.array(place), 1)
    return np.where(objects > 0, reached.mean(1), np.nan)


def _voc(hits: Bools, objects: int) -> float:
    found = np.cumsum(hits)
    precision = found / np.arange(1, len(hits) + 1)
    # whole numbers are compared, since found / objects >= k / 10 may fail by rounding
    best = [precision[10 * found >= k * objects].max(initial=0.0) for k in range(11)]
    return float(np.mean(best))
