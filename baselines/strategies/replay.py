"""Replay: a part of each past chunk is kept and mixed into the chunks to come."""

from dataclasses import dataclass
from typing import ClassVar

import torch

from benchmark.batch import ChunkContext
from benchmark.config import Options, option
from benchmark.method import About, Objective, Strategy
from benchmark.registry import STRATEGIES


@dataclass(frozen=True)
class ReplayOptions(Options):
    """Options of replay.

    Args:
        replay_share: of each chunk's images that is kept.
    """

    replay_share: float = option(0.1, above=0, most=1)


@STRATEGIES.register("replay")
class Replay(Strategy):
    """Keeps a random tenth of each chunk; what is kept is visited like the open chunk's images.

    The visits of a phase are those of sequential training; kept images take their part of them.
    Source: Hu et al., ICLR 2022 (data replay).
    """

    about = About(
        paper="Hu et al. ICLR 2022",
        held_against="the visits of each image, counted by hand",
        test="tests/baselines/test_strategies.py::test_replay_mixes_what_it_kept_into_the_next_chunk",
    )
    config_class: ClassVar[type[Options]] = ReplayOptions
    needs_boundaries = True
    replays = True
    config: ReplayOptions

    @property
    def memory_share(self) -> float:  # type: ignore[override]
        """Most images that it keeps, as a share of the stream's."""
        return self.config.replay_share

    def end_chunk(self, objective: Objective, context: ChunkContext) -> None:
        """Keep a random part of the chunk."""
        super().end_chunk(objective, context)
        assert self.memory is not None
        # An image of the open chunk may be kept already, where two chunks share it.
        fresh = context.sample_ids[~torch.isin(context.sample_ids, self.memory.rows())]
        count = int(self.config.replay_share * len(context.sample_ids) + 1e-6)
        self.memory.keep(fresh[torch.randperm(len(fresh))[:count]])
