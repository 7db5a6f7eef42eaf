"""The layouts of other projects: each gives its authors' features."""

import argparse
import copy
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy
import omegaconf
import pytest
import torch
from lightly.models.modules import MoCoProjectionHead, SimCLRProjectionHead
from lightly.models.utils import deactivate_requires_grad
from torch import nn
from torchvision.models import ResNet

from benchmark.outside import Outside, load_outside

State = dict[str, Any]


def noise(state: State) -> State:
    return {key: value * 0 + 7 for key, value in state.items()}


Under = Callable[..., State]

LAYOUTS: dict[str, tuple[Callable[[State, Under], Any], str, tuple[str, ...]]] = {
    # The authors' own key names, written by hand.
    "torchvision": (lambda s, _: s, "*", ("fc",)),
    "torchvision's training script": (
        lambda s, _: {
            "model": s,
            "optimizer": {"state": {0: 1}, "param_groups": []},
            "epoch": 3,
        },
        "* in model",
        ("fc", "optimizer"),
    ),
    "distributed": (
        lambda s, under: {"state_dict": under("module.", s)},
        "module.*",
        ("module.fc",),
    ),
    "compiled": (
        lambda s, under: {"state_dict": under("_orig_mod.", s)},
        "_orig_mod.*",
        ("_orig_mod.fc",),
    ),
    "MoCo": (
        lambda s, under: {
            "epoch": 200,
            "arch": "resnet18",
            "state_dict": {
                **under("module.encoder_q.", s, fc="fc.0."),
                **noise(under("module.encoder_k.", s, fc="fc.0.")),
                "module.queue": torch.zeros(4, 8),
                "module.queue_ptr": torch.zeros(1, dtype=torch.long),
            },
        },
        "module.encoder_q.* in state_dict, preferred to module.encoder_k.* in state_dict",
        ("module.encoder_q.fc", "module.encoder_k", "module.queue", "module.queue_ptr"),
    ),
    "SimSiam": (
        lambda s, under: {
            "state_dict": {
                **under("module.encoder.", s, fc="fc.0."),
                "module.predictor.0.weight": torch.ones(2, 2),
            }
        },
        "module.encoder.* in state_dict",
        ("module.encoder.fc", "module.predictor"),
    ),
    "Barlow Twins": (
        lambda s, under: {
            "model": {
                **under("module.backbone.", s, fc=None),
                "module.projector.0.weight": torch.ones(2, 2),
                "module.bn.running_mean": torch.ones(2),
            }
        },
        "module.backbone.* in model",
        ("module.projector", "module.bn"),
    ),
    "DINO": (
        lambda s, under: {
            "student": noise(under("module.backbone.", s, fc=None)),
            "teacher": {
                **under("backbone.", s, fc=None),
                "head.last_layer.weight_g": torch.ones(2, 1),
            },
            "args": argparse.Namespace(arch="resnet18"),
        },
        "backbone.* in teacher, preferred to module.backbone.* in student",
        ("head", "student"),
    ),
    "solo-learn": (
        lambda s, under: {
            "state_dict": {
                **under("backbone.", s, fc=None),
                "classifier.weight": torch.ones(10, 512),
                "projector.0.weight": torch.ones(2, 2),
                **noise(under("momentum_backbone.", s, fc=None)),
                "momentum_projector.0.weight": torch.ones(2, 2),
                "queue": torch.zeros(2, 4, 8),
            },
            "hyper_parameters": {"args": argparse.Namespace(lr=0.1, path=Path("data"))},
        },
        "backbone.* in state_dict, preferred to momentum_backbone.* in state_dict",
        (
            "classifier",
            "projector",
            "momentum_backbone",
            "momentum_projector",
            "queue",
            "hyper_parameters",
        ),
    ),
    "mmselfsup": (
        lambda s, under: {
            "meta": {"epoch": 1},
            "state_dict": {
                **under("backbone.", s, fc=None),
                "neck.mlp.0.weight": torch.ones(2, 2),
                **noise(under("encoder_k.0.", s, fc=None)),
                "queue": torch.zeros(4, 8),
            },
        },
        "backbone.* in state_dict, preferred to encoder_k.0.* in state_dict",
        ("neck", "encoder_k", "queue", "meta"),
    ),
    "VISSL": (
        lambda s, under: {
            "classy_state_dict": {
                "base_model": {"model": {"trunk": under("_feature_blocks.", s, fc=None)}}
            }
        },
        "_feature_blocks.* in classy_state_dict.base_model.model.trunk",
        (),
    ),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_layout_gives_the_authors_features(
    layout: str,
    net: ResNet,
    under: Under,
    same: Callable[[Outside], None],
    saved: Callable[..., Path],
) -> None:
    build, source, dropped = LAYOUTS[layout]
    path = saved(build(net.state_dict(), under), "theirs.pth.tar")
    outside = load_outside(path, "resnet18")
    same(outside)
    assert outside.source.startswith(f"120 keys: {source}")
    assert outside.dropped == dropped
    assert outside.sha256 == sha256(path.read_bytes()).hexdigest()


class LightlySimCLR(nn.Module):
    """As lightly's SimCLR example builds it."""

    def __init__(self, resnet: ResNet) -> None:
        super().__init__()
        self.backbone = nn.Sequential(*list(resnet.children())[:-1])
        self.projection_head = SimCLRProjectionHead(512, 512, 128)


class LightlyMoCo(nn.Module):
    """As lightly's MoCo example builds it."""

    def __init__(self, resnet: ResNet) -> None:
        super().__init__()
        self.backbone = nn.Sequential(*list(resnet.children())[:-1])
        self.projection_head = MoCoProjectionHead(512, 512, 128)
        self.backbone_momentum = copy.deepcopy(self.backbone)
        self.projection_head_momentum = copy.deepcopy(self.projection_head)
        deactivate_requires_grad(self.backbone_momentum)


@pytest.mark.parametrize("module", [LightlySimCLR, LightlyMoCo])
def test_lightlys_examples_as_lightning_saves_them(
    module: type[nn.Module],
    net: ResNet,
    strangers: Any,
    same: Callable[[Outside], None],
    saved: Callable[..., Path],
) -> None:
    model = module(copy.deepcopy(net))
    if isinstance(model, LightlyMoCo):
        for parameter in model.backbone_momentum.parameters():
            parameter.data.zero_()
    content = {
        "epoch": 1,
        "pytorch-lightning_version": "2.6.6",
        "state_dict": model.state_dict(),
        "loops": {},
        "callbacks": {},
        "optimizer_states": [],
        "hyper_parameters": strangers.mapped(
            args=argparse.Namespace(lr=0.1),
            other=strangers.anything(),
            more=strangers.mapped(x={"y": strangers.mapped()}),
            some=strangers.listed([1, 2]),
        ),
        "hparams_type": argparse.Namespace,
    }
    outside = load_outside(saved(content, "epoch=1.ckpt"), "resnet18")
    same(outside)
    assert outside.source.startswith("120 keys: backbone.* in state_dict")
    assert "projection_head" in outside.dropped


def test_omegaconf_settings_are_passed_over(
    net: ResNet, same: Callable[[Outside], None], saved: Callable[..., Path]
) -> None:
    settings = omegaconf.OmegaConf.create({"lr": 0.1, "sizes": [1, 2], "deep": {"x": None}})
    content = {"state_dict": net.state_dict(), "hyper_parameters": settings}
    content["hparams_type"] = type(settings)
    same(load_outside(saved(content), "resnet18"))


def test_numpys_numbers_are_passed_over(
    net: ResNet, same: Callable[[Outside], None], saved: Callable[..., Path]
) -> None:
    content = {"state_dict": net.state_dict(), "best": numpy.float64(1), "all": numpy.zeros(3)}
    same(load_outside(saved(content), "resnet18"))
