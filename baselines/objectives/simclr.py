"""SimCLR: contrast with the other images of the batch."""

from dataclasses import dataclass
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor

from baselines.objectives._parts import contrast, full_precision, mlp
from benchmark.batch import Setting, Views
from benchmark.config import Config, option
from benchmark.distributed import gathered
from benchmark.method import About, Objective, build_backbone
from benchmark.registry import OBJECTIVES


@dataclass(frozen=True)
class SimCLRConfig(Config):
    """Options of SimCLR; the defaults are ours, for nano.

    Args:
        dim: of the embeddings.
        temperature: of the softmax.
    """

    batch_size: int = option(256, least=2)
    lr: float = option(2.8e-3, above=0)
    dim: int = option(128, least=1)
    temperature: float = option(0.1, above=0)


@full_precision
def nt_xent(one: Tensor, other: Tensor, *, temperature: float) -> Tensor:
    """Normalised temperature-scaled cross-entropy of two views' embeddings.

    Args:
        one, other: (N, D); row i of one is the positive of row i of the other.
        temperature: above 0.

    Returns:
        Mean over all 2 N embeddings of -log exp(z.z+/t) / sum over all others exp(z.z_k/t), ().

    Source: Chen et al., A Simple Framework for Contrastive Learning, ICML 2020, equation 1.

    Example:
        >>> one = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
        >>> round(float(nt_xent(one, one, temperature=1.0)), 4)  # ln(e + 2) - 1
        0.5514
    """
    both = F.normalize(torch.cat([one, other]), dim=1)
    logits = both @ both.T / temperature
    logits.fill_diagonal_(-torch.inf)
    n = len(one)
    positive = torch.arange(2 * n, device=both.device).roll(n)
    return F.cross_entropy(logits, positive)


@OBJECTIVES.register("simclr")
class SimCLR(Objective):
    """SimCLR with a projector of two layers.

    Source: Chen et al., A Simple Framework for Contrastive Learning, ICML 2020.
    """

    about = About(
        paper="Chen et al. ICML 2020",
        held_against="lightly's NTXentLoss: loss and gradient",
        test="tests/baselines/test_objectives.py::test_loss_and_gradient_against_lightly",
    )
    config_class: ClassVar[type[Config]] = SimCLRConfig
    full: ClassVar[dict[str, Any]] = {
        "batch_size": 4096,
        "optimiser": "lars",
        "lr": 4.8,
        "weight_decay": 1e-6,
        "warmup": 0.05,
        "temperature": 0.1,
        "augmentation": "simclr",
    }
    config: SimCLRConfig

    def __init__(self, setting: Setting, config: SimCLRConfig) -> None:
        super().__init__(setting, config)
        self.backbone = build_backbone(setting.arch)
        width = self.backbone.width
        self.projector = mlp(width, width, config.dim)

    def loss(self, views: Views) -> Tensor:
        one, other = (gathered(self.embed(views, k)) for k in (0, 1))
        return nt_xent(one, other, temperature=self.config.temperature)

    def distillation(self, predicted: Tensor, target: Tensor) -> Tensor:
        """Contrastive, within the batch."""
        predicted, target = gathered(predicted), gathered(target)
        return contrast(predicted, target, temperature=self.config.temperature)
