"""MAS and replay together."""

from dataclasses import dataclass
from typing import ClassVar

from baselines.strategies.mas import MAS, MASOptions
from baselines.strategies.replay import Replay, ReplayOptions
from benchmark.config import Options
from benchmark.method import About
from benchmark.registry import STRATEGIES


@dataclass(frozen=True)
class MASReplayOptions(MASOptions, ReplayOptions):
    """Options of MAS and those of replay."""


@STRATEGIES.register("mas_replay")
class MASReplay(MAS, Replay):
    """Replay, whose weights are held as MAS holds them; the paper's strongest helper.

    Source: Hu et al., ICLR 2022.
    """

    about = About(
        paper="Hu et al. ICLR 2022",
        stores=MAS.about.stores,
        held_against="both of its halves",
        test="tests/baselines/test_quadratic.py::test_mas_with_replay_does_both",
    )
    config_class: ClassVar[type[Options]] = MASReplayOptions
    config: MASReplayOptions
