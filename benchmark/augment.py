"""Views augmented in batch on tensors, each sample with its own parameters, per seed.

Colour jitter, grey-scale, inversion and normalisation are affine in colour, so all of them together
are one 3 x 4 matrix a sample, and the whole view costs one grid sample and one batched product. The
parameters are small and are worked out by numpy on the host; pixels stay on their device.
"""

import math
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

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
    """Strengths of random resized crop, flip, colour jitter, grey-scale and inversion.

    The defaults are ours, for nano, found on the tasks' validation images: MoCo v2's with larger
    crops, no flips (letters and flags have a left and a right) and no blur, which a view of 32
    pixels does not need. Hue is a turn of the YIQ plane. Jitter is applied in the order brightness,
    contrast, saturation, hue, to `jitter_share` of the samples; inversion comes last.

    Args:
        scale: range of the crop's area, as a share of the image's.
        ratio: range of the crop's aspect ratio, drawn log-uniformly.
        flip: probability of a horizontal flip.
        brightness, contrast, saturation: factors are drawn from [1 - x, 1 + x].
        hue: turns are drawn from [-x, x], 1 being a full turn.
        jitter_share, grey_share, invert_share: probabilities.
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


def augment(
    images: Tensor, augmentation: Augmentation, *, n_views: int, size: int, seed: int
) -> tuple[Tensor, ...]:
    """Random views of a batch, normalised as `benchmark.models.normalise` does.

    Args:
        images: (N, 3, H, W) uint8.
        augmentation: the strengths.
        n_views: how many views of each image.
        size: side of the views in pixels.
        seed: the parameters are a function of it and of N alone.

    Returns:
        `n_views` tensors (N, 3, size, size) float32 in [-2, 2], channels last.

    Example:
        >>> images = torch.randint(0, 256, (4, 3, 40, 40), dtype=torch.uint8)
        >>> one, two = augment(images, Augmentation(), n_views=2, size=32, seed=0)
        >>> one.shape, bool((one == two).all())
        (torch.Size([4, 3, 32, 32]), False)
    """
    n, device = len(images), images.device
    generator = torch.Generator().manual_seed(seed)
    draws = torch.rand(12, n, n_views, generator=generator).numpy()
    boxes = torch.from_numpy(crop_boxes(draws[:5], augmentation)).to(device)
    # 0..255 -> -2..2, folded into the colour map
    matrix, lift, shift = (
        torch.from_numpy(part * np.float32(4 / 255)).to(device)
        for part in colour_maps(draws[5:], augmentation)
    )
    # the views of an image lie below one another, so that one call samples them all
    crops = F.grid_sample(
        images.to(torch.float32),
        sampling_grid(boxes, size).flatten(1, 2),
        padding_mode="border",
        align_corners=False,
    ).view(n, 3, n_views, size * size)
    luma = torch.tensor(LUMA, device=device) @ crops.mean(3)
    offset = torch.addcmul(shift - 2, lift, luma)[..., None, None].expand(-1, -1, 3, 1)
    views = []
    for k in range(n_views):
        view = torch.baddbmm(offset[:, k], matrix[:, k], crops[:, :, k]).clamp_(-2, 2)
        view = view.view(n, 3, size, size).contiguous(memory_format=torch.channels_last)
        views.append(view)
    return tuple(views)


def crop_boxes(draws: Floats, augmentation: Augmentation) -> Floats:
    """Random crops, perhaps flipped, from uniform draws.

    The crop has the drawn area and aspect ratio, its sides cut to the image's, and lies anywhere
    inside.

    Args:
        draws: (5, ...) in [0, 1).
        augmentation: the strengths.

    Returns:
        (4, ...): the middle's x and y, width (negative if flipped) and height, in coordinates where
        the image goes from -1 to 1, so that all four lie in [-1, 1]: width 1 is the image's.
    """
    low, high = augmentation.scale
    area = low + (high - low) * draws[0]
    log_low, log_high = (math.log(bound) for bound in augmentation.ratio)
    ratio = np.exp(log_low + (log_high - log_low) * draws[1])
    width = np.minimum(np.sqrt(area * ratio), 1)
    height = np.minimum(np.sqrt(area / ratio), 1)
    x = (2 * draws[3] - 1) * (1 - width)
    y = (2 * draws[4] - 1) * (1 - height)
    return np.stack([x, y, np.where(draws[2] < augmentation.flip, -width, width), height])


def sampling_grid(boxes: Tensor, size: int) -> Tensor:
    """Where `grid_sample` reads each pixel of crops: (N, V, size, size, 2) of boxes (4, N, V)."""
    x, y, width, height = boxes[..., None]
    steps = (2 * torch.arange(size, device=boxes.device) + 1) / size - 1
    across, down = torch.addcmul(x, width, steps), torch.addcmul(y, height, steps)
    shape = (*boxes.shape[1:], size, size)
    return torch.stack([across[..., None, :].expand(shape), down[..., None].expand(shape)], dim=-1)


def colour_maps(draws: Floats, augmentation: Augmentation) -> tuple[Floats, Floats, Floats]:
    """The colour map x -> M x + a l + b of each crop, l its mean luma, from uniform draws.

    Colours are 0-255. The mean luma comes in because contrast is about it.

    Args:
        draws: (7, ...) in [0, 1).
        augmentation: the strengths.

    Returns:
        M (..., 3, 3), a (...) and b (...), which is the same for all three colours.
    """
    jittered = draws[0] < augmentation.jitter_share
    swing = np.where(jittered, 2 * draws[2:6] - 1, np.float32(0))
    brightness = 1 + augmentation.brightness * swing[0]
    contrast = 1 + augmentation.contrast * swing[1]
    saturation = 1 + augmentation.saturation * swing[2]
    saturation = np.where(draws[1] < augmentation.grey_share, np.float32(0), saturation)
    turn = swing[3] * (2 * math.pi * augmentation.hue)
    sign = np.where(draws[6] < augmentation.invert_share, np.float32(-1), np.float32(1))
    # In YIQ, saturation scales the I-Q plane and hue turns it.
    parts = np.stack(
        [np.ones_like(turn), saturation * np.cos(turn), saturation * np.sin(turn)], axis=-1
    )
    scaled = parts * (brightness * contrast * sign)[..., None]
    matrix = (scaled @ _COLOUR.astype(np.float32)).reshape(*turn.shape, 3, 3)
    return matrix, (1 - contrast) * brightness * sign, (1 - sign) * np.float32(127.5)
