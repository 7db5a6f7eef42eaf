"""How far the difference between two methods moves from seed to seed, pooled over methods."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from leaderboard.statistics import Estimate

#: Degrees of freedom from which a spread is worth using for methods that it was not measured on.
ENOUGH = 4


def enough(found: "Spread | None") -> "Spread | None":
    """A spread, if methods of one seed may take it over."""
    return found if found and found.freedom >= ENOUGH else None


def widened(
    found: Estimate, weights: Sequence[float], spread: "Callable[[], Spread | None]"
) -> Estimate:
    """A weighted sum, which takes over the spread of others if it is a difference of one seed.

    Args:
        found: the sum; of several seeds it is left as it is.
        weights: of a difference 1 and -1; of one that does not sum to 0 the sum is left, too.
        spread: looks up the spread of the differences between two methods, if it is needed.

    Example:
        >>> known = lambda: Spread(1.0, 10**6, 9, 9)  # half an interval of 1.96
        >>> round(widened(Estimate(2.0, 3.0), (1, -1), known).half, 2)
        3.58
        >>> widened(Estimate(2.0, 3.0), (1,), known).half
        3.0
    """
    if found.seeds > 1 or found.half is None or abs(sum(weights)) > 1e-9:
        return found
    known = spread()
    if known is None:
        return found
    scale = math.hypot(*weights) / math.sqrt(2)
    return replace(found, half=math.hypot(found.half, scale * known.half))


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
