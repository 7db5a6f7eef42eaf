"""The first chunk alone: what a method knew before the rest of the stream came."""

from benchmark.method import About, Strategy
from benchmark.registry import STRATEGIES


@STRATEGIES.register("first_chunk")
class FirstChunk(Strategy):
    """One phase over the first chunk with that chunk's budget, the lower reference.

    Source: Hu et al., ICLR 2022, whose sequential models are compared along the stream.
    """

    about = About(
        paper="Hu et al. ICLR 2022",
        held_against="its phases, written out",
        test="tests/baselines/test_strategies.py::test_chunks_of_each_phase",
    )

    def phases(self, n_chunks: int) -> tuple[tuple[int, ...], ...]:
        return ((1,),)
