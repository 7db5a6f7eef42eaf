"""Linear evaluation: logistic regression on frozen features, the weight chosen on validation."""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from benchmark.encoder import Encoder
from benchmark.result import Metric
from tasks.probes.labels import labelled_places
from tasks.probes.logistic import WEIGHTS, Fit, fit_multinomial, fit_one_against_rest
from tasks.probes.metrics import METRICS
from tasks.task import Task, TaskResult

Labels = NDArray[np.int64] | NDArray[np.uint8]


def evaluate_linear(
    task: Task, encoder: Encoder, seed: int = 0, *, share: float = 1.0
) -> TaskResult:
    """Choose the weight on val among 45, refit on train and val, test once.

    Features are used as they are: no augmentation, no standardisation. Among weights that are
    equally good on val the strongest is taken. Test images are read after the weight is fixed. The
    refit, too, comes down from the strongest weight: it is faster so, and nearer to the minimum.

    Args:
        task: single-label (metric top1 or mean_per_class) or multi-label (map11), with splits
            train, val and test.
        encoder: gives the features.
        seed: not used, since nothing here is random.
        share: of the labels of train and of val that is used; see `labelled_places`.

    Returns:
        Metrics in %, `spec.metric` first; single-label tasks have the other accuracy after it.
        Predictions: `index` (n,) rows of the image set, `label`, and `prediction` (n,) or
        `score` (n, C); `weight` () is the one that was chosen.

    Source:
        Kornblith et al., Do Better ImageNet Models Transfer Better? (CVPR 2019), section A.2.
    """
    images = task.data()
    headline = task.spec.metric
    several = headline == "map11"
    _, weight = choose_weight(task, encoder, share)
    parts = [_load(task, encoder, split, share) for split in ("train", "val")]
    model = _fit(
        task,
        torch.cat([features for features, _ in parts]),
        np.concatenate([labels for _, labels in parts]),
        tuple(w for w in WEIGHTS if w >= weight),
    )

    test, labels = _load(task, encoder, "test")
    answer = _predict(model, test, several)
    return TaskResult(
        metrics=measure(headline, labels, answer),
        predictions={
            "index": images.indices("test"),
            "label": labels,
            "score" if several else "prediction": answer,
            "weight": np.asarray(weight),
        },
    )


def evaluate_linear_1pct(task: Task, encoder: Encoder, seed: int = 0) -> TaskResult:
    """`evaluate_linear` with 1 % of the labels of train and of val, at least one a class."""
    return evaluate_linear(task, encoder, seed, share=0.01)


def evaluate_linear_10pct(task: Task, encoder: Encoder, seed: int = 0) -> TaskResult:
    """`evaluate_linear` with 10 % of the labels of train and of val, at least one a class."""
    return evaluate_linear(task, encoder, seed, share=0.1)


def measure(headline: str, labels: Labels, answer: NDArray[Any]) -> dict[str, Metric]:
    """The metrics of predicted classes (n,), or of scores (n, C) where `headline` is map11.

    Args:
        headline: the task's metric, which comes first.
        labels: (n,), or (n, C) of 0 and 1.
        answer: predictions.

    Returns:
        Name to metric, in %, with its standard error over the images.

    Example:
        >>> told = measure("top1", np.array([0, 1]), np.array([0, 0]))
        >>> [(name, metric.value) for name, metric in told.items()]
        [('top1', 50.0), ('mean_per_class', 50.0)]
    """
    others = {"top1", "mean_per_class"} - {headline}
    metrics = {}
    for name in (headline,) if headline == "map11" else (headline, *others):
        value, error = METRICS[name]
        metrics[name] = Metric(
            value=value(labels, answer),
            unit="%",
            n=len(labels),
            standard_error=error(labels, answer),
        )
    return metrics


def choose_weight(task: Task, encoder: Encoder, share: float = 1.0) -> tuple[float, float]:
    """The best value of the task's metric on val, in %, of fits to train, and its weight.

    It is what hyper-parameters are chosen by, too: no test image is looked at.
    """
    train, labels = _load(task, encoder, "train", share)
    val, val_labels = _load(task, encoder, "val", share)
    models = _fit(task, train, labels, WEIGHTS)
    value, _ = METRICS[task.spec.metric]
    several = task.spec.metric == "map11"
    on_val = [value(val_labels, _predict(models, val, several, i)) for i in range(len(WEIGHTS))]
    return max(zip(on_val, WEIGHTS, strict=True))


def _load(task: Task, encoder: Encoder, split: str, share: float = 1.0) -> tuple[Tensor, Labels]:
    """Features on the encoder's device, and labels on the host, of those with a label."""
    images = task.data()
    device = next(encoder.backbone.parameters()).device
    features, labels = encoder.features(images, split), images.labels[images.indices(split)]
    if share < 1:
        places = labelled_places(images, split, share)
        features, labels = features[places], labels[places]
    return torch.from_numpy(features).to(device), labels


def _fit(task: Task, features: Tensor, labels: Labels, weights: tuple[float, ...]) -> Fit:
    known = torch.from_numpy(labels).to(features.device)
    if task.spec.metric == "map11":
        return fit_one_against_rest(features, known, weights=weights)
    classes = len(task.data().class_names)
    return fit_multinomial(features, known, classes=classes, weights=weights)


def _predict(
    model: Fit, features: Tensor, several: bool, which: int = 0
) -> NDArray[np.float32 | np.int64]:
    scores = model.scores(features, which)
    return (scores if several else scores.argmax(1)).cpu().numpy()
