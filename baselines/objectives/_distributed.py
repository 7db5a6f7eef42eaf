"""What losses over a whole batch need where the batch is spread over processes (DDP)."""

import torch
import torch.distributed as dist
import torch.distributed.nn.functional as dist_nn
from torch import Tensor


def world() -> int:
    """How many processes share a batch; 1 where nothing is distributed."""
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


def gathered(local: Tensor) -> Tensor:
    """The whole batch (W N, ...) of each process's part (N, ...), in the order of the ranks.

    Gradient passes through: a loss of the gathered batch, averaged by DDP, has the gradient that
    one process with the whole batch would have.
    """
    if world() == 1:
        return local
    whole: Tensor = torch.cat([*dist_nn.all_gather(local.contiguous())])  # type: ignore[no-untyped-call]
    return whole


class Shuffle:
    """A permutation of the whole batch over processes, so that batch norm cannot tell keys apart.

    Source: He et al., Momentum Contrast, CVPR 2020, section 3.3.
    """

    def __init__(self, images: Tensor) -> None:
        self.rank, self.size = dist.get_rank(), len(images)
        order = torch.randperm(world() * self.size, device=images.device)
        dist.broadcast(order, src=0)
        self.order, self.back = order, order.argsort()

    def out(self, images: Tensor) -> Tensor:
        """This process's part (N, ...) of the shuffled batch, given its part of the batch."""
        return self._part(gathered(images), self.order)

    def home(self, keys: Tensor) -> Tensor:
        """Its part of the batch again, given its part of the shuffled one."""
        return self._part(gathered(keys), self.back)

    def _part(self, whole: Tensor, order: Tensor) -> Tensor:
        mine = order[self.rank * self.size : (self.rank + 1) * self.size]
        return whole.index_select(0, mine)
