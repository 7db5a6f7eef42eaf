"""The supervised twin: cross-entropy on the pool's labels."""

from dataclasses import dataclass
from typing import ClassVar

import torch.nn.functional as F
from torch import Tensor, nn

from benchmark.batch import Setting, Views
from benchmark.errors import UsageError
from benchmark.method import Config, Objective, build_backbone
from benchmark.registry import OBJECTIVES


@dataclass(frozen=True)
class SupervisedConfig(Config):
    """Options of the supervised twin; the defaults are ours, for nano.

    Args:
        label_smoothing: share of the target spread over all classes, 0 to 1.
    """

    label_smoothing: float = 0.0


@OBJECTIVES.register("supervised")
class Supervised(Objective):
    """Linear classifier over all classes of the stream on one view of each image.

    The classifier has an output for every class from the start, also where classes arrive later.
    Source: Hu et al., ICLR 2022, whose twin is OpenSelfSup's ImageNet classification.
    """

    needs_labels = True
    n_views = 1
    config_class: ClassVar[type[Config]] = SupervisedConfig
    config: SupervisedConfig

    def __init__(self, setting: Setting, config: SupervisedConfig) -> None:
        super().__init__(setting, config)
        if setting.n_classes is None:
            raise UsageError("supervised training needs a protocol whose pool has labels")
        self.backbone = build_backbone(setting.arch)
        self.classifier = nn.Linear(self.backbone.width, setting.n_classes)

    def loss(self, views: Views) -> Tensor:
        logits = self.classifier(self.backbone(views.images[0]))
        return F.cross_entropy(logits, views.labels, label_smoothing=self.config.label_smoothing)
