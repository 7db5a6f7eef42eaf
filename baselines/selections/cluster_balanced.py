"""As many images of every kind, whatever the kinds are: no target is looked at."""

from dataclasses import dataclass

import numpy as np

from benchmark.config import option
from benchmark.method import About
from benchmark.registry import SELECTIONS
from benchmark.retrieval.clusters import assigned, centres
from benchmark.selection import Given, Rows, Selection, SelectionOptions


@dataclass(frozen=True)
class ClusterOptions(SelectionOptions):
    """The clusters.

    Args:
        images: that a cluster of the lower level has on average.
        clusters: of the lower level that one of the upper has on average.
    """

    images: int = option(16, least=1)
    clusters: int = option(16, least=1)


@SELECTIONS.register("cluster_balanced")
class ClusterBalanced(Selection):
    """Two levels of k-means; the budget is shared out equally at both, images drawn at random.

    What a small cluster lacks goes to the others.

    Source: Vo et al., Automatic Data Curation for Self-Supervised Learning, TMLR 2024, whose
        clusters have more levels and are drawn anew several times.
    """

    about = About(
        paper="Vo et al. TMLR 2024",
        stores="features of the pool",
        held_against="shares that are worked out by hand",
        test="tests/baselines/test_selections.py::test_clusters_share_the_budget",
    )
    config_class = ClusterOptions
    config: ClusterOptions
    uses_target = False

    def choose(self, given: Given) -> Rows:
        features, draws = given.pool.features(), given.draws()
        lower = centres(features, len(features) // self.config.images, given.seed)
        upper = centres(lower, len(lower) // self.config.clusters, given.seed)
        leaf = assigned(features, lower)
        branch = assigned(lower, upper)[leaf]
        taken = []
        for top, count in shares(np.bincount(branch), given.budget):
            inside = np.flatnonzero(branch == top)
            _, code = np.unique(leaf[inside], return_inverse=True)
            for low, few in shares(np.bincount(code), count):
                taken.append(draws.permutation(inside[code == low])[:few])
        return draws.permutation(np.concatenate(taken))


def shares(sizes: Rows, budget: int) -> list[tuple[int, int]]:
    """What each group gives if all give the same, as far as they can; groups that give something.

    Example:
        >>> shares(np.array([1, 0, 10, 5]), 8)
        [(0, 1), (2, 4), (3, 3)]
    """
    left, given = min(budget, int(sizes.sum())), np.zeros(len(sizes), np.int64)
    while left:
        open_to = np.flatnonzero(given < sizes)
        each, over = divmod(left, len(open_to))
        more = np.minimum(each + (np.arange(len(open_to)) < over), (sizes - given)[open_to])
        given[open_to] += more
        left -= int(more.sum())
    return [(group, int(given[group])) for group in np.flatnonzero(given).tolist()]
