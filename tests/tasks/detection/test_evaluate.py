"""A detector trained for seconds on generated scenes, and what must not go unnoticed."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from benchmark.data.imageset import ImageSet
from benchmark.errors import DataError, HeadwaterError
from benchmark.method import build_backbone
from tasks.detection import evaluate
from tasks.detection.detector import Recipe, detector_config, load_backbone, register_modules
from tasks.detection.evaluate import evaluate_detection, train_and_predict, true_boxes
from tasks.detection.metrics import Boxes, detection_metrics
from tasks.task import Task, TaskSpec

RECIPE = Recipe(epochs=8, batch_size=16, lr=6e-3, channels=32, dropout=0.0)
COLOURS = ((250, 40, 40), (40, 40, 250))


def squares(n, *, boxes=True):
    """Noise with one or two squares, red (class 0) or blue (1), 16 to 28 pixels wide."""
    rng = np.random.default_rng(5)
    images = rng.integers(90, 160, (n, 3, 64, 64), dtype=np.uint8)
    objects = []
    for image in images:
        found = []
        for half in range(rng.integers(1, 3)):  # side by side, so that none hides another
            side, label = int(rng.integers(16, 29)), int(rng.integers(2))
            x, y = 32 * half + int(rng.integers(33 - side)), int(rng.integers(65 - side))
            image[:, y : y + side, x : x + side] = np.array(COLOURS[label])[:, None, None]
            found.append((float(x), float(y), float(x + side), float(y + side), label))
        objects.append(tuple(found) if boxes else ())
    splits = np.array((["train"] * 6 + ["val"] * 2 + ["test"] * 2) * (n // 10))
    return ImageSet(
        name="squares",
        images=images,
        ids=tuple(map(str, range(n))),
        labels=np.zeros((n, 2), np.uint8),
        splits=splits,
        boxes=tuple(objects),
        extra={},
        class_names=("red", "blue"),
        sha256="0" * 64,
    )


class Squares(Task):
    """Generated squares."""

    spec = TaskSpec(
        name="squares",
        version=1,
        title="red or blue",
        metric="map11",
        classes=("red", "blue"),
        sources=(),
        data_sha256=None,
        evaluations=("detection",),
    )

    def __init__(self, data):
        self._data = data

    def data(self):
        return self._data


@pytest.fixture(scope="module")
def encoder():
    torch.manual_seed(0)
    return SimpleNamespace(backbone=build_backbone("resnet_nano").eval(), arch="resnet_nano")


@pytest.fixture(scope="module")
def task():
    return Squares(squares(120))


@pytest.fixture(scope="module")
def result(task, encoder):
    return evaluate_detection(task, encoder, 3, recipe=RECIPE)


def test_it_learns_to_find_squares(result):
    assert list(result.metrics) == ["ap50", "ap", "ap75", "voc_ap50", "voc_ap", "voc_ap75"]
    assert {m.unit for m in result.metrics.values()} == {"AP"}
    assert {m.n for m in result.metrics.values()} == {24}
    # boxes in the wrong place or mirrored without their picture would give about 0
    assert result.metrics["ap50"].value > 40


def test_metrics_follow_from_the_predictions_alone(result):
    p = result.predictions
    assert all(array.dtype.kind in "if" for array in p.values())
    truth = Boxes(p["truth_image"], p["truth_box"], p["truth_label"])
    found = Boxes(p["image"], p["box"], p["label"], p["score"])
    values = detection_metrics(truth, found)
    assert values == {name: metric.value for name, metric in result.metrics.items()}


def test_predictions_are_of_the_test_images(result, task):
    rows = set(task.data().indices("test").tolist())
    assert set(result.predictions["image"].tolist()) <= rows
    assert set(result.predictions["truth_image"].tolist()) == rows


def test_seed_decides_the_bits(task, encoder):
    data = task.data()
    rows, test_rows = data.indices("train"), data.indices("test")
    short = Recipe(epochs=6, batch_size=16, channels=16)
    first, again, other = (
        train_and_predict(data, rows, test_rows, encoder, seed, short)[0] for seed in (1, 1, 2)
    )
    assert len(first.box)
    assert (first.box == again.box).all()
    assert (first.score == again.score).all()
    assert first.score.shape != other.score.shape or (first.score != other.score).any()


def test_the_encoder_stays_as_it_is(task, encoder, result):
    torch.manual_seed(0)
    fresh = build_backbone("resnet_nano").state_dict()
    after = encoder.backbone.state_dict()
    assert all(torch.equal(fresh[key], after[key]) for key in fresh)
    assert not encoder.backbone.training


def test_the_detector_runs_the_encoders_backbone_frozen(encoder):
    register_modules()
    from mmdet.registry import MODELS
    from mmengine.config import ConfigDict

    config = detector_config(encoder.backbone, 2, RECIPE)
    detector = MODELS.build(ConfigDict(config)).train()
    assert not detector.backbone.net.training
    assert not any(p.requires_grad for p in detector.backbone.parameters())
    pictures = torch.randint(0, 256, (3, 3, 64, 64), generator=torch.Generator().manual_seed(0))
    expected = encoder.backbone.maps(pictures / 127.5 * 2 - 2)[-2:]
    for _ in range(2):  # computed, then remembered
        for got, wanted in zip(detector.backbone(pictures.float()), expected, strict=True):
            torch.testing.assert_close(got, wanted, rtol=1e-4, atol=1e-4)
        mixed = detector.backbone(pictures[[2, 0]].float())
    torch.testing.assert_close(mixed[0], expected[0][[2, 0]], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda s: s.pop("layer4.0.bn2.running_var"), "missing: layer4.0.bn2.running_var"),
        (lambda s: s.update(head=torch.zeros(1)), "unexpected: head"),
        (
            lambda s: s.update({"conv1.weight": torch.zeros(32, 3, 7, 7)}),
            r"other shape: conv1.weight \(32, 3, 7, 7\) for \(32, 3, 3, 3\)",
        ),
    ],
)
def test_every_key_of_the_backbone_must_arrive(encoder, change, told):
    state = dict(encoder.backbone.state_dict())
    change(state)
    target = build_backbone("resnet_nano")
    before = {key: value.clone() for key, value in target.state_dict().items()}
    with pytest.raises(HeadwaterError, match=told):
        load_backbone(target, state)
    assert all(torch.equal(before[k], v) for k, v in target.state_dict().items())
    load_backbone(target, encoder.backbone.state_dict())


def test_a_task_may_have_a_recipe_of_its_own(task, encoder, monkeypatch):
    used = []

    def train(*given):
        used.append(given[-1])
        raise HeadwaterError("enough")

    monkeypatch.setattr(evaluate, "train_and_predict", train)
    own = {"epochs": 1, "most": 7}
    told = Recipe(epochs=2)
    for recipe in (None, told):
        with pytest.raises(HeadwaterError, match="enough"):
            evaluate_detection(task, encoder, 0, recipe=recipe)
    monkeypatch.setattr(task, "detection", own)
    for recipe in (None, told):
        with pytest.raises(HeadwaterError, match="enough"):
            evaluate_detection(task, encoder, 0, recipe=recipe)
    assert used == [Recipe(), told, Recipe(**own), told]


def test_the_recipe_decides_how_many_boxes_are_told(encoder):
    most = [
        detector_config(encoder.backbone, 2, recipe)["test_cfg"]["max_per_img"]
        for recipe in (Recipe(), Recipe(most=100))
    ]
    assert most == [20, 100]  # the first is that of `scenes`


def test_no_boxes(encoder):
    with pytest.raises(DataError, match="'squares' has no boxes"):
        evaluate_detection(Squares(squares(20, boxes=False)), encoder, 0)


def test_too_few_pictures(encoder):
    with pytest.raises(HeadwaterError, match="16 pictures are fewer than a batch of 32"):
        evaluate_detection(Squares(squares(20)), encoder, 0)


def test_figures_that_mmdet_does_not_confirm_are_refused(task, encoder, monkeypatch):
    truth = true_boxes(task.data(), task.data().indices("test"))
    perfect = Boxes(truth.image, truth.box, truth.label, np.ones(len(truth.label), np.float32))
    summary = {"coco/bbox_mAP": 1.0, "coco/bbox_mAP_50": 0.9, "coco/bbox_mAP_75": 1.0}
    monkeypatch.setattr(evaluate, "train_and_predict", lambda *_: (perfect, summary))
    with pytest.raises(HeadwaterError, match=r"ap50 is 100\.000 here and 90\.0 by mmdet's"):
        evaluate_detection(task, encoder, 0)
