"""A uniform sample of a pool that passes by."""

import numpy as np

from benchmark.method import About
from benchmark.registry import SELECTIONS
from benchmark.selection import Given, Rows, StreamingSelection


@SELECTIONS.register("reservoir_k")
class ReservoirK(StreamingSelection):
    """Every image has a lottery number, and those with the smallest are kept.

    However far the stream has come, what is kept is a uniform sample of what has passed.

    Source: Vitter, Random Sampling with a Reservoir, 1985, whose sample this is by another way.
    """

    about = About(
        paper="Vitter TOMS 1985",
        stores="the images kept",
        held_against="the smallest of all numbers at once",
        test="tests/baselines/test_selections.py::test_a_reservoir_is_a_uniform_sample",
    )
    uses_target = uses_features = False

    def arrive(self, given: Given, kept: Rows, arrived: Rows) -> Rows:
        number, there = given.draws().random(len(given.pool)), np.union1d(kept, arrived)
        return there[np.argsort(number[there], kind="stable")[: given.budget]]
