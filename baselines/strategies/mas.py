"""MAS: memory-aware synapses, importance from the gradient of the output's squared norm."""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor
from torch.func import functional_call, grad, vmap

from baselines.strategies._quadratic import QuadraticPenalty, flat
from benchmark.batch import ChunkContext
from benchmark.config import Options, option
from benchmark.method import About, Objective
from benchmark.models import normalise
from benchmark.registry import STRATEGIES

#: Images whose gradients are worked out at a time.
_AT_A_TIME = 32


@dataclass(frozen=True)
class MASOptions(Options):
    """Options of MAS.

    Args:
        mas_weight: of the penalty.
        mas_images: of each chunk that the importance is estimated on, at random.
    """

    mas_weight: float = option(0.001, least=0)
    mas_images: int = option(256, least=1)


def mean_sensitivity(objective: Objective, images: Tensor) -> Tensor:
    """Mean over images of |d ||f(x)||^2 / d theta|, f being the embeddings, as one row (P,).

    Args:
        objective: its trained parameters are the theta.
        images: (N, 3, h, w) float32, normalised.

    Source: Aljundi et al., Memory Aware Synapses, ECCV 2018, equations 2 and 5.
    """
    parameters = {n: p.detach() for n, p in objective.named_parameters() if p.requires_grad}
    frozen = {n: p.detach() for n, p in objective.named_parameters() if not p.requires_grad}
    rest = frozen | dict(objective.named_buffers())

    def squared_norm(theta: dict[str, Tensor], image: Tensor) -> Tensor:
        call = _Embeddings(objective)
        state = {f"of.{name}": value for name, value in (theta | rest).items()}
        embedded: Tensor = functional_call(call, state, image[None])
        return embedded.float().square().sum()

    per_image = vmap(grad(squared_norm), in_dims=(None, 0))
    total = torch.zeros(sum(p.numel() for p in parameters.values()), device=images.device)
    training = objective.training
    objective.eval()  # where an image's output does not depend on the others'
    try:
        for some in torch.split(images, _AT_A_TIME):
            gradients = per_image(parameters, some)
            total += flat([gradients[name].abs().sum(0) for name in parameters])
    finally:
        objective.train(training)
    return total / len(images)


class _Embeddings(torch.nn.Module):
    """The objective's embeddings as a forward pass."""

    def __init__(self, objective: Objective) -> None:
        super().__init__()
        self.of = objective

    def forward(self, images: Tensor) -> Tensor:
        return self.of.embeddings(images)


@STRATEGIES.register("mas")
class MAS(QuadraticPenalty):
    """Holds weights by how strongly the embeddings of a chunk's images depend on them.

    The importance is estimated at a chunk's end on images as they are, not augmented, and summed
    over the chunks; each chunk's has a mean of 1. The images read for it are visits on top, and
    the ledger counts them.
    Source: Aljundi et al., Memory Aware Synapses, ECCV 2018; in streams: Hu et al., ICLR 2022.
    """

    about = About(
        paper="Aljundi et al. ECCV 2018",
        stores="importance and old value of each weight",
        held_against="autograd, image by image, and the penalty by hand",
        test="tests/baselines/test_quadratic.py::test_sensitivity_against_one_image_at_a_time",
    )
    config_class: ClassVar[type[Options]] = MASOptions
    needs_boundaries = True
    config: MASOptions

    def __init__(self, objective: Objective, config: MASOptions) -> None:
        super().__init__(objective, config, config.mas_weight)

    def end_chunk(self, objective: Objective, context: ChunkContext) -> None:
        """Add the chunk's importance."""
        super().end_chunk(objective, context)
        assert self.memory is not None
        order = torch.randperm(len(context.sample_ids))[: self.config.mas_images]
        images = self.memory.read(context.sample_ids[order], seed=0).images
        self.consolidate(objective, mean_sensitivity(objective, normalise(images)))
