"""Backbones: torchvision's blocks, ending in pooled features; no head."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torchvision.models.resnet import BasicBlock, Bottleneck, ResNet


class Backbone(nn.Module):
    """What every backbone offers: `width` features from normalised images, and its stages' maps."""

    width: int

    def maps(self, images: Tensor) -> Sequence[Tensor]:
        """Maps of the stages, finest first, (N, C, H, W) each, of normalised images."""
        raise NotImplementedError(f"{type(self).__name__} gives no maps")


class ResNetBackbone(Backbone, ResNet):
    """torchvision's ResNet without its classifier."""

    def maps(self, images: Tensor) -> Sequence[Tensor]:
        net: Any = self  # torchvision is not typed
        x: Tensor = net.maxpool(net.relu(net.bn1(net.conv1(images))))
        maps = []
        for stage in (net.layer1, net.layer2, net.layer3, net.layer4):
            x = stage(x)
            maps.append(x)
        return maps


class ResNet50(ResNetBackbone):
    """The standard ResNet-50, 2,048 features, 23.5 M parameters; strides 4, 8, 16, 32.

    Example:
        >>> ResNet50()(torch.zeros(1, 3, 64, 64)).shape
        torch.Size([1, 2048])
    """

    width = 2048

    def __init__(self) -> None:
        super().__init__(Bottleneck, [3, 4, 6, 3])
        net: Any = self
        net.fc = nn.Identity()


class NanoResNet(ResNetBackbone):
    """ResNet of four stages of one basic block, 32-64-128-256 wide, stem stride 2, no max-pool.

    1.2 M parameters, 32 MFLOP for an image of 32 x 32. Strides of the four stages' maps relative
    to the picture: 2, 4, 8, 16.

    Example:
        >>> NanoResNet()(torch.zeros(2, 3, 32, 32)).shape
        torch.Size([2, 256])
        >>> [tuple(m.shape[1:]) for m in NanoResNet().maps(torch.zeros(1, 3, 32, 32))]
        [(32, 16, 16), (64, 8, 8), (128, 4, 4), (256, 2, 2)]
    """

    width = 256

    def __init__(self) -> None:
        super().__init__(BasicBlock, [1, 1, 1, 1])
        net: Any = self
        net.inplanes = 32
        net.conv1 = nn.Conv2d(3, 32, kernel_size=3, stride=2, padding=1, bias=False)
        net.bn1 = nn.BatchNorm2d(32)
        net.maxpool = nn.Identity()
        net.layer1 = net._make_layer(BasicBlock, 32, 1)
        net.layer2 = net._make_layer(BasicBlock, 64, 1, stride=2)
        net.layer3 = net._make_layer(BasicBlock, 128, 1, stride=2)
        net.layer4 = net._make_layer(BasicBlock, 256, 1, stride=2)
        net.fc = nn.Identity()
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")


#: Name to constructor.
BACKBONES: dict[str, type[Backbone]] = {"resnet_nano": NanoResNet, "resnet50": ResNet50}


def normalise(images: Tensor) -> Tensor:
    """uint8 images (N, 3, H, W), 0-255, to float32 in [-2, 2]: the input of every backbone."""
    return images.to(torch.float32).mul_(4.0 / 255.0).sub_(2.0)


def numbers(module: nn.Module) -> int:
    """How many numbers a module holds: parameters and buffers, shared ones once.

    Example:
        >>> numbers(nn.BatchNorm1d(4))  # weight, bias, mean, variance, and a counter
        17
    """
    return sum(tensor.numel() for tensor in (*module.parameters(), *module.buffers()))


def held_bytes(module: nn.Module) -> int:
    """Bytes of the same.

    Example:
        >>> held_bytes(nn.BatchNorm1d(4))  # 16 of four bytes, one of eight
        72
    """
    return sum(tensor.nbytes for tensor in (*module.parameters(), *module.buffers()))
