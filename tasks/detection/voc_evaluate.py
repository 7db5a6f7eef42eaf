"""Detection on PASCAL VOC 07+12 by MoCo's recipe, fine-tuned or on a frozen network."""

import contextlib
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch

from benchmark.encoder import Encoder
from benchmark.errors import DataError, UsageError
from benchmark.result import Metric
from tasks.detection.operators import quiet
from tasks.task import TaskResult

#: The mmdet configs, by whether the pre-trained weights are frozen.
CONFIGS = {
    frozen: Path(__file__).with_name(f"voc_r50_c4{end}.py")
    for frozen, end in ((False, ""), (True, "_frozen"))
}

#: Lists of images by the set that they are of.
_LISTS = {"VOC2007": ("trainval", "test"), "VOC2012": ("trainval",)}


class VocTask(Protocol):
    """A task that knows where the photographs and their boxes are."""

    def detection_root(self) -> Path:
        """The folder that holds VOC2007 and VOC2012."""


def require_voc(root: Path) -> None:
    """See to it that a folder holds VOC 2007 and 2012 with their boxes.

    Args:
        root: that should hold VOC2007 and VOC2012, as VOCdevkit does.

    Raises:
        DataError: parts are missing; names them all.

    Example:
        >>> require_voc(Path("nowhere"))
        Traceback (most recent call last):
        benchmark.errors.DataError: nowhere lacks VOC2007/Annotations, VOC2007/JPEGImages, ...
    """
    missing = []
    for year, names in _LISTS.items():
        folders = {"Annotations": ".xml", "JPEGImages": ".jpg"}
        missing += [f"{year}/{name}" for name in folders if not (root / year / name).is_dir()]
        there = {
            folder: {path.stem for path in (root / year / folder).glob(f"*{end}")}
            for folder, end in folders.items()
            if (root / year / folder).is_dir()
        }
        for name in names:
            path = f"{year}/ImageSets/Main/{name}.txt"
            if not (root / path).is_file():
                missing.append(path)
                continue
            listed = set((root / path).read_text(encoding="utf-8").split())
            missing += [
                f"{len(listed - stems)} of the {len(listed)} files of {path} in {year}/{folder}"
                for folder, stems in there.items()
                if listed - stems
            ]
    if missing:
        raise DataError(
            f"{root} lacks {', '.join(missing)}; fetch VOCtrainval_06-Nov-2007.tar, "
            "VOCtest_06-Nov-2007.tar and VOCtrainval_11-May-2012.tar from "
            "http://host.robots.ox.ac.uk/pascal/VOC and unpack all three in one place: their "
            "folder VOCdevkit is the one that is wanted"
        )


def evaluate_voc_finetuned(task: VocTask, encoder: Encoder, seed: int) -> TaskResult:
    """`evaluate_voc`, everything being trained: MoCo's recipe."""
    return evaluate_voc(task, encoder, seed, frozen=False)


def evaluate_voc_frozen(task: VocTask, encoder: Encoder, seed: int) -> TaskResult:
    """`evaluate_voc`, the pre-trained weights staying as they are."""
    return evaluate_voc(task, encoder, seed, frozen=True)


def evaluate_voc(
    task: VocTask,
    encoder: Encoder,
    seed: int,
    *,
    frozen: bool,
    cfg_options: Mapping[str, Any] | None = None,
) -> TaskResult:
    """Train Faster R-CNN R50-C4 on VOC 07+12 trainval, and test it on VOC 2007 test.

    Args:
        task: that says where the data are.
        encoder: a ResNet-50; its weights are copied.
        seed: of what is not pre-trained, the order of the pictures and their sizes, at least 0.
            It decides the bits on a processor; on a GPU, RoIAlign's gradient does not allow that.
        frozen: train only what was not pre-trained.
        cfg_options: changes to the config by dotted name, as of mmdet's --cfg-options; for tests,
            since the figures then are no longer the recipe's.

    Returns:
        Metrics `voc_ap50` (the headline), `voc_ap` and `voc_ap75`, in 0-100, by VOC 2007's
        definition. As predictions the flat arrays that `voc_metrics` computes them from: `image`
        (a row of `image_id`), `box`, `score`, `label` of what was found; `truth_image`,
        `truth_box`, `truth_label`, `truth_difficult`; and `image_id`, the names of the test images.

    Raises:
        DataError: the data are incomplete; names what is missing.
        UsageError: the encoder is no ResNet-50.

    Source:
        He et al., MoCo (CVPR 2020), section 4.2.1; see voc_r50_c4.py.
    """
    root = task.detection_root()
    require_voc(root)
    if encoder.arch != "resnet50":
        raise UsageError(
            f"detection on VOC needs resnet50, and this encoder is {encoder.arch}; "
            "evaluate a checkpoint of the full tier"
        )
    runner = train_and_test(root, encoder, seed, CONFIGS[frozen], cfg_options or {})
    metric = runner.test_loop.evaluator.metrics[0]
    truth, found, n = metric.truth, metric.found, len(metric.image_id)
    return TaskResult(
        {name: Metric(value=value, unit="AP", n=n) for name, value in metric.values.items()},
        found.arrays()
        | truth.arrays("truth_")
        | {"image_id": np.array(metric.image_id, dtype=np.str_)},
    )


def train_and_test(
    root: Path, encoder: Encoder, seed: int, config: Path, cfg_options: Mapping[str, Any]
) -> Any:
    """Train and test by an mmdet config, on one device.

    Args:
        root: the folder that holds VOC2007 and VOC2012.
        encoder: a ResNet-50.
        seed: at least 0.
        config: one of `CONFIGS`.
        cfg_options: changes to it, by dotted name.

    Returns:
        mmengine's Runner, after the test; its working folder is gone.
    """
    gpu = torch.cuda.is_available()
    with tempfile.TemporaryDirectory() as folder, quiet(), _deterministic_again():
        from mmengine.config import Config
        from mmengine.registry import RUNNERS

        weights = Path(folder) / "backbone.pth"
        torch.save({k: v.cpu() for k, v in encoder.backbone.state_dict().items()}, weights)
        cfg = Config.fromfile(config)
        cfg.merge_from_dict(
            {
                "data_root": str(root),
                "checkpoint": str(weights),
                "work_dir": folder,
                "experiment_name": f"voc-{time.monotonic_ns()}",  # mmengine wants one of its own
                "randomness": {"seed": seed % 2**32, "deterministic": not gpu},
                "default_hooks.checkpoint": None,  # the folder goes when this ends
                **dict.fromkeys(("val_dataloader", "val_cfg", "val_evaluator")),  # test() is called
                "log_level": "ERROR",
            }
        )
        cfg.merge_from_dict(dict(cfg_options))
        if gpu:
            torch.use_deterministic_algorithms(False)
        runner = RUNNERS.build(cfg)
        runner.train()
        runner.test()
        return runner


@contextlib.contextmanager
def _deterministic_again() -> Iterator[None]:
    """Leave torch's choice of algorithms as it was found."""
    before = torch.are_deterministic_algorithms_enabled()
    try:
        yield
    finally:
        torch.use_deterministic_algorithms(before)
