"""Intervals and pairing against hand calculations and scipy."""

import math

import numpy as np
import pytest

from benchmark.errors import UsageError
from leaderboard.statistics import Estimate, estimate, standard_error_of_mean


def test_one_seed_has_its_sample_interval() -> None:
    assert estimate([40.0], [2.0]) == Estimate(40.0, 3.92, 1)
    assert estimate([40.0], [None]).half is None


def test_several_seeds_add_their_spread_in_quadrature() -> None:
    # s = 1, t(0.975, 2) = 4.30265, seeds 4.30265 / sqrt(3) = 2.48414; samples 1.96 * 1
    found = estimate([49.0, 50.0, 51.0], [1.0, 1.0, 1.0])
    assert found.value == 50
    assert found.half == pytest.approx(math.hypot(2.48414, 1.96), abs=1e-4)
    # one standard error missing: no interval rather than too narrow a one
    assert estimate([49.0, 51.0], [1.0, None]).half is None


def test_an_estimate_needs_values() -> None:
    with pytest.raises(UsageError):
        estimate([], [])


def test_beyond_noise() -> None:
    assert Estimate(2.0, 1.9).beyond_noise
    assert Estimate(-2.0, 1.9).beyond_noise
    assert not Estimate(2.0, 2.0).beyond_noise
    assert not Estimate(2.0, None).beyond_noise


def test_error_of_a_mean_of_tasks() -> None:
    # sqrt(3^2 + 4^2 + 12^2) / 3 = 13 / 3
    assert standard_error_of_mean([3, 4, 12]) == pytest.approx(13 / 3)
    assert standard_error_of_mean([3, None]) is None
    assert standard_error_of_mean([]) is None


def both_drawn_anew(draw: np.random.Generator, seeds: np.ndarray, images: int) -> np.ndarray:
    """Means of a bootstrap over seeds (k, n images) and over images, which all seeds share."""
    k = len(seeds)
    means = []
    for _ in range(images):
        rows = seeds[draw.integers(0, k, k)]
        means.append(rows[:, draw.integers(0, seeds.shape[1], seeds.shape[1])].mean())
    return np.array(means)


def test_many_seeds_have_the_interval_of_a_bootstrap_over_seeds_and_images() -> None:
    draw = np.random.default_rng(4)
    hard = draw.random(300)
    level = 0.5 + 0.04 * draw.normal(size=40)
    right = 100.0 * (hard[None, :] + 0.1 * draw.random((40, 300)) < level[:, None])
    errors = right.std(1, ddof=1) / math.sqrt(300)
    found = estimate(right.mean(1).tolist(), errors.tolist())
    means = both_drawn_anew(draw, right, 2000)
    low, high = np.percentile(means, [2.5, 97.5])
    assert found.half == pytest.approx((high - low) / 2, rel=0.1)


def test_three_seeds_are_covered_by_students_t_and_not_by_a_bootstrap() -> None:
    draw = np.random.default_rng(5)
    runs = draw.normal(size=(2000, 3))
    ours = [abs(e.value) <= e.half for run in runs if (e := estimate(run.tolist(), [0.0] * 3))]
    resampled = runs[:, draw.integers(0, 3, (1000, 3))].mean(2)
    low, high = np.percentile(resampled, [2.5, 97.5], axis=1)
    assert np.mean(ours) == pytest.approx(0.95, abs=0.015)
    assert np.mean((low <= 0) & (high >= 0)) < 0.8
