"""Intervals and paired differences: how far a number would move with other test samples or seeds.

Two sources of doubt are kept apart. *Samples*: the test images or episodes could have been
others; known from one run, by the record's standard error or, paired between two methods, from
their predictions. *Seeds*: the training could have gone otherwise; known from several runs only.
"""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmark.errors import DataError, UsageError
from tasks.detection.metrics import Boxes, ap50_of_samples
from tasks.probes.metrics import average_precision_11, episode_accuracies

#: Standard errors on each side of a 95 % interval.
Z = 1.96
#: Resamples of the test images where a metric has no closed form; the half width is then known
#: to within about 4 %.
RESAMPLES = 300

Arrays = Mapping[str, NDArray[Any]]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Estimate:
    """A number with its 95 % interval.

    Args:
        value: in the metric's unit.
        half: half width of the interval, None where nothing is known about it.
        seeds: training seeds behind it; with 1, `half` is a sample interval only.

    Example:
        >>> Estimate(50.0, 2.0, 1).beyond_noise
        True
    """

    value: float
    half: float | None
    seeds: int = 1

    @property
    def low(self) -> float | None:
        """Lower end of the interval."""
        return None if self.half is None else self.value - self.half

    @property
    def high(self) -> float | None:
        """Upper end of the interval."""
        return None if self.half is None else self.value + self.half

    @property
    def beyond_noise(self) -> bool:
        """Whether the interval leaves out 0; never where there is no interval."""
        return self.half is not None and abs(self.value) > self.half


def estimate(values: Sequence[float], standard_errors: Sequence[float | None]) -> Estimate:
    """Mean over seeds with its 95 % interval.

    One seed: 1.96 se, the sample interval. More: the two parts in quadrature, t s / sqrt(k) of
    the k seeds and 1.96 se of the samples; all seeds are tested on the same samples, so that
    averaging over seeds does not make the second part smaller.

    Args:
        values: one per seed, at least one.
        standard_errors: over the test samples, one per seed; None where not known.

    Returns:
        The estimate; without an interval if any standard error is not known.

    Example:
        >>> estimate([50.0], [1.0])
        Estimate(value=50.0, half=1.96, seeds=1)
        >>> round(estimate([49.0, 50.0, 51.0], [0.0] * 3).half, 3)  # t(2) = 4.303, s = 1
        2.484
    """
    if not values or len(values) != len(standard_errors):
        raise UsageError(f"{len(values)} values with {len(standard_errors)} standard errors")
    count = len(values)
    known = [se for se in standard_errors if se is not None]
    half = None
    if len(known) == count:
        half = Z * math.sqrt(sum(se * se for se in known) / count)
        if count > 1:
            from scipy.special import stdtrit  # slow to import, needed for this only

            spread = float(stdtrit(count - 1, 0.975)) * float(np.std(values, ddof=1))
            half = math.hypot(half, spread / math.sqrt(count))
    return Estimate(float(np.mean(values)), half, count)


def standard_error_of_mean(standard_errors: Sequence[float | None]) -> float | None:
    """Of the mean of independent numbers: sqrt(sum se^2) / n; None if one is not known.

    Example:
        >>> standard_error_of_mean([3.0, 4.0])
        2.5
    """
    known = [se for se in standard_errors if se is not None]
    if not known or len(known) < len(standard_errors):
        return None
    return math.sqrt(sum(se * se for se in known)) / len(known)


def weighted_standard_error(units: Floats, strata: NDArray[Any]) -> float:
    """Standard error of the mean over strata of the means within, samples drawn within strata.

    sqrt( sum over strata s_c^2 / n_c ) / C. One stratum: that of the plain mean, s / sqrt(n).
    Classes as strata: that of the mean per-class accuracy. A stratum of one unit has no variance
    of its own and gets the pooled one.

    Args:
        units: one number a test unit (n,).
        strata: the stratum of each unit (n,).

    Returns:
        The standard error, in the unit of `units`.

    Example:
        >>> round(weighted_standard_error(np.array([1.0, 0, 1, 0]), np.zeros(4)), 4)
        0.2887
    """
    _, code, count = np.unique(strata, return_inverse=True, return_counts=True)
    means = np.bincount(code, weights=units) / count
    squares = np.bincount(code, weights=(units - means[code]) ** 2)
    freedom = len(units) - len(count)
    pooled = squares.sum() / freedom if freedom else float(np.var(units))
    variance = np.where(count > 1, squares / np.maximum(count - 1, 1), pooled)
    return float(np.sqrt((variance / count).sum()) / len(count))


@dataclass(frozen=True)
class Evidence:
    """What the predictions of one evaluation say about each test unit.

    Args:
        identity: what must be equal for two methods to be paired: the units and their labels.
        units: one number a unit in %, whose mean over strata of means is the metric (n,).
        strata: the stratum of each unit (n,).
        replicates: instead of units, the metric on shared resamples of the test images (B,).
    """

    identity: bytes
    units: Floats | None = None
    strata: NDArray[Any] | None = None
    replicates: Floats | None = None

    def standard_error(self) -> float:
        """Of the metric, over the test units."""
        return self._spread(self.units, self.replicates)

    def paired_standard_error(self, other: "Evidence") -> float | None:
        """Of the difference between two methods on the same units; None if they are not."""
        if self.identity != other.identity:
            return None
        if self.units is not None and other.units is not None:
            return self._spread(self.units - other.units, None)
        if self.replicates is not None and other.replicates is not None:
            return self._spread(None, self.replicates - other.replicates)
        return None

    def _spread(self, units: Floats | None, replicates: Floats | None) -> float:
        if units is not None and self.strata is not None:
            return weighted_standard_error(units, self.strata)
        assert replicates is not None
        return float(np.nanstd(replicates, ddof=1))


def evidence(arrays: Arrays, metric: str) -> Evidence | None:
    """Evidence in the predictions of an evaluation.

    Args:
        arrays: as saved beside the record. Linear: `index` (n,), `label` and `prediction` (n,),
            for map11 `label` and `score` (n, C). Few-shot: `prediction_5shot`,
            `prediction_1shot` (episodes, ways, queries), episode i being the same for all methods.
            Stream: `index`, `label`
            and `prediction` of all held-out images, and `chunk`, from 1. Detection: `image`, `box`,
            `label` and `score` of what was found, `truth_image`, `truth_box` and `truth_label`.
        metric: name of the headline metric.

    Returns:
        The evidence; None for a metric that nothing is known of.

    Raises:
        DataError: an array that the metric needs is missing or has the wrong shape.
    """
    try:
        if found := re.fullmatch(r"\d+way(\d+)shot", metric):
            units = episode_accuracies(arrays[f"prediction_{found[1]}shot"])
            return Evidence(b"episodes %d" % len(units), units, np.zeros(len(units)))
        if metric == "map11":
            return _resampled(arrays["index"], arrays["label"], arrays["score"])
        if metric in ("ap50", "voc_ap50"):
            names = ("image", "box", "label")
            image, box, label = (arrays[f"truth_{name}"] for name in names)
            truth = Boxes(image, box, label, difficult=arrays.get("truth_difficult"))
            boxes = Boxes(*(arrays[name] for name in (*names, "score")))
            return _detected(truth, boxes, voc=metric == "voc_ap50")
        if metric in ("top1", "mean_per_class") or metric.startswith("chunk"):
            index, label, answer = (arrays[name] for name in ("index", "label", "prediction"))
            if metric.startswith("chunk"):
                rows = arrays["chunk"] == int(metric.removeprefix("chunk"))
                index, label, answer = index[rows], label[rows], answer[rows]
            strata = label if metric == "mean_per_class" else np.zeros(len(label))
            return Evidence(_identity(index, label), 100.0 * (answer == label), strata)
    except (KeyError, IndexError, ValueError) as error:
        raise DataError(f"predictions do not hold what {metric} needs: {error}") from error
    return None


def _resampled(index: NDArray[Any], label: NDArray[Any], score: NDArray[Any]) -> Evidence:
    """11-point mAP of bootstrap samples, the same ones for every method on the same images."""
    counts = _samples(len(index))
    classes = [
        average_precision_11(np.asarray(score[:, c], dtype=np.float64), label[:, c] > 0, counts)
        for c in np.flatnonzero(label.any(axis=0))
    ]
    return Evidence(_identity(index, label), replicates=100 * np.nanmean(classes, axis=0))


def _detected(truth: Boxes, found: Boxes, *, voc: bool) -> Evidence:
    """AP50 of bootstrap samples of the pictures that hold an object or in which one was found."""
    images = np.unique(np.concatenate([truth.image, found.image]))
    identity = _identity(images, truth.label) + truth.box.astype(np.float64).tobytes()
    replicates = ap50_of_samples(truth, found, images, _samples(len(images)), voc=voc)
    return Evidence(identity, replicates=replicates)


def _samples(n: int) -> NDArray[np.int64]:
    """How often each of n images occurs in each bootstrap sample; the same for equal n."""
    return np.random.default_rng(n).multinomial(n, np.full(n, 1 / n), RESAMPLES)


def _identity(index: NDArray[Any], label: NDArray[Any]) -> bytes:
    return index.astype(np.int64).tobytes() + label.astype(np.int64).tobytes()


def tied_ranks(
    names: Sequence[str], differences: Mapping[tuple[str, str], Estimate]
) -> dict[str, tuple[int, int]]:
    """Best and worst rank of each method that the differences leave open.

    A method is behind another if their difference is beyond noise after Holm's correction for
    all pairs; its best rank is one more than those it is behind, its worst leaves room for all
    that are not behind it.

    Args:
        names: the methods, best first.
        differences: (better, worse) in the order of `names` to the difference of their scores.

    Returns:
        Name to (best, worst), from 1.

    Source:
        Holm, A simple sequentially rejective multiple test procedure (1979).

    Example:
        >>> d = {("a", "b"): Estimate(1, 2), ("a", "c"): Estimate(9, 2), ("b", "c"): Estimate(8, 2)}
        >>> tied_ranks(["a", "b", "c"], d)
        {'a': (1, 2), 'b': (1, 2), 'c': (3, 3)}
    """
    pairs = list(combinations(names, 2))
    p_values = {pair: _p_value(differences.get(pair)) for pair in pairs}
    behind: set[tuple[str, str]] = set()
    for step, pair in enumerate(sorted(pairs, key=lambda pair: p_values[pair])):
        if p_values[pair] > 0.05 / (len(pairs) - step):
            break
        behind.add((pair[1], pair[0]) if differences[pair].value > 0 else pair)
    return {
        name: (
            1 + sum((name, other) in behind for other in names),
            len(names) - sum((other, name) in behind for other in names),
        )
        for name in names
    }


def _p_value(difference: Estimate | None) -> float:
    """Two-sided, by the normal distribution; 1 where there is no interval."""
    if difference is None or difference.half is None:
        return 1.0
    if difference.half == 0:
        return 0.0 if difference.value else 1.0
    return math.erfc(abs(difference.value) / difference.half * Z / math.sqrt(2))
