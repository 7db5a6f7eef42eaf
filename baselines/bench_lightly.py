"""lightly's MoCo v2 example, for `headwater bench`: the same network, images and batch size."""

import copy
import time
from dataclasses import dataclass
from typing import Any

import torch
from lightly.loss import NTXentLoss
from lightly.models.modules import MoCoProjectionHead
from lightly.models.utils import deactivate_requires_grad, update_momentum
from lightly.transforms.moco_transform import MoCoV2Transform
from PIL import Image
from torch.utils.data import DataLoader, Dataset

from baselines.objectives.moco_v2 import MoCoV2Config
from benchmark.models import NanoResNet


class Pictures(Dataset[Any]):
    """Images as its transform wants them: Pillow's, read and augmented one by one."""

    def __init__(self, images: Any) -> None:
        self.pictures = [Image.fromarray(image.transpose(1, 2, 0)) for image in images]
        self.transform = MoCoV2Transform(input_size=32)

    def __len__(self) -> int:
        return len(self.pictures)

    def __getitem__(self, row: int) -> Any:
        return self.transform(self.pictures[row])


@dataclass
class Example:
    """The training loop as the example has it.

    Args:
        images: (N, 3, H, W) uint8.
        config: gives batch size, queue, temperature and momentum.
    """

    images: Any
    config: MoCoV2Config

    def __post_init__(self) -> None:
        config = self.config
        self.pictures = Pictures(self.images)
        self.query = torch.nn.Sequential(NanoResNet(), MoCoProjectionHead(256, 256, config.dim))
        self.key = copy.deepcopy(self.query)
        deactivate_requires_grad(self.key)
        self.criterion = NTXentLoss(
            temperature=config.temperature, memory_bank_size=(config.queue_size, config.dim)
        )
        self.optimiser = torch.optim.SGD(self.query.parameters(), lr=0.06)

    def turn(self, steps: int, workers: int) -> float:
        """Images a second over some steps, after one that is not timed: workers start in it."""
        batch_size = self.config.batch_size
        loader = DataLoader(
            self.pictures, batch_size=batch_size, shuffle=True, drop_last=True, num_workers=workers
        )
        start = 0.0
        for number, (view, other) in enumerate(loader):
            update_momentum(self.query, self.key, m=self.config.momentum_encoder)
            loss = self.criterion(self.query(view), self.key(other).detach())
            loss.backward()
            self.optimiser.step()
            self.optimiser.zero_grad()
            if number == 0:
                start = time.perf_counter()
            elif number == steps:
                break
        return steps * batch_size / (time.perf_counter() - start)


_example: Example


def start(images: Any, config: MoCoV2Config) -> None:
    """Build the example, in the process that is to run it."""
    global _example
    _example = Example(images, config)


def turn(steps: int, workers: int) -> float:
    """A turn of what `start` built."""
    return _example.turn(steps, workers)
