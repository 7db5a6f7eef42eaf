"""Architectures that a checkpoint from elsewhere may have: ours, torchvision's, timm's."""

import copy
import importlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
import torchvision
from torch import Tensor, nn
from torchvision.models.resnet import ResNet
from torchvision.models.swin_transformer import SwinTransformer

from benchmark.errors import UsageError, nearest
from benchmark.models import BACKBONES, Backbone, ResNetBackbone

TIMM = "timm:"

#: torchvision's networks that have no features by the one rule, and why.
_REFUSED = {
    "googlenet": "torchvision changes its input with its weights",
    "inception_v3": "torchvision changes its input with its weights",
    "squeezenet1_0": "its classifier ends in no linear layer",
    "squeezenet1_1": "its classifier ends in no linear layer",
}


@dataclass(frozen=True)
class Normalisation:
    """What a network expects of its input: (p - mean) / std of each channel, RGB, p from 0 to 1.

    Args:
        name: what it is called.
        mean: of the three channels.
        std: of the three channels, positive.
    """

    name: str
    mean: tuple[float, float, float]
    std: tuple[float, float, float]


#: `benchmark.models.normalise`, which maps 0-1 to [-2, 2].
HEADWATER = Normalisation("headwater", (0.5, 0.5, 0.5), (0.25, 0.25, 0.25))
IMAGENET = Normalisation("imagenet", (0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
#: Those that can be asked for by name; `symmetric` is [-1, 1], `unit` leaves 0-1 as it is.
NORMALISATIONS = {
    each.name: each
    for each in (
        HEADWATER,
        IMAGENET,
        Normalisation("symmetric", (0.5, 0.5, 0.5), (0.5, 0.5, 0.5)),
        Normalisation("unit", (0.0, 0.0, 0.0), (1.0, 1.0, 1.0)),
    )
}


class OutsideBackbone(Backbone):
    """A network from elsewhere, called as every backbone is: with images in [-2, 2].

    Args:
        arch: its name.
        net: from its own input to features (N, width).
        width: how many features.
        normalisation: of `net`'s input.
        image_size: side of the only pictures that it reads, in pixels; None where any will do.
        stage_maps: from `net` and its own input to the stages' maps; None where it has no stages.

    Attributes:
        net: the network itself; its state dict has the names that checkpoints use.
    """

    scale: Tensor
    shift: Tensor

    def __init__(
        self,
        arch: str,
        net: nn.Module,
        width: int,
        normalisation: Normalisation,
        *,
        image_size: int | None = None,
        stage_maps: Callable[[Any, Tensor], Sequence[Tensor]] | None = None,
    ) -> None:
        super().__init__()
        self.arch, self.net, self.width, self.image_size = arch, net, width, image_size
        self._stage_maps = stage_maps
        # Not persistent: they belong to no checkpoint, but move with the module.
        self.register_buffer("scale", torch.ones(1, 3, 1, 1), persistent=False)
        self.register_buffer("shift", torch.zeros(1, 3, 1, 1), persistent=False)
        self.expect(normalisation)

    def expect(self, normalisation: Normalisation) -> None:
        """Choose what `net` is given."""
        self.normalisation = normalisation
        mean = torch.tensor(normalisation.mean, dtype=torch.float64).view(1, 3, 1, 1)
        std = torch.tensor(normalisation.std, dtype=torch.float64).view(1, 3, 1, 1)
        self.scale.copy_(0.25 / std)  # the input is 4p - 2
        self.shift.copy_((0.5 - mean) / std)

    def _own_input(self, images: Tensor) -> Tensor:
        side = self.image_size
        if side is not None and tuple(images.shape[-2:]) != (side, side):
            raise UsageError(
                f"{self.arch} reads pictures of {side} x {side} pixels only, and these have "
                f"{images.shape[-2]} x {images.shape[-1]}; resize them, or choose a network "
                "without a fixed size"
            )
        return images if self.normalisation == HEADWATER else images * self.scale + self.shift

    def forward(self, images: Tensor) -> Tensor:
        """Features (N, width) of normalised images (N, 3, H, W)."""
        features: Tensor = self.net(self._own_input(images))
        return features

    def maps(self, images: Tensor) -> Sequence[Tensor]:
        """Maps of the stages, finest first, (N, C, H, W) each, of normalised images.

        Raises:
            NotImplementedError: the network has no stages of falling resolution.
        """
        if self._stage_maps is None:
            raise NotImplementedError(f"{self.arch} gives no maps")
        return self._stage_maps(self.net, self._own_input(images))


def outside_names() -> list[str]:
    """The names that `outside_backbone` takes, but for timm's.

    Example:
        >>> {"resnet_nano", "resnet50", "vit_b_16"} <= set(outside_names())
        True
    """
    theirs = torchvision.models.list_models(module=torchvision.models)
    return sorted({*BACKBONES, *theirs} - set(_REFUSED))


def outside_backbone(
    name: str, normalisation: str | Normalisation | None = None
) -> OutsideBackbone:
    """A fresh backbone of a known architecture, in channels-last memory format.

    Its features are what the network's last linear layer, which it loses, was given.

    Args:
        name: of Headwater (`resnet_nano`), of torchvision (`resnet50`, `vit_b_16`), or of timm,
            where that is installed (`timm:convnext_atto`, `timm:resnet50.a1_in1k`).
        normalisation: what the weights expect, or its name in `NORMALISATIONS`; None for
            `headwater` in Headwater's own, `imagenet` in torchvision's, `resnet50` among them, and
            what timm says of the weights in timm's.

    Raises:
        UsageError: an unknown name, or timm's where it is not installed.

    Example:
        >>> net = outside_backbone("resnet18")
        >>> net.width, net.normalisation.name
        (512, 'imagenet')
        >>> [m.shape[1] for m in net.eval().maps(torch.zeros(1, 3, 64, 64))]
        [64, 128, 256, 512]
        >>> outside_backbone("resnet81")
        Traceback (most recent call last):
        benchmark.errors.UsageError: no architecture is called 'resnet81'; nearest: resnet18, ...
    """
    chosen = _normalisation(normalisation)
    if name.startswith(TIMM):
        backbone = _timm_backbone(name)
    elif name in _REFUSED:
        raise UsageError(f"{name} has no well-defined features here: {_REFUSED[name]}")
    elif name not in outside_names():
        near = nearest(name, outside_names())
        raise UsageError(f"no architecture is called {name!r}; nearest: {near}")
    elif name in torchvision.models.list_models(module=torchvision.models):
        backbone = _torchvision_backbone(name)
    else:
        net = BACKBONES[name]()
        maps = ResNetBackbone.maps if isinstance(net, ResNet) else None
        backbone = OutsideBackbone(name, net, net.width, HEADWATER, stage_maps=maps)
    if chosen is not None:
        backbone.expect(chosen)
    return backbone.to(memory_format=torch.channels_last)


def known_resnets() -> dict[str, OutsideBackbone]:
    """Each residual network known, without memory for its weights: to tell what a file holds."""
    with torch.device("meta"):
        return {
            name: outside_backbone(name)
            for name in outside_names()
            if name.startswith(("resnet", "resnext", "wide_resnet"))
        }


def _normalisation(choice: str | Normalisation | None) -> Normalisation | None:
    if choice is None or isinstance(choice, Normalisation):
        return choice
    if choice not in NORMALISATIONS:
        raise UsageError(
            f"no normalisation is called {choice!r}; there are: {', '.join(NORMALISATIONS)}"
        )
    return NORMALISATIONS[choice]


def _torchvision_backbone(name: str) -> OutsideBackbone:
    net = torchvision.models.get_model(name, weights=None)
    # Every classifier of torchvision ends in the last linear layer of the last child.
    place, last = [
        (place, module) for place, module in net.named_modules() if isinstance(module, nn.Linear)
    ][-1]
    net.set_submodule(place, nn.Identity())
    side = 224 if name.startswith("maxvit") else getattr(net, "image_size", None)
    return OutsideBackbone(
        name, net, last.in_features, IMAGENET, image_size=side, stage_maps=_torchvision_maps(net)
    )


def _torchvision_maps(net: Any) -> Callable[[Any, Tensor], Sequence[Tensor]] | None:
    """How to have the stages' maps of one of torchvision's networks; None where there are none."""
    if isinstance(net, ResNet):
        return ResNetBackbone.maps
    if not hasattr(net, "features") and not hasattr(net, "trunk_output"):
        return None
    # On the device that computes shapes only, so that nothing is spent and no statistic moves.
    probe = copy.deepcopy(net).to("meta").eval()
    sides = [m.shape[-1] for m in _chain(probe, torch.zeros(1, 3, 224, 224, device="meta"))]
    ends = tuple(k for k in range(len(sides)) if sides[k + 1 : k + 2] != [sides[k]])
    return partial(_stage_ends, ends=ends)


def _chain(net: Any, x: Tensor) -> list[Tensor]:
    """The map (N, C, H, W) after each module of a network that is a chain."""
    swin = isinstance(net, SwinTransformer)  # which keeps its channels last
    maps = []
    for module in net.features if hasattr(net, "features") else (net.stem, *net.trunk_output):
        x = module(x)
        maps.append(x.permute(0, 3, 1, 2) if swin else x)
    return maps


def _stage_ends(net: Any, x: Tensor, *, ends: tuple[int, ...]) -> list[Tensor]:
    """The last map of each resolution."""
    maps = _chain(net, x)
    return [maps[k] for k in ends]


def _timm_backbone(name: str) -> OutsideBackbone:
    short = name.removeprefix(TIMM)
    try:
        # A module that may be missing: by name, so that type checkers do not ask for it.
        timm: Any = importlib.import_module("timm")
    except ImportError as error:
        raise UsageError(f"{name} needs timm, which is not here: pip install timm") from error
    # `create_model` would fetch what has a colon or a slash from the network.
    if set(":/") & set(short) or not timm.is_model(short):
        near = nearest(short, timm.list_models())
        raise UsageError(f"timm has no model called {short!r}; nearest: {near}")
    net = timm.create_model(short, pretrained=False, num_classes=0)
    about = net.pretrained_cfg
    normalisation = Normalisation(f"timm {short}", tuple(about["mean"]), tuple(about["std"]))
    info = net.feature_info if isinstance(getattr(net, "feature_info", None), list) else []
    reductions = [each["reduction"] for each in info]
    staged = len(set(reductions)) == len(reductions) > 1 and hasattr(net, "forward_intermediates")
    return OutsideBackbone(
        name,
        net,
        getattr(net, "head_hidden_size", net.num_features),
        normalisation,
        image_size=about["input_size"][-1] if about.get("fixed_input_size") else None,
        stage_maps=_timm_maps if staged else None,
    )


def _timm_maps(net: Any, x: Tensor) -> list[Tensor]:
    return list(net.forward_intermediates(x, intermediates_only=True, output_fmt="NCHW"))
