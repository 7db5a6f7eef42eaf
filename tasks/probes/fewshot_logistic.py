"""Few-shot evaluation with a classifier for each episode: logistic regression on its support."""

import torch
from torch import Tensor
from torch.nn import functional

from benchmark.encoder import Encoder
from tasks.probes.fewshot import Episodes, evaluate_episodes
from tasks.probes.lbfgs import minimise
from tasks.probes.logistic import MAX_STEPS, TOLERANCE, cross_entropy
from tasks.task import Task, TaskResult

WEIGHT = 1.0


def fit_episodes(features: Tensor, labels: Tensor, weight: float = WEIGHT) -> tuple[Tensor, Tensor]:
    """Multinomial logistic regressions of many episodes, all at once.

    Each minimises sum_i CE_i + weight / 2 * ||W||^2, intercepts free. W lies in the span of the
    few features, so each is solved in as many coordinates as an episode has images.

    Args:
        features: (E, n, D) float32.
        labels: (n,) int64 in 0..C-1, the same in all episodes, every class at least once.
        weight: of the penalty, positive; 1 / C of scikit-learn.

    Returns:
        Coefficients (E, C, D) and intercepts (E, C), float32.

    Example:
        >>> x = torch.tensor([[[0.0, 1.0], [1.0, 0.0]]])
        >>> coefficients, _ = fit_episodes(x, torch.tensor([0, 1]))
        >>> (x @ coefficients.transpose(1, 2)).argmax(2)
        tensor([[0, 1]])
    """
    count, n, _ = features.shape
    frequency = torch.bincount(labels).to(features) / n
    mean = features.mean(1, keepdim=True)
    centred = (features - mean).double()
    values, axes = torch.linalg.eigh(centred @ centred.transpose(1, 2))
    roots = values.clamp_min(0).sqrt()
    # images as coordinates in their own span, and a column of ones for the intercept
    ones = features.new_ones(count, n, 1)
    design = torch.cat([(axes * roots[:, None]).to(features), ones], 2)
    start = features.new_zeros(count, len(frequency), n + 1)
    start[:, :, -1] = frequency.log()
    weights = torch.full((count,), weight, dtype=torch.float64, device=features.device)
    found = minimise(
        design,
        weights,
        start,
        cross_entropy(labels),
        nothing=-n * (frequency.double() * frequency.double().log()).sum().repeat(count),
        tolerance=TOLERANCE,
        max_steps=MAX_STEPS,
    )
    # back from the span: W = theta roots^-1 axes^T X
    real = roots > 1e-6 * roots.amax(1, keepdim=True)
    inverse = torch.where(real, 1 / roots, 0.0)[:, None]
    coefficients = (found.theta[:, :, :-1] * inverse) @ axes.transpose(1, 2) @ centred
    intercepts = found.theta[:, :, -1] - (coefficients * mean).sum(2)
    return coefficients.to(features), intercepts.to(features)


def logistic_answers(features: Tensor, episodes: Episodes, shots: int) -> Tensor:
    """For each query the class that a logistic regression on the episode's support gives it.

    Args:
        features: (N, D) float32, any device; each is scaled to length 1.
        episodes: E of them.
        shots: 1 to 5.

    Returns:
        (E, ways, queries) int64, places of the classes in their episode.

    Source:
        Tian et al., Rethinking Few-Shot Image Classification (ECCV 2020), for the head and the
        scaling; the weight is scikit-learn's default.

    Example:
        >>> from tasks.probes.fewshot import draw_episodes, episode_accuracies
        >>> import numpy as np
        >>> drawn = draw_episodes(np.arange(40) % 2, seed=0, episodes=3)
        >>> features = functional.one_hot(torch.arange(40) % 2).float()
        >>> episode_accuracies(logistic_answers(features, drawn, 1).numpy())
        array([100., 100., 100.])
    """
    unit = functional.normalize(features)
    support = torch.from_numpy(episodes.support[..., :shots]).to(unit.device)
    query = torch.from_numpy(episodes.query).to(unit.device)
    labels = torch.arange(support.shape[1], device=unit.device).repeat_interleave(shots)
    coefficients, intercepts = fit_episodes(unit[support].flatten(1, 2), labels)
    asked = unit[query].flatten(1, 2)
    scores = asked @ coefficients.transpose(1, 2) + intercepts[:, None]
    return scores.argmax(2).view(query.shape)


def evaluate_fewshot_logistic(task: Task, encoder: Encoder, seed: int) -> TaskResult:
    """As `evaluate_fewshot`, the same episodes, with `logistic_answers` for the prototypes."""
    return evaluate_episodes(task, encoder, seed, logistic_answers)
