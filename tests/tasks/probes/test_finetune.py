"""Fine-tuning: it learns, from the labels it may see alone, and leaves the encoder as it was."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from benchmark.data.procedural import smoke_set
from benchmark.method import build_backbone
from benchmark.registry import TASKS, load_shipped
from tasks.probes.finetune import RECIPES, finetune

RECIPE = replace(RECIPES["smoke"], steps=60)


@pytest.fixture(scope="module")
def images():
    load_shipped()
    return smoke_set("tasks/shapes", 32, TASKS.get("shapes").spec.data_sha256)


def task(images, metric="top1"):
    spec = SimpleNamespace(name="shapes", metric=metric, tier="smoke")
    return SimpleNamespace(spec=spec, data=lambda: images, n_classes=lambda: 8)


def encoder():
    torch.manual_seed(0)
    return SimpleNamespace(backbone=build_backbone("resnet_nano").eval().requires_grad_(False))


def test_it_learns_and_leaves_the_encoder_alone(images) -> None:
    frozen = encoder()
    before = {name: value.clone() for name, value in frozen.backbone.state_dict().items()}
    result = finetune(task(images), frozen, 0, RECIPE)
    assert result.metrics["top1"].value > 60  # chance is 12.5
    told = result.predictions
    assert told["index"].tolist() == images.indices("test").tolist()
    right = told["prediction"] == images.labels[told["index"]]
    assert result.metrics["top1"].value == pytest.approx(100 * right.mean())
    after = frozen.backbone.state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert not frozen.backbone.training


def test_a_seed_decides_it_and_the_labels_of_test_do_not(images) -> None:
    few = replace(RECIPE, steps=5)
    labels = images.labels.copy()
    labels[images.indices("test")] = labels[images.indices("test")][::-1]
    first, other, third = (
        finetune(task(data), encoder(), seed, few).predictions["prediction"]
        for data, seed in ((images, 0), (replace(images, labels=labels), 0), (images, 1))
    )
    assert (first == other).all()
    assert (first != third).any()


def test_several_labels_have_scores(images) -> None:
    several = np.eye(8, dtype=np.uint8)[images.labels]
    several[:, 0] |= several[:, 1]
    few = replace(RECIPE, steps=5)
    result = finetune(task(replace(images, labels=several), "map11"), encoder(), 0, few)
    assert list(result.metrics) == ["map11"]
    assert result.predictions["score"].shape == (len(images.indices("test")), 8)


@pytest.mark.parametrize("tier", RECIPES)
def test_only_full_mirrors(tier: str) -> None:
    assert RECIPES[tier].view.flip == (0.5 if tier == "full" else 0.0)
