"""The whole pool: what a selection saves, and what it may cost."""

from dataclasses import dataclass

import numpy as np

from benchmark.config import option
from benchmark.method import About
from benchmark.registry import SELECTIONS
from benchmark.selection import Given, Rows, Selection, SelectionOptions


@dataclass(frozen=True)
class Everything(SelectionOptions):
    """No budget of images.

    Args:
        share: of the pool: all of it.
    """

    share: float = option(1.0, least=1, most=1)


@SELECTIONS.register("all")
class All(Selection):
    """Every image of the pool, under the same budget of visits."""

    about = About(paper="a floor that every selection needs")
    config_class = Everything
    uses_target = uses_features = False

    def choose(self, given: Given) -> Rows:
        return np.arange(len(given.pool))
