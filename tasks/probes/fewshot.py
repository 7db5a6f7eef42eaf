"""Few-shot evaluation: nearest prototypes on frozen features, in many small episodes."""

import math
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from benchmark.encoder import Encoder
from benchmark.errors import DataError
from benchmark.result import Metric
from tasks.task import Task, TaskResult

EPISODES = 600
WAYS = 5
SHOTS = 5
QUERIES = 15


@dataclass(frozen=True)
class Episodes:
    """Which images play in which episode; entries are rows of the features.

    Args:
        support: (E, ways, shots) int64; the 1-shot variant uses the first of each.
        query: (E, ways, queries) int64.
    """

    support: NDArray[np.int64]
    query: NDArray[np.int64]


def draw_episodes(labels: NDArray[np.int64], seed: int, *, episodes: int = EPISODES) -> Episodes:
    """Draw episodes of 5 classes, each with 5 images to learn from and 15 to tell apart.

    Sets that are too small for this give what they have: all classes if there are fewer than
    five, and as many queries, at most 15, as at least half of the classes, and no fewer than five,
    can give. Classes that can give fewer take no part. The draw depends on the seed and the labels
    alone.

    Args:
        labels: (N,) classes.
        seed: at least 0.
        episodes: their number E.

    Returns:
        The episodes.

    Raises:
        DataError: fewer than two classes, or too few of them with more than 5 images.

    Example:
        >>> drawn = draw_episodes(np.arange(200) % 10, seed=0)
        >>> drawn.support.shape, drawn.query.shape
        ((600, 5, 5), (600, 5, 15))
    """
    classes, sizes = np.unique(labels, return_counts=True)
    # the class that, sorted from the largest, completes half of them, or five if that is more
    place = max((len(sizes) - 1) // 2, min(WAYS, len(sizes)) - 1)
    middle = int(np.sort(sizes)[::-1][place])
    queries = min(QUERIES, middle - SHOTS)
    if len(classes) < 2 or queries < 1:
        raise DataError(
            f"few-shot episodes need two classes or more, of which half, and five if there are so "
            f"many, have more than {SHOTS} images; here are {len(classes)} classes, and the one "
            f"that this hangs on has {middle} images"
        )
    able = classes[sizes >= SHOTS + queries]
    ways = min(WAYS, len(able))
    rows = [np.flatnonzero(labels == c) for c in able]
    table = np.full((len(able), max(map(len, rows))), -1)
    for line, members in zip(table, rows, strict=True):
        line[: len(members)] = members

    # the raw integers of PCG64 are the same in every version of numpy; its `choice` may change
    raw = np.random.PCG64(seed)
    chosen = _smallest(raw.random_raw((episodes, len(able))), ways)
    keys = raw.random_raw((episodes, ways, table.shape[1]))
    keys[table[chosen] < 0] = np.iinfo(np.uint64).max
    places = _smallest(keys, SHOTS + queries)
    images = np.take_along_axis(table[chosen], places, axis=-1)
    return Episodes(images[..., :SHOTS], images[..., SHOTS:])


def episode_accuracies(
    features: torch.Tensor, episodes: Episodes, shots: int
) -> NDArray[np.float64]:
    """Per cent of each episode's queries whose nearest prototype is that of their class.

    A prototype is the mean of a class's first `shots` support features; nearest is by squared
    Euclidean distance.

    Args:
        features: (N, D) float32, any device.
        episodes: E of them.
        shots: 1 to 5.

    Returns:
        (E,) in %.

    Source:
        Snell et al., Prototypical Networks for Few-shot Learning (NeurIPS 2017).

    Example:
        >>> drawn = draw_episodes(np.arange(40) % 2, seed=0, episodes=3)
        >>> episode_accuracies(torch.arange(40)[:, None] % 2 * 1.0, drawn, 1)
        array([100., 100., 100.])
    """
    support = torch.from_numpy(episodes.support[..., :shots]).to(features.device)
    query = torch.from_numpy(episodes.query).to(features.device)
    count, ways, queries = query.shape
    prototypes = features[support].mean(2)
    asked = features[query].view(count, ways * queries, -1)
    # the query's own square is left out: it is the same for all prototypes
    distance = prototypes.square().sum(2)[:, None] - 2 * asked @ prototypes.transpose(1, 2)
    truth = torch.arange(ways, device=features.device).repeat_interleave(queries)
    right: NDArray[np.float64] = 100 * (distance.argmin(2) == truth).double().mean(1).cpu().numpy()
    return right


def evaluate_fewshot(task: Task, encoder: Encoder, seed: int) -> TaskResult:
    """600 episodes of 5-way 5-shot, and the same with 1 shot.

    Episodes are drawn from all images of the set, whatever their split: nothing is fitted or
    chosen on any of them beforehand. See `draw_episodes` for sets that are small.

    Args:
        task: single-label.
        encoder: gives the features.
        seed: fixes the episodes.

    Returns:
        `5way5shot` and `5way1shot`, the mean accuracy over episodes in % (named for the ways
        there are, if fewer), the standard error over episodes. Predictions: `accuracy_5shot` and
        `accuracy_1shot` (600,) in %; `ways` and `queries` ().
    """
    images = task.data()
    device = next(encoder.backbone.parameters()).device
    splits = [s for s in ("train", "val", "test") if (images.splits == s).any()]
    features = np.concatenate([encoder.features(images, split) for split in splits])
    labels = np.concatenate([images.labels[images.indices(split)] for split in splits])
    episodes = draw_episodes(labels.astype(np.int64), seed)
    _, ways, queries = episodes.query.shape
    metrics, predictions = {}, {}
    for shots in (SHOTS, 1):
        accuracy = episode_accuracies(torch.from_numpy(features).to(device), episodes, shots)
        predictions[f"accuracy_{shots}shot"] = accuracy
        metrics[f"{ways}way{shots}shot"] = Metric(
            value=float(accuracy.mean()),
            unit="%",
            n=EPISODES,
            standard_error=float(accuracy.std(ddof=1)) / math.sqrt(EPISODES),
        )
    sizes = {"ways": np.asarray(ways), "queries": np.asarray(queries)}
    return TaskResult(metrics=metrics, predictions=predictions | sizes)


def _smallest(keys: NDArray[np.uint64], count: int) -> NDArray[np.int64]:
    """Places of the `count` smallest along the last axis, in order."""
    places = np.argpartition(keys, count - 1, axis=-1)[..., :count]
    order = np.argsort(np.take_along_axis(keys, places, axis=-1), axis=-1)
    return np.take_along_axis(places, order, axis=-1)
