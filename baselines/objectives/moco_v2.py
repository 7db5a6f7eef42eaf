"""MoCo v2: contrast with a queue of keys from a momentum encoder."""

import copy
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from baselines.objectives._distributed import Shuffle
from baselines.objectives._parts import contrast, follow, info_nce
from benchmark.batch import Setting, Views
from benchmark.config import Config, option
from benchmark.distributed import gathered, rank, world
from benchmark.errors import UsageError
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
        bn_groups: parts of a batch that are normalised by themselves, whatever the number of
            processes; the keys' images are shuffled over them if there are several.
    """

    batch_size: int = option(256, least=1)
    lr: float = option(2.8e-3, above=0)
    dim: int = option(128, least=1)
    queue_size: int = option(1024, least=1)
    temperature: float = option(0.07, above=0)
    momentum_encoder: float = option(0.995, least=0, most=1)
    bn_groups: int = option(1, least=1)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.batch_size % self.bn_groups:
            raise UsageError(
                f"a batch of {self.batch_size} cannot be normalised in {self.bn_groups} equal "
                f"groups: choose a batch_size that is a multiple of bn_groups"
            )


@OBJECTIVES.register("moco_v2")
class MoCoV2(Objective):
    """MoCo v2 with its two-layer projector; the queue passes from chunk to chunk.

    A network that normalises groups of a batch by themselves could tell the query's own key by the
    statistics of their group, so that keys are shuffled; one group, that is the whole batch, gives
    nothing away. The paper's groups are its eight GPUs, ours are eight on any number of them.
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
        "bn_groups": 8,
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
        keys = self._keys(views.images[1])
        query, key = F.normalize(self.embed(views, 0), dim=1), keys[rank() :: world()]
        loss = info_nce(query, key, self.queue, temperature=self.config.temperature)
        # First in, first out. A new tensor: the backward pass still reads the old one.
        self.queue = torch.cat([self.queue, keys])[-len(self.queue) :]
        return loss

    @torch.no_grad()
    def _keys(self, images: Tensor) -> Tensor:
        """Those of the whole batch, in its order, of this process's part of the images."""
        shuffle = Shuffle(images) if self.config.bn_groups > 1 else None
        images = shuffle.out(images) if shuffle else images
        keys = F.normalize(self.key_projector(self.key_backbone(images)), dim=1).float()
        return shuffle.home(keys) if shuffle else gathered(keys)

    def distillation(self, predicted: Tensor, target: Tensor) -> Tensor:
        """Contrastive, within the batch."""
        predicted, target = gathered(predicted), gathered(target)
        return contrast(predicted, target, temperature=self.config.temperature)

    def after_step(self) -> None:
        """Move the key encoder towards the query encoder."""
        follow(self.key_backbone, self.backbone, self.config.momentum_encoder)
        follow(self.key_projector, self.projector, self.config.momentum_encoder)
