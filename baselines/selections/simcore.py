"""SimCore: what is near to the centres of the target's features, as long as it is near."""

from dataclasses import dataclass

import numpy as np

from benchmark.config import option
from benchmark.method import About
from benchmark.registry import SELECTIONS
from benchmark.retrieval.clusters import centres
from benchmark.retrieval.exact import unit
from benchmark.selection import Given, Rows, Selection, SelectionOptions


@dataclass(frozen=True)
class SimCoreOptions(SelectionOptions):
    """What SimCore needs to know beside the budget.

    Args:
        centroids: clusters of the target's features, at most its images.
        threshold: it stops when the mean similarity of a round falls below this share of the first.
    """

    centroids: int = option(100, least=1)
    threshold: float = option(0.95, least=0, most=1)


@SELECTIONS.register("simcore")
class SimCore(Selection):
    """Each centre in turn takes the most similar image that is left.

    Args:
        threshold: it may stop before the budget is used up.

    Source: Kim et al., Coreset Sampling from Open-Set for Fine-Grained Self-Supervised Learning,
        CVPR 2023, section 3.2.
    """

    about = About(
        paper="Kim et al. CVPR 2023",
        stores="features of the pool, and their index",
        held_against="the greedy rounds, written out",
        test="tests/baselines/test_selections.py::test_simcore_takes_turns_and_stops",
    )
    config_class = SimCoreOptions
    config: SimCoreOptions

    def choose(self, given: Given) -> Rows:
        features = unit(centres(given.queries.features(), self.config.centroids, given.seed))
        similarity = features @ given.pool.features().T
        taken: list[int] = []
        first = None
        while len(taken) < given.budget:
            turn = []
            for row in similarity[: given.budget - len(taken)]:
                best = int(row.argmax())
                turn.append(float(row[best]))
                taken.append(best)
                similarity[:, best] = -np.inf
                if len(taken) == len(given.pool):
                    return np.array(taken)
            first = np.mean(turn) if first is None else first
            if np.mean(turn) < self.config.threshold * first:
                break
        return np.array(taken)
