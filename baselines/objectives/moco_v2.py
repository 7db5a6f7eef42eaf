"""MoCo v2: contrast with a queue of keys from a momentum encoder."""

import copy
from dataclasses import dataclass
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from benchmark.batch import Setting, Views
from benchmark.method import Config, Objective, build_backbone
from benchmark.registry import OBJECTIVES


@dataclass(frozen=True)
class MoCoV2Config(Config):
    """Options of MoCo v2; the defaults are ours, for nano (the paper's in brackets).

    Args:
        batch_size: [256].
        lr: of AdamW [0.03, of SGD].
        dim: of the embeddings [128].
        queue_size: keys that are contrasted with [65,536].
        temperature: of the softmax [0.2].
        momentum_encoder: share of the old key weights kept at a step [0.999].
    """

    batch_size: int = 256
    lr: float = 1.4e-3
    dim: int = 128
    queue_size: int = 1024
    temperature: float = 0.07
    momentum_encoder: float = 0.995


def info_nce(query: Tensor, key: Tensor, queue: Tensor, temperature: float) -> Tensor:
    """InfoNCE of each query against its own key and a queue of other keys.

    Args:
        query: (N, D), unit length, with gradient.
        key: (N, D), unit length; row i is the positive of query i.
        queue: (K, D), unit length; the negatives.
        temperature: above 0.

    Returns:
        Mean over the batch of -log exp(q.k/t) / (exp(q.k/t) + sum_j exp(q.queue_j/t)), shape ().

    Source: He et al., Momentum Contrast, CVPR 2020, equation 1.

    Example:
        >>> q = torch.tensor([[1.0, 0.0]])
        >>> round(float(info_nce(q, q, torch.tensor([[0.0, 1.0]]), 1.0)), 4)  # ln(1 + 1/e)
        0.3133
    """
    query = query / temperature
    logits = torch.cat([(query * key).sum(1, keepdim=True), query @ queue.T], 1)
    return F.cross_entropy(logits, logits.new_zeros(len(logits), dtype=torch.long))


@OBJECTIVES.register("moco_v2")
class MoCoV2(Objective):
    """MoCo v2 with its two-layer projector; the queue passes from chunk to chunk.

    One process sees one batch, so batch norm is neither shuffled nor split here.
    Source: Chen et al., Improved Baselines with Momentum Contrastive Learning, 2020.
    """

    config_class: ClassVar[type[Config]] = MoCoV2Config
    config: MoCoV2Config
    queue: Tensor

    def __init__(self, setting: Setting, config: MoCoV2Config) -> None:
        super().__init__(setting, config)
        self.backbone = build_backbone(setting.arch)
        width = self.backbone.width
        self.projector = nn.Sequential(
            nn.Linear(width, width), nn.ReLU(inplace=True), nn.Linear(width, config.dim)
        )
        self.key_backbone = copy.deepcopy(self.backbone).requires_grad_(False)
        self.key_projector = copy.deepcopy(self.projector).requires_grad_(False)
        self._key_and_query = (
            [*self.key_backbone.parameters(), *self.key_projector.parameters()],
            [*self.backbone.parameters(), *self.projector.parameters()],
        )
        self.register_buffer(
            "queue", F.normalize(torch.randn(config.queue_size, config.dim), dim=1)
        )

    def loss(self, views: Views) -> Tensor:
        # The keys first: what their pass frees, the query's pass takes while it is in the cache.
        with torch.no_grad():
            key = F.normalize(self.key_projector(self.key_backbone(views.images[1])), dim=1)
        query = F.normalize(self.projector(self.backbone(views.images[0])), dim=1)
        loss = info_nce(query, key, self.queue, self.config.temperature)
        # First in, first out. A new tensor: the backward pass still reads the old one.
        self.queue = torch.cat([self.queue, key])[-len(self.queue) :]
        return loss

    @torch.no_grad()
    def after_step(self) -> None:
        """Move the key encoder towards the query encoder (equation 2 of MoCo)."""
        torch._foreach_lerp_(*self._key_and_query, 1 - self.config.momentum_encoder)
