"""What MAS and SI share: weights that mattered are held where they were, by a quadratic penalty."""

from typing import Any

import torch
from torch import Tensor

from benchmark.config import Options
from benchmark.method import Objective, Strategy


def flat(tensors: "list[Tensor]") -> Tensor:
    """(P,): all numbers of some tensors in a row."""
    return torch.cat([tensor.reshape(-1) for tensor in tensors])


def trained(objective: Objective) -> list[Tensor]:
    """The parameters that have a gradient, in the order of the module."""
    return [parameter for parameter in objective.parameters() if parameter.requires_grad]


class QuadraticPenalty(Strategy):
    """Adds w sum_k importance_k (theta_k - anchor_k)^2 to the loss once a chunk is behind.

    Args:
        objective: whose trained parameters are held.
        config: of the strategy.
        weight: w; importances are told to `consolidate` in a scale of their own, and brought to a
            mean of 1 there, so that a weight means the same for every objective.
    """

    importance: Tensor
    anchor: Tensor

    def __init__(self, objective: Objective, config: Options, weight: float) -> None:
        super().__init__(objective, config)
        self.weight, self.chunks_done = weight, 0
        size = sum(parameter.numel() for parameter in trained(objective))
        self.register_buffer("importance", torch.zeros(size))
        self.register_buffer("anchor", torch.zeros(size))

    def get_extra_state(self) -> dict[str, int]:
        return {"chunks_done": self.chunks_done}

    def set_extra_state(self, state: Any) -> None:
        self.chunks_done = state["chunks_done"]

    def penalty(self, objective: Objective, views: Any) -> Tensor | None:
        """The penalty, shape (); None during the first chunk."""
        if not self.chunks_done:
            return None
        away = flat(trained(objective)) - self.anchor
        return self.weight * (self.importance * away).dot(away)

    @torch.no_grad()
    def consolidate(self, objective: Objective, importance: Tensor) -> None:
        """Add a chunk's importance (P,), brought to a mean of 1, and hold the weights of now."""
        self.importance += importance / importance.mean().clamp_min(torch.finfo(torch.float32).tiny)
        self.anchor.copy_(flat(trained(objective)))
        self.chunks_done += 1
