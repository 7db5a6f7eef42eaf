"""LUMP: each image is mixed with one from a reservoir of past images."""

import random
from dataclasses import dataclass
from typing import ClassVar

from baselines.strategies._reservoir import KeepsReservoir, ReservoirOptions
from benchmark.batch import Batch, Views
from benchmark.config import Options, option
from benchmark.method import About, Objective
from benchmark.registry import STRATEGIES


@dataclass(frozen=True)
class LUMPOptions(ReservoirOptions):
    """Options of LUMP.

    Args:
        lump_alpha: of the Beta distribution that the share of the delivered image is drawn from.
    """

    lump_alpha: float = option(0.8, above=0)


@STRATEGIES.register("lump")
class LUMP(KeepsReservoir):
    """Trains on share x view + (1 - share) x view of a past image, one share a batch.

    The views of both are augmented first. Past images are visits on top of the budget, which the
    ledger counts; a mixed view goes through the network once, as many as with sequential training.
    The reservoir holds a tenth of the stream at any time, more than in the paper of LUMP.
    Source: Madaan et al., Representational Continuity for Unsupervised Continual Learning, ICLR
    2022, equation 7.
    """

    about = About(
        paper="Madaan et al. ICLR 2022",
        held_against="the mixture written out",
        test="tests/baselines/test_reservoir.py::test_mixed_views_written_out",
    )
    config_class: ClassVar[type[Options]] = LUMPOptions
    config: LUMPOptions

    @classmethod
    def unsuited(cls, objective: type[Objective]) -> str | None:
        if objective.needs_labels:
            return "lump mixes two images into one, which then has two labels; it is unsupervised"
        return None

    def training_views(self, objective: Objective, batch: Batch) -> Views:
        """The mixed views."""
        views = super().training_views(objective, batch)
        past = self.drawn(batch, batch.seed + 1)
        self.offer(batch)
        if past is None:
            return views
        share = random.Random(batch.seed).betavariate(
            self.config.lump_alpha, self.config.lump_alpha
        )
        pairs = zip(views.images, objective.views(past).images, strict=True)
        return Views(tuple(old.lerp_(new, share) for new, old in pairs), None)
