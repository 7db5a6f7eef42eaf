"""Seconds of many cells added up, with how sure the sum is."""

import math
from collections.abc import Iterable
from dataclasses import dataclass, field

from benchmark.cost.rates import Basis, Rate


@dataclass
class Line:
    """Cells of one kind, added up.

    Args:
        name: as people read it.
        kind: `pretrain`, or the evaluation.
        cells, done, failed: how many there are, and how many of them a store has.
        seconds: of those that are left.
        low, high: of one of these.
        own: absolute error of the cells of one name, which err together.
        shared: absolute error that all cells of one basis have in common.
        bases: how many of them rest on what.
    """

    name: str
    kind: str
    cells: int = 0
    done: int = 0
    failed: int = 0
    seconds: float = 0.0
    low: float = math.inf
    high: float = 0.0
    own: dict[str, float] = field(default_factory=dict)
    shared: dict[Basis, float] = field(default_factory=dict)
    bases: dict[Basis, int] = field(default_factory=dict)

    def add(self, rate: Rate, name: str) -> None:
        """One more cell that is left; cells of one name err together."""
        self.seconds += rate.seconds
        self.low, self.high = min(self.low, rate.seconds), max(self.high, rate.seconds)
        self.own[name] = self.own.get(name, 0.0) + rate.seconds * rate.error
        shared = self.shared.get(rate.basis, 0.0) + rate.seconds * rate.shared
        self.shared[rate.basis] = shared
        self.bases[rate.basis] = self.bases.get(rate.basis, 0) + 1


def relative_error(lines: Iterable[Line]) -> float:
    """Relative standard error of the seconds of some lines together.

    Example:
        >>> line = Line("linear", "linear")
        >>> for name in ("digits", "flags"):
        ...     line.add(Rate(10.0, 0.3, 0.4, "calibrated"), name)
        >>> round(relative_error([line]), 2)  # of 20: the root of 3^2 + 3^2 + 8^2
        0.45
    """
    own, shared, seconds = 0.0, dict[Basis, float](), 0.0
    for line in lines:
        seconds += line.seconds
        own += sum(error**2 for error in line.own.values())
        for basis, error in line.shared.items():
            shared[basis] = shared.get(basis, 0.0) + error
    total = math.sqrt(own + sum(error**2 for error in shared.values()))
    return total / seconds if seconds else 0.0


def within(seconds: float, error: float) -> tuple[float, float]:
    """About 95 % lie between: a factor to both sides, so that it is never below 0."""
    factor = math.exp(2 * error)
    return seconds / factor, seconds * factor
