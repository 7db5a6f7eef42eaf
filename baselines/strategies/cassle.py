"""CaSSLe: distillation from the past encoder through a predictor."""

import copy
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from benchmark.batch import ChunkContext, Views
from benchmark.config import Options, option
from benchmark.method import About, Objective, Strategy
from benchmark.registry import STRATEGIES


@dataclass(frozen=True)
class CaSSLeOptions(Options):
    """Options of CaSSLe.

    Args:
        cassle_weight: of the distillation.
        cassle_hidden: width inside the predictor.
    """

    cassle_weight: float = option(0.1, least=0)
    cassle_hidden: int = option(512, least=1)


@STRATEGIES.register("cassle")
class CaSSLe(Strategy):
    """From the second chunk on, a predictor maps embeddings to those of the encoder before.

    Backbone and projector are copied and frozen when a chunk begins; the distillation is a loss of
    the objective's own kind. It sends each view that the objective embeds with gradient through
    the frozen copy once more, without gradient.
    Source: Fini et al., Self-Supervised Models are Continual Learners, CVPR 2022.
    """

    about = About(
        paper="Fini et al. CVPR 2022",
        stores="past encoder and projector, predictor",
        held_against="the distillation written out with lightly's losses",
        test="tests/baselines/test_cassle.py::test_distillation_against_lightly",
    )
    config_class: ClassVar[type[Options]] = CaSSLeOptions
    needs_boundaries = True
    config: CaSSLeOptions

    def __init__(self, objective: Objective, config: CaSSLeOptions) -> None:
        super().__init__(objective, config)
        self.past_backbone = copy.deepcopy(objective.backbone).requires_grad_(False)
        self.past_projector = copy.deepcopy(objective.projector).requires_grad_(False)
        size, hidden = objective.setting.view_size, config.cassle_hidden
        with torch.no_grad():
            image = torch.zeros(1, 3, size, size)
            width = self.past_projector.eval()(self.past_backbone.eval()(image)).shape[1]
        self.predictor = nn.Sequential(
            nn.Linear(width, hidden, bias=False),
            nn.BatchNorm1d(hidden),
            nn.ReLU(inplace=True),
            nn.Linear(hidden, width),
        )
        self.chunks_done = 0

    @classmethod
    def unsuited(cls, objective: type[Objective]) -> str | None:
        if objective.distillation is Objective.distillation:
            return (
                "cassle distils embeddings by the loss of a self-supervised objective, and "
                f"{objective.__name__} defines no distillation(predicted, target)"
            )
        return None

    @classmethod
    def passes(cls, objective: type[Objective]) -> tuple[int, int]:
        """Each embedded view goes through the past encoder, too."""
        return objective.passes[0], objective.passes[1] + objective.passes[0]

    def get_extra_state(self) -> dict[str, int]:
        return {"chunks_done": self.chunks_done}

    def set_extra_state(self, state: Any) -> None:
        self.chunks_done = state["chunks_done"]

    def begin_chunk(self, objective: Objective, context: ChunkContext) -> None:
        """Freeze the encoder as it is."""
        super().begin_chunk(objective, context)
        self.past_backbone.load_state_dict(objective.backbone.state_dict())
        self.past_projector.load_state_dict(objective.projector.state_dict())

    def penalty(self, objective: Objective, views: Views) -> Tensor | None:
        """The distillation, mean over the views that the objective embedded."""
        if not self.chunks_done:
            return None
        self.past_backbone.eval()
        self.past_projector.eval()
        losses = []
        for number, embedded in views.embedded.items():
            with torch.no_grad():
                past = self.past_projector(self.past_backbone(views.images[number]))
            losses.append(objective.distillation(self.predictor(embedded), past))
        return self.config.cassle_weight * torch.stack(losses).mean()

    def end_chunk(self, objective: Objective, context: ChunkContext) -> None:
        """Count it."""
        super().end_chunk(objective, context)
        self.chunks_done += 1
