"""The chunk's probes against scikit-learn."""

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

from tasks.probes.discriminant import fit_discriminant
from tasks.probes.knn import knn_predict
from tasks.probes.stream import SHRINKAGES, stream_accuracy

DRAW = np.random.default_rng(0)
LABELS = np.sort(np.concatenate([np.arange(3, 33), DRAW.integers(3, 33, 120)]))
CENTRES = DRAW.normal(size=(33, 40))
MIX = DRAW.normal(size=(40, 40)) * np.arange(1, 41) ** -0.5


def features(labels: NDArray[np.int64], seed: int) -> torch.Tensor:
    noise = np.random.default_rng(seed).normal(size=(len(labels), 40))
    return torch.from_numpy(((CENTRES[labels] + noise) @ MIX + 3).astype(np.float32))


@pytest.mark.parametrize("shrinkage", [1e-3, 0.1, 0.7, 1.0])
def test_discriminant_is_scikit_learns(shrinkage: float) -> None:
    x, unseen = features(LABELS, 1), features(LABELS, 2)
    ours = fit_discriminant(x, torch.from_numpy(LABELS), (0.5, shrinkage)).predict(unseen, 1)
    theirs = LinearDiscriminantAnalysis(solver="lsqr", shrinkage=shrinkage)
    theirs.fit(x.double().numpy(), LABELS)
    assert ours.tolist() == theirs.predict(unseen.double().numpy()).tolist()


def test_features_without_spread_within_classes() -> None:
    x = torch.eye(3).repeat_interleave(2, 0)
    labels = torch.tensor([5, 5, 7, 7, 9, 9])
    assert fit_discriminant(x, labels, (0.1,)).predict(x, 0).tolist() == labels.tolist()


def test_knn_by_hand() -> None:
    train = torch.tensor([[1.0, 0.0], [1.0, 0.2], [0.6, 0.8], [0.0, 5.0]])
    labels = torch.tensor([0, 1, 1, 2])
    query = torch.tensor([[2.0, 0.0]])
    # cosines 1, 0.981, 0.6, 0; at T = 0.07 the sum of class 1 is
    # exp((0.981 - 1) / 0.07) + exp((0.6 - 1) / 0.07) = 0.757 + 0.003 of class 0's weight
    assert knn_predict(train, labels, query, classes=3).tolist() == [0]
    # at T = 1 it is exp(-0.019) + exp(-0.4) = 0.981 + 0.670 of it
    assert knn_predict(train, labels, query, classes=3, temperature=1.0).tolist() == [1]
    # two neighbours: 0.981 of it; the third is not asked
    assert knn_predict(train, labels, query, classes=3, k=2, temperature=1.0).tolist() == [0]


def test_stream_accuracy_counts_and_repeats() -> None:
    train, test = features(LABELS, 1).numpy(), features(LABELS, 2).numpy()
    one, two = (stream_accuracy(train, LABELS, test, LABELS) for _ in range(2))
    assert one.top1 == 100 * np.mean(one.prediction == LABELS)
    assert one.knn_top1 == 100 * np.mean(one.knn_prediction == LABELS)
    assert (one.prediction == two.prediction).all()
    assert one.shrinkage in SHRINKAGES
    # chance is 1 in 30
    assert one.top1 > 50
    assert one.knn_top1 > 30


def test_stream_accuracy_does_not_see_the_held_out_labels() -> None:
    train, test = features(LABELS, 1).numpy(), features(LABELS, 2).numpy()
    shuffled = np.random.default_rng(5).permutation(LABELS)
    with_them = stream_accuracy(train, LABELS, test, LABELS)
    without = stream_accuracy(train, LABELS, test, shuffled)
    assert (with_them.prediction == without.prediction).all()
    assert with_them.shrinkage == without.shrinkage
