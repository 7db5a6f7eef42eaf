"""SEPT on a pool that passes by: what would be chosen of all that was kept and arrives."""

import numpy as np

from baselines.selections.sept import nearest
from benchmark.method import About
from benchmark.registry import SELECTIONS
from benchmark.retrieval.exact import ExactIndex
from benchmark.selection import Given, Rows, StreamingSelection


@SELECTIONS.register("sept_stream")
class SeptStream(StreamingSelection):
    """Whenever a chunk arrives, the choice of `sept` among the images kept and those that arrive.

    It differs from `sept` on the whole pool only where an image is let go early that would have
    been taken late: with fewer images about, the lists of different target images share fewer, and
    the budget is used up at a lower rank.

    Source: ours; the paper has no stream.
    """

    about = About(
        paper="after Lin et al. AAAI 2023",
        stores="the images kept, and their features",
        held_against="sept on a pool that arrives at once",
        test="tests/baselines/test_selections.py::test_a_stream_of_one_chunk_is_no_stream",
    )

    def arrive(self, given: Given, kept: Rows, arrived: Rows) -> Rows:
        there = np.union1d(kept, arrived)
        index = ExactIndex(given.pool.features(there))
        return there[nearest(index.by_rank(given.queries.features()), given.budget)]
