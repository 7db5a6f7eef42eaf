"""Views augmented in batch on tensors, each sample with its own parameters, per seed.

Colour jitter, grey-scale, inversion and normalisation are affine in colour, so all of them together
are one 3 x 4 matrix a sample, and the whole view costs one grid sample and one batched product.
Blur and solarisation, which are not, are done to the samples that drew them. The parameters are
small and are worked out by numpy on the host; pixels stay on their device.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from benchmark.batch import to_device

Floats = NDArray[np.float32]

#: Luma weights of ITU-R BT.601, as Pillow and torchvision use them.
LUMA = (0.299, 0.587, 0.114)
#: RGB to YIQ; hue turns the I-Q plane. Rows: Y (= LUMA), I, Q.
_YIQ = np.array([LUMA, (0.5959, -0.2746, -0.3213), (0.2115, -0.5227, 0.3112)])
_RGB = np.linalg.inv(_YIQ)
#: RGB to the parts of it that are Y, I-Q, and I-Q after a quarter turn: (3, 9), flat matrices.
_COLOUR = np.stack(
    [
        _RGB[:, :1] @ _YIQ[:1],
        _RGB[:, 1:] @ _YIQ[1:],
        _RGB[:, 1:] @ np.array([[0.0, -1.0], [1.0, 0.0]]) @ _YIQ[1:],
    ]
).reshape(3, 9)


@dataclass(frozen=True)
class Augmentation:
    """Strengths of random resized crop, flip, colour jitter, grey-scale, blur and solarisation.

    The defaults are ours, for nano, found on the tasks' validation images: MoCo v2's with larger
    crops, no flips (letters and flags have a left and a right) and no blur, which a view of 32
    pixels does not need. Hue is a turn of the YIQ plane. Jitter is applied in the order brightness,
    contrast, saturation, hue, to `jitter_share` of the samples; then come inversion, blur and
    solarisation.

    Args:
        scale: range of the crop's area, as a share of the image's.
        ratio: range of the crop's aspect ratio, drawn log-uniformly.
        flip: probability of a horizontal flip.
        brightness, contrast, saturation: factors are drawn from [1 - x, 1 + x].
        hue: turns are drawn from [-x, x], 1 being a full turn.
        jitter_share, grey_share, invert_share: probabilities.
        blur_share: probability of a Gaussian blur, whose kernel is a tenth of the view wide.
        blur_sigma: range of its standard deviation, in pixels.
        solarise_share: probability that values of 128 and above are inverted.
    """

    scale: tuple[float, float] = (0.4, 1.0)
    ratio: tuple[float, float] = (3 / 4, 4 / 3)
    flip: float = 0.0
    brightness: float = 0.4
    contrast: float = 0.4
    saturation: float = 0.4
    hue: float = 0.1
    jitter_share: float = 0.8
    grey_share: float = 0.2
    invert_share: float = 0.0
    blur_share: float = 0.0
    blur_sigma: tuple[float, float] = (0.1, 2.0)
    solarise_share: float = 0.0


_MOCO = Augmentation(scale=(0.2, 1.0), flip=0.5, blur_share=0.5)
_BYOL = Augmentation(scale=(0.08, 1.0), flip=0.5, saturation=0.2, blur_share=1.0)

#: The augmentations that options name, one for each view in turn. `moco_v2` is Chen et al. 2020,
#: `simclr` Chen et al. 2020 (colour strength 1), `byol` Grill et al. 2020, whose two views differ
#: and which Barlow Twins and VICReg took over, `supervised` the usual crop and flip of ImageNet.
RECIPES: dict[str, tuple[Augmentation, ...]] = {
    "nano": (Augmentation(),),
    "moco_v2": (_MOCO,),
    "simclr": (
        replace(_MOCO, scale=(0.08, 1.0), brightness=0.8, contrast=0.8, saturation=0.8, hue=0.2),
    ),
    "byol": (_BYOL, replace(_BYOL, blur_share=0.1, solarise_share=0.2)),
    "supervised": (Augmentation(scale=(0.08, 1.0), flip=0.5, jitter_share=0.0, grey_share=0.0),),
}


def augment(
    images: Tensor,
    augmentations: Sequence[Augmentation],
    *,
    size: int,
    seed: int,
    part: tuple[int, int] = (0, 1),
) -> tuple[Tensor, ...]:
    """Random views of a batch, normalised as `benchmark.models.normalise` does.

    Args:
        images: (N, 3, H, W) uint8.
        augmentations: the strengths, one for each view.
        size: side of the views in pixels.
        seed: the parameters are a function of it, of the number of images in the whole batch and of
            the number of views alone.
        part: (rank, world) of the process, if the images are those in the places rank,
            rank + world, ... of a whole batch of N x world; each gets the parameters that it has
            there.

    Returns:
        As many tensors (N, 3, size, size) float32 in [-2, 2], channels last.

    Example:
        >>> images = torch.randint(0, 256, (4, 3, 40, 40), dtype=torch.uint8)
        >>> one, two = augment(images, 2 * [Augmentation()], size=32, seed=0)
        >>> one.shape, bool((one == two).all())
        (torch.Size([4, 3, 32, 32]), False)
    """
    n, n_views, device = len(images), len(augmentations), images.device
    generator, (rank, world) = torch.Generator().manual_seed(seed), part
    whole = torch.rand(15, n * world, n_views, generator=generator).numpy()
    draws = whole[:, rank::world]
    boxes = _on(device, crop_boxes(draws[:5], augmentations))
    # 0..255 -> -2..2, folded into the colour map
    matrix, lift, shift = (
        _on(device, part * np.float32(4 / 255)) for part in colour_maps(draws[5:12], augmentations)
    )
    # the views of an image lie below one another, so that one call samples them all
    crops = F.grid_sample(
        images.to(torch.float32),
        sampling_grid(boxes, size).flatten(1, 2),
        padding_mode="border",
        align_corners=False,
    ).view(n, 3, n_views, size * size)
    luma = _on(device, np.array(LUMA, np.float32)) @ crops.mean(3)
    offset = torch.addcmul(shift - 2, lift, luma)[..., None, None].expand(-1, -1, 3, 1)
    views = []
    for k, strength in enumerate(augmentations):
        view = torch.baddbmm(offset[:, k], matrix[:, k], crops[:, :, k]).clamp_(-2, 2)
        view = view.view(n, 3, size, size).contiguous(memory_format=torch.channels_last)
        _blur(view, strength, *draws[12:14, :, k])
        _solarise(view, strength, draws[14, :, k])
        views.append(view)
    return tuple(views)


def _on(device: torch.device, array: NDArray[Any]) -> Tensor:
    return to_device(torch.from_numpy(array), device)


def _strengths(augmentations: Sequence[Augmentation], name: str) -> Floats:
    """(V,) float32, or (2, V) of a range."""
    strengths: Floats = np.array([getattr(each, name) for each in augmentations], np.float32).T
    return strengths


def crop_boxes(draws: Floats, augmentations: Sequence[Augmentation]) -> Floats:
    """Random crops, perhaps flipped, from uniform draws.

    The crop has the drawn area and aspect ratio, its sides cut to the image's, and lies anywhere
    inside.

    Args:
        draws: (5, ..., V) in [0, 1).
        augmentations: the strengths, one for each of V views.

    Returns:
        (4, ..., V): the middle's x and y, width (negative if flipped) and height, in coordinates
        where the image goes from -1 to 1, so that all four lie in [-1, 1]: width 1 is the image's.
    """
    low, high = _strengths(augmentations, "scale")
    area = low + (high - low) * draws[0]
    log_low, log_high = np.log(_strengths(augmentations, "ratio"))
    ratio = np.exp(log_low + (log_high - log_low) * draws[1])
    width = np.minimum(np.sqrt(area * ratio), 1)
    height = np.minimum(np.sqrt(area / ratio), 1)
    x = (2 * draws[3] - 1) * (1 - width)
    y = (2 * draws[4] - 1) * (1 - height)
    flipped = draws[2] < _strengths(augmentations, "flip")
    return np.stack([x, y, np.where(flipped, -width, width), height])


def sampling_grid(boxes: Tensor, size: int) -> Tensor:
    """Where `grid_sample` reads each pixel of crops: (N, V, size, size, 2) of boxes (4, N, V)."""
    x, y, width, height = boxes[..., None]
    steps = (2 * torch.arange(size, device=boxes.device) + 1) / size - 1
    across, down = torch.addcmul(x, width, steps), torch.addcmul(y, height, steps)
    shape = (*boxes.shape[1:], size, size)
    return torch.stack([across[..., None, :].expand(shape), down[..., None].expand(shape)], dim=-1)


def colour_maps(
    draws: Floats, augmentations: Sequence[Augmentation]
) -> tuple[Floats, Floats, Floats]:
    """The colour map x -> M x + a l + b of each crop, l its mean luma, from uniform draws.

    Colours are 0-255. The mean luma comes in because contrast is about it.

    Args:
        draws: (7, ..., V) in [0, 1).
        augmentations: the strengths, one for each of V views.

    Returns:
        M (..., V, 3, 3), a (..., V) and b (..., V), which is the same for all three colours.
    """
    strength = partial(_strengths, augmentations)
    jittered = draws[0] < strength("jitter_share")
    swing = np.where(jittered, 2 * draws[2:6] - 1, np.float32(0))
    brightness = 1 + strength("brightness") * swing[0]
    contrast = 1 + strength("contrast") * swing[1]
    saturation = 1 + strength("saturation") * swing[2]
    saturation = np.where(draws[1] < strength("grey_share"), np.float32(0), saturation)
    turn = swing[3] * (np.float32(2 * math.pi) * strength("hue"))
    sign = np.where(draws[6] < strength("invert_share"), np.float32(-1), np.float32(1))
    # In YIQ, saturation scales the I-Q plane and hue turns it.
    parts = np.stack(
        [np.ones_like(turn), saturation * np.cos(turn), saturation * np.sin(turn)], axis=-1
    )
    scaled = parts * (brightness * contrast * sign)[..., None]
    matrix = (scaled @ _COLOUR.astype(np.float32)).reshape(*turn.shape, 3, 3)
    return matrix, (1 - contrast) * brightness * sign, (1 - sign) * np.float32(127.5)


def gaussian_kernels(sigmas: Floats, size: int) -> Floats:
    """Kernels (N, size) that sum to 1, of standard deviations (N,) in pixels; `size` is odd."""
    offsets = np.arange(size, dtype=np.float32) - size // 2
    kernels: Floats = np.exp(np.float32(-0.5) * (offsets / sigmas[:, None]) ** 2)
    kernels /= kernels.sum(1, keepdims=True)
    return kernels


def _blur(view: Tensor, augmentation: Augmentation, gates: Floats, draws: Floats) -> None:
    """Blur some samples of a view (N, 3, h, w) in place, along one axis and then the other."""
    rows = np.flatnonzero(gates < augmentation.blur_share)
    if not len(rows):
        return
    low, high = augmentation.blur_sigma
    width = 2 * max(1, round(0.05 * view.shape[2])) + 1
    sigmas = np.float32(low) + np.float32(high - low) * draws[rows]
    kernels = _on(view.device, gaussian_kernels(sigmas, width).repeat(3, axis=0))
    index = _on(view.device, rows)
    pixels = view[index].flatten(0, 1)[None]  # a group for each colour of each sample
    pad, groups = width // 2, len(kernels)
    pixels = F.conv2d(
        F.pad(pixels, (pad, pad, 0, 0), "reflect"), kernels[:, None, None], groups=groups
    )
    pixels = F.conv2d(
        F.pad(pixels, (0, 0, pad, pad), "reflect"), kernels[:, None, :, None], groups=groups
    )
    view[index] = pixels.view(len(rows), *view.shape[1:])


def _solarise(view: Tensor, augmentation: Augmentation, gates: Floats) -> None:
    """Invert the bright pixels of some samples of a view (N, 3, h, w) in place."""
    rows = np.flatnonzero(gates < augmentation.solarise_share)
    if len(rows):
        index = _on(view.device, rows)
        pixels = view[index]
        # 255 - x is -x where colours go from -2 to 2; 128 is a little above the middle.
        view[index] = torch.where(pixels >= 128 * 4 / 255 - 2, -pixels, pixels)
