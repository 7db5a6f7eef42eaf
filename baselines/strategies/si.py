"""SI: synaptic intelligence, importance from what each weight did for the loss along the way."""

from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor

from baselines.strategies._quadratic import QuadraticPenalty, flat, trained
from benchmark.batch import ChunkContext
from benchmark.config import Options, option
from benchmark.method import About, Objective
from benchmark.registry import STRATEGIES


@dataclass(frozen=True)
class SIOptions(Options):
    """Options of SI.

    Args:
        si_weight: of the penalty.
        si_damping: added to the squared way of a weight before the path integral is divided by it.
    """

    si_weight: float = option(0.001, least=0)
    si_damping: float = option(1e-3, above=0)


@STRATEGIES.register("si")
class SI(QuadraticPenalty):
    """Holds weights by how much their way through a chunk lowered its loss.

    The gradient of the objective's loss times the step, summed over the steps and divided by the
    squared way; negative sums count as 0, each chunk's importance is brought to a mean of 1.
    Source: Zenke et al., Continual Learning Through Synaptic Intelligence, ICML 2017, equations 3
    to 5.
    """

    about = About(
        paper="Zenke et al. ICML 2017",
        stores="importance, path integral, old value and start of each weight",
        held_against="the path integral of a quadratic, by hand",
        test="tests/baselines/test_quadratic.py::test_path_integral_by_hand",
    )
    config_class: ClassVar[type[Options]] = SIOptions
    needs_boundaries = True
    config: SIOptions
    path: Tensor
    start: Tensor

    def __init__(self, objective: Objective, config: SIOptions) -> None:
        super().__init__(objective, config, config.si_weight)
        self.register_buffer("path", torch.zeros_like(self.anchor))
        self.register_buffer("start", torch.zeros_like(self.anchor))
        self._step: tuple[Tensor, Tensor] | None = None  # weights and gradient before a step

    def begin_chunk(self, objective: Objective, context: ChunkContext) -> None:
        """Start a path."""
        super().begin_chunk(objective, context)
        self.path.zero_()
        self.start.copy_(flat(trained(objective)).detach())

    @torch.no_grad()
    def after_backward(self, objective: Objective) -> None:
        """Note the weights and the gradient of the loss alone, the penalty's taken out."""
        super().after_backward(objective)
        weights = flat(trained(objective))
        zero = torch.zeros((), device=weights.device)
        slope = flat(
            [zero.expand(p.shape) if p.grad is None else p.grad for p in trained(objective)]
        )
        if self.chunks_done:
            slope -= 2 * self.weight * self.importance * (weights - self.anchor)
        self._step = weights, slope

    @torch.no_grad()
    def after_step(self, objective: Objective) -> None:
        """Add what the step did for the loss."""
        super().after_step(objective)
        assert self._step is not None
        weights, slope = self._step
        self.path -= slope * (flat(trained(objective)) - weights)
        self._step = None

    @torch.no_grad()
    def end_chunk(self, objective: Objective, context: Any) -> None:
        """Turn the path into importance."""
        super().end_chunk(objective, context)
        way = flat(trained(objective)) - self.start
        self.consolidate(
            objective, self.path.clamp_min(0) / (way.square() + self.config.si_damping)
        )
