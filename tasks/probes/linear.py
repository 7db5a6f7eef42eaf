"""Linear evaluation: logistic regression on frozen features, the weight chosen on validation."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from benchmark.encoder import Encoder
from benchmark.result import Metric
from tasks.probes.logistic import TOLERANCE, WEIGHTS, Fit, fit_multinomial, fit_one_against_rest
from tasks.probes.metrics import METRICS
from tasks.task import Task, TaskResult

Labels = NDArray[np.int64] | NDArray[np.uint8]

#: The one model behind the reported number is fitted closer than those it was chosen among.
REFIT_TOLERANCE = 1e-4


def evaluate_linear(task: Task, encoder: Encoder, seed: int = 0) -> TaskResult:
    """Choose the weight on val among 45, refit on train and val, test once.

    Features are used as they are: no augmentation, no standardisation. Among weights that are
    equally good on val the strongest is taken. Test images are read after the weight is fixed.

    Args:
        task: single-label (metric top1 or mean_per_class) or multi-label (map11), with splits
            train, val and test.
        encoder: gives the features.
        seed: not used, since nothing here is random.

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
    _, weight = choose_weight(task, encoder)
    parts = [_load(task, encoder, split) for split in ("train", "val")]
    model = _fit(
        task,
        torch.cat([features for features, _ in parts]),
        np.concatenate([labels for _, labels in parts]),
        (weight,),
        REFIT_TOLERANCE,
    )

    test, labels = _load(task, encoder, "test")
    answer = _predict(model, test, several)
    metrics = {}
    for name in (headline,) if several else (headline, *({"top1", "mean_per_class"} - {headline})):
        value, error = METRICS[name]
        metrics[name] = Metric(
            value=value(labels, answer),
            unit="%",
            n=len(labels),
            standard_error=error(labels, answer),
        )
    return TaskResult(
        metrics=metrics,
        predictions={
            "index": images.indices("test"),
            "label": labels,
            "score" if several else "prediction": answer,
            "weight": np.asarray(weight),
        },
    )


def choose_weight(task: Task, encoder: Encoder) -> tuple[float, float]:
    """The best value of the task's metric on val, in %, of fits to train, and its weight.

    It is what hyper-parameters are chosen by, too: no test image is looked at.
    """
    train, labels = _load(task, encoder, "train")
    val, val_labels = _load(task, encoder, "val")
    models = _fit(task, train, labels, WEIGHTS, TOLERANCE)
    value, _ = METRICS[task.spec.metric]
    several = task.spec.metric == "map11"
    on_val = [value(val_labels, _predict(models, val, several, i)) for i in range(len(WEIGHTS))]
    return max(zip(on_val, WEIGHTS, strict=True))


def _load(task: Task, encoder: Encoder, split: str) -> tuple[Tensor, Labels]:
    """Features on the encoder's device, and labels on the host."""
    images = task.data()
    device = next(encoder.backbone.parameters()).device
    features = torch.from_numpy(encoder.features(images, split)).to(device)
    return features, images.labels[images.indices(split)]


def _fit(
    task: Task, features: Tensor, labels: Labels, weights: tuple[float, ...], tolerance: float
) -> Fit:
    known = torch.from_numpy(labels).to(features.device)
    if task.spec.metric == "map11":
        return fit_one_against_rest(features, known, weights=weights, tolerance=tolerance)
    classes = len(task.data().class_names)
    return fit_multinomial(features, known, classes=classes, weights=weights, tolerance=tolerance)


def _predict(
    model: Fit, features: Tensor, several: bool, which: int = 0
) -> NDArray[np.float32 | np.int64]:
    scores = model.scores(features, which)
    return (scores if several else scores.argmax(1)).cpu().numpy()
