"""Many convex problems, minimised together by L-BFGS in batched tensors.

Every problem q is  loss_q(design @ theta_q^T) + weight_q / 2 * ||theta_q without intercept||^2,
over one design matrix, or one for each problem. Three things make it fast. All problems share
each matrix product. A step needs one product
forward (logits are linear in the step length, so a line search costs no product) and one back.
And the first guess of the inverse Hessian is that of its diagonal where the problem starts, which
is near the truth since the design's columns are orthogonal.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

#: logits (n, Q, outputs), numbers of the problems (Q,) -> losses (Q,) float64 and their
#: derivative by the logits; the logits may be overwritten.
Loss = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]

MEMORY = 5  # pairs kept; 4 to 16 take about as many steps, and more cost memory traffic
ARMIJO = 1e-4  # the share of the promised decrease that a step must bring
#: Relative error of a loss that is summed from terms of this type.
ROUNDING = {torch.float32: 2e-7, torch.float64: 1e-15}
FLAT = 1e-6  # share of a column's largest curvature that is taken for the least
BACKTRACKS = 15
PATIENCE = 25  # steps without a lower objective after which float32 can do no more


@dataclass(frozen=True)
class Solution:
    """Minimisers (Q, outputs, p), objectives (Q,), steps taken (Q,) and convergence (Q,)."""

    theta: Tensor
    objective: Tensor
    steps: Tensor
    converged: Tensor

    def __getitem__(self, problems: slice) -> "Solution":
        """Of some of the problems."""
        return Solution(
            self.theta[problems],
            self.objective[problems],
            self.steps[problems],
            self.converged[problems],
        )


def minimise(
    design: Tensor,
    weights: Tensor,
    start: Tensor,
    loss: Loss,
    *,
    nothing: Tensor,
    tolerance: float,
    max_steps: int,
) -> Solution:
    """Minimise all problems; those that are done leave the batch.

    Args:
        design: (n, p) float32, or (Q, n, p) where the problems do not share it; orthogonal columns;
            the last is of ones and is not penalised.
        weights: (Q,) float64, of the L2 penalty.
        start: (Q, outputs, p) float32.
        loss: see `Loss`.
        nothing: (Q,) float64, each problem's objective where nothing is learnt yet.
        tolerance: a problem is done when the decrease that its next quasi-Newton step promises,
            half of g^T H g, is at most this share both of its objective and of what it has gained.
        max_steps: a problem is also done after so many steps.

    Returns:
        The solution; `converged` is False where the steps ran out, or where float32 could not
        lower the objective any more, before that was so.
    """
    count, _, p = start.shape
    device = design.device
    answer = Solution(
        torch.empty_like(start),
        torch.empty(count, dtype=torch.float64, device=device),
        torch.zeros(count, dtype=torch.int64, device=device),
        torch.zeros(count, dtype=torch.bool, device=device),
    )
    active = torch.arange(count, device=device)
    penalty = weights[:, None].repeat(1, p)
    penalty[:, -1] = 0
    penalty = penalty.to(design.dtype)[:, None, :]
    rounding = ROUNDING[design.dtype]

    def gradient(residual: Tensor, theta: Tensor) -> Tensor:
        return _backward(design, residual) + penalty * theta

    def objective(logits: Tensor, theta: Tensor) -> tuple[Tensor, Tensor]:
        value, residual = loss(logits, active)
        return value + 0.5 * _dot(penalty * theta, theta).double(), residual

    theta = start.clone()
    logits = _forward(design, theta)
    value, residual = objective(logits.clone(), theta)
    slope_at = gradient(residual, theta)
    # p (1 - p), since the residual is p, or p - 1 for an image's own class
    curvature = _backward(design.square(), residual.abs() * (1 - residual.abs()))
    least = FLAT * curvature.amax(-1, keepdim=True)
    prior = 1 / (torch.maximum(curvature, least) + penalty).clamp_min(1e-30)
    pairs: list[tuple[Tensor, Tensor, Tensor]] = []
    scale = torch.ones(count, dtype=design.dtype, device=device)
    lowest, idle = value, torch.zeros(count, dtype=torch.int64, device=device)

    for step in range(max_steps + 1):
        direction = _direction(slope_at, pairs, scale[:, None, None] * prior)
        slope = _dot(direction, slope_at).double()
        # below the rounding of a loss there is nothing to gain
        gain = torch.maximum(torch.minimum(value, nothing - value), rounding * value)
        small = -slope <= 2 * tolerance * gain
        done = small | (idle >= PATIENCE) if step < max_steps else torch.ones_like(small)
        if done.any():
            where = active[done]
            answer.theta[where], answer.objective[where] = theta[done], value[done]
            answer.steps[where], answer.converged[where] = step, small[done]
            left = ~done
            if not left.any():
                break
            active, theta, slope_at, value = active[left], theta[left], slope_at[left], value[left]
            direction, slope, nothing = direction[left], slope[left], nothing[left]
            lowest, idle = lowest[left], idle[left]
            prior, penalty, scale, logits = prior[left], penalty[left], scale[left], logits[:, left]
            design = design[left] if design.dim() == 3 else design
            pairs = [(moved[left], turned[left], rho[left]) for moved, turned, rho in pairs]

        change = _forward(design, direction)
        length = torch.ones(len(active), dtype=design.dtype, device=device)
        for _ in range(BACKTRACKS):
            new_logits = torch.addcmul(logits, change, length[:, None])
            new_theta = torch.addcmul(theta, direction, length[:, None, None])
            new_value, residual = objective(new_logits.clone(), new_theta)
            limit = value + ARMIJO * length * slope + rounding * value.abs()
            # written so that a value that is not a number counts as too high
            high = ~(new_value <= limit)
            if not high.any():
                break
            # the minimum of the parabola through the value and slope here and the value there
            best = -slope * length / (2 * ((new_value - value) / length - slope))
            shorter = torch.nan_to_num(best).clamp(0.1 * length, 0.5 * length).to(design.dtype)
            length = torch.where(high, shorter, length)
        idle = torch.where(new_value < lowest, 0, idle + 1)
        lowest = torch.minimum(lowest, new_value)
        new_slope_at = gradient(residual, new_theta)
        moved, turned = new_theta - theta, new_slope_at - slope_at
        along = _dot(moved, turned)
        usable = along > 0  # rounding can spoil a pair: it is then kept with no effect
        rho = torch.where(usable, 1 / along.clamp_min(1e-38), 0.0)
        across = _dot(turned * prior, turned).clamp_min(1e-38)
        scale = torch.where(usable, along / across, scale)
        pairs = [*pairs[1 - MEMORY :], (moved, turned, rho)]
        theta, logits, value, slope_at = new_theta, new_logits, new_value, new_slope_at
    return answer


def _forward(design: Tensor, theta: Tensor) -> Tensor:
    """Logits (n, Q, outputs) of parameters (Q, outputs, p)."""
    if design.dim() == 3:
        return (design @ theta.transpose(1, 2)).transpose(0, 1).contiguous()
    return (design @ theta.flatten(0, 1).T).view(len(design), *theta.shape[:2])


def _backward(design: Tensor, residual: Tensor) -> Tensor:
    """What each design gives of residuals (n, Q, outputs): (Q, outputs, p)."""
    if design.dim() == 3:
        return residual.permute(1, 2, 0) @ design
    return (residual.flatten(1).T @ design).view(*residual.shape[1:], -1)


def _dot(a: Tensor, b: Tensor) -> Tensor:
    """Inner product of each problem's two arrays: (Q, outputs, p) twice to (Q,)."""
    product: Tensor = torch.linalg.vecdot(a.flatten(1), b.flatten(1))
    return product


def _direction(
    gradient: Tensor, pairs: list[tuple[Tensor, Tensor, Tensor]], inverse: Tensor
) -> Tensor:
    """The quasi-Newton direction by the two-loop recursion (Nocedal and Wright, algorithm 7.4)."""
    direction = -gradient
    kept = []
    for moved, turned, rho in reversed(pairs):
        share = (rho * _dot(moved, direction))[:, None, None]
        direction.addcmul_(turned, share, value=-1)
        kept.append(share)
    direction *= inverse
    for (moved, turned, rho), share in zip(pairs, reversed(kept), strict=True):
        direction.addcmul_(moved, share - (rho * _dot(turned, direction))[:, None, None])
    return direction
