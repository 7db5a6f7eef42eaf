"""MAS: memory-aware synapses, importance from the gradient of the output's squared norm."""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from baselines.strategies._quadratic import QuadraticPenalty, flat, trained
from benchmark.batch import ChunkContext
from benchmark.config import Options, option
from benchmark.method import About, Objective
from benchmark.models import normalise
from benchmark.registry import STRATEGIES


@dataclass(frozen=True)
class MASOptions(Options):
    """Options of MAS.

    Args:
        mas_weight: of the penalty.
        mas_images: of each chunk that the importance is estimated on, at random.
    """

    mas_weight: float = option(0.001, least=0)
    mas_images: int = option(128, least=1)


def mean_sensitivity(objective: Objective, images: Tensor) -> Tensor:
    """Mean over images of |d ||f(x)||^2 / d theta|, f being the embeddings, as one row (P,).

    Args:
        objective: its trained parameters are the theta.
        images: (N, 3, h, w) float32, normalised.

    Source: Aljundi et al., Memory Aware Synapses, ECCV 2018, equations 2 and 5.
    """
    parameters = trained(objective)
    total = [torch.zeros_like(parameter) for parameter in parameters]
    training = objective.training
    objective.eval()  # where an image's output does not depend on the others'
    try:
        for image in torch.split(images, 1):
            norm = objective.embeddings(image).float().square().sum()
            gradients = torch.autograd.grad(norm, parameters, allow_unused=True)
            for part, gradient in zip(total, gradients, strict=True):
                if gradient is not None:  # None: the embeddings do not depend on it
                    part += gradient.abs()
    finally:
        objective.train(training)
    return flat(total) / len(images)


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
