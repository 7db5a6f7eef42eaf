"""Few-shot evaluation: nearest prototypes on frozen features, in many small episodes."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from benchmark.encoder import Encoder
from benchmark.errors import DataError
from benchmark.result import Metric
from tasks.probes.metrics import episode_accuracies
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


def nearest_prototypes(features: torch.Tensor, episodes: Episodes, shots: int) -> torch.Tensor:
    """For each query the class whose prototype is nearest.

    A prototype is the mean of a class's first `shots` support features; nearest is by squared
    Euclidean distance.

    Args:
        features: (N, D) float32, any device.
        episodes: E of them.
        shots: 1 to 5.

    Returns:
        (E, ways, queries) int64, places of the classes in their episode.

    Source:
        Snell et al., Prototypical Networks for Few-shot Learning (NeurIPS 2017).

    Example:
        >>> drawn = draw_episodes(np.arange(40) % 2, seed=0, episodes=3)
        >>> answers = nearest_prototypes(torch.arange(40)[:, None] % 2 * 1.0, drawn, 1)
        >>> answers.shape, episode_accuracies(answers.numpy())
        (torch.Size([3, 2, 15]), array([100., 100., 100.]))
    """
    support = torch.from_numpy(episodes.support[..., :shots]).to(features.device)
    query = torch.from_numpy(episodes.query).to(features.device)
    prototypes = features[support].mean(2)
    asked = features[query].flatten(1, 2)
    # the query's own square is left out: it is the same for all prototypes
    distance = prototypes.square().sum(2)[:, None] - 2 * asked @ prototypes.transpose(1, 2)
    return distance.argmin(2).view(query.shape)


def evaluate_fewshot(task: Task, encoder: Encoder, seed: int) -> TaskResult:
    """600 episodes of 5-way 5-shot, and the same with 1 shot, by the nearest prototype.

    Episodes are drawn from the classes of the test split, from all their images, whatever the
    split, as in linusericsson/ssl-transfer: nothing is fitted or chosen on any of them beforehand.
    See `draw_episodes` for sets that are small.

    Args:
        task: single-label.
        encoder: gives the features.
        seed: fixes the episodes.

    Returns:
        `5way5shot` and `5way1shot`, the mean accuracy over episodes in % (named for the ways
        there are, if fewer), the standard error over episodes. Predictions: `prediction_5shot` and
        `prediction_1shot` (600, ways, queries), places of the classes in their episode. Shared by
        all methods: `support` (600, ways, 5) and `query` (600, ways, queries), rows of the image
        set.

    Source:
        linusericsson/ssl-transfer, few_shot.py: 5 ways, 5 shots, 15 queries, 600 episodes.
    """
    return evaluate_episodes(task, encoder, seed, nearest_prototypes)


def evaluate_episodes(
    task: Task,
    encoder: Encoder,
    seed: int,
    answer: Callable[[torch.Tensor, Episodes, int], torch.Tensor],
) -> TaskResult:
    """The same with any head: `answer` is one as `nearest_prototypes` is."""
    images = task.data()
    device = next(encoder.backbone.parameters()).device
    splits = [s for s in ("train", "val", "test") if (images.splits == s).any()]
    rows = np.concatenate([images.indices(split) for split in splits])
    features = np.concatenate([encoder.features(images, split) for split in splits])
    tested = np.isin(images.labels[rows], images.labels[images.indices("test")])
    rows, known = rows[tested], torch.from_numpy(features[tested]).to(device)
    episodes = draw_episodes(images.labels[rows].astype(np.int64), seed)
    ways = episodes.query.shape[1]
    metrics, predictions = {}, {}
    for shots in (SHOTS, 1):
        told = answer(known, episodes, shots).cpu().numpy().astype(np.uint8)
        predictions[f"prediction_{shots}shot"] = told
        accuracy = episode_accuracies(told)
        metrics[f"{ways}way{shots}shot"] = Metric(
            value=float(accuracy.mean()),
            unit="%",
            n=EPISODES,
            standard_error=float(accuracy.std(ddof=1)) / math.sqrt(EPISODES),
        )
    narrow = np.min_scalar_type(len(images.ids))
    shared = {
        "support": rows[episodes.support].astype(narrow),
        "query": rows[episodes.query].astype(narrow),
    }
    return TaskResult(metrics, predictions, shared)


def _smallest(keys: NDArray[np.uint64], count: int) -> NDArray[np.int64]:
    """Places of the `count` smallest along the last axis, in order."""
    places = np.argpartition(keys, count - 1, axis=-1)[..., :count]
    order = np.argsort(np.take_along_axis(keys, places, axis=-1), axis=-1)
    return np.take_along_axis(places, order, axis=-1)
