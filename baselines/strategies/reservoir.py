"""Reservoir replay: half of each batch from a reservoir; made for streams without boundaries."""

from typing import ClassVar

from baselines.strategies._reservoir import KeepsReservoir, ReservoirOptions
from benchmark.batch import Batch
from benchmark.config import Options
from benchmark.method import About
from benchmark.registry import STRATEGIES


@STRATEGIES.register("reservoir")
class ReservoirReplay(KeepsReservoir):
    """Half of each batch comes from the stream, half from a uniform sample of what it delivered.

    Images from the reservoir count as visits, so that the stream delivers half of them. It keeps as
    many as `replay`.
    Source: Chaudhry et al., On Tiny Episodic Memories in Continual Learning, 2019; for
    self-supervision on streams: Purushwalkam et al., ECCV 2022, whose baseline it is.
    """

    about = About(
        paper="Chaudhry et al. 2019",
        stores="",
        held_against="the uniform distribution that algorithm R has",
        test="tests/baselines/test_reservoir.py::test_every_image_is_kept_equally_often",
    )
    config_class: ClassVar[type[Options]] = ReservoirOptions
    stream_share = 0.5

    def training_batch(self, batch: Batch) -> Batch:
        """The delivered images, and as many from the reservoir."""
        batch = super().training_batch(batch)
        past = self.drawn(batch, batch.seed)
        self.offer(batch)
        return batch if past is None else batch.joined(past)
