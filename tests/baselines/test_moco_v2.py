"""MoCo v2 against lightly's loss, and its queue and momentum encoder by hand."""

import pytest
import torch
import torch.nn.functional as F
from lightly.loss import NTXentLoss

from baselines.objectives._parts import info_nce
from baselines.objectives.moco_v2 import MoCoV2, MoCoV2Config
from benchmark.batch import Setting, Views

SETTING = Setting(arch="resnet_nano", view_size=32)


@pytest.mark.parametrize("temperature", [0.07, 0.2, 1.0])
def test_loss_and_gradient_against_lightly(temperature: float) -> None:
    generator = torch.Generator().manual_seed(0)
    raw = torch.randn(16, 8, generator=generator)
    key = F.normalize(torch.randn(16, 8, generator=generator), dim=1)
    queue = F.normalize(torch.randn(64, 8, generator=generator), dim=1)
    reference = NTXentLoss(temperature=temperature, memory_bank_size=(64, 8))
    reference.memory_bank.bank.copy_(queue)

    mine, theirs = raw.clone().requires_grad_(), raw.clone().requires_grad_()
    loss = info_nce(F.normalize(mine, dim=1), key, queue, temperature=temperature)
    expected = reference(theirs, key)
    loss.backward()
    expected.backward()
    torch.testing.assert_close(loss, expected)
    torch.testing.assert_close(mine.grad, theirs.grad)


def moco(queue_size: int) -> MoCoV2:
    torch.manual_seed(0)
    return MoCoV2(SETTING, MoCoV2Config(queue_size=queue_size, momentum_encoder=0.9))


def test_queue_is_first_in_first_out() -> None:
    objective = moco(queue_size=6)
    before = objective.queue.clone()
    images = torch.rand(4, 3, 32, 32)
    with torch.no_grad():
        key = F.normalize(objective.key_projector(objective.key_backbone(images)), dim=1)
        objective.loss(Views((images, images), None))
    torch.testing.assert_close(objective.queue, torch.cat([before[4:], key]))


def test_own_keys_are_no_negatives_of_the_same_step() -> None:
    objective = moco(queue_size=8)
    images = torch.rand(4, 3, 32, 32)
    queue = objective.queue.clone()
    with torch.no_grad():
        query = F.normalize(objective.projector(objective.backbone(images)), dim=1)
        key = F.normalize(objective.key_projector(objective.key_backbone(images)), dim=1)
        loss = objective.loss(Views((images, images), None))
    torch.testing.assert_close(loss, info_nce(query, key, queue, temperature=0.07))


def test_momentum_encoder_moves_a_tenth_of_the_way_and_has_no_gradient() -> None:
    objective = moco(queue_size=8)
    with torch.no_grad():
        for parameter in objective.backbone.parameters():
            parameter.add_(1.0)
    before = [p.clone() for p in objective.key_backbone.parameters()]
    objective.after_step()
    for old, new in zip(before, objective.key_backbone.parameters(), strict=True):
        torch.testing.assert_close(new, old + 0.1)
        assert not new.requires_grad
