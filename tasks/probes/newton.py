"""Newton's method in float64 for multinomial regression, where float32 can do no more."""

import torch
from torch import Tensor

from tasks.probes.lbfgs import Solution

#: Parameters of a problem whose Hessian is worth its cost; beyond, float32 has to do.
MOST = 1500
STEPS, HALVINGS = 30, 30
ENOUGH = 1e-12  # the promised decrease, as a share of the objective, at which a problem is done


def polish(design: Tensor, weights: Tensor, found: Solution, target: Tensor) -> Solution:
    """Bring the problems to their minimum that did not converge, if they are small.

    A few classes that no hyperplane tells apart, at a weight near nothing, leave directions that
    hardly any image moves along: the gradient there is below float32's rounding, and the minimum
    far away.

    Args:
        design: (n, p) float32, the last column of ones, not penalised.
        weights: (Q,) float64, of the L2 penalty.
        found: of `tasks.probes.lbfgs.minimise`, with outputs for classes.
        target: (n,) int64, from 0.

    Returns:
        The same with those problems solved.
    """
    if found.theta[0].numel() > MOST or found.converged.all():
        return found
    x = design.double()
    for which in (~found.converged).nonzero().flatten().tolist():
        theta, value, steps = _newton(x, target, float(weights[which]), found.theta[which].double())
        found.theta[which], found.objective[which] = theta.float(), value
        found.steps[which] += steps
        found.converged[which] = True
    return found


def _newton(x: Tensor, target: Tensor, weight: float, theta: Tensor) -> tuple[Tensor, Tensor, int]:
    """The minimiser (C, p) from a start near it, the minimum, and the steps taken."""
    classes, p = theta.shape
    penalty = x.new_full((p,), weight)
    penalty[-1] = 0
    rows = torch.arange(len(x), device=x.device)

    def objective(theta: Tensor) -> tuple[Tensor, Tensor]:
        logs = (x @ theta.T).log_softmax(1)
        return (theta.square() @ penalty).sum() / 2 - logs[rows, target].sum(), logs.exp_()

    value, chances = objective(theta)
    for step in range(STEPS):
        residual = chances.clone()
        residual[rows, target] -= 1
        gradient = residual.T @ x + penalty * theta
        hessian = x.new_empty(classes, p, classes, p)
        for a in range(classes):
            for b in range(a, classes):
                curvature = chances[:, a] * (float(a == b) - chances[:, b])
                hessian[a, :, b] = hessian[b, :, a] = x.T @ (curvature[:, None] * x)
        matrix = hessian.view(classes * p, classes * p)
        # the same added to all intercepts changes nothing, so that direction is given a curvature
        matrix.diagonal().add_(penalty.repeat(classes) + 1e-12 * matrix.diagonal().mean())
        direction = torch.linalg.solve(matrix, -gradient.flatten()).view(classes, p)
        promised = -(direction * gradient).sum()
        if promised <= 2 * ENOUGH * value:
            return theta, value, step
        for halvings in range(HALVINGS):
            length = 0.5**halvings
            trial, chances = objective(theta + length * direction)
            if trial <= value - 1e-4 * length * promised:
                break
        else:
            return theta, value, step
        theta, value = theta + length * direction, trial
    return theta, value, STEPS
