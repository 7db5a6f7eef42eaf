"""One batch on several processes: their number changes no result beyond rounding.

Of W processes, rank r holds the images r, r + W, r + 2 W, ... of every batch. Its loss is the mean
over the processes, and so is the gradient (DDP). What a batch decides as a whole becomes here what
it is on one process: the rows that a loss compares, and the statistics of batch normalisation.
"""

from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from benchmark.errors import HeadwaterError, UsageError

M = TypeVar("M", bound=nn.Module)


def world() -> int:
    """How many processes share a batch; 1 where nothing is distributed.

    Example:
        >>> world()
        1
    """
    return dist.get_world_size() if dist.is_available() and dist.is_initialized() else 1


def rank() -> int:
    """Which of them this is, from 0.

    Example:
        >>> rank()
        0
    """
    return dist.get_rank() if dist.is_available() and dist.is_initialized() else 0


def gathered(local: Tensor) -> Tensor:
    """The whole batch (W N, ...), in the order of one process, of each process's part (N, ...).

    Gradient passes through: a loss of the gathered batch, averaged over the processes, has the
    gradient that one process with the whole batch would have. This process's rows of it are
    `whole[rank() :: world()]`.

    Args:
        local: the rows rank, rank + W, ... of the batch; as many on every process.

    Example:
        >>> gathered(torch.tensor([3, 4]))  # on one process
        tensor([3, 4])
    """
    return local if world() == 1 else _everyone_s(local).transpose(0, 1).flatten(0, 1)


class _Gather(torch.autograd.Function):
    """(W, ...) from each process's (...), by rank; torch's own is deprecated."""

    @staticmethod
    def forward(_: Any, local: Tensor) -> Tensor:
        every = [torch.empty_like(local) for _ in range(world())]
        dist.all_gather(every, local)
        return torch.stack(every)

    @staticmethod
    def backward(_: Any, slopes: Tensor) -> Tensor:
        """What the losses of all processes together ask of this one's tensor."""
        slopes = slopes.clone(memory_format=torch.contiguous_format)
        dist.all_reduce(slopes)
        return slopes[rank()]


def _everyone_s(local: Tensor) -> Tensor:
    every: Tensor = _Gather.apply(local.contiguous())
    return every


class _Grouped(_BatchNorm):
    """Batch normalisation of each group of the batch of all processes by itself.

    Attributes:
        groups: how many; image i of the batch of all processes belongs to group i % groups.
        within: groups that this process holds alone, or 1 if it shares one.
        across: processes that share a group.
    """

    groups: int
    within: int
    across: int

    def forward(self, input: Tensor) -> Tensor:
        """(N, C, ...), of N images of this process, as `nn.BatchNorm2d` and its like give it.

        Raises:
            HeadwaterError: the images cannot be dealt out to the groups.
        """
        alone = self.within == self.across == 1
        if alone or not (self.training or self.running_mean is None):
            return super().forward(input)
        self._check_input_dim(input)  # type: ignore[no-untyped-call]
        if len(input) % self.within or input.numel() == self.within * input.shape[1]:
            raise HeadwaterError(
                f"{len(input)} images cannot be normalised in {self.within} groups; take a batch "
                f"of a multiple of it"
            )
        # Statistics in float32 at least, as the fused kernels have them.
        pixels = input.to(torch.promote_types(input.dtype, torch.float32))
        pixels = pixels.view(-1, self.within, *input.shape[1:])
        places = [axis for axis in range(pixels.ndim) if axis not in (1, 2)]
        variance, mean = torch.var_mean(pixels, places, correction=0)  # (within, C)
        count = torch.full_like(mean[:, :1], pixels.numel() // mean.numel())
        if self.across > 1:
            mean, variance, count = self._of_all(mean, variance, count)
        if self.training and self.track_running_stats:
            self._remember(mean.detach(), variance.detach() * (count / (count - 1)))
        scale = torch.rsqrt(variance + self.eps)
        scale = scale if self.weight is None else scale * self.weight
        shift = -mean * scale if self.bias is None else self.bias - mean * scale
        shape = (*mean.shape, *(pixels.ndim - 3) * [1])
        normalised = torch.addcmul(shift.view(shape), pixels, scale.view(shape))
        return normalised.flatten(0, 1).to(input.dtype)

    def _of_all(self, mean: Tensor, variance: Tensor, count: Tensor) -> tuple[Tensor, ...]:
        """Mean, variance and count (1, C or 1) of a group, given those of its part that is here."""
        own = torch.cat([mean, variance, count], 1)
        every = _everyone_s(own)[rank() % self.groups :: self.groups]
        means, variances, counts = torch.split(every, [mean.shape[1], mean.shape[1], 1], 2)
        count = counts.sum(0)
        share = counts / count
        mean = (share * means).sum(0)
        # About the common mean, so that no two large numbers are subtracted.
        return mean, (share * (variances + (means - mean).square())).sum(0), count

    @torch.no_grad()
    def _remember(self, mean: Tensor, variance: Tensor) -> None:
        """Move the running statistics towards those of the groups (within, C), on average."""
        if self.running_mean is None or self.running_var is None:
            return
        assert self.num_batches_tracked is not None
        self.num_batches_tracked.add_(1)
        factor: Any = 1 / self.num_batches_tracked if self.momentum is None else self.momentum
        self.running_mean.lerp_(mean.mean(0).to(self.running_mean.dtype), factor)
        self.running_var.lerp_(variance.mean(0).to(self.running_var.dtype), factor)


class _Grouped1d(_Grouped, nn.BatchNorm1d):
    pass


class _Grouped2d(_Grouped, nn.BatchNorm2d):
    pass


class _Grouped3d(_Grouped, nn.BatchNorm3d):
    pass


_KINDS: dict[type[nn.Module], type[_Grouped]] = {
    nn.BatchNorm1d: _Grouped1d,
    nn.BatchNorm2d: _Grouped2d,
    nn.BatchNorm3d: _Grouped3d,
}


def synchronise(method: M, groups: int = 1) -> M:
    """Make batch normalisation independent of how many processes hold the batch, in place.

    Image i of the batch of all processes belongs to group i % `groups`, and each group is
    normalised by its own mean and variance: by those of all images with one group, as MoCo does on
    eight GPUs with eight. Running statistics are the mean over the groups, which is complete after
    `average_buffers`. Parameters, the names in `state_dict` and evaluation mode stay as they are;
    on one process with one group nothing changes at all. The modules become others of another
    class, so that compiled backbones must not have run before; it may be called again.

    Args:
        method: any module, whose normalisations are torch's own.
        groups: 1 or more, a multiple or a divisor of the number of processes; the option
            `bn_groups` of a method's configuration, where it has one.

    Returns:
        The same object.

    Raises:
        UsageError: the groups cannot be shared by the processes, or a normalisation is of a kind
            that cannot be grouped.

    Source: groups: He et al., Momentum Contrast, CVPR 2020, section 3.3; torch's SyncBatchNorm,
        which needs GPUs, is the case of one group.

    Example:
        >>> norm = synchronise(nn.BatchNorm1d(1), groups=2)
        >>> norm(torch.tensor([[1.0], [10.0], [3.0], [30.0]])).flatten().round().tolist()
        [-1.0, -1.0, 1.0, 1.0]
    """
    processes = world()
    if groups < 1 or (groups % processes and processes % groups):
        raise UsageError(
            f"{processes} processes cannot share {groups} groups of images for batch normalisation "
            f"(bn_groups): start as many as divide it, or a multiple of it"
        )
    if groups == processes == 1:
        return method
    for name, module in method.named_modules():
        if not isinstance(module, _BatchNorm):
            continue
        if not isinstance(module, _Grouped):
            if type(module) not in _KINDS:
                told = ", ".join(f"nn.{kind.__name__}" for kind in _KINDS)
                raise UsageError(
                    f"{name} is a {type(module).__name__}, which cannot be shared by several "
                    f"processes or groups: make it one of {told}, or start one process"
                )
            module.__class__ = _KINDS[type(module)]
            assert isinstance(module, _Grouped)
        module.groups = groups
        module.within, module.across = max(1, groups // processes), max(1, processes // groups)
    return method


@torch.no_grad()
def average_buffers(method: nn.Module) -> None:
    """Bring running statistics to their mean over the processes, in place, on all of them.

    Exact, whenever it is called, since they are linear in the batches' statistics: afterwards they
    are what one process would have. With one group they are so anyway. All processes call it
    together, before anything reads them: evaluation mode, a copy, or a checkpoint.

    Args:
        method: given to `synchronise` before; counters, queues and parameters are left alone.
    """
    found = [
        buffer
        for module in method.modules()
        if isinstance(module, _Grouped) and module.groups > 1
        for buffer in (module.running_mean, module.running_var)
        if buffer is not None
    ]
    if world() == 1 or not found:
        return
    whole = torch.cat([buffer.flatten() for buffer in found])
    dist.all_reduce(whole)
    parts = torch.split(whole / world(), [buffer.numel() for buffer in found])
    for buffer, part in zip(found, parts, strict=True):
        buffer.copy_(part.view_as(buffer))
