"""The metrics of the linear probe, and their standard errors over the test images."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

BOOTSTRAP = 200  # samples of the test images for the error of `map11`


def top1(labels: NDArray[np.int64], predictions: NDArray[np.int64]) -> float:
    """Share of images predicted correctly.

    Args:
        labels: (n,) true classes, n >= 1.
        predictions: (n,) predicted classes.

    Returns:
        Accuracy in %.

    Example:
        >>> top1(np.array([0, 1, 1, 2]), np.array([0, 1, 2, 0]))
        50.0
    """
    return 100 * float(np.mean(labels == predictions))


def mean_per_class(labels: NDArray[np.int64], predictions: NDArray[np.int64]) -> float:
    """Accuracy within each class that occurs in the labels, averaged over these classes.

    Args:
        labels: (n,) true classes, n >= 1.
        predictions: (n,) predicted classes.

    Returns:
        The mean in %.

    Example:
        >>> mean_per_class(np.array([0, 0, 0, 0, 1]), np.array([0, 0, 1, 1, 1]))
        75.0
    """
    share, _ = _by_class(labels, predictions)
    return 100 * float(share.mean())


def average_precision_11(
    scores: Floats, positive: NDArray[np.bool_], counts: NDArray[np.int64] | None = None
) -> Floats:
    """11-point average precision of PASCAL VOC 2007.

    The mean, over recalls r of 0, 0.1, .. 1, of the highest precision among the thresholds that
    reach a recall of at least r. Images of equal score pass a threshold together, so the order of
    ties cannot matter.

    Args:
        scores: (n,), higher is surer.
        positive: (n,).
        counts: (B, n) how often each image occurs, for B bootstrap samples; once each if None.

    Returns:
        (B,), or (1,) without counts, in 0..1; NaN where no image is positive.

    Source:
        Everingham et al., The PASCAL Visual Object Classes Challenge (IJCV 2010), section 4.2.

    Example:
        >>> average_precision_11(np.array([3.0, 2.0, 1.0]), np.array([True, False, True])).round(4)
        array([0.8485])
    """
    order = np.argsort(-scores, kind="stable")
    ranked = scores[order]
    often = np.ones((1, len(scores)), np.int64) if counts is None else counts[:, order]
    last_of_ties = np.append(ranked[1:] != ranked[:-1], True)
    found = np.cumsum(often * positive[order], 1)[:, last_of_ties]
    passed = np.cumsum(often, 1)[:, last_of_ties]
    total = found[:, -1:]
    precision = found / np.maximum(passed, 1)
    # whole numbers are compared, since found / total >= k / 10 may fail by rounding
    best = [np.where(10 * found >= k * total, precision, 0).max(1) for k in range(11)]
    return np.where(total[:, 0] > 0, np.mean(best, 0), np.nan)


def map11(labels: NDArray[np.uint8], scores: Floats) -> float:
    """Mean over classes of the 11-point average precision.

    Args:
        labels: (n, C) of 0 and 1; classes without a positive image are left out of the mean.
        scores: (n, C), higher is surer.

    Returns:
        The mean in %.

    Example:
        >>> labels = np.array([[1, 0], [0, 1], [1, 1]], np.uint8)
        >>> map11(labels, np.array([[3.0, 1.0], [1.0, 2.0], [2.0, 3.0]]))
        100.0
    """
    return float(_map11(labels, scores, None)[0])


def episode_accuracies(predictions: NDArray[np.integer[Any]]) -> NDArray[np.float64]:
    """Per cent of each episode's queries that were told right.

    Args:
        predictions: (E, ways, queries), places of the classes in their episode.

    Returns:
        (E,) in %.

    Example:
        >>> episode_accuracies(np.array([[[0, 0], [1, 0]]]))
        array([75.])
    """
    truth = np.arange(predictions.shape[1])[None, :, None]
    right: Floats = 100 * (predictions == truth).mean((1, 2))
    return right


def top1_error(labels: NDArray[np.int64], predictions: NDArray[np.int64]) -> float:
    """Standard error of `top1`, binomial, in %.

    Example:
        >>> top1_error(np.array([0, 1, 1, 2]), np.array([0, 1, 2, 0]))
        25.0
    """
    share = float(np.mean(labels == predictions))
    return 100 * float(np.sqrt(share * (1 - share) / len(labels)))


def mean_per_class_error(labels: NDArray[np.int64], predictions: NDArray[np.int64]) -> float:
    """Standard error of `mean_per_class`, in %: sqrt(sum of p (1 - p) / n over classes) / C.

    Example:
        >>> mean_per_class_error(np.array([0, 0, 0, 0, 1]), np.array([0, 0, 1, 1, 1]))
        12.5
    """
    share, count = _by_class(labels, predictions)
    return 100 * float(np.sqrt(np.sum(share * (1 - share) / count))) / len(share)


def map11_error(labels: NDArray[np.uint8], scores: Floats) -> float:
    """Standard error of `map11`, in %: 200 bootstrap samples of the images, from a fixed seed.

    A class that a sample lacks is left out of that sample's mean.
    """
    n = len(labels)
    draws = np.random.Generator(np.random.PCG64(0)).integers(0, n, size=(BOOTSTRAP, n))
    counts = np.stack([np.bincount(draw, minlength=n) for draw in draws])
    return float(_map11(labels, scores, counts).std(ddof=1))


#: Name, as in a task's declaration, to the metric and its standard error.
METRICS: dict[str, tuple[Callable[..., float], Callable[..., float]]] = {
    "top1": (top1, top1_error),
    "mean_per_class": (mean_per_class, mean_per_class_error),
    "map11": (map11, map11_error),
}


def _by_class(
    labels: NDArray[np.int64], predictions: NDArray[np.int64]
) -> tuple[Floats, NDArray[np.int64]]:
    """Accuracy (C,), 0 to 1, and number of images (C,) of each class in the labels."""
    _, place = np.unique(labels, return_inverse=True)
    count = np.bincount(place)
    return np.bincount(place, weights=labels == predictions) / count, count


def _map11(labels: NDArray[np.uint8], scores: Floats, counts: NDArray[np.int64] | None) -> Floats:
    present = np.flatnonzero(labels.any(0))
    each = [average_precision_11(scores[:, c], labels[:, c] > 0, counts) for c in present]
    return 100 * np.asarray(np.nanmean(each, 0))
