"""The supervised twin against scikit-learn's log loss."""

import numpy as np
import pytest
import torch
from sklearn.metrics import log_loss

from baselines.objectives.supervised import Supervised, SupervisedConfig
from benchmark.batch import Setting, Views
from benchmark.errors import UsageError


def test_loss_against_scikit_learn() -> None:
    torch.manual_seed(0)
    objective = Supervised(
        Setting("resnet_nano", 32, n_classes=5), SupervisedConfig(label_smoothing=0.0)
    ).eval()
    images, labels = torch.rand(8, 3, 32, 32), torch.arange(8) % 5
    with torch.no_grad():
        loss = objective.loss(Views((images,), labels))
        logits = objective.projector(objective.backbone(images)).double().numpy()
    probability = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    assert float(loss) == pytest.approx(log_loss(labels.numpy(), probability), rel=1e-5)


def test_without_labels_it_says_so() -> None:
    with pytest.raises(UsageError, match="labels"):
        Supervised(Setting("resnet_nano", 32), SupervisedConfig())
