"""Optimisers and the schedule of the learning rate."""

import math
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor

from benchmark.method import Method

MOMENTUM = 0.9


class LARS(torch.optim.Optimizer):
    """SGD with momentum whose step is scaled, tensor by tensor, to the size of the weights.

    The step of a tensor w with gradient g and weight decay d is `trust` |w| / (|g| + d |w|) times
    (g + d w). Tensors of at most one dimension, biases and normalisations, are neither scaled nor
    decayed, as in SimCLR, BYOL and Barlow Twins.

    Args:
        parameters: to be trained.
        lr: learning rate.
        weight_decay: d above, above 0 for scaling, too.
        bias_lr: factor of the learning rate for tensors of at most one dimension.
        momentum: share of the last step that is taken again.
        trust: how large a step is relative to the weights.

    Source: You et al., Large Batch Training of Convolutional Networks, 2017.

    Example:
        >>> weight = torch.nn.Parameter(torch.ones(2, 2))
        >>> weight.grad = torch.full((2, 2), 5.0)
        >>> LARS([weight], lr=1.0, weight_decay=1e-6).step()
        >>> round(float(weight.detach()[0, 0]), 4)  # 1 - 0.001 x 2/10 x 5
        0.999
    """

    def __init__(
        self,
        parameters: Iterable[Tensor],
        lr: float,
        weight_decay: float,
        bias_lr: float = 1.0,
        momentum: float = MOMENTUM,
        trust: float = 1e-3,
    ) -> None:
        both = [*parameters]
        groups: list[dict[str, Any]] = [
            {"params": [p for p in both if p.ndim > 1], "weight_decay": weight_decay},
            {"params": [p for p in both if p.ndim <= 1], "weight_decay": 0.0, "factor": bias_lr},
        ]
        defaults = {"lr": lr, "factor": 1.0, "momentum": momentum, "trust": trust}
        super().__init__([group for group in groups if group["params"]], defaults)

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        """Take a step; nothing of it waits for the device."""
        assert closure is None
        for group in self.param_groups:
            weights = [p for p in group["params"] if p.grad is not None]
            steps = [p.grad for p in weights]
            if not weights:
                continue
            if decay := group["weight_decay"]:
                norms = torch.stack(torch._foreach_norm(weights))
                of_steps = torch.stack(torch._foreach_norm(steps))
                scale = group["trust"] * norms / (of_steps + decay * norms)
                scale = torch.where((norms > 0) & (of_steps > 0), scale, 1.0)
                steps = [*torch._foreach_add(steps, weights, alpha=decay)]
                torch._foreach_mul_(steps, [*scale])
            for weight in weights:
                if "momentum" not in self.state[weight]:
                    self.state[weight]["momentum"] = torch.zeros_like(weight)
            moments = [self.state[weight]["momentum"] for weight in weights]
            torch._foreach_mul_(moments, group["momentum"])
            torch._foreach_add_(moments, steps)
            torch._foreach_add_(weights, moments, alpha=-group["factor"] * group["lr"])


def build_optimiser(method: Method) -> torch.optim.Optimizer:
    """The optimiser that `method.config` asks for, over the parameters that have a gradient."""
    config = method.config
    parameters = [parameter for parameter in method.parameters() if parameter.requires_grad]
    lr, decay = config.lr, config.weight_decay
    if config.optimiser == "adamw":
        return torch.optim.AdamW(parameters, lr=lr, weight_decay=decay, fused=True)
    if config.optimiser == "lars":
        return LARS(parameters, lr=lr, weight_decay=decay, bias_lr=config.bias_lr)
    return torch.optim.SGD(parameters, lr=lr, weight_decay=decay, momentum=MOMENTUM, fused=True)


def lr_factor(done: float, warmup: float = 0.0) -> float:
    """Share of the learning rate when a share `done` of the schedule is behind, both 0 to 1.

    Example:
        >>> [lr_factor(done, warmup=0.5) for done in (0.0, 0.25, 0.5, 0.75, 1.0)]
        [0.0, 0.5, 1.0, 0.5, 0.0]
    """
    if done < warmup:
        return done / warmup
    return (1 + math.cos(math.pi * (done - warmup) / (1 - warmup))) / 2
