"""The supervised twin: cross-entropy on the pool's labels."""

from dataclasses import dataclass
from typing import Any, ClassVar

import torch.nn.functional as F
from torch import Tensor, nn

from benchmark.batch import Setting, Views
from benchmark.config import Config, option
from benchmark.errors import UsageError
from benchmark.method import About, Objective, build_backbone
from benchmark.registry import OBJECTIVES


@dataclass(frozen=True)
class SupervisedConfig(Config):
    """Options of the supervised twin; the defaults are ours, for nano.

    Args:
        label_smoothing: share of the target spread over all classes.
    """

    lr: float = option(2e-3, above=0)
    label_smoothing: float = option(0.1, least=0, most=1)


@OBJECTIVES.register("supervised")
class Supervised(Objective):
    """Linear classifier over all classes of the stream on one view of each image.

    The classifier has an output for every class from the start, also where classes arrive later;
    its logits are the embeddings that strategies see. The paper's learning rate falls in steps,
    ours along a cosine.
    Source: Hu et al., ICLR 2022, whose twin is OpenSelfSup's ImageNet classification.
    """

    about = About(
        paper="Hu et al. ICLR 2022",
        stores="classifier",
        held_against="scikit-learn's log_loss",
        test="tests/baselines/test_supervised.py::test_loss_against_scikit_learn",
    )
    needs_labels = True
    n_views = 1
    passes = (1, 0)
    config_class: ClassVar[type[Config]] = SupervisedConfig
    full: ClassVar[dict[str, Any]] = {
        "batch_size": 256,
        "optimiser": "sgd",
        "lr": 0.1,
        "weight_decay": 1e-4,
        "label_smoothing": 0.0,
        "augmentation": "supervised",
    }
    config: SupervisedConfig

    def __init__(self, setting: Setting, config: SupervisedConfig) -> None:
        super().__init__(setting, config)
        if setting.n_classes is None:
            raise UsageError("supervised training needs a protocol whose pool has labels")
        self.backbone = build_backbone(setting.arch)
        self.projector = nn.Linear(self.backbone.width, setting.n_classes)

    def loss(self, views: Views) -> Tensor:
        logits = self.embed(views, 0)
        return F.cross_entropy(logits, views.labels, label_smoothing=self.config.label_smoothing)
