"""Backbones: torchvision's blocks, ending in pooled features; no head."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torchvision.models.resnet import BasicBlock, ResNet


class NanoResNet(ResNet):
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
        self.inplanes = 32
        self.conv1 = nn.Conv2d(3, 32, kernel_size=3, stride=2, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(32)
        self.maxpool = nn.Identity()  # type: ignore[assignment]
        self.layer1 = self._make_layer(BasicBlock, 32, 1)
        self.layer2 = self._make_layer(BasicBlock, 64, 1, stride=2)
        self.layer3 = self._make_layer(BasicBlock, 128, 1, stride=2)
        self.layer4 = self._make_layer(BasicBlock, 256, 1, stride=2)
        self.fc = nn.Identity()  # type: ignore[assignment]
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def maps(self, images: Tensor) -> Sequence[Tensor]:
        """Maps of the four stages, (N, 32/64/128/256, H/2.., W/2..), of normalised images."""
        x = self.relu(self.bn1(self.conv1(images)))
        maps = []
        for stage in (self.layer1, self.layer2, self.layer3, self.layer4):
            x = stage(x)
            maps.append(x)
        return maps


#: Name to constructor; `width` is the number of features.
BACKBONES = {"resnet_nano": NanoResNet}


def normalise(images: Tensor) -> Tensor:
    """uint8 images (N, 3, H, W), 0-255, to float32 in [-2, 2]: the input of every backbone."""
    return images.to(torch.float32).mul_(4.0 / 255.0).sub_(2.0)
