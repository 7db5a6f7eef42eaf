"""BYOL: predict the embedding that a momentum encoder gives to the other view."""

import copy
import math
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor

from baselines.objectives._parts import follow, full_precision, mlp
from benchmark.batch import Setting, Views
from benchmark.config import Config, option
from benchmark.method import About, Objective, build_backbone
from benchmark.registry import OBJECTIVES


@dataclass(frozen=True)
class BYOLConfig(Config):
    """Options of BYOL; the defaults are ours, for nano.

    Args:
        hidden: width inside projector and predictor.
        dim: of the embeddings.
        momentum_encoder: share of the old target weights kept at a phase's first step; it rises to
            1 along half a cosine.
    """

    batch_size: int = option(256, least=2)
    lr: float = option(2.8e-3, above=0)
    hidden: int = option(512, least=1)
    dim: int = option(128, least=1)
    momentum_encoder: float = option(0.99, least=0, most=1)


@full_precision
def regression(predicted: Tensor, target: Tensor) -> Tensor:
    """Squared distance of unit vectors, 2 - 2 cos, mean over the batch, in [0, 4].

    Args:
        predicted, target: (N, D); they are brought to unit length.

    Source: Grill et al., Bootstrap Your Own Latent, NeurIPS 2020, equation 2.

    Example:
        >>> float(regression(torch.tensor([[3.0, 0.0]]), torch.tensor([[0.0, 1.0]])))
        2.0
    """
    return 2 - 2 * F.cosine_similarity(predicted, target, dim=1).mean()


@OBJECTIVES.register("byol")
class BYOL(Objective):
    """BYOL, symmetric: each view predicts the other.

    Source: Grill et al., Bootstrap Your Own Latent, NeurIPS 2020.
    """

    about = About(
        paper="Grill et al. NeurIPS 2020",
        stores="momentum encoder",
        held_against="lightly's NegativeCosineSimilarity: loss and gradient",
        test="tests/baselines/test_objectives.py::test_loss_and_gradient_against_lightly",
    )
    passes = (2, 2)
    config_class: ClassVar[type[Config]] = BYOLConfig
    full: ClassVar[dict[str, Any]] = {
        "batch_size": 4096,
        "optimiser": "lars",
        "lr": 3.2,
        "weight_decay": 1.5e-6,
        "warmup": 0.05,
        "hidden": 4096,
        "dim": 256,
        "momentum_encoder": 0.996,
        "augmentation": "byol",
    }
    config: BYOLConfig

    def __init__(self, setting: Setting, config: BYOLConfig) -> None:
        super().__init__(setting, config)
        self.backbone = build_backbone(setting.arch)
        self.projector = mlp(self.backbone.width, config.hidden, config.dim)
        self.predictor = mlp(config.dim, config.hidden, config.dim)
        self.target_backbone = copy.deepcopy(self.backbone).requires_grad_(False)
        self.target_projector = copy.deepcopy(self.projector).requires_grad_(False)

    def loss(self, views: Views) -> Tensor:
        with torch.no_grad():
            one, other = (self.target_projector(self.target_backbone(v)) for v in views.images)
        return regression(self.predictor(self.embed(views, 0)), other) + regression(
            self.predictor(self.embed(views, 1)), one
        )

    def distillation(self, predicted: Tensor, target: Tensor) -> Tensor:
        """The same regression."""
        return regression(predicted, target)

    def after_step(self) -> None:
        """Move the target towards the network, ever less."""
        away = (1 - self.config.momentum_encoder) * (math.cos(math.pi * self.progress) + 1) / 2
        follow(self.target_backbone, self.backbone, 1 - away)
        follow(self.target_projector, self.projector, 1 - away)
