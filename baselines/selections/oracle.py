"""Whole classes of the pool, by its labels: a reference, and no entry."""

import numpy as np

from benchmark.method import About
from benchmark.registry import SELECTIONS
from benchmark.selection import Given, Rows, Selection


@SELECTIONS.register("oracle")
class Oracle(Selection):
    """The classes of the pool whose images are nearest to the target's, whole, nearest first.

    Every target image votes for the class of its nearest pool image; among classes with as many
    votes, and then among those without any, the one with the most similar mean comes first. It
    knows what no selection may: which images show the same thing.

    Source: ours, an upper reference.
    """

    about = About(
        paper="ours, a reference",
        stores="features of the pool, and their index",
        held_against="votes that are counted by hand",
        test="tests/baselines/test_selections.py::test_the_oracle_takes_whole_classes",
    )
    uses_pool_labels = True

    def choose(self, given: Given) -> Rows:
        queries, features = given.queries.features(), given.pool.features()
        kinds, code = np.unique(given.pool.labels, return_inverse=True)
        _, rows = given.index().search(queries, 1)
        votes = np.bincount(code[rows[:, 0]], minlength=len(kinds))
        means = np.zeros((len(kinds), features.shape[1]), np.float32)
        np.add.at(means, code, features)
        closeness = (means / np.bincount(code)[:, None]) @ queries.mean(0)
        place = np.empty(len(kinds), np.int64)
        place[np.lexsort((-closeness, -votes))] = np.arange(len(kinds))
        own = features @ queries.mean(0)  # within a class, the most similar first
        order: Rows = np.lexsort((-own, place[code]))
        return order[: given.budget]
