"""Average precision on many resamples of the test images at once.

On a resample every image counts some number of times. Precision has its maxima where an object is
found, so that only these places are looked at: how often the images of the boxes up to there occur
is a running sum over rows of the table of counts, (images, resamples), for all resamples at once.
"""

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from tasks.detection.metrics import MOST, OVERLAPS, RECALLS, Boxes, ap50_of_samples

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]
Table = NDArray[np.float32]


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
    often = table_of(counts)
    values = []
    for one in np.unique(truth.label):
        of_class = np.flatnonzero(label == one)
        ranked = of_class[np.argsort(-score[of_class], kind="stable")]
        objects = np.searchsorted(images, truth.image[truth.label == one])
        right = hits[ranked]
        total = _sums(objects, np.array([len(objects)]), often)[0]
        values.append(_average(place[ranked], right, np.flatnonzero(right), often, total, voc=voc))
    mean: Floats = 100 * np.nanmean(values, axis=0)
    return mean


def table_of(counts: NDArray[np.integer]) -> Table:
    """How often each image occurs in each sample, (n, B), as the running sums need it."""
    return np.ascontiguousarray(counts.T, dtype=np.float32)


def resampled_ap11(scores: Floats, positive: Bools, often: Table) -> Floats:
    """11-point average precision as `average_precision_11` has it, on resamples.

    Args:
        scores: (n,), higher is surer.
        positive: (n,).
        often: (n, B) of `table_of`.

    Returns:
        (B,), in 0..1; NaN where no image is positive.

    Example:
        >>> once = table_of(np.ones((1, 3), int))
        >>> scores, positive = np.array([3.0, 2.0, 1.0]), np.array([True, False, True])
        >>> resampled_ap11(scores, positive, once).round(4)
        array([0.8485])
    """
    order = np.argsort(-scores, kind="stable")
    ranked, right = scores[order], positive[order]
    last = np.append(ranked[1:] != ranked[:-1], True)  # images of equal score pass together
    ends = np.flatnonzero(last)
    ends = np.unique(ends[np.searchsorted(ends, np.flatnonzero(right))])
    total = _sums(np.flatnonzero(positive), np.array([int(positive.sum())]), often)[0]
    return _average(order, right, ends, often, total, voc=True)


def _average(
    place: Ints, right: Bools, ends: Ints, often: Table, total: Table, *, voc: bool
) -> Floats:
    """Average precision of boxes, surest first, on all resamples (B,): NaN without any object.

    Args:
        place: row of `often` of each box's image.
        right: whether it finds an object.
        ends: the boxes where precision may have a maximum, each the last of its bin.
        often: how often each image occurs in each sample (n, B).
        total: objects in each sample (B,).
        voc: VOC's mean over recalls of 0, 0.1, .. 1 of the best precision from there on, instead of
            COCO's over 0, 0.01, .. 1.
    """
    if not len(ends):
        return np.where(total > 0, 0.0, np.nan)
    hits = np.searchsorted(np.flatnonzero(right), ends + 1)
    caught = np.cumsum(_sums(place[right], hits, often), 0)
    passed = np.cumsum(_sums(place, ends + 1, often), 0)
    precision = caught / np.maximum(passed, 1).astype(np.float64)
    best = np.maximum.accumulate(precision[::-1], 0)[::-1]
    recall = caught / np.maximum(total, 1).astype(np.float64)
    steps = 10 if voc else 100
    near = np.rint(steps * recall).astype(np.intp)  # the only threshold that rounding can decide
    # VOC's are compared as whole numbers: caught / total >= k / 10 may fail by rounding
    passes = 10 * caught >= near * total if voc else recall >= RECALLS[near]
    share = np.diff(near + passes, axis=0, prepend=0)
    return np.where(total > 0, (best * share).sum(0) / (steps + 1), np.nan)


def _sums(place: Ints, ends: Ints, often: Table) -> Table:
    """Sums of the rows of boxes' images from one of `ends` to the next, (ends, B).

    They are whole numbers below 2^24, which float32 holds.
    """
    bounds = np.append(0, ends)
    rows = csr_array(
        (np.ones(bounds[-1], np.float32), place[: bounds[-1]], bounds), (len(ends), len(often))
    )
    sums: Table = rows @ often
    return sums


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
