"""The target's own images, and none of the pool's."""

import numpy as np

from benchmark.method import About
from benchmark.registry import SELECTIONS
from benchmark.selection import Given, Rows, Selection


@SELECTIONS.register("target_only")
class TargetOnly(Selection):
    """Pre-training on the few training images of the target, again and again."""

    about = About(paper="a floor that every selection needs")
    uses_features = False
    of_target = True

    def choose(self, given: Given) -> Rows:
        return np.arange(len(given.queries))
