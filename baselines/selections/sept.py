"""SEPT: the images of the pool that are nearest to the target's."""

from collections.abc import Iterable

import numpy as np

from benchmark.method import About
from benchmark.registry import SELECTIONS
from benchmark.selection import Given, Rows, Selection


@SELECTIONS.register("sept")
class Sept(Selection):
    """Of every target image the nearest pool image, then the second nearest, and so on.

    The lists are merged rank by rank, an image that several have being taken once, until the budget
    is used up. How the paper merges them is not known to us.

    Source: Lin et al., SEPT: Towards Scalable and Efficient Visual Pre-Training, AAAI 2023.
    """

    about = About(
        paper="Lin et al. AAAI 2023",
        stores="features of the pool, and their index",
        held_against="the nearest images one after the other, by NumPy",
        test="tests/baselines/test_selections.py::test_sept_takes_the_nearest_rank_by_rank",
    )

    def choose(self, given: Given) -> Rows:
        return nearest(given.index().by_rank(given.queries.features()), given.budget)


def nearest(ranks: Iterable[Rows], budget: int) -> Rows:
    """The first rows of lists that are merged rank by rank, each once.

    Args:
        ranks: the rows of all lists at each rank, as `ExactIndex.by_rank` gives them.
        budget: most rows.

    Example:
        >>> nearest([np.array([4, 2]), np.array([2, 7]), np.array([1, 0])], 4).tolist()
        [4, 2, 7, 1]
    """
    taken: dict[int, None] = {}
    for rows in ranks:
        for row in rows.tolist():
            taken.setdefault(row)
            if len(taken) == budget:
                return np.fromiter(taken, np.int64)
    return np.fromiter(taken, np.int64)
