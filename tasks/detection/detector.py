"""The small detector of the nano tier: an mmdet config on a frozen backbone.

FCOS on one map of stride 8. The backbone is frozen and sees each picture once: its maps are kept,
so an epoch costs the neck and the head only.
"""

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from benchmark.errors import HeadwaterError
from benchmark.method import channels_last
from benchmark.models import Backbone, normalise
from tasks.detection.operators import import_mmdet

#: Stages of the backbone that are used, from the last; the neck's map has the first one's stride.
STAGES = 2


@dataclass(frozen=True)
class Recipe:
    """How a detector is trained and read; by default as chosen on the validation part of `scenes`.

    Args:
        epochs: passes over the pictures, each mirrored or not by chance.
        batch_size: pictures a step.
        lr: highest learning rate of AdamW; it rises over the first 15 % of the steps and falls
            along a cosine.
        weight_decay: of AdamW.
        channels: width of the neck and the head.
        dropout: share of the backbone's channels that is blanked in training, 0-1.
        most: boxes that are told of a picture at most.
    """

    epochs: int = 10
    batch_size: int = 32
    lr: float = 6e-3
    weight_decay: float = 0.01
    channels: int = 64
    dropout: float = 0.3
    most: int = 20


def detector_config(backbone: Backbone, n_classes: int, recipe: Recipe) -> dict[str, Any]:
    """The detector, for mmdet's registry of models; `register_modules()` must have run.

    Args:
        backbone: is copied.
        n_classes: number of classes.
        recipe: how it is trained.

    Returns:
        A config that mmdet's MODELS builds.

    Source:
        Tian et al., FCOS (ICCV 2019), with centre sampling, normalised distances, GIoU loss and
        centerness on the branch of the boxes, as in mmdet's improved FCOS configs.

    Example:
        >>> from benchmark.models import NanoResNet
        >>> detector_config(NanoResNet(), 10, Recipe())["bbox_head"]["strides"]
        [8]
    """
    net = copy.deepcopy(backbone).eval()
    side = 64
    with torch.no_grad():
        maps = net.maps(torch.zeros(1, 3, side, side))[-STAGES:]
    return {
        "type": "SingleStageDetector",
        "data_preprocessor": {"type": "HeadwaterPreprocessor"},
        "backbone": {"type": "HeadwaterBackbone", "net": net},
        "neck": {
            "type": "HeadwaterNeck",
            "in_channels": [m.shape[1] for m in maps],
            "out_channels": recipe.channels,
            "dropout": recipe.dropout,
        },
        "bbox_head": {
            "type": "FCOSHead",
            "num_classes": n_classes,
            "in_channels": recipe.channels,
            "feat_channels": recipe.channels,
            "stacked_convs": 1,
            "strides": [side // maps[0].shape[3]],
            "regress_ranges": ((-1, 1e8),),
            "center_sampling": True,
            "center_sample_radius": 1.5,
            "norm_on_bbox": True,
            "centerness_on_reg": True,
            "norm_cfg": {"type": "BN"},
            "loss_cls": {"type": "FocalLoss", "use_sigmoid": True, "gamma": 2.0, "alpha": 0.25},
            "loss_bbox": {"type": "GIoULoss"},
            "loss_centerness": {"type": "CrossEntropyLoss", "use_sigmoid": True},
        },
        "test_cfg": {
            "nms_pre": 200,
            "min_bbox_size": 0,
            "score_thr": 0.02,
            "nms": {"type": "nms", "iou_threshold": 0.5},
            "max_per_img": recipe.most,
        },
    }


def load_backbone(target: nn.Module, state: Mapping[str, Tensor]) -> None:
    """Load pre-trained weights, and only if they are exactly the ones that belong there.

    Args:
        target: the backbone that is to have them.
        state: name to tensor.

    Raises:
        HeadwaterError: a key is missing, unexpected, or of another shape; names all of them.

    Example:
        >>> load_backbone(nn.Linear(2, 1), {"weight": torch.zeros(1, 3), "scale": torch.ones(1)})
        Traceback (most recent call last):
        benchmark.errors.HeadwaterError: the pre-trained weights do not fit the detector's backbone
        (missing: bias; unexpected: scale; other shape: weight (1, 3) for (1, 2)); evaluate ...
    """
    own = target.state_dict()
    wrong = {
        "missing": sorted(own.keys() - state.keys()),
        "unexpected": sorted(state.keys() - own.keys()),
        "other shape": [
            f"{key} {tuple(state[key].shape)} for {tuple(own[key].shape)}"
            for key in sorted(own.keys() & state.keys())
            if state[key].shape != own[key].shape
        ],
    }
    if any(wrong.values()):
        told = "; ".join(f"{what}: {', '.join(keys)}" for what, keys in wrong.items() if keys)
        raise HeadwaterError(
            f"the pre-trained weights do not fit the detector's backbone ({told}); "
            "evaluate the checkpoint with the architecture that it was trained with"
        )
    target.load_state_dict(dict(state), strict=True)


@cache
def register_modules() -> None:
    """Import mmdet and register what the config names; the classes are known to mmdet only."""
    import_mmdet()
    from mmdet.evaluation import CocoMetric
    from mmdet.models import DetDataPreprocessor
    from mmdet.registry import METRICS, MODELS
    from mmengine.model import BaseModule

    @METRICS.register_module(name="HeadwaterCocoMetric")
    class KeepingCocoMetric(CocoMetric):  # type: ignore[misc]
        """mmdet's COCO metric, which keeps what was found, a row a picture."""

        kept: Sequence[Mapping[str, Any]] = ()

        def compute_metrics(self, results: list[Any]) -> dict[str, float]:
            self.kept = [found for _, found in results]
            summary: dict[str, float] = super().compute_metrics(results)
            return summary

    @MODELS.register_module(name="HeadwaterPreprocessor")
    class Preprocessor(DetDataPreprocessor):  # type: ignore[misc]
        """mmdet's, which copies no sample that is where it should be."""

        def cast_data(self, data: Any) -> Any:
            return data if self.device.type == "cpu" else super().cast_data(data)

    @MODELS.register_module(name="HeadwaterBackbone")
    class FrozenBackbone(BaseModule):  # type: ignore[misc]
        """A backbone of Headwater, in evaluation mode for good, that sees no picture twice."""

        def __init__(self, net: Backbone, init_cfg: Any = None) -> None:
            super().__init__(init_cfg)
            self.net = net
            self.requires_grad_(False)
            self._maps: dict[bytes, list[Tensor]] = {}

        def train(self, mode: bool = True) -> "FrozenBackbone":
            super().train(False)
            return self

        @torch.no_grad()
        def forward(self, pictures: Tensor) -> tuple[Tensor, ...]:
            """Maps (N, C, H, W), finest first, of pictures (N, 3, H, W) of 0-255."""
            pictures = pictures.to(torch.uint8)
            keys = [picture.tobytes() for picture in pictures.cpu().numpy()]
            new = [row for row, key in enumerate(keys) if key not in self._maps]
            if new:
                maps = self.net.maps(channels_last(normalise(pictures[new])))[-STAGES:]
                for place, row in enumerate(new):
                    self._maps[keys[row]] = [m[place].contiguous() for m in maps]
            kept = [self._maps[key] for key in keys]
            return tuple(torch.stack(stage) for stage in zip(*kept, strict=True))

    @MODELS.register_module(name="HeadwaterNeck")
    class Neck(BaseModule):  # type: ignore[misc]
        """One map of the finest stride out of several, channels brought to one scale first."""

        def __init__(
            self,
            in_channels: Sequence[int],
            out_channels: int,
            dropout: float,
            init_cfg: Any = None,
        ) -> None:
            super().__init__(init_cfg)
            # The scale of untrained or oddly trained features would else rule the optimiser.
            self.scale = nn.ModuleList(nn.BatchNorm2d(n, affine=False) for n in in_channels)
            self.lateral = nn.ModuleList(nn.Conv2d(n, out_channels, 1) for n in in_channels)
            self.blank = nn.Dropout2d(dropout)
            self.mix = nn.Sequential(
                nn.BatchNorm2d(out_channels),
                nn.ReLU(inplace=True),
                nn.Conv2d(out_channels, out_channels, 3, padding=1, bias=False),
                nn.BatchNorm2d(out_channels),
                nn.ReLU(inplace=True),
            )

        def forward(self, maps: Sequence[Tensor]) -> tuple[Tensor]:
            size = maps[0].shape[2:]
            parts = [
                functional.interpolate(lateral(self.blank(scale(m))), size=size)
                for m, scale, lateral in zip(maps, self.scale, self.lateral, strict=True)
            ]
            return (self.mix(torch.stack(parts).sum(0)),)
