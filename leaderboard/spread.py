"""How far the difference between two methods moves from seed to seed, pooled over methods."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from leaderboard.statistics import Estimate, estimate

#: Degrees of freedom from which a spread is worth using for all differences.
ENOUGH = 4


def enough(found: "Spread | None") -> "Spread | None":
    """A spread, if it rests on enough to be used for all differences."""
    return found if found and found.freedom >= ENOUGH else None


def difference_over_seeds(
    found: Sequence[tuple[float, float | None]],
    weights: Sequence[float],
    spread: "Callable[[], Spread | None]",
) -> Estimate:
    """A weighted sum of methods over seeds, of which a difference takes the pooled spread.

    So methods of three seeds and of one are judged alike, by the spread that all of several seeds
    have together; a t of two degrees of freedom, and luck with three numbers, would decide
    otherwise. It takes for granted that methods move alike from seed to seed.

    Args:
        found: the sum and its standard error over the samples, of each seed.
        weights: of a difference 1 and -1; a sum whose weights do not sum to 0 has its own spread.
        spread: looks up the spread of the differences between two methods, if it is needed.

    Example:
        >>> known = lambda: Spread(1.0, 10**6, 9, 9)  # half an interval of 1.96
        >>> round(difference_over_seeds([(2.0, 1.0)], (1, -1), known).half, 2)
        2.77
        >>> round(difference_over_seeds([(2.0, 0.0), (4.0, 0.0)], (1, -1), known).half, 2)
        1.39
        >>> round(difference_over_seeds([(2.0, 1.0)], (1,), known).half, 2)
        1.96
    """
    known = spread() if abs(sum(weights)) < 1e-9 else None
    scale = math.hypot(*weights) / math.sqrt(2)
    values, errors = zip(*found, strict=True)
    return estimate(values, errors, luck=scale * known.half if known else None)


@dataclass(frozen=True)
class Spread:
    """Standard deviation over seeds of the difference between two methods.

    Args:
        value: pooled over all pairs of methods, in the unit of the numbers.
        freedom: its degrees of freedom.
        methods, seeds: that it rests on.
    """

    value: float
    freedom: int
    methods: int
    seeds: int

    @property
    def low(self) -> float:
        """Lower end of its 95 % interval."""
        return self._end(0.025)

    @property
    def high(self) -> float:
        """Upper end of its 95 % interval."""
        return self._end(0.975)

    def _end(self, above: float) -> float:
        from scipy.special import chdtri  # slow to import, needed for this only

        return self.value * math.sqrt(self.freedom / float(chdtri(self.freedom, above)))

    @property
    def half(self) -> float:
        """Half the 95 % interval that one seed leaves open of a difference."""
        from scipy.special import stdtrit

        return float(stdtrit(self.freedom, 0.975)) * self.value


def spread_over_seeds(values: Mapping[str, Mapping[int, float]]) -> Spread | None:
    """How far the difference between two methods moves from seed to seed.

    Of m methods with the same k seeds, x_ij = method i + seed j + rest. The variance of a
    difference, averaged over all pairs, is twice the mean square of the rest,

        sum (x_ij - x_i. - x_.j + x_..)^2 / ((m - 1) (k - 1)),

    which has that many degrees of freedom and, for a normal rest, a chi-square interval.

    Args:
        values: of each method, seed to number. Of methods that share seeds those count which
            together give the most degrees of freedom.

    Returns:
        None without two methods that share two seeds.

    Example:
        >>> spread_over_seeds({"a": {0: 1.0, 1: 4.0}, "b": {0: 1.0, 1: 2.0}, "c": {0: 5.0}})
        Spread(value=1.4142135623730951, freedom=1, methods=2, seeds=2)
    """
    kinds = {frozenset(own) for own in values.values()}
    best: tuple[int, list[int], list[str]] = (0, [], [])
    for shared in sorted({tuple(sorted(a & b)) for a in kinds for b in kinds}):
        methods = [name for name, own in values.items() if set(shared) <= set(own)]
        freedom = (len(methods) - 1) * (len(shared) - 1)
        if freedom > best[0]:
            best = freedom, list(shared), methods
    freedom, seeds, names = best
    if not freedom:
        return None
    table = np.array([[values[name][seed] for seed in seeds] for name in names])
    rest = table - table.mean(0) - table.mean(1, keepdims=True) + table.mean()
    return Spread(math.sqrt(2 * float((rest**2).sum()) / freedom), freedom, len(names), len(seeds))
