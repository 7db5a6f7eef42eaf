"""Weighted nearest neighbours on the features' directions."""

import torch
from torch import Tensor


def knn_predict(
    train: Tensor,
    labels: Tensor,
    test: Tensor,
    *,
    classes: int,
    k: int = 20,
    temperature: float = 0.07,
) -> Tensor:
    """The class with the most weight among the k nearest in cosine; weight = exp(cosine / T).

    Args:
        train: (n, D) float32 features.
        labels: (n,) int64, their classes.
        test: (m, D) features.
        classes: number of classes.
        k: neighbours; all of them if there are fewer.
        temperature: T.

    Returns:
        (m,) int64; the lowest class wins a tie.

    Source:
        Wu et al., Unsupervised Feature Learning via Non-Parametric Instance Discrimination
        (CVPR 2018), section 3.4.

    Example:
        >>> train = torch.tensor([[1.0, 0.0], [0.9, 0.1], [0.0, 1.0]])
        >>> knn_predict(train, torch.tensor([0, 0, 1]), torch.tensor([[0.1, 2.0]]), classes=2, k=2)
        tensor([1])
    """
    unit = torch.nn.functional.normalize(train)
    cosine = torch.nn.functional.normalize(test) @ unit.T
    near, who = cosine.topk(min(k, len(train)), dim=1)
    votes = train.new_zeros(len(test), classes)
    votes.scatter_add_(1, labels[who], (near / temperature).exp())
    return votes.argmax(1)
