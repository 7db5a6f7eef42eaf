"""Metrics computed again from saved predictions, by the labels that are installed here.

Nothing of a stranger is trusted but their answers: which images were asked about, their labels and
the episodes come from this installation's data, and the predictions must be of exactly these.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmark.data.imageset import ImageSet
from benchmark.pools import load_pool
from benchmark.protocol import ProtocolSpec
from benchmark.result import Metric
from tasks.detection.evaluate import true_boxes
from tasks.detection.metrics import MOST, Boxes, detection_metrics
from tasks.probes.chunks import UNSEEN
from tasks.probes.fewshot import EPISODES, SHOTS, draw_episodes
from tasks.probes.linear import measure
from tasks.probes.logistic import WEIGHTS
from tasks.probes.metrics import episode_accuracies, top1
from tasks.probes.sharpness import DIRECTIONS, RADII, sharpness_metrics
from tasks.task import LABELLED, Task

Arrays = Mapping[str, NDArray[Any]]


class Misfit(Exception):
    """Predictions that are not of what was asked; the message says how."""


@dataclass(frozen=True)
class Saved:
    """What a record's files hold, and what it was computed for.

    Args:
        predictions: beside the record.
        shared: what all methods have in common.
        protocol: its protocol.
        seed: of the evaluation.
        chunks_seen: by the checkpoint, 0 if none.
    """

    predictions: Arrays
    shared: Arrays
    protocol: ProtocolSpec
    seed: int
    chunks_seen: int

    def __getitem__(self, name: str) -> NDArray[Any]:
        """The predictions' array of that name.

        Raises:
            Misfit: there is none.
        """
        if name not in self.predictions:
            raise Misfit(f"there is no array {name!r}")
        return self.predictions[name]


def rescore(task: Task, evaluation: str, saved: Saved) -> dict[str, Metric] | None:
    """The metrics that some predictions give.

    Args:
        task: installed here, its data prepared.
        evaluation: one of the task's.
        saved: the predictions and what they are of.

    Returns:
        Name to metric; None for an evaluation of a task's own, or of the full tier's detection,
        which this module cannot compute again. The CKA of `stream`, which rests on features that
        are not saved, is left out.

    Raises:
        Misfit: images, labels or episodes are not those of the task, or answers cannot be read.
        DataError: the task's data are not prepared.
    """
    if evaluation in task.own or evaluation not in _BY_EVALUATION:
        return None
    return _BY_EVALUATION[evaluation](task, saved)


def _linear(task: Task, saved: Saved) -> dict[str, Metric]:
    images, several = task.data(), task.spec.metric == "map11"
    rows = images.indices("test")
    labels = images.labels[rows]
    _same(saved["index"], rows, "the test images")
    _same(saved["label"], labels, "the labels of the test images")
    if "weight" in saved.predictions and not _are_weights(saved["weight"]):
        raise Misfit("weight is not one of the 45")
    if several:
        answer = _numbers(saved["score"], labels.shape, "score")
    else:
        answer = _whole(saved["prediction"], rows.shape, len(images.class_names), "prediction")
    return measure(task.spec.metric, labels, answer)


def _are_weights(given: NDArray[Any]) -> bool:
    """Whether all are of the grid, whose last bits differ from one kind of processor to another.

    Example:
        >>> _are_weights(np.nextafter(WEIGHTS[:3], 1)), _are_weights(np.array([1.001, np.nan]))
        (True, False)
    """
    if given.dtype.kind != "f":
        return False
    grid = np.array(WEIGHTS)
    nearest = grid[np.searchsorted(np.sqrt(grid[1:] * grid[:-1]), given)]
    return bool((np.abs(given - nearest) <= 1e-9 * nearest).all())


def _fewshot(task: Task, saved: Saved) -> dict[str, Metric]:
    images = task.data()
    labels = _at(images, rows := _fewshot_rows(images)).astype(np.int64)
    episodes = draw_episodes(labels, saved.seed)
    for name, places in (("support", episodes.support), ("query", episodes.query)):
        if name not in saved.shared:
            raise Misfit(f"the shared file has no array {name!r}")
        _same(saved.shared[name], rows[places], f"the episodes' {name} images")
    ways = episodes.query.shape[1]
    metrics = {}
    for shots in (SHOTS, 1):
        name = f"prediction_{shots}shot"
        accuracy = episode_accuracies(_whole(saved[name], episodes.query.shape, ways, name))
        metrics[f"{ways}way{shots}shot"] = Metric(
            value=float(accuracy.mean()),
            unit="%",
            n=EPISODES,
            standard_error=float(accuracy.std(ddof=1)) / math.sqrt(EPISODES),
        )
    return metrics


def _fewshot_rows(images: ImageSet) -> NDArray[np.int64]:
    """Rows that episodes are drawn from: of all splits, the classes of the test side."""
    splits = [s for s in ("train", "val", "test") if (images.splits == s).any()]
    rows = np.concatenate([images.indices(split) for split in splits])
    tested = np.isin(_at(images, rows), _at(images, images.indices("test")))
    kept: NDArray[np.int64] = rows[tested]
    return kept


def _at(images: ImageSet, rows: NDArray[np.int64]) -> NDArray[Any]:
    labels: NDArray[Any] = images.labels[rows]
    return labels


def _stream(task: Task, saved: Saved) -> dict[str, Metric]:
    pool, manifest = load_pool(saved.protocol), saved.protocol.manifest
    held_out = [manifest.rows_in(pool.ids)[rows] for rows in manifest.held_out]
    sizes = [len(rows) for rows in held_out]
    labels = np.asarray(pool.labels, np.int64)
    tested, chunk = np.concatenate(held_out), np.repeat(np.arange(1, len(sizes) + 1), sizes)
    _same(saved["index"], tested, "the held-out images")
    _same(saved["chunk"], chunk, "the chunks of the held-out images")
    _same(saved["label"], labels[tested], "the labels of the held-out images")
    classes, seen = saved.protocol.classes, saved.chunks_seen or len(sizes)
    metrics: dict[str, Metric] = {}
    for pooled, last in (("", len(sizes)), ("pooled_", seen)):
        for kind in ("", "knn_"):
            name = f"{kind}{pooled}prediction"
            asked = chunk <= last
            answer = _whole(saved[name][asked], (int(asked.sum()),), classes, name)
            if (saved[name][~asked] != UNSEEN).any():
                raise Misfit(f"{name} answers for chunks that were still to come")
            for number in range(1, last + 1):
                where = chunk[asked] == number
                told = _accuracy(labels[tested][asked][where], answer[where])
                metrics[f"{kind}{pooled}chunk{number}"] = told
    return metrics


def _accuracy(labels: NDArray[np.int64], answer: NDArray[np.int64]) -> Metric:
    value, n = top1(labels, answer), len(labels)
    error = math.sqrt(value * (100 - value) / n)
    return Metric(value=value, unit="%", n=n, standard_error=error)


def _sharpness(task: Task, saved: Saved) -> dict[str, Metric]:
    pool, manifest = load_pool(saved.protocol), saved.protocol.manifest
    test = manifest.rows_in(pool.ids)[manifest.held_out[0]]
    classes, shape = saved.protocol.classes, (len(RADII), DIRECTIONS)
    _same(saved["radius"], np.array(RADII), "the radii")
    _same(saved["index"], test, "the held-out images of chunk 1")
    _same(saved["label"], np.asarray(pool.labels)[test], "the labels of the held-out images")
    arrays: dict[str, NDArray[Any]] = {
        "label": saved["label"],
        "cka": _numbers(saved["cka"], shape, "cka"),
    }
    wanted = {"prediction_at_rest": test.shape, "prediction": (*shape, len(test))}
    arrays |= {n: _whole(saved[n], size, classes, n) for n, size in wanted.items()}
    if "loss" in saved.predictions:
        chunks = (saved.chunks_seen,)
        arrays["loss"] = _numbers(saved["loss"], (*shape, *chunks), "loss")
        arrays["loss_at_rest"] = _numbers(saved["loss_at_rest"], chunks, "loss_at_rest")
    return sharpness_metrics(arrays)


def _detection(task: Task, saved: Saved) -> dict[str, Metric]:
    images = task.data()
    rows = images.indices("test")
    truth = true_boxes(images, rows)
    for name, known in truth.arrays("truth_").items():
        _same(saved[name], known, f"the objects' {name.removeprefix('truth_')}")
    n = (len(saved["image"]),)
    found = Boxes(
        image=_whole(saved["image"], n, len(images.ids), "image"),
        box=_numbers(saved["box"], (*n, 4), "box"),
        label=_whole(saved["label"], n, len(images.class_names), "label"),
        score=_numbers(saved["score"], n, "score"),
    )
    if not np.isin(found.image, rows).all():
        raise Misfit("boxes were found in images that are not test images")
    if len(found.image) and np.bincount(found.image).max() > MOST:
        raise Misfit(f"there are more than {MOST} boxes in an image")
    values = detection_metrics(truth, found)
    return {name: Metric(value=v, unit="AP", n=len(rows)) for name, v in values.items()}


_BY_EVALUATION: Mapping[str, Callable[[Task, Saved], dict[str, Metric]]] = {
    **dict.fromkeys(("linear", *LABELLED), _linear),
    **dict.fromkeys(("fewshot", "fewshot_logistic"), _fewshot),
    "stream": _stream,
    "sharpness": _sharpness,
    "detection": _detection,
}


def _same(given: NDArray[Any], known: NDArray[Any], what: str) -> None:
    """Refuse an array that is not the one known here."""
    if given.shape != known.shape:
        raise Misfit(f"{what}: of shape {given.shape}, and here of {known.shape}")
    differing = given != known
    if differing.any():
        raise Misfit(
            f"{what}: {int(differing.sum()):,} of {given.size:,} numbers are not those here"
        )


def _whole(given: NDArray[Any], shape: tuple[int, ...], below: int, name: str) -> NDArray[np.int64]:
    """Whole numbers from 0 in that shape."""
    if given.shape != shape or given.dtype.kind not in "iu":
        raise Misfit(f"{name} is {given.dtype} of {given.shape}, wanted whole numbers of {shape}")
    if given.size and not 0 <= int(given.min()) <= int(given.max()) < below:
        raise Misfit(f"{name} has numbers outside 0 to {below - 1}")
    return given.astype(np.int64)


def _numbers(given: NDArray[Any], shape: tuple[int, ...], name: str) -> NDArray[Any]:
    """Finite numbers in that shape."""
    if given.shape != shape or given.dtype.kind != "f":
        raise Misfit(f"{name} is {given.dtype} of {given.shape}, wanted numbers of {shape}")
    if not np.isfinite(given).all():
        raise Misfit(f"{name} has numbers that are not finite")
    return given
