"""PASCAL VOC by MoCo's recipe: its numbers, the weights, and a training of seconds."""

import contextlib
import os
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw
from torch.nn.modules.batchnorm import _BatchNorm

from benchmark.errors import DataError, HeadwaterError, UsageError
from benchmark.models import ResNet50, normalise
from tasks.detection import voc_evaluate
from tasks.detection.metrics import Boxes, detection_metrics
from tasks.detection.operators import quiet
from tasks.detection.voc_evaluate import CONFIGS, evaluate_voc, require_voc

SPLITS = {("VOC2007", "trainval"): 3, ("VOC2007", "test"): 3, ("VOC2012", "trainval"): 2}
TINY = {
    "batch_size": 2,
    "train_cfg.max_iters": 2,
    "custom_hooks.1.batches": 1,
    "train_dataloader.num_workers": 0,
    "train_dataloader.persistent_workers": False,
    "train_dataloader.dataset.datasets.0.pipeline.2.scales": [(96, 64)],
    "train_dataloader.dataset.datasets.1.pipeline.2.scales": [(96, 64)],
    "test_dataloader.num_workers": 0,
    "test_dataloader.persistent_workers": False,
    "test_dataloader.dataset.pipeline.1.scale": (96, 64),
    "model.train_cfg.rpn_proposal.max_per_img": 16,
    "model.train_cfg.rcnn.sampler.num": 4,
    "model.test_cfg.rpn.max_per_img": 4,
    "model.test_cfg.rcnn.score_thr": 0.0,
}
OBJECT = (
    "<object><name>{}</name><difficult>{}</difficult><bndbox><xmin>{}</xmin><ymin>{}</ymin>"
    "<xmax>{}</xmax><ymax>{}</ymax></bndbox></object>"
)


def draw(root):
    """A few photographs of rectangles: a car in each, and a dog that is difficult in some."""
    rng = np.random.default_rng(0)
    for (year, split), n in SPLITS.items():
        for name in ("Annotations", "JPEGImages", "ImageSets/Main"):
            (root / year / name).mkdir(parents=True, exist_ok=True)
        ids = [f"{year[3:]}_{split}_{k}" for k in range(n)]
        (root / year / "ImageSets" / "Main" / f"{split}.txt").write_text("\n".join(ids) + "\n")
        for k, name in enumerate(ids):
            x, y = (int(v) for v in rng.integers(1, 12, 2))
            car, dog = (x, y, x + 29, y + 29), (45, 10, 74, 49)
            picture = Image.fromarray(rng.integers(90, 160, (60, 80, 3), dtype=np.uint8))
            pen = ImageDraw.Draw(picture)
            pen.rectangle([v - 1 for v in car], fill=(250, 40, 40))  # the ends are included
            pen.rectangle([v - 1 for v in dog], fill=(40, 40, 250))
            picture.save(root / year / "JPEGImages" / f"{name}.jpg")
            things = OBJECT.format("car", 0, *car) + OBJECT.format("dog", int(k == 1), *dog)
            (root / year / "Annotations" / f"{name}.xml").write_text(
                "<annotation><size><width>80</width><height>60</height><depth>3</depth></size>"
                f"{things}</annotation>"
            )
    return root


@contextlib.contextmanager
def as_the_tools():
    """mmdet's names first, as its tools look for them."""
    with quiet():
        from mmengine.registry import DefaultScope

        with DefaultScope.overwrite_default_scope("mmdet"):
            yield


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return draw(tmp_path_factory.mktemp("VOCdevkit"))


@pytest.fixture(scope="module")
def task(root):
    return SimpleNamespace(detection_root=lambda: root)


@pytest.fixture(scope="module")
def encoder():
    torch.manual_seed(0)
    return SimpleNamespace(backbone=ResNet50().eval(), arch="resnet50")


@pytest.fixture(scope="module")
def config():
    """The config as mmdet's tools read it."""
    with quiet():
        from mmengine.config import Config

        return {frozen: Config.fromfile(path) for frozen, path in CONFIGS.items()}


def network(state):
    """The pre-trained part of a detector under torchvision's names."""
    state = {k.removeprefix("backbone."): v for k, v in state.items()}
    return {
        k.removeprefix("roi_head.shared_head."): v
        for k, v in state.items()
        if not k.startswith(("rpn_head.", "roi_head.bbox_head.", "roi_head.shared_head.norm."))
    }


@pytest.mark.parametrize("frozen", [False, True])
def test_a_training_of_two_steps(task, encoder, frozen, monkeypatch):
    runners, train_and_test = [], voc_evaluate.train_and_test
    monkeypatch.setattr(
        voc_evaluate,
        "train_and_test",
        lambda *given: runners.append(train_and_test(*given)) or runners[0],
    )
    before = {key: value.clone() for key, value in encoder.backbone.state_dict().items()}
    deterministic = torch.are_deterministic_algorithms_enabled()
    result = evaluate_voc(task, encoder, 3, frozen=frozen, cfg_options=TINY)

    assert list(result.metrics) == ["voc_ap50", "voc_ap", "voc_ap75"]
    assert {(m.unit, m.n) for m in result.metrics.values()} == {("AP", 3)}
    p = result.predictions
    assert {array.dtype.kind for name, array in p.items() if name != "image_id"} <= set("ifb")
    assert p["image_id"].tolist() == ["2007_test_0", "2007_test_1", "2007_test_2"]
    assert p["image_id"].dtype.kind == "U"
    assert p["truth_image"].tolist() == [0, 0, 1, 1, 2, 2]
    assert p["truth_label"].tolist() == [6, 11] * 3
    assert p["truth_difficult"].tolist() == [False, False, False, True, False, False]
    assert p["truth_box"][1].tolist() == [44, 9, 74, 49]  # of pixels 45..74, 10..49 from 1
    assert len(p["image"]) and set(p["image"].tolist()) <= {0, 1, 2}
    truth = Boxes(
        p["truth_image"], p["truth_box"], p["truth_label"], difficult=p["truth_difficult"]
    )
    values = detection_metrics(truth, Boxes(p["image"], p["box"], p["label"], p["score"]))
    assert {name: values[name] for name in result.metrics} == {
        name: metric.value for name, metric in result.metrics.items()
    }

    model = runners[0].model
    after = network(model.state_dict())
    assert after.keys() == before.keys()
    moved = {key for key, value in before.items() if not torch.equal(value, after[key])}
    if frozen:
        assert not moved
    else:
        assert moved == set(before)
    norm = model.roi_head.shared_head.norm
    assert not torch.equal(norm.running_mean, torch.zeros(2048))
    assert norm.momentum == 0.1
    trained = {name for name, p in model.named_parameters() if p.requires_grad}
    new = {n for n in trained if not n.startswith(("backbone.", "roi_head.shared_head.layer4."))}
    assert len(new) == 12  # weight and bias of three convolutions, the extra norm and two layers
    assert (trained == new) is frozen
    kept = encoder.backbone.state_dict()
    assert all(torch.equal(before[key], kept[key]) for key in before)
    assert torch.are_deterministic_algorithms_enabled() is deterministic


def test_recipe_is_the_published_one(config):
    cfg = config[False]
    assert cfg.batch_size == 16
    # tested once, at the end
    assert (cfg.train_cfg.max_iters, cfg.train_cfg.val_interval) == (24_000, 24_000)
    assert cfg.optim_wrapper.optimizer == {
        "type": "SGD",
        "lr": 0.02,
        "momentum": 0.9,
        "weight_decay": 1e-4,
    }
    assert cfg.optim_wrapper.paramwise_cfg == {"norm_decay_mult": 0.0}
    warm, steps = cfg.param_scheduler
    assert (warm.type, warm.begin, warm.end, warm.start_factor) == ("LinearLR", 0, 100, 0.001)
    assert (steps.type, steps.milestones, steps.gamma) == ("MultiStepLR", [18_000, 22_000], 0.1)
    assert not warm.by_epoch and not steps.by_epoch
    sides = [480, 512, 544, 576, 608, 640, 672, 704, 736, 768, 800]
    for dataset in cfg.train_dataloader.dataset.datasets:
        resize, flip = dataset.pipeline[2:4]
        assert [tuple(s) for s in resize.scales] == [(1333, side) for side in sides]
        assert (flip.type, flip.prob, flip.get("direction")) == ("RandomFlip", 0.5, None)
    assert [d.ann_file for d in cfg.train_dataloader.dataset.datasets] == [
        f"{year}/ImageSets/Main/trainval.txt" for year in ("VOC2007", "VOC2012")
    ]
    assert cfg.test_dataloader.dataset.ann_file == "VOC2007/ImageSets/Main/test.txt"
    assert tuple(cfg.test_dataloader.dataset.pipeline[1].scale) == (1333, 800)
    assert cfg.custom_hooks[1] == {"type": "PreciseBN", "batches": 200}


def built(config, frozen=False):
    """The detector of a config as it is on one device, in training mode."""
    with as_the_tools():
        from mmdet.registry import MODELS
        from mmengine.model import revert_sync_batchnorm

        detector = MODELS.build(config[frozen].model)
        norms = [m for m in detector.modules() if isinstance(m, torch.nn.SyncBatchNorm)]
        return revert_sync_batchnorm(detector).train(), len(norms)


def test_model_is_the_published_one(config):
    model, norms = built(config)
    assert norms == 53 + 1  # those of a ResNet-50, and the extra one
    assert all(p.requires_grad for p in model.parameters())
    batch_norms = [m for m in model.modules() if isinstance(m, _BatchNorm)]
    assert len(batch_norms) == 54 and all(m.training for m in batch_norms)
    assert list(dict(model.roi_head.shared_head.named_children())) == ["layer4", "norm"]
    for stage in (model.backbone.layer2, model.roi_head.shared_head.layer4):
        assert (stage[0].conv1.stride, stage[0].conv2.stride) == ((1, 1), (2, 2))
    assert model.roi_head.bbox_head.num_classes == 20
    assert model.rpn_head.prior_generator.base_anchors[0].shape == (15, 4)


def test_frozen_model_trains_the_extra_norm_alone(config):
    model, norms = built(config, frozen=True)
    assert norms == 1
    learning = [m for m in model.modules() if isinstance(m, _BatchNorm) and m.training]
    assert learning == [model.roi_head.shared_head.norm]


def hook_for(state, path, **more):
    """The hook with a file of these weights, and a runner of a new detector."""
    from tasks.detection.voc import PretrainedBackbone

    torch.save(state, path)
    runner = {"iter": 0, "_resume": False, "_load_from": None, **more}
    return PretrainedBackbone(str(path)), SimpleNamespace(**runner)


def test_the_detector_computes_what_the_encoder_does(config, encoder, tmp_path):
    model, _ = built(config)
    hook, runner = hook_for(encoder.backbone.state_dict(), tmp_path / "b.pth", model=model.eval())
    hook.before_train(runner)
    pixels = torch.randint(0, 256, (1, 3, 64, 96), generator=torch.Generator().manual_seed(0))
    # mmdet reads pictures blue first
    batch = {"inputs": [pixels[0].flip(0).to(torch.uint8)], "data_samples": None}
    inputs = model.data_preprocessor(batch, False)["inputs"]
    torch.testing.assert_close(inputs, normalise(pixels), rtol=0, atol=1e-6)
    with torch.no_grad():
        maps = encoder.backbone.maps(normalise(pixels))
        torch.testing.assert_close(model.backbone(inputs)[0], maps[2], rtol=1e-3, atol=1e-3)
        torch.testing.assert_close(
            model.roi_head.shared_head.layer4(maps[2]), maps[3], rtol=1e-3, atol=1e-3
        )


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda s: s.pop("layer4.0.bn2.running_var"), r"missing: layer4\.0\.bn2\.running_var\)"),
        (lambda s: s.update({"fc.weight": torch.zeros(1)}), r"\(unexpected: fc\.weight\)"),
        (
            lambda s: s.update({"conv1.weight": torch.zeros(64, 3, 3, 3)}),
            r"other shape: conv1\.weight \(64, 3, 3, 3\) for \(64, 3, 7, 7\)",
        ),
    ],
)
def test_every_key_must_arrive(config, encoder, tmp_path, change, told):
    model, _ = built(config)
    before = {key: value.clone() for key, value in model.state_dict().items()}
    state = dict(encoder.backbone.state_dict())
    change(state)
    hook, runner = hook_for(state, tmp_path / "b.pth", model=model)
    with pytest.raises(HeadwaterError, match=told):
        hook.before_train(runner)
    assert all(torch.equal(before[k], v) for k, v in model.state_dict().items())


@pytest.mark.parametrize("more", [{"iter": 5}, {"_resume": True}])
def test_weights_of_a_resumed_training_stay(tmp_path, more):
    hook, runner = hook_for({}, tmp_path / "b.pth", **more)
    hook.before_train(runner)  # without a model, it would fail


def test_weights_that_are_not_there(config, tmp_path, monkeypatch):
    from tasks.detection.voc import PretrainedBackbone

    runner = SimpleNamespace(iter=0, _resume=False, _load_from=None, model=built(config)[0])
    with pytest.raises(UsageError, match="no pre-trained weights are named"):
        PretrainedBackbone().before_train(runner)
    with pytest.raises(DataError, match=r"cannot read weights from .*nowhere\.pth"):
        PretrainedBackbone(str(tmp_path / "nowhere.pth")).before_train(runner)
    hook, _ = hook_for({"state": {}}, tmp_path / "b.pth")
    with pytest.raises(DataError, match="holds more than tensors"):
        hook.before_train(runner)
    monkeypatch.setitem(sys.modules, "safetensors.torch", None)  # as if it were not installed
    with pytest.raises(UsageError, match=r"b\.safetensors needs the package safetensors"):
        PretrainedBackbone(str(tmp_path / "b.safetensors")).before_train(runner)
    runner._load_from = "detector.pth"
    PretrainedBackbone().before_train(runner)


def test_metric(config, root):
    """What is on the pictures is right; what lies on a difficult object is neither."""
    with as_the_tools():
        from mmdet.registry import DATASETS, METRICS

        data = DATASETS.build({**config[False].test_dataloader.dataset, "data_root": str(root)})
        metric = METRICS.build(config[False].test_evaluator)
        samples = [data[k]["data_samples"].to_dict() for k in range(len(data))]
    for k, sample in enumerate(samples):
        # the dogs are found in no picture but that where one is difficult
        things = [t for t in sample["instances"] if t["bbox_label"] == 6 or k == 1]
        sample["pred_instances"] = {
            "bboxes": torch.tensor([t["bbox"] for t in things]),
            "labels": torch.tensor([t["bbox_label"] for t in things]),
            "scores": torch.full((len(things),), 0.9),
        }
    metric.process(None, samples)
    assert metric.evaluate(len(samples)) == {"voc/ap50": 50.0, "voc/ap": 50.0, "voc/ap75": 50.0}
    assert metric.image_id == ("2007_test_0", "2007_test_1", "2007_test_2")
    assert metric.found.image.tolist() == [0, 1, 1, 2]


def test_difficult_objects_are_trained_on(config, root):
    with as_the_tools():
        from mmdet.registry import DATASETS

        folders = {
            "datasets": [
                dict(d, data_root=str(root))
                for d in config[False].train_dataloader.dataset.datasets
            ]
        }
        data = DATASETS.build({**config[False].train_dataloader.dataset, **folders})
        samples = [data[k]["data_samples"] for k in range(len(data))]
    assert len(data) == 3 + 2
    assert all(sample.gt_instances.labels.tolist() == [6, 11] for sample in samples)
    assert {min(sample.img_shape) for sample in samples} <= set(range(480, 801, 32))


def test_a_batch_that_the_gpus_cannot_share(config, root, monkeypatch):
    from tasks.detection.voc import VocRunner

    cfg = config[False].copy()
    cfg.merge_from_dict({"data_root": str(root), "launcher": "pytorch"})
    monkeypatch.setenv("WORLD_SIZE", "3")
    with pytest.raises(UsageError, match="3 GPUs cannot share a batch of 16 evenly"):
        VocRunner.from_cfg(cfg)


def test_another_architecture(task):
    nano = SimpleNamespace(backbone=torch.nn.Linear(2, 2), arch="resnet_nano")
    with pytest.raises(UsageError, match="needs resnet50, and this encoder is resnet_nano"):
        evaluate_voc(task, nano, 0, frozen=True)


def test_every_part_that_is_missing_is_named(tmp_path, encoder):
    with pytest.raises(DataError) as told:
        evaluate_voc(SimpleNamespace(detection_root=lambda: tmp_path), encoder, 0, frozen=False)
    for part in ("Annotations", "JPEGImages", "ImageSets/Main/trainval.txt"):
        assert f"VOC2007/{part}" in str(told.value) and f"VOC2012/{part}" in str(told.value)
    assert "VOC2007/ImageSets/Main/test.txt" in str(told.value)
    assert "VOCtest_06-Nov-2007.tar" in str(told.value)
    draw(tmp_path)
    require_voc(tmp_path)
    (tmp_path / "VOC2007" / "JPEGImages" / "2007_test_1.jpg").unlink()
    message = "lacks 1 of the 3 files of VOC2007/ImageSets/Main/test.txt in VOC2007/JPEGImages;"
    with pytest.raises(DataError, match=message):
        require_voc(tmp_path)


def test_mmdets_own_tool(root, encoder, tmp_path):
    import mmdet

    torch.save(encoder.backbone.state_dict(), tmp_path / "backbone.pth")
    options = {**TINY, "data_root": root, "checkpoint": tmp_path / "backbone.pth"}
    for name, value in TINY.items():  # it tests by the other loader, which has the same values
        if name.startswith("test_dataloader"):
            options[name.replace("test", "val", 1)] = value
    tool = Path(mmdet.__file__).parent / ".mim" / "tools" / "train.py"
    done = subprocess.run(
        [sys.executable, tool, CONFIGS[True], "--work-dir", tmp_path / "work", "--cfg-options"]
        + [f"{name}={value}".replace(" ", "") for name, value in options.items()],
        cwd=Path(voc_evaluate.__file__).parents[2],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert re.search(r"Iter\(val\) \[3/3\] +voc/ap50: [\d.]+  voc/ap: ", done.stdout + done.stderr)
    # a detector that no tool can load again would be of no use
    saved = torch.load(tmp_path / "work" / "iter_2.pth", weights_only=True)
    after = network(saved["state_dict"])
    assert all(torch.equal(value, after[k]) for k, value in encoder.backbone.state_dict().items())
