"""Nearest neighbours in place of the linear probe: nothing is fitted, and nothing is chosen."""

import numpy as np
import torch
from torch import Tensor

from benchmark.encoder import Encoder
from tasks.probes.knn import knn_predict
from tasks.probes.linear import measure
from tasks.task import Task, TaskResult

#: Neighbours, and the temperature of their weights.
K, TEMPERATURE = 20, 0.07


def evaluate_knn(task: Task, encoder: Encoder, seed: int = 0) -> TaskResult:
    """Tell test images by their 20 nearest training images, validation's included.

    Args:
        task: single-label (metric top1 or mean_per_class) or multi-label (map11), with splits
            train, val and test.
        encoder: gives the features.
        seed: not used, since nothing here is random.

    Returns:
        Metrics in %, `spec.metric` first. Predictions: `index` (n,) rows of the image set, `label`,
        and `prediction` (n,) or `score` (n, C).

    Source:
        Wu et al., Unsupervised Feature Learning via Non-Parametric Instance Discrimination
        (CVPR 2018), section 3.4; for several labels the share of the weight is our choice.
    """
    images = task.data()
    several = task.spec.metric == "map11"
    train, test = (
        torch.from_numpy(np.concatenate([encoder.features(images, split) for split in splits]))
        for splits in (("train", "val"), ("test",))
    )
    known = torch.from_numpy(
        np.concatenate([images.labels[images.indices(split)] for split in ("train", "val")])
    )
    if several:
        answer = knn_shares(train, known, test, k=K, temperature=TEMPERATURE).numpy()
    else:
        classes = len(images.class_names)
        answer = knn_predict(
            train, known, test, classes=classes, k=K, temperature=TEMPERATURE
        ).numpy()
    index = images.indices("test")
    labels = images.labels[index]
    return TaskResult(
        metrics=measure(task.spec.metric, labels, answer),
        predictions={
            "index": index,
            "label": labels,
            "score" if several else "prediction": answer,
        },
    )


def knn_shares(
    train: Tensor, labels: Tensor, test: Tensor, *, k: int, temperature: float
) -> Tensor:
    """Of each class, the share of the neighbours' weight; weight = exp(cosine / T).

    Args:
        train: (n, D) float32 features.
        labels: (n, C) of 0 and 1.
        test: (m, D) features.
        k: neighbours; all of them if there are fewer.
        temperature: T.

    Returns:
        (m, C) float32 between 0 and 1.

    Example:
        >>> train, labels = torch.tensor([[1.0, 0.0], [0.0, 1.0]]), torch.tensor([[1, 0], [1, 1]])
        >>> knn_shares(train, labels, torch.tensor([[1.0, 1.0]]), k=2, temperature=0.1)
        tensor([[1.0000, 0.5000]])
    """
    unit = torch.nn.functional.normalize(train)
    cosine = torch.nn.functional.normalize(test) @ unit.T
    near, who = cosine.topk(min(k, len(train)), dim=1)
    weight = (near / temperature).softmax(dim=1)
    return torch.einsum("mk,mkc->mc", weight, labels[who].to(weight.dtype))
