"""Nearest neighbours as an evaluation, against scikit-learn's."""

from pathlib import Path

import numpy as np
import pytest
from sklearn.neighbors import KNeighborsClassifier

from tasks.probes.nearest import TEMPERATURE, K, evaluate_knn
from tests.tasks.probes.test_linear import Pixels, image_set, task


@pytest.mark.parametrize("several", [False, True])
def test_against_scikit_learn(several: bool, tmp_path: Path) -> None:
    images = image_set(tmp_path, several=several)
    metric = "map11" if several else "mean_per_class"
    found = evaluate_knn(task(images, metric), Pixels())  # type: ignore[arg-type]
    pixels = images.images[:].reshape(240, -1).astype(np.float64)
    train = np.concatenate([images.indices("train"), images.indices("val")])
    test = images.indices("test")
    model = KNeighborsClassifier(
        K,
        metric="cosine",
        algorithm="brute",
        weights=lambda distance: np.exp((1 - distance) / TEMPERATURE),
    )
    model.fit(pixels[train], images.labels[train])
    np.testing.assert_array_equal(found.predictions["index"], test)
    if several:
        expected = np.column_stack([one[:, 1] for one in model.predict_proba(pixels[test])])
        np.testing.assert_allclose(found.predictions["score"], expected, atol=1e-4)
    else:
        expected = model.predict(pixels[test])
        np.testing.assert_array_equal(found.predictions["prediction"], expected)
        each = [np.mean(expected[images.labels[test] == c] == c) for c in range(4)]
        assert found.metrics[metric].value == pytest.approx(100 * np.mean(each))
    assert next(iter(found.metrics)) == metric
