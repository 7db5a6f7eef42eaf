"""Linear CKA against kernels written out, and what it must not depend on."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from benchmark.errors import UsageError
from tasks.probes.similarity import linear_cka

Floats = NDArray[np.float64]


def draw(*shape: int, seed: int = 0) -> Floats:
    return np.random.default_rng(seed).normal(size=shape)


def unbiased_hsic(x: Floats, y: Floats) -> float:
    """Mean over all ordered quadruples of different images, which is what HSIC estimates."""
    k, m = x @ x.T, y @ y.T
    n = len(x)
    total = 0.0
    for i in range(n):
        for j in set(range(n)) - {i}:
            total += k[i, j] * m[i, j] / (n * (n - 1))
            for q in set(range(n)) - {i, j}:
                total -= 2 * k[i, j] * m[i, q] / (n * (n - 1) * (n - 2))
                for r in set(range(n)) - {i, j, q}:
                    total += k[i, j] * m[q, r] / (n * (n - 1) * (n - 2) * (n - 3))
    return total


def by_quadruples(x: Floats, y: Floats) -> float:
    return unbiased_hsic(x, y) / np.sqrt(unbiased_hsic(x, x) * unbiased_hsic(y, y))


def by_gram_matrices(x: Floats, y: Floats) -> float:
    """Kernels without diagonal, their rows' and columns' means taken out, and their cosine."""

    def taken_out(features: Floats) -> Floats:
        kernel = features @ features.T
        np.fill_diagonal(kernel, 0)
        n = len(kernel)
        rows = kernel.sum(0) / (n - 2)
        kernel = kernel - rows - rows[:, None] + kernel.sum() / ((n - 1) * (n - 2))
        np.fill_diagonal(kernel, 0)
        return kernel

    one, other = taken_out(x), taken_out(y)
    return float((one * other).sum() / np.sqrt((one**2).sum() * (other**2).sum()))


@pytest.mark.parametrize(("n", "d", "e"), [(4, 2, 3), (8, 3, 5), (9, 20, 2)])
def test_is_the_ratio_of_means_over_quadruples(n: int, d: int, e: int) -> None:
    x = draw(n, d) + 3
    y = x[:, :2] @ draw(2, e, seed=1) + draw(n, e, seed=2)
    assert linear_cka(x, y) == pytest.approx(by_quadruples(x, y), abs=1e-9)


@given(st.integers(4, 60), st.integers(1, 40), st.integers(1, 40), st.integers(0, 999))
@settings(max_examples=60, deadline=None)
def test_is_the_cosine_of_kernels(n: int, d: int, e: int, seed: int) -> None:
    x, y = draw(n, d, seed=seed) - 2, draw(n, e, seed=seed + 1000)
    ours = linear_cka(x, y)
    assert ours == pytest.approx(by_gram_matrices(x, y), abs=1e-7)
    assert ours <= 1 + 1e-9
    assert linear_cka(y, x) == pytest.approx(ours, abs=1e-9)


@given(st.integers(0, 999), st.floats(1e-3, 1e3))
@settings(max_examples=30, deadline=None)
def test_turns_shifts_and_scales_change_nothing(seed: int, scale: float) -> None:
    x, y = draw(40, 8, seed=seed), draw(40, 5, seed=seed + 1000)
    turn = np.linalg.qr(draw(8, 8, seed=seed + 2000))[0]
    moved = scale * (x @ turn) + draw(8, seed=seed + 3000)
    assert linear_cka(moved, y) == pytest.approx(linear_cka(x, y), abs=1e-9)
    assert linear_cka(moved, x) == pytest.approx(1, abs=1e-9)


def test_other_linear_maps_do_change_it() -> None:
    x = draw(200, 8)
    assert linear_cka(x, x * np.logspace(0, 2, 8)) < 0.5


def test_unrelated_features_share_nothing_although_they_are_wide() -> None:
    found = [linear_cka(draw(60, 256, seed=s), draw(60, 256, seed=s + 99)) for s in range(20)]
    # with the diagonals in, it would be about 256 / (256 + 60) = 0.81
    assert abs(np.mean(found)) < 0.01
    assert min(found) < 0


def test_more_noise_is_less_alike() -> None:
    x, noise = draw(300, 32), draw(300, 32, seed=1)
    falling = [linear_cka(x, x + s * noise) for s in (0, 0.3, 1, 3)]
    assert falling == sorted(falling, reverse=True)
    # covariances I of one, 2 I of the other, I between them: 32 / (sqrt(32) x 2 sqrt(32))
    assert falling[2] == pytest.approx(0.5, abs=0.03)


@pytest.mark.parametrize("value", [0.0, 0.1, 1e4])
def test_features_that_do_not_vary(value: float) -> None:
    x = draw(10, 3).astype(np.float32)
    same = np.full((10, 3), value, np.float32)
    assert linear_cka(x, same) == linear_cka(same, x) == linear_cka(same, same) == 0


def test_reads_float32_in_double_precision() -> None:
    x, y = (draw(50, 6, seed=s).astype(np.float32) for s in (0, 1))
    assert linear_cka(x, y) == linear_cka(x.astype(np.float64), y.astype(np.float64))


@pytest.mark.parametrize("shapes", [((5, 2), (6, 2)), ((3, 2), (3, 2)), ((5,), (5, 2))])
def test_shapes_that_make_no_sense_are_named(shapes) -> None:
    with pytest.raises(UsageError, match=r"features have shapes .* wanted \(n, D\) and \(n, E\)"):
        linear_cka(*(draw(*shape) for shape in shapes))
