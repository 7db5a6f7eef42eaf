"""How well one chunk of the stream is told apart: the probe behind forgetting."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from tasks.probes.discriminant import fit_discriminant
from tasks.probes.knn import knn_predict
from tasks.probes.metrics import top1

#: Most cosines that are held at once: a pool of a million images has too many for any memory.
_COSINES = 2**31

SHRINKAGES: tuple[float, ...] = tuple(np.logspace(-4, 0, 17).tolist())


@dataclass(frozen=True)
class StreamAccuracy:
    """Accuracy within one chunk, or within several that are taken together.

    Args:
        top1: of the linear probe, in %.
        prediction: (m,) int64 classes that it predicts.
        shrinkage: of its covariance, chosen on the validation part.
        knn_top1: of 20 weighted nearest neighbours, in %.
        knn_prediction: (m,) int64.
    """

    top1: float
    prediction: NDArray[np.int64]
    shrinkage: float
    knn_top1: float
    knn_prediction: NDArray[np.int64]


def stream_accuracy(
    train_features: NDArray[np.float32],
    train_labels: NDArray[np.int64],
    test_features: NDArray[np.float32],
    test_labels: NDArray[np.int64],
    device: torch.device | str = "cpu",
) -> StreamAccuracy:
    """Linear and nearest-neighbour accuracy on a chunk's held-out images.

    The linear probe is a discriminant analysis with shrinkage, since a chunk has hundreds of
    classes of a few images: it is then as accurate as logistic regression, needs no iteration and
    is a hundred times faster, and it runs on every chunk after every chunk. A fifth of the
    training images, drawn from a fixed seed, chooses among 17 shrinkages, the strongest of equally
    good ones; the reported model is fitted on all of them.

    Args:
        train_features: (n, D) of the chunk's images, n >= 5.
        train_labels: (n,) classes, not negative.
        test_features: (m, D) of the chunk's held-out images.
        test_labels: (m,).
        device: where to compute.

    Returns:
        The accuracies, with a prediction for each test image.

    Example:
        >>> x = np.eye(3, dtype=np.float32).repeat(5, 0)
        >>> y = np.array([4, 7, 9]).repeat(5)
        >>> stream_accuracy(x, y, x[::5], y[::5]).prediction.tolist()
        [4, 7, 9]
    """
    train, test = (torch.from_numpy(x).to(device) for x in (train_features, test_features))
    labels = torch.from_numpy(train_labels).to(device)
    order = np.random.Generator(np.random.PCG64(0)).permutation(len(train))
    held, kept = (torch.from_numpy(part).to(device) for part in np.split(order, [len(train) // 5]))

    models = fit_discriminant(train[kept], labels[kept], SHRINKAGES)
    right = [
        int((models.predict(train[held], i) == labels[held]).sum()) for i in range(len(SHRINKAGES))
    ]
    _, shrinkage = max(zip(right, SHRINKAGES, strict=True))
    linear = fit_discriminant(train, labels, (shrinkage,)).predict(test, 0).cpu().numpy()
    classes = int(train_labels.max()) + 1
    size = max(1, _COSINES // len(train))
    blocks = (test[start : start + size] for start in range(0, len(test), size))
    votes = [knn_predict(train, labels, block, classes=classes) for block in blocks]
    near = torch.cat(votes).cpu().numpy()
    return StreamAccuracy(
        top1(test_labels, linear), linear, shrinkage, top1(test_labels, near), near
    )
