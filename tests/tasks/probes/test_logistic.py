"""The batched solver against scikit-learn, one weight at a time."""

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from tasks.probes.logistic import WEIGHTS, fit_multinomial, fit_one_against_rest

Array = NDArray[np.float64]
SPREAD = (1e-6, 1e-3, 1.0, 1e2, 1e5)


def data(
    n: int, d: int, classes: int, noise: float, seed: int = 0
) -> tuple[torch.Tensor, torch.Tensor]:
    """Correlated positive features with an offset, as a network gives, and every class."""
    draw = np.random.default_rng(seed)
    labels = np.arange(n) % classes
    centres = draw.normal(size=(classes, d))
    mixed = (centres[labels] + noise * draw.normal(size=(n, d))) @ draw.normal(size=(d, d))
    features = np.maximum(mixed * np.arange(1, d + 1) ** -0.7, 0) + 0.5
    return torch.from_numpy(features.astype(np.float32)), torch.from_numpy(labels)


def reference(x: torch.Tensor, y: torch.Tensor, weight: float) -> tuple[Array, Array]:
    """Coefficients (C, D) and intercepts (C,) of scikit-learn, as near as it goes."""
    model = LogisticRegression(C=1 / weight, solver="newton-cg", tol=1e-9, max_iter=10_000)
    model.fit(x.double().numpy(), y.numpy())
    return model.coef_, model.intercept_


def objective(
    x: torch.Tensor, y: torch.Tensor, weight: float, coefficients: Array, intercepts: Array
) -> float:
    """sum_i CE_i + weight / 2 * ||W||^2 in float64; binary if there is one row of W."""
    logits = x.double() @ torch.as_tensor(coefficients).double().T + torch.as_tensor(intercepts)
    if logits.shape[1] == 1:
        logits = torch.cat([torch.zeros_like(logits), logits], 1)
    loss = torch.nn.functional.cross_entropy(logits, y, reduction="sum")
    return float(loss) + weight / 2 * float(np.square(coefficients).sum())


@pytest.mark.parametrize(
    ("n", "d", "classes", "noise", "weights"),
    [
        (400, 12, 5, 4.0, SPREAD),  # classes overlap: every weight has a finite optimum
        (60, 90, 4, 1.0, (1e-1, 1.0, 1e2)),  # more features than images, separable
        (300, 20, 60, 2.0, (1e-2, 1.0, 1e2)),  # many classes of five
    ],
)
def test_multinomial_is_scikit_learns(
    n: int, d: int, classes: int, noise: float, weights: tuple[float, ...]
) -> None:
    x, y = data(n, d, classes, noise)
    unseen, _ = data(200, d, classes, noise, seed=1)
    fit = fit_multinomial(x, y, classes=classes, weights=weights, max_steps=3000)
    for i, weight in enumerate(weights):
        theirs = reference(x, y, weight)
        ours = fit.coefficients[i].double().numpy(), fit.intercepts[i].double().numpy()
        lowest = objective(x, y, weight, *theirs)
        assert objective(x, y, weight, *ours) == pytest.approx(lowest, rel=1e-5)
        assert float(fit.objectives[i]) == pytest.approx(lowest, rel=1e-5)
        scores = unseen.double().numpy() @ theirs[0].T + theirs[1]
        top = np.sort(scores, 1)
        clear = top[:, -1] - top[:, -2] > 1e-2  # float32 may order a tie either way
        assert clear.mean() > 0.9 or weight == 1e5
        same = fit.scores(unseen, i).argmax(1).numpy() == scores.argmax(1)
        assert same[clear].all()


def test_one_against_rest_is_scikit_learns() -> None:
    x, y = data(300, 15, 6, 4.0)
    targets = torch.stack([y % 2 == 0, y < 2, y == 5], 1).to(torch.uint8)
    fit = fit_one_against_rest(x, targets, weights=SPREAD, max_steps=3000)
    for i, weight in enumerate(SPREAD):
        total = 0.0
        for c in range(targets.shape[1]):
            goal = targets[:, c].long()
            theirs = reference(x, goal, weight)
            lowest = objective(x, goal, weight, *theirs)
            ours = fit.coefficients[i, c : c + 1].numpy(), fit.intercepts[i, c : c + 1].numpy()
            assert objective(x, goal, weight, *ours) == pytest.approx(lowest, rel=1e-5)
            total += lowest
        assert float(fit.objectives[i]) == pytest.approx(total, rel=1e-5)


def test_default_tolerance_predicts_as_the_optimum_does() -> None:
    x, y = data(600, 30, 10, 3.0)
    unseen, truth = data(1000, 30, 10, 3.0, seed=1)
    fit = fit_multinomial(x, y, classes=10)
    assert fit.weights == WEIGHTS
    assert len(WEIGHTS) == 45
    assert (WEIGHTS[0], WEIGHTS[-1]) == pytest.approx((1e-6, 1e5))
    assert fit.converged.all()
    for i in (0, 16, 24, 32):
        theirs = reference(x, y, WEIGHTS[i])
        scores = unseen.double().numpy() @ theirs[0].T + theirs[1]
        accuracy = (scores.argmax(1) == truth.numpy()).mean()
        ours = (fit.scores(unseen, i).argmax(1) == truth).double().mean()
        assert float(ours) == pytest.approx(accuracy, abs=0.005)


def test_order_of_weights_is_the_callers() -> None:
    x, y = data(100, 8, 3, 3.0)
    up = fit_multinomial(x, y, classes=3, weights=(0.01, 1.0, 100.0))
    down = fit_multinomial(x, y, classes=3, weights=(100.0, 1.0, 0.01))
    torch.testing.assert_close(up.coefficients, down.coefficients.flip(0))
    norms = up.coefficients.flatten(1).norm(dim=1)
    assert norms[0] > norms[1] > norms[2]


def test_absent_class_is_never_predicted() -> None:
    x, y = data(100, 8, 3, 3.0)
    fit = fit_multinomial(x, y * 2, classes=6, weights=(1.0,))
    assert set(fit.scores(x).argmax(1).tolist()) <= {0, 2, 4}
    theirs = reference(x, y, 1.0)
    scores = x.double().numpy() @ theirs[0].T + theirs[1]
    assert (fit.scores(x).argmax(1).numpy() == 2 * scores.argmax(1)).mean() > 0.98


def test_features_that_say_nothing_leave_the_frequencies() -> None:
    y = torch.tensor([0, 1, 1, 1])
    fit = fit_multinomial(torch.ones(4, 3), y, classes=2, weights=(1.0,))
    torch.testing.assert_close(
        fit.scores(torch.ones(1, 3)).softmax(1), torch.tensor([[0.25, 0.75]])
    )
    assert fit.converged.all()


@pytest.mark.parametrize("kind", [0, 1])
def test_class_that_all_or_none_have_gets_one_score(kind: int) -> None:
    x, y = data(60, 5, 2, 1.0)
    targets = torch.stack([y, torch.full_like(y, kind)], 1)
    fit = fit_one_against_rest(x, targets, weights=(1.0,))
    assert len(set(fit.scores(x)[:, 1].tolist())) == 1
    alone = fit_one_against_rest(x, y[:, None], weights=(1.0,))
    torch.testing.assert_close(fit.scores(x)[:, :1], alone.scores(x))
    nothing = fit_one_against_rest(x, targets[:, 1:], weights=(1.0,))
    assert nothing.scores(x).tolist() == [[0.0]] * 60


def test_what_float32_cannot_bring_to_its_minimum_is_brought_there() -> None:
    """Classes that no plane tells apart, along directions in which hardly any image moves."""
    draw = np.random.default_rng(0)
    scales = np.logspace(0, -4, 24)
    x = (draw.standard_normal((400, 24)) * scales).astype(np.float32)
    y = (x[:, 0] / scales[0] + x[:, 20] / scales[20] + draw.standard_normal(400) > 0).astype(int)
    y += (x[:, 1] + draw.standard_normal(400) > 0.5).astype(int)
    weights = (1e-6, 1e-3, 1.0)
    features, labels = torch.from_numpy(x), torch.from_numpy(y)
    fit = fit_multinomial(features, labels, classes=3, weights=weights)
    assert fit.converged.all()
    for i, weight in enumerate(weights):
        theirs = LogisticRegression(C=1 / weight, solver="newton-cholesky", tol=1e-10)
        theirs.fit(x.astype(np.float64), y)
        lowest = objective(features, labels, weight, theirs.coef_, theirs.intercept_)
        ours = fit.coefficients[i].double().numpy(), fit.intercepts[i].double().numpy()
        assert objective(features, labels, weight, *ours) == pytest.approx(lowest, rel=1e-7)
