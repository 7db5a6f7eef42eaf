"""Intervals and paired differences: how far a number would move with other test samples or seeds.

Two sources of doubt are kept apart. *Samples*: the test images or episodes could have been
others; known from one run, by the record's standard error or, paired between two methods, from
their predictions (`leaderboard.evidence`). *Seeds*: the training could have gone otherwise; known
from several runs only, by Student's t: a bootstrap of three seeds would cover too little. Of
a difference it is pooled over all methods of several seeds (`leaderboard.spread`).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from benchmark.errors import UsageError

#: Standard errors on each side of a 95 % interval.
Z = 1.96


@dataclass(frozen=True)
class Estimate:
    """A number with its 95 % interval.

    Args:
        value: in the metric's unit.
        half: half width of the interval, None where nothing is known about it.
        seeds: training seeds behind it.

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

    @property
    def below(self) -> bool:
        """Whether the whole interval is below 0."""
        return self.beyond_noise and self.value < 0

    @property
    def above(self) -> bool:
        """Whether the whole interval is above 0."""
        return self.beyond_noise and self.value > 0


def estimate(
    values: Sequence[float], standard_errors: Sequence[float | None], luck: float | None = None
) -> Estimate:
    """Mean over seeds with its 95 % interval.

    One seed: 1.96 se, the sample interval. More: the two parts in quadrature, t s / sqrt(k) of
    the k seeds and 1.96 se of the samples; all seeds are tested on the same images, so that
    averaging over seeds does not make the second part smaller. Few-shot's episodes differ from
    seed to seed, and there the interval is rather too wide.

    Args:
        values: one per seed, at least one.
        standard_errors: over the test samples, one per seed; None where not known.
        luck: t s where the spread s over seeds is known from elsewhere, and its t: what one seed
            leaves open. It is used instead of the values' own, of one seed, too.

    Returns:
        The estimate; without an interval if any standard error is not known.

    Example:
        >>> estimate([50.0], [1.0])
        Estimate(value=50.0, half=1.96, seeds=1)
        >>> round(estimate([49.0, 50.0, 51.0], [0.0] * 3).half, 3)  # t(2) = 4.303, s = 1
        2.484
        >>> round(estimate([49.0, 50.0, 51.0], [0.0] * 3, luck=2.0).half, 3)
        1.155
    """
    if not values or len(values) != len(standard_errors):
        raise UsageError(f"{len(values)} values with {len(standard_errors)} standard errors")
    count = len(values)
    known = [se for se in standard_errors if se is not None]
    half = None
    if len(known) == count:
        half = Z * math.sqrt(sum(se * se for se in known) / count)
        if luck is None and count > 1:
            from scipy.special import stdtrit  # slow to import, needed for this only

            luck = float(stdtrit(count - 1, 0.975)) * float(np.std(values, ddof=1))
        half = math.hypot(half, (luck or 0.0) / math.sqrt(count))
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
