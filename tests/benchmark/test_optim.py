"""LARS against lightly's, and the schedule by hand."""

import math

import pytest
import torch
from lightly.utils.lars import LARS as Lightly

from benchmark.optim import LARS, lr_factor


@pytest.mark.parametrize("weight_decay", [1e-4, 0.1])
def test_lars_against_lightly(weight_decay: float) -> None:
    generator = torch.Generator().manual_seed(0)
    start = torch.randn(4, 3, generator=generator), torch.randn(3, generator=generator)
    slopes = torch.randn(5, 4, 3, generator=generator), torch.randn(5, 3, generator=generator)
    mine = [torch.nn.Parameter(part.clone()) for part in start]
    theirs = [torch.nn.Parameter(part.clone()) for part in start]
    optimiser = LARS(mine, lr=0.5, weight_decay=weight_decay, bias_lr=0.25)
    references = (
        Lightly(theirs[:1], lr=0.5, momentum=0.9, weight_decay=weight_decay),
        # No decay is no adaptation there: SGD, as for biases and normalisations here.
        Lightly(theirs[1:], lr=0.125, momentum=0.9, weight_decay=0.0),
    )
    for step in range(5):
        for parameters in (mine, theirs):
            for parameter, slope in zip(parameters, slopes, strict=True):
                parameter.grad = slope[step].clone()
        for each in (optimiser, *references):
            each.step()
    for one, other in zip(mine, theirs, strict=True):
        torch.testing.assert_close(one, other)


def test_a_weight_without_gradient_stays_and_one_of_size_0_moves() -> None:
    zero, still = (torch.nn.Parameter(torch.zeros(2, 2)) for _ in range(2))
    zero.grad = torch.ones(2, 2)
    LARS([zero, still], lr=1.0, weight_decay=0.1).step()
    assert torch.equal(zero.detach(), -torch.ones(2, 2)) and not still.any()


@pytest.mark.parametrize(
    ("done", "warmup", "share"),
    [(0.0, 0.0, 1.0), (0.5, 0.0, 0.5), (1.0, 0.0, 0.0), (0.05, 0.1, 0.5), (0.1, 0.1, 1.0)],
)
def test_the_learning_rate_rises_in_a_line_and_falls_along_half_a_cosine(
    done: float, warmup: float, share: float
) -> None:
    assert lr_factor(done, warmup) == pytest.approx(share)
    assert lr_factor(0.325, 0.1) == pytest.approx((1 + math.cos(math.pi / 4)) / 2)
