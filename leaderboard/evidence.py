"""What predictions say about how far a number would move with other test images or episodes.

The bootstrap over the test units: of a mean it has a closed form, its limit of many resamples, and
that is what is used; average precision has none and is computed on resamples, which are the same
for all methods.
"""

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmark.errors import DataError
from tasks.detection.metrics import Boxes
from tasks.probes.metrics import episode_accuracies
from tasks.resampled import resampled_ap11, resampled_ap50, table_of

#: Resamples of the test images where a metric has no closed form; the half width is then known
#: to within about 4 %.
RESAMPLES = 300

Arrays = Mapping[str, NDArray[Any]]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Evidence:
    """What the predictions of one evaluation say about its metric.

    Args:
        identity: equal for two methods exactly if they were tested on the same units.
        parts: a vector (n,), in the metric's unit, whose length is the standard error of the metric
            and whose distance from another method's, on the same units, is the standard error of
            their difference: what each unit, or each resample, contributes.
    """

    identity: bytes
    parts: NDArray[np.float32]

    def standard_error(self) -> float:
        """Of the metric, over the test units."""
        return float(np.linalg.norm(self.parts.astype(np.float64)))

    def paired_standard_error(self, other: "Evidence") -> float | None:
        """Of the difference between two methods on the same units; None if they are not."""
        if self.identity != other.identity:
            return None
        return float(np.linalg.norm(self.parts.astype(np.float64) - other.parts))


def of_units(identity: bytes, units: Floats, strata: NDArray[Any]) -> Evidence:
    """Evidence of a mean over strata of the means within, samples drawn within strata.

    Its standard error is sqrt( sum over strata s_c^2 / n_c ) / C. One stratum: that of the plain
    mean, s / sqrt(n). Classes as strata: that of the mean per-class accuracy. A stratum of one unit
    has no variance of its own and gets the pooled one.

    Args:
        identity: of the units and their labels.
        units: one number a test unit (n,).
        strata: the stratum of each unit (n,).

    Example:
        >>> round(of_units(b"", np.array([1.0, 0, 1, 0]), np.zeros(4)).standard_error(), 4)
        0.2887
    """
    _, code, count = np.unique(strata, return_inverse=True, return_counts=True)
    centred = units - (np.bincount(code, weights=units) / count)[code]
    freedom, single = len(units) - len(count), count == 1
    weight = np.where(single, 0.0, 1 / np.maximum(count * (count - 1), 1))
    if freedom:
        weight = weight + single.sum() / freedom
    else:  # nothing but strata of one unit: the variance over all
        centred, weight = units - units.mean(), np.ones(len(count)) / len(units)
        weight *= len(count)
    parts = centred * np.sqrt(weight[code]) / len(count)
    return Evidence(_digest(identity), parts.astype(np.float32))


def of_resamples(identity: bytes, replicates: Floats) -> Evidence:
    """Evidence of a metric on resamples of the test images (B,), the same for all methods.

    Example:
        >>> round(of_resamples(b"", np.array([1.0, 2.0, 3.0])).standard_error(), 6)
        1.0
    """
    centred = np.nan_to_num(replicates - np.nanmean(replicates))
    known = int(np.isfinite(replicates).sum())
    return Evidence(_digest(identity), (centred / np.sqrt(max(known - 1, 1))).astype(np.float32))


def evidence(arrays: Arrays, metric: str) -> Evidence | None:
    """Evidence in the predictions of an evaluation.

    Args:
        arrays: as saved beside the record. Linear: `index` (n,), `label` and `prediction` (n,),
            for map11 `label` and `score` (n, C). Few-shot: `prediction_5shot`,
            `prediction_1shot` (episodes, ways, queries), episode i being the same for all methods.
            Stream: `index`, `label`, `prediction` and `pooled_prediction` of all held-out images,
            and `chunk`, from 1. Detection: `image`, `box`, `label` and `score` of what was found,
            `truth_image`, `truth_box` and `truth_label`.
        metric: name of the metric.

    Returns:
        The evidence; None for a metric that nothing is known of.

    Raises:
        DataError: an array that the metric needs is missing or has the wrong shape.
    """
    try:
        if found := re.fullmatch(r"\d+way(\d+)shot", metric):
            units = episode_accuracies(arrays[f"prediction_{found[1]}shot"])
            return of_units(b"episodes %d" % len(units), units, np.zeros(len(units)))
        if found := re.fullmatch(r"((?:knn_)?(?:pooled_)?)chunk(\d+)", metric):
            rows = arrays["chunk"] == int(found[2])
            names = ("index", "label", f"{found[1]}prediction")
            return _single(*(arrays[name][rows] for name in names), per_class=False)
        if metric == "map11":
            return _resampled(arrays["index"], arrays["label"], arrays["score"])
        if metric in ("ap50", "voc_ap50"):
            return _detected(arrays, voc=metric == "voc_ap50")
        if metric in ("top1", "mean_per_class"):
            names = ("index", "label", "prediction")
            return _single(*(arrays[n] for n in names), per_class=metric == "mean_per_class")
    except (KeyError, IndexError, ValueError) as error:
        raise DataError(f"predictions do not hold what {metric} needs: {error}") from error
    return None


def all_evidence(arrays: Arrays, metrics: Iterable[str]) -> dict[str, Evidence]:
    """Evidence of several metrics of one evaluation, those left out of which nothing is known."""
    found = {metric: evidence(arrays, metric) for metric in metrics}
    return {metric: seen for metric, seen in found.items() if seen is not None}


def _single(
    index: NDArray[Any], label: NDArray[Any], answer: NDArray[Any], *, per_class: bool
) -> Evidence:
    """One answer an image."""
    strata = label if per_class else np.zeros(len(label))
    return of_units(_identity(index, label), 100.0 * (answer == label), strata)


def _resampled(index: NDArray[Any], label: NDArray[Any], score: NDArray[Any]) -> Evidence:
    """11-point mAP of bootstrap samples, the same ones for every method on the same images."""
    often = table_of(_samples(len(index)))
    classes = [
        resampled_ap11(np.asarray(score[:, c], dtype=np.float64), label[:, c] > 0, often)
        for c in np.flatnonzero(label.any(axis=0))
    ]
    return of_resamples(_identity(index, label), 100 * np.nanmean(classes, axis=0))


def _detected(arrays: Arrays, *, voc: bool) -> Evidence:
    """AP50 of bootstrap samples of the pictures that hold an object or in which one was found."""
    names = ("image", "box", "label")
    image, box, label = (arrays[f"truth_{name}"] for name in names)
    truth = Boxes(image, box, label, difficult=arrays.get("truth_difficult"))
    found = Boxes(*(arrays[name] for name in (*names, "score")))
    images = np.unique(np.concatenate([truth.image, found.image]))
    identity = _identity(images, truth.label) + truth.box.astype(np.float64).tobytes()
    return of_resamples(
        identity, resampled_ap50(truth, found, images, _samples(len(images)), voc=voc)
    )


@lru_cache(maxsize=8)
def _samples(n: int) -> NDArray[np.int64]:
    """How often each of n images occurs in each bootstrap sample; the same for equal n."""
    return np.random.default_rng(n).multinomial(n, np.full(n, 1 / n), RESAMPLES)


def _identity(index: NDArray[Any], label: NDArray[Any]) -> bytes:
    return index.astype(np.int64).tobytes() + label.astype(np.int64).tobytes()


def _digest(identity: bytes) -> bytes:
    return hashlib.sha256(identity).digest()[:16]
