"""Sequential training: each chunk from the previous weights, nothing done against forgetting."""

from benchmark.method import About, Strategy
from benchmark.registry import STRATEGIES


@STRATEGIES.register("sequential")
class Sequential(Strategy):
    """Each chunk in turn, once; optimiser and schedule restart where a boundary is told.

    Source: Hu et al., ICLR 2022 (sequential training, ST).
    """

    about = About(
        paper="Hu et al. ICLR 2022",
        held_against="its phases, written out",
        test="tests/baselines/test_strategies.py::test_chunks_of_each_phase",
    )
