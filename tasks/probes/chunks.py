"""Accuracy on each chunk's held-out images: the rows of the accuracy matrix a[i][j]."""

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmark.data.imageset import Images
from benchmark.encoder import Encoder
from benchmark.pools import load_pool
from benchmark.result import Metric
from tasks.probes.metrics import top1
from tasks.probes.similarity import linear_cka
from tasks.probes.stream import stream_accuracy
from tasks.task import Task, TaskResult

Rows = NDArray[np.int64]

#: In the columns of predictions: the chunk was not asked about.
UNSEEN = -1


def evaluate_chunks(task: Task, encoder: Encoder, seed: int = 0) -> TaskResult:
    """Probe each chunk alone and all chunks seen together, and compare with the phase before.

    Task-aware: a chunk's probe tells apart that chunk's images only, from labels of that chunk
    only. All chunks are probed after every phase, those that are still to come too.

    Pooled: one probe, fitted on the training images of all chunks that the model has seen, is
    tested on each of their held-out sets, and has to tell the classes of all of them apart. A chunk
    that is still to come has no pooled accuracy. Where nothing was trained every chunk counts as
    seen: that is the untrained counterpart of a run's last row. After joint training all are.

    CKA: how alike the features of a chunk's held-out images are before and after the phase that
    ended in this checkpoint; before the first phase, those of the untrained network. There is none
    where nothing was trained.

    Args:
        task: not used; the images are those of the encoder's protocol.
        encoder: gives the features, and knows the chunks it has seen and what it was before.
        seed: not used, since nothing here is random.

    Returns:
        `chunk1` ... `chunkT` by the linear probe and `knn_chunk1` ... by nearest neighbours, top-1
        in %; `pooled_chunk1` ... and `knn_pooled_chunk1` ... likewise, of the chunks seen;
        `cka_chunk1` ... `cka_chunkT`, 100 times the debiased linear CKA, in %. Predictions, over
        all held-out images: `chunk` (from 1), `index` of the pool, `label`, `prediction`,
        `knn_prediction`, `pooled_prediction` and `knn_pooled_prediction`; the last two are -1 in
        the chunks that are still to come.

    Raises:
        HeadwaterError: the checkpoint that the phase started from is not there any more.
    """
    protocol = encoder.protocol
    pool = load_pool(protocol)
    where = protocol.manifest.rows_in(pool.ids)
    labels = np.asarray(pool.labels, np.int64)
    features = encoder.features_of(pool.images, np.arange(len(pool.ids)))
    streamed = [where[rows] for rows in protocol.manifest.chunks]
    held_out = [where[rows] for rows in protocol.manifest.held_out]
    metrics: dict[str, dict[str, Metric]] = {kind: {} for kind in ("", "knn_")}
    answers: dict[str, list[NDArray[Any]]] = {"prediction": [], "knn_prediction": []}
    for number, (train, test) in enumerate(zip(streamed, held_out, strict=True), start=1):
        outcome = stream_accuracy(features[train], labels[train], features[test], labels[test])
        metrics[""][f"chunk{number}"] = _accuracy(outcome.top1, len(test))
        metrics["knn_"][f"knn_chunk{number}"] = _accuracy(outcome.knn_top1, len(test))
        answers["prediction"].append(outcome.prediction)
        answers["knn_prediction"].append(outcome.knn_prediction)
    seen = encoder.chunks_seen or len(streamed)
    pooled, pooled_answers = _pooled(features, labels, streamed[:seen], held_out)
    tested = np.concatenate(held_out)
    number_of = np.repeat(np.arange(1, len(held_out) + 1), [len(rows) for rows in held_out])
    return TaskResult(
        metrics=metrics[""]
        | metrics["knn_"]
        | pooled
        | _cka(encoder, pool.images, features, held_out),
        predictions={
            "chunk": number_of,
            "index": tested,
            "label": labels[tested],
            **{name: np.concatenate(parts) for name, parts in answers.items()},
            **pooled_answers,
        },
    )


def _pooled(
    features: NDArray[np.float32],
    labels: NDArray[np.int64],
    streamed: list[Rows],
    held_out: list[Rows],
) -> tuple[dict[str, Metric], dict[str, Rows]]:
    """Accuracy of the probe of all chunks seen on each of them, and its predictions."""
    # In the order of arrival, once each, also where neighbours of a blurred stream share images:
    # after the first chunk the probe is that chunk's own.
    rows = np.concatenate(streamed)
    train = rows[np.sort(np.unique(rows, return_index=True)[1])]
    tests = held_out[: len(streamed)]
    test = np.concatenate(tests)
    outcome = stream_accuracy(features[train], labels[train], features[test], labels[test])
    metrics: dict[str, Metric] = {}
    answers: dict[str, Rows] = {}
    to_come = sum(len(rows) for rows in held_out) - len(test)
    kinds = {"": outcome.prediction, "knn_": outcome.knn_prediction}
    for kind, predicted in kinds.items():
        parts = np.split(predicted, np.cumsum([len(rows) for rows in tests])[:-1])
        for number, (rows, part) in enumerate(zip(tests, parts, strict=True), start=1):
            accuracy = _accuracy(top1(labels[rows], part), len(rows))
            metrics[f"{kind}pooled_chunk{number}"] = accuracy
        answers[f"{kind}pooled_prediction"] = np.append(predicted, np.full(to_come, UNSEEN))
    return metrics, answers


def _cka(
    encoder: Encoder, images: Images, features: NDArray[np.float32], held_out: list[Rows]
) -> dict[str, Metric]:
    """How alike each chunk's features are before and after the last phase."""
    if encoder.before is None:
        return {}
    earlier = encoder.before.features_of(images, np.concatenate(held_out))
    parts = np.split(earlier, np.cumsum([len(rows) for rows in held_out])[:-1])
    return {
        f"cka_chunk{number}": Metric(
            value=100 * linear_cka(before, features[rows]), unit="%", n=len(rows)
        )
        for number, (before, rows) in enumerate(zip(parts, held_out, strict=True), start=1)
    }


def _accuracy(percent: float, n: int) -> Metric:
    share = percent / 100
    error = 100 * math.sqrt(share * (1 - share) / n)
    return Metric(value=percent, unit="%", n=n, standard_error=error)
