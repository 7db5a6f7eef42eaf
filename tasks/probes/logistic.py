"""L2-regularised logistic regression for many weights at once, on CPU or GPU."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from tasks.probes.lbfgs import Loss, minimise

#: The 45 weights of the common protocol, weakest first.
WEIGHTS: tuple[float, ...] = tuple(np.logspace(-6, 5, 45).tolist())
TOLERANCE = 1e-3
MAX_STEPS = 300
GROUP = 3  # weights solved together; the next group starts from the weakest of these
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
        tolerance: a weight is done when the gradient's norm has fallen to this share of what it
            is at W = 0 with the intercepts at the class frequencies. At the default the
            accuracy is within about half a point of the optimum's, except where separable data and
            a tiny weight put the optimum nearly at infinity: there this rule is what ends the fit.
        max_steps: the most L-BFGS steps a weight; scikit-learn's own default is 100.

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

    def loss(logits: Tensor, problems: Tensor) -> tuple[Tensor, Tensor]:
        shifted = logits.sub_(logits.amax(2, keepdim=True))
        index = target[:, None, None].expand(-1, logits.shape[1], 1)
        own = shifted.gather(2, index).squeeze(2)
        odds = shifted.exp_()
        total = odds.sum(2, keepdim=True)
        value = (total.squeeze(2).log() - own).sum(0, dtype=torch.float64)
        residual = odds.div_(total)
        return value, residual.scatter_add_(2, index, -torch.ones_like(total))

    residual = frequency.repeat(len(target), 1)
    residual[torch.arange(len(target), device=target.device), target] -= 1
    # half is Boehning's bound of the softmax's Hessian; all classes are one problem
    found = _solve(
        features,
        weights,
        tolerance,
        max_steps,
        0.5,
        frequency.log()[None, :],
        residual[:, None, :],
        loss,
    )
    shape = (len(weights), classes)
    coefficients = features.new_zeros(*shape, features.shape[1])
    intercepts = features.new_full(shape, -torch.inf)
    coefficients[:, present], intercepts[:, present] = found.coefficients, found.intercepts
    return Fit(weights, coefficients, intercepts, found.objectives, found.steps, found.converged)


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

    # a quarter bounds p (1 - p); every class is a problem of its own
    found = _solve(
        features,
        weights,
        tolerance,
        max_steps,
        0.25,
        frequency.logit()[:, None],
        (frequency - wanted)[:, :, None],
        loss,
    )
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
    bound: float,
    intercepts: Tensor,
    residual: Tensor,
    loss: Loss,
) -> _Found:
    """Rotate the features, solve from the strongest weight to the weakest, rotate back.

    The rotation to the principal axes leaves the norm of W as it is, and the free intercept takes
    up the mean, so the problem is the same; its Hessian is nearly diagonal in the new axes.

    Args:
        bound: of the loss's second derivative by a logit.
        intercepts: (units, outputs), where the strongest weight starts, at W = 0.
        residual: (n, units, outputs), derivative of the loss by the logits there.
    """
    units, outputs = intercepts.shape
    mean = features.mean(0)
    centred = features - mean
    squares, axes = torch.linalg.eigh(centred.double().T @ centred.double())
    real = squares > 1e-14 * squares[-1]  # the rest is rounding: no image moves along it
    squares, axes = squares[real], axes[:, real].float()
    ones = features.new_ones(len(features), 1)
    design = torch.cat([centred @ axes, ones], 1)
    curvature = bound * torch.cat([squares, squares.new_full((1,), float(len(features)))])
    at_start = torch.einsum("nuo,np->uop", residual, design).flatten(1).norm(dim=1)
    # the gradient of features that say nothing is rounding: nothing can be a share of it
    target = (tolerance * at_start).clamp_min(1e-7 * float(design.norm())).double()

    order = np.argsort(weights)[::-1].copy()
    start = features.new_zeros(units, outputs, design.shape[1])
    start[:, :, -1] = intercepts
    group = max(1, min(GROUP, CELLS // max(1, len(features) * units * outputs)))
    parts = []
    for first in range(0, len(order), group):
        some = order[first : first + group]
        strengths = torch.tensor([weights[i] for i in some], dtype=torch.float64)
        part = minimise(
            design,
            curvature,
            strengths.to(features.device).repeat_interleave(units),
            start.repeat(len(some), 1, 1),
            loss,
            target=target.repeat(len(some)),
            max_steps=max_steps,
        )
        parts.append(part)
        start = part.theta[-units:]

    back = torch.from_numpy(np.argsort(order)).to(features.device)

    def gather(pieces: list[Tensor]) -> Tensor:
        whole = torch.cat(pieces)
        return whole.view(len(order), units, *whole.shape[1:])[back]

    theta = gather([part.theta for part in parts]).flatten(1, 2)  # (L, classes, p)
    coefficients = theta[:, :, :-1] @ axes.T
    return _Found(
        coefficients,
        theta[:, :, -1] - coefficients @ mean,
        gather([part.objective for part in parts]).sum(1),
        gather([part.steps for part in parts]).amax(1),
        gather([part.converged for part in parts]).all(1),
    )
