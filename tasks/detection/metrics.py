"""Average precision from flat arrays: COCO's, and PASCAL VOC 2007's of 11 points."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]
Fates = NDArray[np.int8]

#: COCO's thresholds of overlap, 0.50, 0.55, .. 0.95, and of recall, 0, 0.01, .. 1; written with
#: linspace, as there, since the last bit decides ties.
OVERLAPS = np.linspace(0.5, 0.95, 10)
RECALLS = np.linspace(0.0, 1.0, 101)

#: COCO counts at most so many boxes an image and class.
MOST = 100

#: What may become of a detection; an ignored one is neither right nor wrong.
_HIT, _MISS, _IGNORED = 1, 0, -1


@dataclass(frozen=True)
class Boxes:
    """Boxes of many images; rows of all members correspond.

    Args:
        image: (n,) int64, which image.
        box: (n, 4) x1, y1, x2, y2 in pixels; x2 and y2 one past the last pixel.
        label: (n,) int64, which class.
        score: (n,) higher is surer; None for the truth.
        difficult: (n,) bool, objects of the truth that need not be found; None if there are none.
    """

    image: Ints
    box: NDArray[Any]
    label: Ints
    score: NDArray[Any] | None = None
    difficult: Bools | None = None

    def arrays(self, prefix: str = "") -> dict[str, NDArray[Any]]:
        """The members that are there, by their names after a prefix, as a record's file has them.

        Example:
            >>> one = Boxes(np.array([0]), np.array([[0.0, 0, 10, 10]]), np.array([3]))
            >>> list(one.arrays("truth_"))
            ['truth_image', 'truth_box', 'truth_label']
        """
        return {f"{prefix}{key}": value for key, value in vars(self).items() if value is not None}


def detection_metrics(truth: Boxes, found: Boxes) -> dict[str, float]:
    """The figures of a detector by COCO's definition and by VOC's.

    Args:
        truth: every object of the test images. COCO's figures take the difficult ones for crowds,
            the only annotations that cocoeval ignores (and as mmdet takes them).
        found: with scores.

    Returns:
        "ap50", "ap", "ap75" (COCO), then those of `voc_metrics`, in 0..100, averaged over the
        classes of which the truth has an object that is not difficult.

    Source:
        Lin et al., Microsoft COCO (ECCV 2014), with cocodataset/cocoapi's cocoeval for areas "all"
        and 100 detections.

    Example:
        >>> one = np.array([[0.0, 0, 10, 10]])
        >>> truth = Boxes(np.array([0]), one, np.array([3]))
        >>> found = Boxes(np.array([0]), one + [0, 0, 0, 2], np.array([3]), np.array([0.9]))
        >>> values = detection_metrics(truth, found)
        >>> {name: round(value, 3) for name, value in values.items() if "voc" not in name}
        {'ap50': 100.0, 'ap': 70.0, 'ap75': 100.0}
    """
    coco = []
    for true, some in _by_class(truth, found):
        ranked = _ranked(true, some, _fates_coco)
        objects, once = np.array([_to_find(true)]), np.ones((1, len(ranked.image)), np.int64)
        coco.append([_coco(column, objects, once)[0] for column in ranked.fates.T])
    mean = 100 * np.mean(coco, axis=0)
    return {
        "ap50": float(mean[0]),
        "ap": float(mean.mean()),
        "ap75": float(mean[5]),
        **voc_metrics(truth, found),
    }


def voc_metrics(truth: Boxes, found: Boxes) -> dict[str, float]:
    """The figures of a detector by the definition of PASCAL VOC 2007.

    Args:
        truth: every object of the test images; whatever takes a difficult one is ignored.
        found: with scores.

    Returns:
        "voc_ap50", "voc_ap" (the mean over overlaps of 0.5, 0.55, .. 0.95) and "voc_ap75", in
        0..100, averaged over the classes of which the truth has an object that is not difficult.

    Source:
        Everingham et al., The PASCAL VOC Challenge (IJCV 2010), section 4; the other overlaps as
        in facebookresearch/detectron2's evaluator, whose AP, AP50 and AP75 these are but that it
        rounds scores and boxes to three places and one.

    Example:
        >>> one = np.array([[0.0, 0, 10, 10]])
        >>> truth = Boxes(np.array([0]), one, np.array([3]))
        >>> found = Boxes(np.array([0]), one + [0, 0, 0, 2], np.array([3]), np.array([0.9]))
        >>> {name: round(value, 3) for name, value in voc_metrics(truth, found).items()}
        {'voc_ap50': 100.0, 'voc_ap': 70.0, 'voc_ap75': 100.0}
    """
    voc = []
    for true, some in _by_class(truth, found):
        ranked = _ranked(true, some, _fates_voc)
        objects, once = np.array([_to_find(true)]), np.ones((1, len(ranked.image)), np.int64)
        voc.append([_voc(column, objects, once)[0] for column in ranked.fates.T])
    mean = [100 * float(np.mean(column)) for column in zip(*voc, strict=True)]
    return {"voc_ap50": mean[0], "voc_ap": float(np.mean(mean)), "voc_ap75": mean[5]}


def ap50_of_samples(
    truth: Boxes, found: Boxes, images: Ints, counts: Ints, *, voc: bool = False
) -> Floats:
    """AP50 on bootstrap samples of the test images.

    Args:
        truth: every object of the test images.
        found: with scores.
        images: (n,) the test images, sorted.
        counts: (B, n) how often each occurs in each sample.
        voc: whether by the definition of VOC 2007 instead of COCO's.

    Returns:
        (B,) in 0..100, averaged over the classes that occur in the sample.

    Example:
        >>> box = np.array([[0.0, 0, 10, 10], [0, 0, 10, 10]])
        >>> truth = Boxes(np.array([0, 1]), box, np.array([3, 3]))
        >>> found = Boxes(np.array([0]), box[:1], np.array([3]), np.array([0.9]))
        >>> ap50_of_samples(truth, found, np.arange(2), np.array([[2, 0], [0, 2]]))
        array([100.,   0.])
    """
    values, judge, precision = [], _fates_voc if voc else _fates_coco, _voc if voc else _coco
    for true, some in _by_class(truth, found):
        ranked = _ranked(true, some, judge)
        wanted = true.image[~_difficult(true)]
        objects = counts[:, np.searchsorted(images, wanted)].sum(1)
        often = counts[:, np.searchsorted(images, ranked.image)]
        values.append(precision(ranked.fates[:, 0], objects, often))
    mean: Floats = 100 * np.nanmean(values, axis=0)
    return mean


def overlaps(a: Floats, b: Floats) -> Floats:
    """Intersection over union of boxes (n, 4) with boxes (m, 4), as (n, m).

    Example:
        >>> overlaps(np.array([[0.0, 0, 2, 2]]), np.array([[1.0, 0, 3, 2]])).round(3)
        array([[0.333]])
    """
    common, own, other = _areas(a, b)
    return _ratio(common, own[:, None] + other[None, :] - common)


def _areas(a: Floats, b: Floats) -> tuple[Floats, Floats, Floats]:
    """Areas of the intersections (n, m), and of the boxes (n,) and (m,) themselves."""
    low = np.maximum(a[:, None, :2], b[None, :, :2])
    high = np.minimum(a[:, None, 2:], b[None, :, 2:])
    own, other = ((boxes[:, 2:] - boxes[:, :2]).prod(1) for boxes in (a, b))
    return (high - low).clip(0).prod(2), own, other


def _ratio(part: Floats, whole: Floats) -> Floats:
    shared: Floats = np.divide(part, whole, out=np.zeros_like(part), where=whole > 0)
    return shared


def _difficult(truth: Boxes) -> Bools:
    if truth.difficult is None:
        return np.zeros(len(truth.image), bool)
    return truth.difficult.astype(bool)


def _to_find(truth: Boxes) -> int:
    return int((~_difficult(truth)).sum())


def _rows(boxes: Boxes, rows: Ints) -> Boxes:
    score = None if boxes.score is None else boxes.score[rows]
    difficult = None if boxes.difficult is None else boxes.difficult[rows]
    box = boxes.box[rows].astype(np.float64)
    return Boxes(boxes.image[rows], box, boxes.label[rows], score, difficult)


def _by_class(truth: Boxes, found: Boxes) -> Iterator[tuple[Boxes, Boxes]]:
    """Objects and detections of each class that has anything to be found."""
    for label in np.unique(truth.label[~_difficult(truth)]):
        yield tuple(_rows(b, np.flatnonzero(b.label == label)) for b in (truth, found))  # type: ignore[misc]


def _by_image(image: Ints) -> dict[int, Ints]:
    """The rows of each image, in their order."""
    order = np.argsort(image, kind="stable")
    images, starts = np.unique(image[order], return_index=True)
    return dict(zip(images.tolist(), np.split(order, starts[1:]), strict=False))


@dataclass(frozen=True)
class _Ranked:
    """Detections of one class, surest first: their images (K,), and their fates (K, 10)."""

    image: Ints
    fates: Fates


def _ranked(truth: Boxes, found: Boxes, judge: Callable[[Floats, Bools, Floats], Fates]) -> _Ranked:
    """Rank the detections of a class, each judged at every one of `OVERLAPS`."""
    assert found.score is not None
    fates: list[Fates] = [np.zeros((0, len(OVERLAPS)), np.int8)]
    kept: list[Ints] = [np.zeros(0, np.int64)]
    objects, difficult = _by_image(truth.image), _difficult(truth)
    for image, rows in _by_image(found.image).items():
        rows = rows[np.argsort(-found.score[rows], kind="mergesort")][:MOST]
        there = objects.get(image, kept[0])
        fates.append(judge(truth.box[there], difficult[there], found.box[rows]))
        kept.append(rows)
    rows = np.concatenate(kept)
    order = np.argsort(-found.score[rows].astype(np.float64), kind="mergesort")
    return _Ranked(found.image[rows[order]], np.concatenate(fates)[order])


def _fates_coco(objects: Floats, difficult: Bools, found: Floats) -> Fates:
    """A detection takes the best object that is left, if it overlaps enough.

    One that gets none is ignored if a difficult object covers enough of it.
    """
    fates = np.full((len(found), len(OVERLAPS)), _MISS, np.int8)
    if difficult.any():
        common, own, _ = _areas(found, objects[difficult])
        covered = _ratio(common, np.broadcast_to(own[:, None], common.shape)).max(1)
        fates[covered[:, None] >= OVERLAPS] = _IGNORED
    overlap = overlaps(found, objects[~difficult])
    every, n = np.arange(len(OVERLAPS)), overlap.shape[1]
    taken = np.zeros((len(OVERLAPS), n), bool)
    for row in np.flatnonzero(overlap.max(1, initial=0.0) >= OVERLAPS[0]):
        left = np.where(taken, -1.0, overlap[row])
        best = n - 1 - left[:, ::-1].argmax(1)  # of equal ones the last, as in cocoeval
        hit = left[every, best] >= OVERLAPS
        fates[row, hit] = _HIT
        taken[every[hit], best[hit]] = True
    return fates


def _fates_voc(objects: Floats, difficult: Bools, found: Floats) -> Fates:
    """A detection takes the best object; if another has taken it before, it is a miss.

    Any number may take a difficult object, and are ignored.
    """
    fates = np.full((len(found), len(OVERLAPS)), _MISS, np.int8)
    if len(objects):
        overlap = overlaps(found, objects)
        best = overlap.argmax(1)
        reached = overlap.max(1)[:, None] >= OVERLAPS
        surer_on_the_same = np.tril(best[:, None] == best[None, :], -1)
        fates[reached & ~(surer_on_the_same @ reached)] = _HIT
        fates[reached & difficult[best][:, None]] = _IGNORED
    return fates


def _coco(fates: Fates, objects: Ints, often: Ints) -> Floats:
    """Average precision (B,) of detections (K,) that count `often` (B, K); NaN without objects."""
    hits, often = fates[fates != _IGNORED] == _HIT, often[:, fates != _IGNORED]
    found = np.cumsum(often * hits, 1)
    precision = found / np.maximum(np.cumsum(often, 1), 1)
    precision = np.maximum.accumulate(precision[:, ::-1], 1)[:, ::-1]
    recall = found / np.maximum(objects, 1)[:, None]
    place = [np.searchsorted(row, RECALLS, side="left") for row in recall]
    reached = np.take_along_axis(np.pad(precision, ((0, 0), (0, 1))), np.array(place), 1)
    return np.where(objects > 0, reached.mean(1), np.nan)


def _voc(fates: Fates, objects: Ints, often: Ints) -> Floats:
    """The same over 11 recalls."""
    hits, often = fates[fates != _IGNORED] == _HIT, often[:, fates != _IGNORED]
    found = np.cumsum(often * hits, 1)
    precision = found / np.maximum(np.cumsum(often, 1), 1)
    # whole numbers are compared, since found / objects >= k / 10 may fail by rounding
    reached = [10 * found >= k * objects[:, None] for k in range(11)]
    best = [np.where(enough, precision, 0.0).max(1, initial=0.0) for enough in reached]
    return np.where(objects > 0, np.mean(best, 0), np.nan)
