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
    device = next(encoder.backbone.parameters()).device
    headline = task.spec.metric
    several = headline == "map11"

    def load(split: str) -> tuple[Tensor, NDArray[np.int64] | NDArray[np.uint8]]:
        features = torch.from_numpy(encoder.features(images, split)).to(device)
        return features, images.labels[images.indices(split)]

    def fit(features: Tensor, labels: Tensor, weights: tuple[float, ...], tolerance: float) -> Fit:
        if several:
            return fit_one_against_rest(features, labels, weights=weights, tolerance=tolerance)
        classes = len(images.class_names)
        return fit_multinomial(
            features, labels, classes=classes, weights=weights, tolerance=tolerance
        )

    def predict(model: Fit, features: Tensor, which: int) -> NDArray[np.float32 | np.int64]:
        scores = model.scores(features, which)
        return (scores if several else scores.argmax(1)).cpu().numpy()

    train, train_labels = load("train")
    val, val_labels = load("val")
    known = torch.from_numpy(np.concatenate([train_labels, val_labels])).to(device)
    models = fit(train, known[: len(train)], WEIGHTS, TOLERANCE)
    value, _ = METRICS[headline]
    on_val = [value(val_labels, predict(models, val, i)) for i in range(len(WEIGHTS))]
    _, weight = max(zip(on_val, WEIGHTS, strict=True))
    model = fit(torch.cat([train, val]), known, (weight,), REFIT_TOLERANCE)

    test, labels = load("test")
    answer = predict(model, test, 0)
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
