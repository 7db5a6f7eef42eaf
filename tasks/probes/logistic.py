"""L2-regularised logistic regression for many weights at once, on CPU or GPU."""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from torch import Tensor

from tasks.probes.lbfgs import Loss, Solution, minimise
from tasks.probes.newton import polish

#: The 45 weights of the common protocol, weakest first.
WEIGHTS: tuple[float, ...] = tuple(np.logspace(-6, 5, 45).tolist())
TOLERANCE = 1e-9
MAX_STEPS = 1000
STRIDE = 4  # every such weight is solved alone, from the strongest on, the others in between
CELLS = 2**27  # at most so many logits at once: 0.5 GiB


@dataclass(frozen=True)
class Fit:
    """Fitted models, one for each weight, in the order of the weights given.

    Args:
        weights: (L,) of the penalty.
        coefficients: (L, C, D) float32.
        intercepts: (L, C) float32; minus infinity for a class that was not in the labels.
        objectives: (L,) float64, the minimum reached; summed over classes if one against rest.
        steps: (L,) int64, L-BFGS steps; the largest over classes if one against rest.
        converged: (L,) bool, False where the cap on steps or the precision of float32 ended it.
    """

    weights: tuple[float, ...]
    coefficients: Tensor
    intercepts: Tensor
    objectives: Tensor
    steps: Tensor
    converged: Tensor

    def scores(self, features: Tensor, which: int = 0) -> Tensor:
        """Logits (n, C) of features (n, D) under the model of weight number `which`."""
        return features @ self.coefficients[which].T + self.intercepts[which]


def fit_multinomial(
    features: Tensor,
    labels: Tensor,
    *,
    classes: int,
    weights: tuple[float, ...] = WEIGHTS,
    tolerance: float = TOLERANCE,
    max_steps: int = MAX_STEPS,
) -> Fit:
    """Multinomial logistic regression: minimise sum_i CE_i + weight / 2 * ||W||^2, intercepts free.

    Args:
        features: (n, D) float32, any device; used as they are, neither scaled nor normalised.
        labels: (n,) int64 in 0..classes-1; classes that do not occur are never predicted.
        classes: their number C.
        weights: of the penalty, positive, any order; weight = 1 / C of scikit-learn.
        tolerance: a weight is done when the decrease that its next step promises is at most this
            share of its objective, and of what that has gained over W = 0 with the intercepts at
            the class frequencies. At the default the objective was within 1e-5 of the minimum,
            relatively, for all weights on all features tried.
        max_steps: the most L-BFGS steps a weight.

    Returns:
        The fits.

    Source:
        Protocol: Kornblith et al. 2019, section A.2; solver: see `tasks.probes.lbfgs`.

    Example:
        >>> x = torch.tensor([[0.0], [1.0], [2.0], [3.0]])
        >>> fit = fit_multinomial(x, torch.tensor([0, 0, 1, 1]), classes=2, weights=(1.0,))
        >>> fit.scores(x).argmax(1).tolist()
        [0, 0, 1, 1]
    """
    present, target = torch.unique(labels, return_inverse=True)
    frequency = torch.bincount(target).to(features) / len(target)

    # all classes are one problem
    found = _solve(
        features,
        weights,
        tolerance,
        max_steps,
        frequency.log()[None, :],
        cross_entropy(target),
        partial(polish, target=target),
    )
    shape = (len(weights), classes)
    coefficients = features.new_zeros(*shape, features.shape[1])
    intercepts = features.new_full(shape, -torch.inf)
    coefficients[:, present], intercepts[:, present] = found.coefficients, found.intercepts
    return Fit(weights, coefficients, intercepts, found.objectives, found.steps, found.converged)


def cross_entropy(target: Tensor) -> Loss:
    """The loss of multinomial regression on images (n,) of these classes.

    Args:
        target: (n,) int64, from 0.

    Returns:
        As `tasks.probes.lbfgs.Loss` says; all classes of a problem are its outputs.
    """

    def loss(logits: Tensor, problems: Tensor) -> tuple[Tensor, Tensor]:
        shifted = logits.sub_(logits.amax(2, keepdim=True))
        index = target[:, None, None].expand(-1, logits.shape[1], 1)
        own = shifted.gather(2, index)
        odds = shifted.exp_().scatter_(2, index, 0)
        others = odds.sum(2, keepdim=True)
        # of an image that is told surely, 1 - p and log p would be nothing but rounding
        value = (own.exp() + others).log().sub_(own)
        sure = own == 0
        value[sure] = others[sure].log1p()
        total = own.exp_().add_(others)
        residual = odds.div_(total).scatter_(2, index, -others / total)
        return value.squeeze(2).sum(0, dtype=torch.float64), residual

    return loss


def fit_one_against_rest(
    features: Tensor,
    targets: Tensor,
    *,
    weights: tuple[float, ...] = WEIGHTS,
    tolerance: float = TOLERANCE,
    max_steps: int = MAX_STEPS,
) -> Fit:
    """A binary logistic regression for each class, for images that may be of several.

    Args:
        features: (n, D) float32.
        targets: (n, C) of 0 and 1; a class that all or none have gets the same score everywhere.
        weights, tolerance, max_steps: as for `fit_multinomial`.

    Returns:
        The fits; each minimises sum_i BCE_i + weight / 2 * ||w||^2 for every class alone.

    Example:
        >>> x = torch.tensor([[0.0], [1.0], [2.0], [3.0]])
        >>> fit = fit_one_against_rest(x, (x > 1.5).int(), weights=(1.0,))
        >>> (fit.scores(x) > 0).flatten().tolist()
        [False, False, True, True]
    """
    wanted = targets.to(features)
    frequency = wanted.mean(0)
    told_apart = (frequency > 0) & (frequency < 1)
    wanted, frequency = wanted[:, told_apart], frequency[told_apart]
    classes = len(frequency)
    shape = (len(weights), targets.shape[1])
    coefficients = features.new_zeros(*shape, features.shape[1])
    intercepts = features.new_zeros(shape)
    if not classes:
        nothing = torch.zeros(len(weights), dtype=torch.int64, device=features.device)
        return Fit(
            weights,
            coefficients,
            intercepts,
            nothing.double(),
            nothing,
            torch.ones_like(nothing) > 0,
        )

    def loss(logits: Tensor, problems: Tensor) -> tuple[Tensor, Tensor]:
        goal = wanted[:, problems % classes]
        flat = logits.squeeze(2)
        value = torch.nn.functional.binary_cross_entropy_with_logits(flat, goal, reduction="none")
        return value.sum(0, dtype=torch.float64), (flat.sigmoid_() - goal)[:, :, None]

    # every class is a problem of its own
    found = _solve(features, weights, tolerance, max_steps, frequency.logit()[:, None], loss)
    coefficients[:, told_apart], intercepts[:, told_apart] = found.coefficients, found.intercepts
    return Fit(weights, coefficients, intercepts, found.objectives, found.steps, found.converged)


@dataclass(frozen=True)
class _Found:
    """As `Fit`, with the classes that were fitted only."""

    coefficients: Tensor
    intercepts: Tensor
    objectives: Tensor
    steps: Tensor
    converged: Tensor


def _solve(
    features: Tensor,
    weights: tuple[float, ...],
    tolerance: float,
    max_steps: int,
    intercepts: Tensor,
    loss: Loss,
    finish: Callable[[Tensor, Tensor, Solution], Solution] | None = None,
) -> _Found:
    """Rotate the features, solve from the strongest weight to the weakest, rotate back.

    The rotation to the principal axes leaves the norm of W as it is, and the free intercept takes
    up the mean, so the problem is the same; its Hessian is nearly diagonal in the new axes.

    Args:
        intercepts: (units, outputs), where the strongest weight starts, at W = 0.
        finish: given design, weights and solution, improves on it; None to leave it.
    """
    units, outputs = intercepts.shape
    mean = features.mean(0)
    centred = features - mean
    squares, axes = torch.linalg.eigh(centred.double().T @ centred.double())
    real = squares > 1e-14 * squares[-1]  # the rest is rounding: no image moves along it
    axes = axes[:, real].float()
    ones = features.new_ones(len(features), 1)
    design = torch.cat([centred @ axes, ones], 1)

    first = features.new_zeros(units, outputs, design.shape[1])
    first[:, :, -1] = intercepts
    logits = (design @ first.view(-1, design.shape[1]).T).view(len(features), units, outputs)
    nothing, _ = loss(logits, torch.arange(units, device=features.device))
    solved: dict[float, Solution] = {}
    most = max(1, CELLS // (len(features) * units * outputs))
    for together in _rounds(weights, most):
        start = torch.cat([_predicted(solved, weight, first) for weight in together])
        strengths = torch.tensor(together, dtype=torch.float64, device=features.device)
        found = minimise(
            design,
            strengths.repeat_interleave(units),
            start,
            loss,
            nothing=nothing.repeat(len(together)),
            tolerance=tolerance,
            max_steps=max_steps,
        )
        if finish is not None:
            found = finish(design, strengths, found)
        solved |= {w: found[i * units : (i + 1) * units] for i, w in enumerate(together)}

    each = [solved[weight] for weight in weights]
    theta = torch.stack([one.theta.flatten(0, 1) for one in each])  # (L, classes, p)
    coefficients = theta[:, :, :-1] @ axes.T
    return _Found(
        coefficients,
        theta[:, :, -1] - coefficients @ mean,
        torch.stack([one.objective.sum() for one in each]),
        torch.stack([one.steps.amax() for one in each]),
        torch.stack([one.converged.all() for one in each]),
    )


def _rounds(weights: tuple[float, ...], most: int) -> Iterator[list[float]]:
    """Which weights are solved together: every fourth alone, then all halfway, then the rest."""
    order = sorted(set(weights), reverse=True)
    coarse = STRIDE if len(order) > 2 * STRIDE else 1
    yield from ([weight] for weight in order[::coarse])
    while coarse > 1:
        between = order[coarse // 2 :: coarse]
        for part in range(0, len(between), most):
            yield between[part : part + most]
        coarse //= 2


def _predicted(solved: Mapping[float, Solution], weight: float, first: Tensor) -> Tensor:
    """Where the minimiser should be, by those of the nearest weights.

    It moves smoothly with the logarithm of the weight: a line through two of them leads to a weaker
    weight, a cubic through four to one that lies between.
    """
    if not solved:
        return first
    weaker = sorted(w for w in solved if w < weight)[-2:]
    stronger = sorted(w for w in solved if w > weight)[:2]
    near = [math.log(w) for w in weaker + stronger]
    guess = torch.zeros_like(first)
    for w, here in zip(weaker + stronger, near, strict=True):
        share = [(math.log(weight) - other) / (here - other) for other in near if other != here]
        guess += math.prod(share) * solved[w].theta
    return guess
