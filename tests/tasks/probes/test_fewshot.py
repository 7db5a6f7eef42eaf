"""Episodes and prototypes against scikit-learn and counting."""

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier, NearestCentroid
from sklearn.preprocessing import normalize

from benchmark.errors import DataError
from tasks.probes.fewshot import Episodes, draw_episodes, nearest_prototypes
from tasks.probes.fewshot_logistic import fit_episodes, logistic_answers
from tasks.probes.metrics import episode_accuracies

LABELS = np.repeat(np.arange(12), np.arange(18, 30))


def test_every_episode_is_lawful() -> None:
    drawn = draw_episodes(LABELS, seed=1)
    both = np.concatenate([drawn.support, drawn.query], axis=2)
    assert both.shape == (600, 5, 20)
    classes = LABELS[both]
    assert (classes == classes[:, :, :1]).all()
    for episode, names in zip(both, classes[:, :, 0], strict=True):
        assert len(np.unique(episode)) == 100
        assert len(set(names.tolist())) == 5
    # classes 0 and 1 have 18 and 19 images, fewer than 5 + 15, and the other ten come up evenly
    often = np.bincount(classes[:, :, 0].ravel(), minlength=12)
    assert often[:2].tolist() == [0, 0]
    assert often[2:].min() > 240  # 300 expected, standard deviation 12
    assert often[2:].max() < 360


def test_draw_is_a_function_of_the_seed() -> None:
    first, again, other = (draw_episodes(LABELS, seed=s) for s in (3, 3, 4))
    assert (first.support == again.support).all()
    assert (first.query == again.query).all()
    assert (first.support != other.support).any()


@pytest.mark.parametrize(
    ("sizes", "ways", "queries"),
    [
        ([30, 30, 30, 30], 4, 15),  # four classes: four ways
        ([90, 80, 70, 20], 4, 15),  # with five or fewer all take part
        ([90, 80, 70, 60, 9], 5, 4),
        ([7] * 20 + [6] * 9, 5, 2),  # most classes have 7 images: 5 to learn from, 2 to tell
        ([100, 90, 80, 12, 11, 6, 6, 6, 6, 6], 5, 6),  # the fifth of ten has 11
    ],
)
def test_small_sets_give_what_they_have(sizes: list[int], ways: int, queries: int) -> None:
    drawn = draw_episodes(np.repeat(np.arange(len(sizes)), sizes), seed=0)
    assert drawn.support.shape == (600, ways, 5)
    assert drawn.query.shape == (600, ways, queries)


@pytest.mark.parametrize("labels", [np.zeros(50, np.int64), np.arange(50) % 10])
def test_sets_too_small_are_refused(labels: NDArray[np.int64]) -> None:
    with pytest.raises(DataError, match="few-shot episodes need"):
        draw_episodes(labels, seed=0)


@pytest.mark.parametrize("shots", [1, 5])
def test_accuracy_is_that_of_scikit_learn(shots: int) -> None:
    draw = np.random.default_rng(0)
    features = draw.normal(size=(12, 8))[LABELS] + 1.5 * draw.normal(size=(len(LABELS), 8))
    drawn = draw_episodes(LABELS, seed=0, episodes=40)
    answers = nearest_prototypes(torch.from_numpy(features.astype(np.float32)), drawn, shots)
    ours = episode_accuracies(answers.numpy())
    for value, support, query in zip(ours, drawn.support, drawn.query, strict=True):
        rows = support[:, :shots].ravel()
        # a class's only image is its centroid
        model = NearestCentroid() if shots > 1 else KNeighborsClassifier(1)
        model.fit(features[rows], LABELS[rows])
        right = model.predict(features[query.ravel()]) == LABELS[query.ravel()]
        assert value == pytest.approx(100 * right.mean())
    assert 30 < ours.mean() < 95


@pytest.mark.parametrize("shots", [1, 5])
@pytest.mark.parametrize("width", [3, 40])
def test_logistic_head_is_scikit_learns(shots: int, width: int) -> None:
    draw = np.random.default_rng(1)
    features = draw.normal(size=(12, width))[LABELS] + draw.normal(size=(len(LABELS), width))
    drawn = draw_episodes(LABELS, seed=0, episodes=30)
    answers = logistic_answers(torch.from_numpy(features.astype(np.float32)), drawn, shots)
    unit = normalize(features)
    support = drawn.support[:, :, :shots].reshape(30, -1)
    labels = np.arange(5).repeat(shots)
    coefficients, intercepts = fit_episodes(
        torch.from_numpy(unit[support].astype(np.float32)), torch.from_numpy(labels)
    )
    for episode, answer in enumerate(answers.numpy()):
        model = LogisticRegression(C=1.0, tol=1e-10, max_iter=10_000)
        model.fit(unit[support[episode]], labels)
        np.testing.assert_allclose(coefficients[episode], model.coef_, atol=5e-4)
        shift = intercepts[episode].numpy() - model.intercept_  # all intercepts may move together
        np.testing.assert_allclose(shift, shift[0], atol=5e-4)
        asked = model.decision_function(unit[drawn.query[episode].ravel()])
        top = np.sort(asked, 1)
        clear = top[:, -1] - top[:, -2] > 1e-3
        assert (answer.ravel() == asked.argmax(1))[clear].all()


def test_logistic_head_of_features_that_say_nothing() -> None:
    drawn = Episodes(np.arange(10).reshape(1, 2, 5), np.arange(10, 40).reshape(1, 2, 15))
    assert set(logistic_answers(torch.ones(40, 3), drawn, 5).unique().tolist()) <= {0, 1}
