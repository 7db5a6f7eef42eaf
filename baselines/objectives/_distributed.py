"""Shuffling, for networks that normalise groups of a batch by themselves."""

import torch
from torch import Tensor

from benchmark.distributed import gathered, rank, world
from benchmark.method import channels_last


class Shuffle:
    """A permutation of the whole batch over its groups, so that batch norm cannot tell keys apart.

    It is drawn from the global generators, which are the same on all processes, so that one process
    puts the same images into the same groups as eight do.

    Args:
        images: (N, 3, h, w), this process's part of the batch.

    Source: He et al., Momentum Contrast, CVPR 2020, section 3.3.

    Example:
        >>> images = torch.arange(4.0).view(4, 1, 1, 1)
        >>> shuffle = Shuffle(images)
        >>> shuffle.home(shuffle.out(images)).flatten()
        tensor([0., 1., 2., 3.])
    """

    def __init__(self, images: Tensor) -> None:
        self.order = torch.randperm(world() * len(images), device=images.device)
        self.back = self.order.argsort()

    def out(self, images: Tensor) -> Tensor:
        """This process's part (N, ...) of the shuffled batch, given its part of the batch."""
        mine = self.order[rank() :: world()]
        return channels_last(gathered(images).index_select(0, mine))

    def home(self, keys: Tensor) -> Tensor:
        """The whole batch (W N, D) as it was, given this process's part (N, D) of the shuffled."""
        return gathered(keys).index_select(0, self.back)
