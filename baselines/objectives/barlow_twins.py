"""Barlow Twins: the cross-correlation of two views' embeddings is to be the identity."""

from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor

from baselines.objectives._parts import full_precision, mlp
from benchmark.batch import Setting, Views
from benchmark.config import Config, option
from benchmark.distributed import gathered
from benchmark.method import About, Objective, build_backbone
from benchmark.registry import OBJECTIVES


@dataclass(frozen=True)
class BarlowTwinsConfig(Config):
    """Options of Barlow Twins; the defaults are ours, for nano.

    Args:
        dim: of the embeddings, and of the projector's hidden layers.
        redundancy: weight of the correlations between different dimensions.
    """

    batch_size: int = option(256, least=2)
    lr: float = option(1.4e-3, above=0)
    dim: int = option(512, least=1)
    redundancy: float = option(0.02, above=0)


@full_precision
def redundancy_reduction(one: Tensor, other: Tensor, *, redundancy: float) -> Tensor:
    """Distance of the cross-correlation matrix of two views' embeddings from the identity.

    Args:
        one, other: (N, D).
        redundancy: weight of what is off the diagonal.

    Returns:
        sum_i (1 - C_ii)^2 + redundancy sum_(i != j) C_ij^2, shape ().

    Source: Zbontar et al., Barlow Twins, ICML 2021, equations 1 and 2.

    Example:
        >>> one = torch.tensor([[1.0, 1.0], [-1.0, -1.0]])
        >>> round(float(redundancy_reduction(one, one, redundancy=0.5)), 3)  # C is all ones
        1.0
    """
    one, other = (_standardised(z) for z in (one, other))
    correlation = one.T @ other / len(one)
    diagonal = correlation.diagonal()
    off = correlation.square().sum() - diagonal.square().sum()
    return (1 - diagonal).square().sum() + redundancy * off


def _standardised(z: Tensor) -> Tensor:
    centred = z - z.mean(0)
    return centred * torch.rsqrt(centred.square().mean(0) + 1e-5)


@OBJECTIVES.register("barlow_twins")
class BarlowTwins(Objective):
    """Barlow Twins with a projector of three layers.

    Source: Zbontar et al., Barlow Twins: Self-Supervised Learning via Redundancy Reduction, ICML
    2021.
    """

    about = About(
        paper="Zbontar et al. ICML 2021",
        held_against="lightly's BarlowTwinsLoss: loss and gradient",
        test="tests/baselines/test_objectives.py::test_loss_and_gradient_against_lightly",
    )
    config_class: ClassVar[type[Config]] = BarlowTwinsConfig
    full: ClassVar[dict[str, Any]] = {
        "batch_size": 2048,
        "optimiser": "lars",
        "lr": 1.6,
        "bias_lr": 0.024,
        "weight_decay": 1.5e-6,
        "warmup": 0.05,
        "dim": 8192,
        "redundancy": 0.0051,
        "augmentation": "byol",
    }
    config: BarlowTwinsConfig

    def __init__(self, setting: Setting, config: BarlowTwinsConfig) -> None:
        super().__init__(setting, config)
        self.backbone = build_backbone(setting.arch)
        self.projector = mlp(self.backbone.width, *3 * [config.dim])

    def loss(self, views: Views) -> Tensor:
        one, other = (gathered(self.embed(views, k)) for k in (0, 1))
        return redundancy_reduction(one, other, redundancy=self.config.redundancy)

    def distillation(self, predicted: Tensor, target: Tensor) -> Tensor:
        """The same loss."""
        predicted, target = gathered(predicted), gathered(target)
        return redundancy_reduction(predicted, target, redundancy=self.config.redundancy)
