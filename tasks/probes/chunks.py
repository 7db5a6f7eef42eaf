"""Accuracy on each chunk's held-out images: the rows of the accuracy matrix a[i][j]."""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmark.encoder import Encoder
from benchmark.pools import load_pool
from benchmark.result import Metric
from tasks.probes.stream import stream_accuracy
from tasks.task import Task, TaskResult


def evaluate_chunks(task: Task, encoder: Encoder, seed: int = 0) -> TaskResult:
    """Fit a probe on each chunk's own training images and test it on its held-out ones.

    Task-aware: a chunk's probe tells apart that chunk's images only, from labels of that chunk
    only. All chunks are probed after every phase, those that are still to come too.

    Args:
        task: not used; the images are those of the encoder's protocol.
        encoder: gives the features.
        seed: not used, since nothing here is random.

    Returns:
        `chunk1` ... `chunkT` by the linear probe and `knn_chunk1` ... by nearest neighbours, top-1
        in %. Predictions, over all held-out images: `chunk` (from 1), `index` of the pool, `label`,
        `prediction`, `knn_prediction`.
    """
    protocol = encoder.protocol
    pool = load_pool(protocol)
    where = protocol.manifest.rows_in(pool.ids)
    labels = np.asarray(pool.labels, np.int64)
    features = encoder.features_of(pool.images, np.arange(len(pool.ids)))
    linear: dict[str, Metric] = {}
    near: dict[str, Metric] = {}
    columns: dict[str, list[NDArray[Any]]] = {
        name: [] for name in ("chunk", "index", "label", "prediction", "knn_prediction")
    }
    parts = zip(protocol.manifest.chunks, protocol.manifest.held_out, strict=True)
    for number, (streamed, held_out) in enumerate(parts, start=1):
        train, test = where[streamed], where[held_out]
        outcome = stream_accuracy(features[train], labels[train], features[test], labels[test])
        linear[f"chunk{number}"] = _accuracy(outcome.top1, len(test))
        near[f"knn_chunk{number}"] = _accuracy(outcome.knn_top1, len(test))
        answers = (outcome.prediction, outcome.knn_prediction)
        values = (np.full(len(test), number), test, labels[test], *answers)
        for column, value in zip(columns.values(), values, strict=True):
            column.append(value)
    predictions = {name: np.concatenate(parts) for name, parts in columns.items()}
    return TaskResult(metrics=linear | near, predictions=predictions)


def _accuracy(percent: float, n: int) -> Metric:
    share = percent / 100
    error = 100 * math.sqrt(share * (1 - share) / n)
    return Metric(value=percent, unit="%", n=n, standard_error=error)
