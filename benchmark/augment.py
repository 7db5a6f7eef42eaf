"""Views augmented in batch on tensors, each sample with its own parameters, per seed.

Colour jitter, grey-scale, inversion and normalisation are affine in colour, so all of them together
are one 3 x 4 matrix a sample, and the whole view costs one grid sample and one batched product.
"""

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

#: Luma weights of ITU-R BT.601, as Pillow and torchvision use them.
LUMA = (0.299, 0.587, 0.114)
#: RGB to YIQ; hue turns the I-Q plane. Rows: Y (= LUMA), I, Q.
_YIQ = torch.tensor([LUMA, (0.5959, -0.2746, -0.3213), (0.2115, -0.5227, 0.3112)])
_RGB = torch.linalg.inv(_YIQ)


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
    generator = torch.Generator().manual_seed(seed)
    pixels = images.to(torch.float32)
    return tuple(_view(pixels, augmentation, size, generator) for _ in range(n_views))


def _view(
    pixels: Tensor, augmentation: Augmentation, size: int, generator: torch.Generator
) -> Tensor:
    n = len(pixels)
    draws = torch.rand(12, n, generator=generator)
    theta = crop_matrices(draws[:5], augmentation).to(pixels.device)
    grid = F.affine_grid(theta, [n, 3, size, size], align_corners=False)
    crops = F.grid_sample(pixels, grid, padding_mode="border", align_corners=False).flatten(2)
    matrix, offset = colour_matrices(draws[5:], augmentation, crops.mean(2))
    # 0..255 -> -2..2, folded into the same product
    view = torch.baddbmm(offset.mul(4 / 255).sub(2)[:, :, None], matrix.mul(4 / 255), crops)
    view = view.clamp_(-2, 2).view(n, 3, size, size)
    return view.contiguous(memory_format=torch.channels_last)


def crop_matrices(draws: Tensor, augmentation: Augmentation) -> Tensor:
    """Matrices (N, 2, 3) for `affine_grid` from uniform draws (5, N): a crop, perhaps flipped.

    The crop has the drawn area and aspect ratio, its sides cut to the image's, and lies anywhere
    inside.
    """
    low, high = augmentation.scale
    area = low + (high - low) * draws[0]
    log_low, log_high = (math.log(bound) for bound in augmentation.ratio)
    ratio = torch.exp(log_low + (log_high - log_low) * draws[1])
    width = (area * ratio).sqrt().clamp(max=1)
    height = (area / ratio).sqrt().clamp(max=1)
    sign = 1 - 2 * (draws[2] < augmentation.flip).to(torch.float32)
    theta = torch.zeros(len(area), 2, 3)
    theta[:, 0, 0] = width * sign
    theta[:, 1, 1] = height
    theta[:, 0, 2] = (2 * draws[3] - 1) * (1 - width)
    theta[:, 1, 2] = (2 * draws[4] - 1) * (1 - height)
    return theta


def colour_matrices(
    draws: Tensor, augmentation: Augmentation, means: Tensor
) -> tuple[Tensor, Tensor]:
    """The colour map x -> M x + b of each sample, from uniform draws (7, N).

    Args:
        draws: (7, N) in [0, 1).
        augmentation: the strengths.
        means: (N, 3) mean colour of each crop, 0-255; contrast is about its luma.

    Returns:
        M (N, 3, 3) and b (N, 3), on the device of `means`.
    """
    n, device = draws.shape[1], means.device
    jitter = (draws[0] < augmentation.jitter_share).to(torch.float32)
    grey = (draws[1] < augmentation.grey_share).to(torch.float32)

    def factor(row: int, strength: float) -> Tensor:
        return 1 + jitter * strength * (2 * draws[row] - 1)

    brightness = factor(2, augmentation.brightness)
    contrast = factor(3, augmentation.contrast)
    saturation = factor(4, augmentation.saturation) * (1 - grey)
    turn = jitter * augmentation.hue * (2 * draws[5] - 1) * (2 * math.pi)
    # In YIQ, saturation scales the I-Q plane and hue turns it: one 2 x 2 block.
    yiq = torch.zeros(n, 3, 3)
    yiq[:, 0, 0] = 1
    yiq[:, 1, 1] = yiq[:, 2, 2] = saturation * turn.cos()
    yiq[:, 2, 1] = saturation * turn.sin()
    yiq[:, 1, 2] = -yiq[:, 2, 1]
    matrix = _RGB @ yiq @ _YIQ
    sign = 1 - 2 * (draws[6] < augmentation.invert_share).to(torch.float32)
    matrix = (matrix * (brightness * contrast * sign)[:, None, None]).to(device)
    luma = means @ torch.tensor(LUMA, device=device)
    offset = luma * ((1 - contrast) * brightness * sign).to(device) + (1 - sign.to(device)) * 127.5
    return matrix, offset[:, None].expand(n, 3)
