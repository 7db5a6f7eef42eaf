"""Detection on a frozen backbone: an mmdet detector, trained and tested by mmengine's Runner."""

import copy
import tempfile
import time
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmark.data.imageset import ImageSet
from benchmark.encoder import Encoder
from benchmark.errors import DataError, HeadwaterError
from benchmark.result import Metric
from tasks.detection.detector import Recipe, detector_config, register_modules
from tasks.detection.metrics import Boxes, detection_metrics
from tasks.detection.operators import quiet
from tasks.detection.pictures import Pictures
from tasks.task import Task, TaskResult

#: Pictures at a time in prediction.
_AT_A_TIME = 64

#: mmdet rounds to a tenth of a point; with room for the last bit.
_ROUNDING = 0.051


def evaluate_detection(
    task: Task,
    encoder: Encoder,
    seed: int,
    *,
    recipe: Recipe | None = None,
    train_on: Sequence[str] = ("train", "val"),
    test_on: str = "test",
) -> TaskResult:
    """Train a detector on a frozen backbone and measure it.

    Args:
        task: whose data have boxes.
        encoder: the backbone; its weights are copied.
        seed: of the detector's start, the order of the pictures and their mirroring, at least 0.
        recipe: how it is trained; if None, the task's own `detection`, or else the default one.
        train_on: splits to train on.
        test_on: split to measure on; "val" to compare recipes.

    Returns:
        Metrics `ap50` (the headline), `ap` and `ap75` by COCO's definition, then `voc_ap50`,
        `voc_ap` and `voc_ap75` by VOC 2007's, in 0-100. As predictions the flat arrays that
        `detection_metrics` computes them from: `image` (a row of the image set), `box`, `score`,
        `label` of what was found, and `truth_image`, `truth_box`, `truth_label`.

    Raises:
        DataError: the data are not prepared, or have no boxes.
        HeadwaterError: there is too little to train on.
    """
    data = task.data()
    rows = np.sort(np.concatenate([data.indices(split) for split in train_on]))
    test_rows = data.indices(test_on)
    truth = true_boxes(data, test_rows)
    if not len(truth.image) or not len(true_boxes(data, rows).image):
        raise DataError(f"task {task.spec.name!r} has no boxes, and detection needs some to learn")
    recipe = recipe or Recipe(**task.detection)
    found, summary = train_and_predict(data, rows, test_rows, encoder, seed, recipe)
    assert found.score is not None
    values = detection_metrics(truth, found)
    for name, theirs in {"ap50": "bbox_mAP_50", "ap": "bbox_mAP", "ap75": "bbox_mAP_75"}.items():
        if abs(values[name] - 100 * summary.get(f"coco/{theirs}", 0.0)) > _ROUNDING:
            raise HeadwaterError(
                f"{name} is {values[name]:.3f} here and {100 * summary[f'coco/{theirs}']:.1f} by "
                "mmdet's COCO metric: one of the two is at fault; please report this"
            )
    metrics = {
        name: Metric(value=value, unit="AP", n=len(test_rows)) for name, value in values.items()
    }
    return TaskResult(metrics, found.arrays() | truth.arrays("truth_"))


def train_and_predict(
    data: ImageSet,
    rows: NDArray[np.int64],
    test_rows: NDArray[np.int64],
    encoder: Encoder,
    seed: int,
    recipe: Recipe,
) -> tuple[Boxes, dict[str, float]]:
    """Train on some rows of an image set, and find boxes in others.

    Args:
        data: with boxes.
        rows: to train on.
        test_rows: to find boxes in.
        encoder: the backbone.
        seed: at least 0.
        recipe: how the detector is trained.

    Returns:
        What was found, `image` being rows of `data`; and what mmdet's COCO metric says of it, in
        0-1, rounded to three places.

    Raises:
        HeadwaterError: there are fewer rows than a batch.
    """
    if len(rows) < recipe.batch_size:
        raise HeadwaterError(
            f"{len(rows)} pictures are fewer than a batch of {recipe.batch_size}: "
            "train the detector on more pictures, or with a smaller batch_size"
        )
    register_modules()
    from mmdet.registry import METRICS
    from mmengine.config import ConfigDict
    from mmengine.runner import Runner

    backbone = copy.deepcopy(encoder.backbone).cpu()
    metric = METRICS.build({"type": "mmdet.HeadwaterCocoMetric"})
    with tempfile.TemporaryDirectory() as folder, quiet():
        runner = Runner(
            model=ConfigDict(detector_config(backbone, len(data.class_names), recipe)),
            work_dir=folder,
            experiment_name=f"detection-{time.monotonic_ns()}",  # mmengine wants one of its own
            default_scope="mmdet",
            train_dataloader=_loader(
                Pictures(data, rows, mirror=True), recipe.batch_size, shuffle=True
            ),
            train_cfg={"by_epoch": True, "max_epochs": recipe.epochs},
            optim_wrapper={
                "optimizer": {
                    "type": "AdamW",
                    "lr": recipe.lr,
                    "weight_decay": recipe.weight_decay,
                },
                "clip_grad": {"max_norm": 10.0},
            },
            param_scheduler={
                "type": "OneCycleLR",
                "by_epoch": False,
                "eta_max": recipe.lr,
                "total_steps": recipe.epochs * (len(rows) // recipe.batch_size),
                "pct_start": 0.15,
            },
            test_dataloader=_loader(Pictures(data, test_rows), _AT_A_TIME, shuffle=False),
            test_cfg={},
            test_evaluator=[metric],
            default_hooks=dict.fromkeys(("runtime_info", "timer", "logger", "checkpoint")),
            randomness={"seed": seed % 2**32, "deterministic": True},
            log_level="ERROR",
        )
        runner.train()
        summary: dict[str, float] = runner.test()
    kept = metric.kept
    found = Boxes(
        image=np.repeat([row["img_id"] for row in kept], [len(row["scores"]) for row in kept]),
        box=np.concatenate([row["bboxes"] for row in kept]),
        label=np.concatenate([row["labels"] for row in kept]),
        score=np.concatenate([row["scores"] for row in kept]),
    )
    return found, summary


def true_boxes(data: ImageSet, rows: NDArray[np.int64]) -> Boxes:
    """The objects in some rows of an image set, in the order of the rows."""
    objects = [(int(row), box) for row in rows for box in data.boxes[row]]
    return Boxes(
        image=np.array([row for row, _ in objects], np.int64),
        box=np.array([box[:4] for _, box in objects], np.float32).reshape(-1, 4),
        label=np.array([box[4] for _, box in objects], np.int64),
    )


def _loader(pictures: Pictures, batch_size: int, *, shuffle: bool) -> dict[str, Any]:
    return {
        "dataset": pictures,
        "batch_size": batch_size,
        "drop_last": shuffle,
        "num_workers": 0,
        "sampler": {"type": "DefaultSampler", "shuffle": shuffle},
        "collate_fn": {"type": "pseudo_collate"},
    }
