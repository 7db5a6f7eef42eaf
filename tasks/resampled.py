"""Average precision on many resamples of the test images at once.

On a resample every image counts some number of times. Precision has its maxima where an object is
found, so that only these places are looked at: how many boxes each image has up to there is a
matrix of places x images, and one product with the counts gives the boxes up to each place on all
resamples.
"""

import numpy as np
from numpy.typing import NDArray

from tasks.detection.metrics import MOST, OVERLAPS, RECALLS, Boxes, ap50_of_samples

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]


def resampled_ap50(
    truth: Boxes, found: Boxes, images: Ints, counts: Ints, *, voc: bool = False
) -> Floats:
    """The same as `ap50_of_samples`, some fifteen times as fast where no object is difficult.

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
        >>> resampled_ap50(truth, found, np.arange(2), np.array([[2, 0], [0, 2]]))
        array([100.,   0.])
    """
    if truth.difficult is not None and truth.difficult.any():
        return ap50_of_samples(truth, found, images, counts, voc=voc)
    assert found.score is not None
    rows, hits = _fates(truth, found, voc=voc)
    label, score = found.label[rows], found.score[rows].astype(np.float64)
    place = np.searchsorted(images, found.image[rows])
    weights = counts.astype(np.float32)
    values = []
    for one in np.unique(truth.label):
        of_class = np.flatnonzero(label == one)
        ranked = of_class[np.argsort(-score[of_class], kind="stable")]
        objects = np.searchsorted(images, truth.image[truth.label == one])
        total = (weights @ np.bincount(objects, minlength=len(images))).astype(np.float64)
        right = hits[ranked]
        bins: Ints = np.cumsum(right) - right  # of a box: the first hit that is not before it
        passed, caught = _up_to_hits(place[ranked], bins, right, weights)
        precision = caught / np.maximum(passed, 1)
        values.append((_eleven if voc else _hundred_and_one)(precision, caught, total))
    mean: Floats = 100 * np.nanmean(values, axis=0)
    return mean


def resampled_ap11(scores: Floats, positive: Bools, counts: NDArray[np.float32]) -> Floats:
    """11-point average precision as `average_precision_11` has it, on resamples.

    Args:
        scores: (n,), higher is surer.
        positive: (n,).
        counts: (B, n) how often each image occurs in each sample.

    Returns:
        (B,), in 0..1; NaN where no image is positive.

    Example:
        >>> once = np.ones((1, 3), np.float32)
        >>> scores, positive = np.array([3.0, 2.0, 1.0]), np.array([True, False, True])
        >>> resampled_ap11(scores, positive, once).round(4)
        array([0.8485])
    """
    order = np.argsort(-scores, kind="stable")
    ranked, right = scores[order], positive[order]
    tie = np.cumsum(np.append(True, ranked[1:] != ranked[:-1])) - 1
    kept = np.unique(tie[right])  # images of equal score pass together
    bins = np.searchsorted(kept, tie)
    passed, caught = _up_to_hits(order, bins, right, counts, len(kept))
    total = caught[:, -1] if len(kept) else np.zeros(len(counts))
    return _eleven(caught / np.maximum(passed, 1), caught, total)


def _up_to_hits(
    place: Ints, bins: Ints, right: Bools, counts: NDArray[np.float32], places: int | None = None
) -> tuple[Floats, Floats]:
    """Boxes, and hits, up to each place where something is found, on all resamples: (B, places)."""
    size = int(right.sum()) if places is None else places
    inside = bins < size
    table = np.zeros((size, counts.shape[1]), np.float32)
    np.add.at(table, (bins[inside], place[inside]), 1)
    hit = np.zeros_like(table)
    np.add.at(hit, (bins[right], place[right]), 1)
    product = counts @ np.concatenate([np.cumsum(table, 0), np.cumsum(hit, 0)]).T
    return product[:, :size].astype(np.float64), product[:, size:].astype(np.float64)


def _hundred_and_one(precision: Floats, caught: Floats, total: Floats) -> Floats:
    """COCO's mean over recalls of 0, 0.01, .. 1 of the best precision from there on."""
    if precision.shape[1] == 0:
        return np.where(total > 0, 0.0, np.nan)
    best = np.maximum.accumulate(precision[:, ::-1], 1)[:, ::-1]
    reached = np.searchsorted(RECALLS, caught / np.maximum(total, 1)[:, None], side="right")
    share = np.diff(reached, axis=1, prepend=0)
    return np.where(total > 0, (best * share).sum(1) / len(RECALLS), np.nan)


def _eleven(precision: Floats, caught: Floats, total: Floats) -> Floats:
    """VOC's mean over recalls of 0, 0.1, .. 1 of the best precision from there on."""
    if precision.shape[1] == 0:
        return np.where(total > 0, 0.0, np.nan)
    # whole numbers are compared, since caught / total >= k / 10 may fail by rounding
    best = [
        np.where(10 * caught >= k * total[:, None], precision, 0).max(1, initial=0.0)
        for k in range(11)
    ]
    return np.where(total > 0, np.mean(best, 0), np.nan)


def _fates(truth: Boxes, found: Boxes, *, voc: bool) -> tuple[Ints, Bools]:
    """The boxes that count, at most 100 an image and class, and which of them find an object."""
    assert found.score is not None
    score = found.score.astype(np.float64)
    group = _groups(found)
    rows = np.lexsort((-score, group))  # surest first within an image and class; stable
    rank = np.arange(len(rows)) - np.searchsorted(group[rows], group[rows])
    rows = rows[rank < MOST]
    order = np.argsort(_groups(truth), kind="stable")
    theirs = _groups(truth)[order]
    first, last = (np.searchsorted(theirs, group[rows], side=s) for s in ("left", "right"))
    often = last - first
    box = np.repeat(np.arange(len(rows)), often)
    starts = np.cumsum(often) - often
    other = order[np.arange(len(box)) - starts[box] + first[box]]
    overlap = _overlap(found.box[rows[box]], truth.box[other])
    near = np.flatnonzero(overlap >= OVERLAPS[0])
    hits = np.zeros(len(rows), bool)
    taken: set[int] = set()
    candidates: dict[int, list[tuple[float, int]]] = {}
    for b, o, value in zip(
        box[near].tolist(), other[near].tolist(), overlap[near].tolist(), strict=True
    ):
        candidates.setdefault(b, []).append((value, o))
    for b, near_by in candidates.items():
        if voc:  # the best object, the first of equals; a miss if a surer box took it
            wanted = max(near_by, key=lambda pair: (pair[0], -pair[1]))[1]
            left = [wanted] if wanted not in taken else []
        else:  # the best object that is left, of equals the last
            free = [pair for pair in near_by if pair[1] not in taken]
            left = [max(free)[1]] if free else []
        if left:
            taken.add(left[0])
            hits[b] = True
    return rows, hits


def _groups(boxes: Boxes) -> Ints:
    """A number for each image and class."""
    numbers: Ints = boxes.image.astype(np.int64) * (1 << 20) + boxes.label.astype(np.int64)
    return numbers


def _overlap(a: NDArray[np.generic], b: NDArray[np.generic]) -> Floats:
    """Intersection over union of the boxes of each row."""
    one, two = a.astype(np.float64), b.astype(np.float64)
    low, high = np.maximum(one[:, :2], two[:, :2]), np.minimum(one[:, 2:], two[:, 2:])
    common = np.prod(np.maximum(high - low, 0), axis=1)
    own = np.prod(one[:, 2:] - one[:, :2], axis=1), np.prod(two[:, 2:] - two[:, :2], axis=1)
    union = own[0] + own[1] - common
    shared: Floats = np.divide(common, union, out=np.zeros_like(common), where=union > 0)
    return shared
