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

    about = About(paper="Hu et al. ICLR 2022", stores=MAS.about.stores)
    config_class: ClassVar[type[Options]] = MASReplayOptions
    config: MASReplayOptions
