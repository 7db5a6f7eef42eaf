"""Linear evaluation against the same protocol carried out with scikit-learn."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from benchmark.data.imageset import ImageSet, Sample, Split, write_image_set
from tasks.probes import linear
from tasks.probes.fewshot import evaluate_fewshot
from tasks.probes.fewshot_logistic import evaluate_fewshot_logistic
from tasks.probes.labels import labelled_places
from tasks.probes.linear import evaluate_linear, evaluate_linear_1pct, evaluate_linear_10pct
from tasks.probes.logistic import WEIGHTS

CLASSES = ("a", "b", "c", "d")
SPLITS: tuple[Split, ...] = ("train", "train", "val", "test")


def image_set(root: Path, *, several: bool) -> ImageSet:
    """240 pictures of 4 x 4 whose pixels are class means with much noise; uneven classes."""
    draw = np.random.default_rng(0)
    centres = draw.uniform(60, 190, size=(4, 4, 4, 3))
    samples = []
    for i in range(240):
        label = int(draw.choice(4, p=[0.4, 0.3, 0.2, 0.1]))
        pixels = np.clip(centres[label] + 60 * draw.normal(size=(4, 4, 3)), 0, 255)
        labels = (label, (label + 1) % 4) if i % 3 == 0 else (label,)
        samples.append(
            Sample(
                id=f"s{i}",
                image=pixels.astype(np.uint8),
                label=tuple(sorted(labels)) if several else label,
                split=SPLITS[i % 4],
                source_sha256="0" * 64,
            )
        )
    return write_image_set("tasks/small", samples, class_names=CLASSES, root=root)


class Pixels:
    """An encoder whose features are the pixels, and that remembers what was asked for."""

    def __init__(self) -> None:
        self.backbone = torch.nn.Linear(1, 1)
        self.asked: list[str] = []

    def features(self, images: ImageSet, split: str) -> NDArray[np.float32]:
        self.asked.append(split)
        pixels = images.images[images.indices(split)].reshape(-1, 48)
        return (pixels / 64).astype(np.float32)


def task(images: ImageSet, metric: str) -> Any:
    return SimpleNamespace(spec=SimpleNamespace(name="small", metric=metric), data=lambda: images)


def score(metric: str, labels: NDArray[Any], predictions: NDArray[np.int64]) -> float:
    right = labels == predictions
    if metric == "top1":
        return 100 * float(right.mean())
    return 100 * float(np.mean([right[labels == c].mean() for c in set(labels.tolist())]))


@pytest.mark.parametrize("metric", ["top1", "mean_per_class"])
def test_protocol_is_scikit_learns(metric: str, tmp_path: Path) -> None:
    images, encoder = image_set(tmp_path, several=False), Pixels()
    result = evaluate_linear(task(images, metric), encoder)  # type: ignore[arg-type]

    x = {split: encoder.features(images, split).astype(float) for split in ("train", "val", "test")}
    y = {split: images.labels[images.indices(split)] for split in x}
    on_val = {}
    for weight in WEIGHTS[::4]:
        model = LogisticRegression(C=1 / weight, solver="newton-cg", max_iter=1000)
        on_val[weight] = score(
            metric, y["val"], model.fit(x["train"], y["train"]).predict(x["val"])
        )
    weight = float(result.predictions["weight"])
    model = LogisticRegression(C=1 / weight, solver="newton-cg", tol=1e-8, max_iter=1000)
    chosen = score(metric, y["val"], model.fit(x["train"], y["train"]).predict(x["val"]))
    assert chosen >= max(on_val.values()) - 2.5  # one or two of 60 images

    model.fit(np.concatenate([x["train"], x["val"]]), np.concatenate([y["train"], y["val"]]))
    expected = model.predict(x["test"])
    assert result.predictions["prediction"].tolist() == expected.tolist()
    assert result.predictions["index"].tolist() == images.indices("test").tolist()
    assert result.predictions["label"].tolist() == y["test"].tolist()
    name, headline = next(iter(result.metrics.items()))
    assert name == metric
    assert headline.value == pytest.approx(score(metric, y["test"], expected))
    assert (headline.n, headline.unit) == (60, "%")
    assert set(result.metrics) == {"top1", "mean_per_class"}


def test_several_labels(tmp_path: Path) -> None:
    images, encoder = image_set(tmp_path, several=True), Pixels()
    result = evaluate_linear(task(images, "map11"), encoder)  # type: ignore[arg-type]
    rows = np.concatenate([images.indices("train"), images.indices("val")])
    x = np.concatenate([encoder.features(images, split) for split in ("train", "val")])
    x, y, unseen = x.astype(float), images.labels[rows], encoder.features(images, "test")
    weight = float(result.predictions["weight"])
    for c in range(4):
        model = LogisticRegression(C=1 / weight, solver="newton-cg", tol=1e-8, max_iter=1000)
        logits = model.fit(x, y[:, c]).decision_function(unseen)
        np.testing.assert_allclose(result.predictions["score"][:, c], logits, atol=2e-2)
    assert list(result.metrics) == ["map11"]
    assert 50 < result.metrics["map11"].value < 100
    assert result.metrics["map11"].standard_error is not None


def leaks(images: ImageSet, metric: str) -> bool:
    """Whether other labels of the test images change what is answered, or which weight is taken."""
    labels = images.labels.copy()
    rows = images.indices("test")
    labels[rows] = labels[rows][::-1]
    first, other = (
        evaluate_linear(task(data, metric), Pixels())  # type: ignore[arg-type]
        for data in (images, replace(images, labels=labels))
    )
    names = ("score" if metric == "map11" else "prediction", "weight")
    return any((first.predictions[n] != other.predictions[n]).any() for n in names)


@pytest.mark.parametrize("metric", ["top1", "map11"])
def test_labels_of_test_decide_nothing(metric: str, tmp_path: Path) -> None:
    images, encoder = image_set(tmp_path, several=metric == "map11"), Pixels()
    evaluate_linear(task(images, metric), encoder)  # type: ignore[arg-type]
    assert encoder.asked[-1] == "test"  # not before the weight is fixed
    assert "test" not in encoder.asked[:-1]
    assert not leaks(images, metric)


@pytest.mark.parametrize("metric", ["top1", "map11"])
@pytest.mark.parametrize("instead_of", ["train", "val"])
def test_a_planted_leak_is_caught(
    metric: str, instead_of: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest = linear._load

    def planted(task: Any, encoder: Any, split: str, share: float = 1.0) -> Any:
        return honest(task, encoder, "test" if split == instead_of else split, share)

    monkeypatch.setattr(linear, "_load", planted)
    assert leaks(image_set(tmp_path, several=metric == "map11"), metric)


@pytest.mark.parametrize("evaluate", [evaluate_fewshot, evaluate_fewshot_logistic])
def test_fewshot_metrics_are_the_mean_over_episodes(evaluate: Any, tmp_path: Path) -> None:
    images = image_set(tmp_path, several=False)
    result = evaluate(task(images, "top1"), Pixels(), 7)
    again = evaluate(task(images, "top1"), Pixels(), 7)
    assert list(result.metrics) == ["4way5shot", "4way1shot"]  # there are four classes
    support, query = result.shared["support"], result.shared["query"]
    assert (images.labels[support] == images.labels[query][..., :1]).all()
    for shots in (5, 1):
        # from the files alone: the classes of the support that the answers point to
        told = images.labels[support][np.arange(600)[:, None, None],
                                      result.predictions[f"prediction_{shots}shot"], 0]  # fmt: skip
        each = 100 * (told == images.labels[query]).mean((1, 2))
        metric = result.metrics[f"4way{shots}shot"]
        assert metric.value == pytest.approx(each.mean())
        assert metric.standard_error == pytest.approx(each.std(ddof=1) / 600**0.5)
        assert (metric.n, len(each)) == (600, 600)
    for name, array in (result.predictions | result.shared).items():
        assert (array == (again.predictions | again.shared)[name]).all()
    assert result.metrics["4way5shot"].value > result.metrics["4way1shot"].value > 25


def test_fewshot_leaves_out_classes_that_the_test_side_lacks(tmp_path: Path) -> None:
    images = image_set(tmp_path, several=False)
    splits = np.where(images.labels == 3, "train", images.splits)
    result = evaluate_fewshot(task(replace(images, splits=splits), "top1"), Pixels(), 7)  # type: ignore[arg-type]
    assert set(images.labels[result.shared["support"]].ravel().tolist()) == {0, 1, 2}
    assert set(images.splits[result.shared["support"].ravel()]) == {"train", "val", "test"}


@pytest.mark.parametrize(("share", "several"), [(0.01, False), (0.1, False), (0.1, True)])
def test_few_labels(share: float, several: bool, tmp_path: Path) -> None:
    images = image_set(tmp_path, several=several)
    places = {split: labelled_places(images, split, share) for split in ("train", "val")}
    for split, some in places.items():
        labels = images.labels[images.indices(split)]
        if several:
            assert len(some) == np.ceil(share * len(labels))
            continue
        sizes = np.bincount(labels, minlength=4)
        expected = np.ceil(share * sizes).astype(int)
        assert np.bincount(labels[some], minlength=4).tolist() == expected.tolist()
        assert set(labelled_places(images, split, 0.01)) <= set(some)
    evaluate = evaluate_linear_1pct if share == 0.01 else evaluate_linear_10pct
    metric = "map11" if several else "top1"
    few = evaluate(task(images, metric), Pixels())  # type: ignore[arg-type]
    all_labels = evaluate_linear(task(images, metric), Pixels())  # type: ignore[arg-type]
    assert 20 < few.metrics[metric].value <= all_labels.metrics[metric].value
    if several:  # labels that it was not given make no difference
        hidden = images.labels.copy()
        for split, some in places.items():
            rest = np.delete(images.indices(split), some)
            hidden[rest] = hidden[rest][::-1]
        blind = evaluate(task(replace(images, labels=hidden), metric), Pixels())  # type: ignore[arg-type]
        assert blind.metrics[metric] == few.metrics[metric]
