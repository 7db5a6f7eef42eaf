"""What the mmdet config voc_r50_c4.py names, and nothing else imports: it imports mmdet.

Registered with mmdet and mmengine: `VocRunner`, `HeadwaterVoc`, `Res5ExtraNorm`,
`PretrainedBackbone`, `PreciseBN`, `PlainCheckpoint` and `Voc07Metric`.
"""

import copy
import os
import xml.etree.ElementTree as ET
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from benchmark.errors import DataError, HeadwaterError, UsageError
from tasks.detection.detector import load_backbone
from tasks.detection.metrics import Boxes, voc_metrics
from tasks.detection.operators import import_mmdet
from tasks.detection.voc_evaluate import require_voc

import_mmdet()

from mmdet.datasets import VOCDataset  # noqa: E402
from mmdet.models.roi_heads.shared_heads import ResLayer  # noqa: E402
from mmdet.registry import DATASETS, METRICS, MODELS  # noqa: E402
from mmengine.evaluator import BaseMetric  # noqa: E402
from mmengine.hooks import Hook  # noqa: E402
from mmengine.model import is_model_wrapper  # noqa: E402
from mmengine.registry import HOOKS, RUNNERS  # noqa: E402
from mmengine.runner import Runner  # noqa: E402


@RUNNERS.register_module()
class VocRunner(Runner):  # type: ignore[misc]
    """mmengine's, which passes on what stands at the top of the config: folder, weights, batch."""

    @classmethod
    def from_cfg(cls, cfg: Any) -> "VocRunner":
        """Build it from a config whose parts leave open `data_root`, `checkpoint`, `batch_size`.

        Raises:
            DataError: `data_root` does not hold VOC 2007 and 2012.
            UsageError: the GPUs cannot share the batch.
        """
        cfg = copy.deepcopy(cfg)
        require_voc(Path(cfg.data_root))
        datasets = [*cfg.train_dataloader.dataset.datasets, cfg.test_dataloader.dataset]
        if cfg.val_dataloader:
            datasets.append(cfg.val_dataloader.dataset)
        for dataset in datasets:
            dataset.setdefault("data_root", cfg.data_root)
        for hook in cfg.custom_hooks:
            if hook.type == "PretrainedBackbone":
                hook.setdefault("checkpoint", cfg.checkpoint)
        devices = 1
        if cfg.get("launcher", "none") != "none":
            names = ("WORLD_SIZE", "SLURM_NTASKS", "OMPI_COMM_WORLD_SIZE")
            devices = next((int(os.environ[name]) for name in names if name in os.environ), 1)
        if cfg.batch_size % devices:
            raise UsageError(
                f"{devices} GPUs cannot share a batch of {cfg.batch_size} evenly; "
                "use a number of them that divides it"
            )
        cfg.train_dataloader.setdefault("batch_size", cfg.batch_size // devices)
        runner: VocRunner = super().from_cfg(cfg)
        return runner


@DATASETS.register_module()
class HeadwaterVoc(VOCDataset):  # type: ignore[misc]
    """mmdet's, with boxes as detectron2 has them, and difficult objects to learn from.

    A box is from the outer edge of its first pixel to that of its last one, counted from 0; mmdet
    ends it a pixel earlier, and hides difficult objects from training.
    """

    def _parse_instance_info(
        self, raw_ann_info: "ET.ElementTree[Any]", minus_one: bool = True
    ) -> list[dict[str, Any]]:
        def instance(thing: Any) -> dict[str, Any]:
            x1, y1, x2, y2 = (
                float(thing.findtext(f"bndbox/{side}")) for side in ("xmin", "ymin", "xmax", "ymax")
            )
            return {
                "bbox": [x1 - 1, y1 - 1, x2, y2],
                "bbox_label": self.cat2label[thing.findtext("name")],
                "ignore_flag": 0,
                "difficult": bool(int(thing.findtext("difficult", "0"))),
            }

        return [
            instance(thing)
            for thing in raw_ann_info.findall("object")
            if thing.findtext("name") in self.cat2label
        ]


@MODELS.register_module()
class Res5ExtraNorm(ResLayer):  # type: ignore[misc]
    """The last stage of a ResNet-50 on each region, and one norm more.

    Args:
        norm_cfg: of what is trained.
        frozen: keep the stage as it was pre-trained, its statistics too; the extra norm is trained.

    Source:
        He et al., MoCo (CVPR 2020), section 4.2; Res5ROIHeadsExtraNorm in its code.

    Example:
        >>> Res5ExtraNorm({"type": "BN"}, frozen=True)(torch.zeros(2, 1024, 14, 14)).shape
        torch.Size([2, 2048, 7, 7])
    """

    def __init__(self, norm_cfg: Mapping[str, Any], frozen: bool, init_cfg: Any = None) -> None:
        own = {"type": "BN", "requires_grad": False} if frozen else norm_cfg
        super().__init__(depth=50, norm_cfg=dict(own), norm_eval=False, init_cfg=init_cfg)
        self.frozen = frozen
        self.norm = MODELS.build({"type": norm_cfg["type"], "num_features": 2048})
        self.layer4.requires_grad_(not frozen)

    def forward(self, regions: Tensor) -> Tensor:
        """Maps (N, 2048, 7, 7) of regions (N, 1024, 14, 14)."""
        maps: Tensor = self.norm(self.layer4(regions))
        return maps

    def train(self, mode: bool = True) -> "Res5ExtraNorm":
        nn.Module.train(self, mode)
        self.layer4.train(mode and not self.frozen)
        return self


def _bare(runner: Any) -> Any:
    return runner.model.module if is_model_wrapper(runner.model) else runner.model


def _read(path: str) -> dict[str, Tensor]:
    """The tensors of a file by name; DataError if it is not such a file."""
    try:
        if path.endswith(".safetensors"):
            from safetensors.torch import load_file

            state: Any = load_file(path)
        else:
            state = torch.load(path, map_location="cpu", weights_only=True)
    except ImportError as error:
        raise UsageError(f"{path} needs the package safetensors: install it") from error
    except Exception as error:  # torch and pickle have a dozen ways to fail
        what = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise DataError(f"cannot read weights from {path} ({what}); give a state dict") from error
    if not isinstance(state, dict) or not all(isinstance(v, Tensor) for v in state.values()):
        raise DataError(f"{path} holds more than tensors by name; give the backbone's state dict")
    return state


@HOOKS.register_module()
class PretrainedBackbone(Hook):  # type: ignore[misc]
    """Loads the pre-trained weights before the first step, all of them or none.

    Args:
        checkpoint: file with the state dict of a benchmark.models.ResNet50; conv1 to layer3 go to
            the backbone, layer4 to the head. Needed unless training is resumed, or `load_from` of
            the config names a whole detector.
    """

    def __init__(self, checkpoint: str | None = None) -> None:
        self.checkpoint = checkpoint

    def before_train(self, runner: Any) -> None:
        """Load them.

        Raises:
            UsageError: no checkpoint is named.
            DataError: it cannot be read.
            HeadwaterError: a key is missing, unexpected, or of another shape; names all of them.
        """
        if runner.iter > 0 or runner._resume:
            return
        if not self.checkpoint:
            if runner._load_from:
                return
            raise UsageError(
                "no pre-trained weights are named; add --cfg-options checkpoint=FILE, "
                "a state dict of Headwater's ResNet-50"
            )
        model = _bare(runner)
        # the same modules under the names that they have in the pre-trained network
        network = nn.ModuleDict(dict(model.backbone.named_children()))
        network["layer4"] = model.roi_head.shared_head.layer4
        load_backbone(network, _read(self.checkpoint))


@HOOKS.register_module()
class PreciseBN(Hook):  # type: ignore[misc]
    """After the last step: the mean statistics of some batches in place of the running ones.

    Args:
        batches: so many; 0 leaves the running ones.

    Source:
        facebookresearch/moco's Base-RCNN-C4-BN.yaml has detectron2's TEST.PRECISE_BN on, 200
        batches.
    """

    def __init__(self, batches: int) -> None:
        self.batches = batches

    def after_train_iter(
        self, runner: Any, batch_idx: int, data_batch: Any = None, outputs: Any = None
    ) -> None:
        if not self.batches or not self.is_last_train_iter(runner):
            return
        model = _bare(runner)
        norms = [m for m in model.modules() if isinstance(m, _BatchNorm) and m.training]
        momenta = [norm.momentum for norm in norms]
        for norm in norms:
            norm.reset_running_stats()
            norm.momentum = None  # torch's word for the mean of all
        with torch.no_grad(), runner.optim_wrapper.optim_context(runner.model):
            for _ in range(self.batches):
                batch = next(runner.train_loop.dataloader_iterator)
                model(**model.data_preprocessor(batch, True), mode="loss")
        for norm, momentum in zip(norms, momenta, strict=True):
            norm.momentum = momentum


@HOOKS.register_module()
class PlainCheckpoint(Hook):  # type: ignore[misc]
    """Leaves out of checkpoints what torch.load refuses to read unless it may run any code.

    That is the history of the logged numbers, which only smooths the log, and numpy's scalars.
    """

    def before_save_checkpoint(self, runner: Any, checkpoint: dict[str, Any]) -> None:
        hub = checkpoint["message_hub"]
        hub["log_scalars"] = {}
        for key, value in hub["runtime_info"].items():
            hub["runtime_info"][key] = value.item() if isinstance(value, np.generic) else value


@METRICS.register_module()
class Voc07Metric(BaseMetric):  # type: ignore[misc]
    """AP50, AP and AP75 by VOC 2007's definition, 0-100; keeps what it computed them from.

    After `evaluate`, on the first rank: `image_id`, names of the images; `truth` and `found`, whose
    `image` is a row of it; and `values`, as `voc_metrics` gives them.
    """

    default_prefix = "voc"
    image_id: Sequence[str] = ()
    truth: Boxes | None = None
    found: Boxes | None = None
    values: Mapping[str, float] = {}

    def process(self, data_batch: Any, data_samples: Sequence[Mapping[str, Any]]) -> None:
        for sample in data_samples:
            got = sample["pred_instances"]
            arrays = (got[key].cpu().numpy() for key in ("bboxes", "labels", "scores"))
            self.results.append((str(sample["img_id"]), tuple(arrays), sample["instances"]))

    def compute_metrics(self, results: Sequence[Any]) -> dict[str, float]:
        self.image_id, found, true = zip(*results, strict=True)
        box, label, score = (np.concatenate(arrays) for arrays in zip(*found, strict=True))
        row = np.arange(len(found))
        self.found = Boxes(np.repeat(row, [len(f[1]) for f in found]), box, label, score)
        things = [thing for some in true for thing in some]
        self.truth = Boxes(
            image=np.repeat(row, [len(some) for some in true]),
            box=np.array([thing["bbox"] for thing in things], np.float32).reshape(-1, 4),
            label=np.array([thing["bbox_label"] for thing in things], np.int64),
            difficult=np.array([thing["difficult"] for thing in things], bool),
        )
        if self.truth.difficult is None or self.truth.difficult.all():
            raise HeadwaterError("the test images show no object that is to be found")
        self.values = voc_metrics(self.truth, self.found)
        return {name.removeprefix("voc_"): value for name, value in self.values.items()}
