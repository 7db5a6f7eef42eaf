"""Cumulative training: at every arrival on all data so far, the expensive way to keep up."""

from benchmark.method import About, Strategy
from benchmark.registry import STRATEGIES


@STRATEGIES.register("cumulative")
class Cumulative(Strategy):
    """When a chunk arrives, training goes on from the previous weights on all chunks so far.

    Each phase has the budget of all chunks that it reads, so that the whole costs (T + 1) / 2 times
    what the others spend on T chunks: an upper reference, not a competitor.
    Source: Hu et al., ICLR 2022, who compare sequential training with joint training at every
    arrival.
    """

    about = About(
        paper="Hu et al. ICLR 2022",
        stores="all images so far",
        held_against="its phases, written out",
        test="tests/baselines/test_strategies.py::test_chunks_of_each_phase",
    )
    needs_boundaries = True

    def phases(self, n_chunks: int) -> tuple[tuple[int, ...], ...]:
        return tuple(tuple(range(1, last + 1)) for last in range(1, n_chunks + 1))
