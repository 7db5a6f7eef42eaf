"""Joint training: all chunks at once, the upper reference that a stream does not allow."""

from benchmark.method import About, Strategy
from benchmark.registry import STRATEGIES


@STRATEGIES.register("joint")
class Joint(Strategy):
    """One phase over the union of all chunks, with the budget of all of them.

    Source: Hu et al., ICLR 2022 (joint training, JT).
    """

    about = About(
        paper="Hu et al. ICLR 2022",
        stores="all images",
        held_against="its phases, written out",
        test="tests/baselines/test_strategies.py::test_chunks_of_each_phase",
    )

    def phases(self, n_chunks: int) -> tuple[tuple[int, ...], ...]:
        return (tuple(range(1, n_chunks + 1)),)
