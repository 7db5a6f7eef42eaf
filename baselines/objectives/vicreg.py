"""VICReg: alike across views, spread over the batch, uncorrelated across dimensions."""

from dataclasses import dataclass
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor

from baselines.objectives._parts import full_precision, mlp
from benchmark.batch import Setting, Views
from benchmark.config import Config, option
from benchmark.distributed import gathered
from benchmark.method import About, Objective, build_backbone
from benchmark.registry import OBJECTIVES


@dataclass(frozen=True)
class VICRegConfig(Config):
    """Options of VICReg; the defaults are ours, for nano.

    Args:
        dim: of the embeddings, and of the expander's hidden layers.
        invariance, variance, covariance: weights of the three terms.
    """

    batch_size: int = option(256, least=2)
    lr: float = option(2.8e-3, above=0)
    dim: int = option(512, least=2)
    invariance: float = option(25.0, above=0)
    variance: float = option(25.0, least=0)
    covariance: float = option(1.0, least=0)


@full_precision
def three_terms(
    one: Tensor, other: Tensor, *, invariance: float, variance: float, covariance: float
) -> Tensor:
    """Invariance, variance and covariance of two views' embeddings, weighted, shape ().

    Args:
        one, other: (N, D).
        invariance: weight of the mean squared distance of the two.
        variance: weight of how far standard deviations are below 1, mean over dimensions and views.
        covariance: weight of the squared covariances off the diagonal over D, sum over both views.

    Source: Bardes et al., VICReg, ICLR 2022, equations 1 to 6.

    Example:
        >>> one = torch.tensor([[1.0, 1.0], [-1.0, -1.0]])  # both variances and the covariance: 2
        >>> weights = {"invariance": 1.0, "variance": 1.0, "covariance": 1.0}
        >>> float(three_terms(one, one, **weights))  # (4 + 4) / 2 for each of two views
        8.0
    """
    total = invariance * F.mse_loss(one, other)
    for z in (one, other):
        centred = z - z.mean(0)
        square = centred.T @ centred / (len(z) - 1)
        diagonal = square.diagonal()
        spread = F.relu(1 - torch.sqrt(diagonal + 1e-4)).mean() / 2
        off = (square.square().sum() - diagonal.square().sum()) / z.shape[1]
        total = total + variance * spread + covariance * off
    return total


@OBJECTIVES.register("vicreg")
class VICReg(Objective):
    """VICReg with an expander of three layers.

    Source: Bardes et al., VICReg: Variance-Invariance-Covariance Regularization, ICLR 2022.
    """

    about = About(
        paper="Bardes et al. ICLR 2022",
        held_against="lightly's VICRegLoss: loss and gradient",
        test="tests/baselines/test_objectives.py::test_loss_and_gradient_against_lightly",
    )
    config_class: ClassVar[type[Config]] = VICRegConfig
    full: ClassVar[dict[str, Any]] = {
        "batch_size": 2048,
        "optimiser": "lars",
        "lr": 1.6,
        "weight_decay": 1e-6,
        "warmup": 0.05,
        "dim": 8192,
        "augmentation": "byol",
    }
    config: VICRegConfig

    def __init__(self, setting: Setting, config: VICRegConfig) -> None:
        super().__init__(setting, config)
        self.backbone = build_backbone(setting.arch)
        self.projector = mlp(self.backbone.width, *3 * [config.dim])

    def loss(self, views: Views) -> Tensor:
        one, other = (gathered(self.embed(views, k)) for k in (0, 1))
        config = self.config
        return three_terms(
            one,
            other,
            invariance=config.invariance,
            variance=config.variance,
            covariance=config.covariance,
        )

    def distillation(self, predicted: Tensor, target: Tensor) -> Tensor:
        """Mean squared distance, the invariance term, with its weight."""
        return self.config.invariance * F.mse_loss(predicted.float(), target.float())
