"""MoCo v2: contrast with a queue of keys from a momentum encoder."""

import copy
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from baselines.objectives._distributed import Shuffle, gathered, world
from baselines.objectives._parts import contrast, follow, info_nce
from benchmark.batch import Setting, Views
from benchmark.config import Config, option
from benchmark.method import About, Objective, build_backbone
from benchmark.registry import OBJECTIVES


@dataclass(frozen=True)
class MoCoV2Config(Config):
    """Options of MoCo v2; the defaults are ours, for nano.

    Args:
        dim: of the embeddings.
        queue_size: keys that are contrasted with.
        temperature: of the softmax.
        momentum_encoder: share of the old key weights kept at a step.
    """

    batch_size: int = option(256, least=1)
    lr: float = option(2.8e-3, above=0)
    dim: int = option(128, least=1)
    queue_size: int = option(1024, least=1)
    temperature: float = option(0.07, above=0)
    momentum_encoder: float = option(0.995, least=0, most=1)


@OBJECTIVES.register("moco_v2")
class MoCoV2(Objective):
    """MoCo v2 with its two-layer projector; the queue passes from chunk to chunk.

    Where several processes share a batch, the keys' images are shuffled among them; one process
    sees one batch, whose statistics give nothing away that the loss does not have.
    Source: Chen et al., Improved Baselines with Momentum Contrastive Learning, 2020.
    """

    about = About(
        paper="Chen et al. 2020",
        stores="momentum encoder, queue of keys",
        held_against="lightly's NTXentLoss with its memory bank: loss and gradient",
        test="tests/baselines/test_moco_v2.py::test_loss_and_gradient_against_lightly",
    )
    passes = (1, 1)
    config_class: ClassVar[type[Config]] = MoCoV2Config
    full: ClassVar[dict[str, Any]] = {
        "batch_size": 256,
        "optimiser": "sgd",
        "lr": 0.03,
        "weight_decay": 1e-4,
        "queue_size": 65_536,
        "temperature": 0.2,
        "momentum_encoder": 0.999,
        "augmentation": "moco_v2",
    }
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
        self.register_buffer(
            "queue", F.normalize(torch.randn(config.queue_size, config.dim), dim=1)
        )

    def loss(self, views: Views) -> Tensor:
        # The keys first: what their pass frees, the query's pass takes while it is in the cache.
        key = self._keys(views.images[1])
        query = F.normalize(self.embed(views, 0), dim=1)
        loss = info_nce(query, key, self.queue, temperature=self.config.temperature)
        # First in, first out. A new tensor: the backward pass still reads the old one.
        self.queue = torch.cat([self.queue, gathered(key)])[-len(self.queue) :]
        return loss

    @torch.no_grad()
    def _keys(self, images: Tensor) -> Tensor:
        shuffle = Shuffle(images) if world() > 1 else None
        images = shuffle.out(images) if shuffle else images
        key = F.normalize(self.key_projector(self.key_backbone(images)), dim=1).float()
        return shuffle.home(key) if shuffle else key

    def distillation(self, predicted: Tensor, target: Tensor) -> Tensor:
        """Contrastive, within the batch."""
        return contrast(predicted, target, temperature=self.config.temperature)

    def after_step(self) -> None:
        """Move the key encoder towards the query encoder."""
        follow(self.key_backbone, self.backbone, self.config.momentum_encoder)
        follow(self.key_projector, self.projector, self.config.momentum_encoder)
