"""Views against torchvision's functions on single images, and against hand calculations."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor
from torchvision.transforms.v2 import functional as tv

from benchmark.augment import (
    LUMA,
    RECIPES,
    Augmentation,
    augment,
    colour_maps,
    crop_boxes,
    gaussian_kernels,
    sampling_grid,
)
from benchmark.models import normalise

PLAIN = Augmentation(scale=(1.0, 1.0), ratio=(1.0, 1.0), flip=0.0, jitter_share=0.0, grey_share=0.0)


@pytest.fixture
def images() -> Tensor:
    # Mid-range colours, so that torchvision's clamping after each step does nothing.
    generator = torch.Generator().manual_seed(0)
    return torch.randint(80, 150, (6, 3, 40, 40), generator=generator, dtype=torch.uint8)


def colour_of(images: Tensor, augmentation: Augmentation, draws: Tensor) -> Tensor:
    pixels = images.float()
    maps = colour_maps(draws[..., None].numpy(), [augmentation])
    matrix, lift, shift = (torch.from_numpy(each)[:, 0] for each in maps)
    luma = pixels.mean((2, 3)) @ torch.tensor(LUMA)
    mapped = torch.einsum("nij,njhw->nihw", matrix, pixels)
    return mapped + (lift * luma + shift)[:, None, None, None]


def test_without_strength_a_view_is_the_normalised_image(images: Tensor) -> None:
    (view,) = augment(images, [PLAIN], size=40, seed=0)
    torch.testing.assert_close(view, normalise(images).contiguous(), atol=1e-4, rtol=0)


@pytest.mark.parametrize(
    ("row", "field", "adjust"),
    [
        (2, "brightness", tv.adjust_brightness),
        (3, "contrast", tv.adjust_contrast),
        (4, "saturation", tv.adjust_saturation),
    ],
)
@pytest.mark.parametrize("draw", [0.0, 0.3, 0.9])
def test_colour_against_torchvision(images, row, field, adjust, draw) -> None:
    draws = torch.full((7, 6), 0.5)  # 0.5 draws the factor 1
    draws[0], draws[1], draws[row] = 0.0, 1.0, draw
    strength = Augmentation(jitter_share=1.0, grey_share=0.0)
    factor = 1 + getattr(strength, field) * (2 * draw - 1)
    expected = torch.stack([adjust(image.float() / 255, factor) * 255 for image in images])
    torch.testing.assert_close(colour_of(images, strength, draws), expected, atol=0.2, rtol=0)


def test_jitter_in_torchvision_s_order(images: Tensor) -> None:
    draws = torch.full((7, 6), 0.5)
    draws[0], draws[1], draws[2], draws[3], draws[4] = 0.0, 1.0, 0.7, 0.2, 0.9
    strength = Augmentation(jitter_share=1.0, grey_share=0.0)
    expected = images.float() / 255
    expected = tv.adjust_brightness(expected, 1.16)
    expected = tv.adjust_contrast(expected, 0.76)
    expected = tv.adjust_saturation(expected, 1.32) * 255
    torch.testing.assert_close(colour_of(images, strength, draws), expected, atol=0.3, rtol=0)


def test_grey_scale_is_the_luma(images: Tensor) -> None:
    draws = torch.full((7, 6), 0.5)
    draws[0], draws[1] = 1.0, 0.0
    grey = colour_of(images, Augmentation(jitter_share=0.0, grey_share=1.0), draws)
    expected = tv.rgb_to_grayscale(images.float(), num_output_channels=3)
    torch.testing.assert_close(grey, expected, atol=0.05, rtol=0)


def test_inversion_is_255_minus_the_image(images: Tensor) -> None:
    draws = torch.full((7, 6), 0.5)
    inverted = colour_of(
        images, Augmentation(jitter_share=0.0, grey_share=0.0, invert_share=1.0), draws
    )
    torch.testing.assert_close(inverted, 255 - images.float(), atol=1e-2, rtol=0)


def test_hue_keeps_luma_and_comes_back_after_a_full_turn(images: Tensor) -> None:
    draws = torch.full((7, 6), 0.5)
    draws[0], draws[1], draws[5] = 0.0, 1.0, 1.0
    luma = torch.tensor([0.299, 0.587, 0.114])
    turned = colour_of(images, Augmentation(hue=1 / 3, jitter_share=1.0, grey_share=0.0), draws)
    pixels = images.float()
    torch.testing.assert_close(
        torch.einsum("c,nchw->nhw", luma, turned),
        torch.einsum("c,nchw->nhw", luma, pixels),
        atol=0.05,
        rtol=0,
    )
    assert (turned - pixels).abs().mean() > 5
    full = colour_of(images, Augmentation(hue=1.0, jitter_share=1.0, grey_share=0.0), draws)
    torch.testing.assert_close(full, pixels, atol=0.05, rtol=0)


def test_crop_against_torchvision_s_resized_crop(images: Tensor) -> None:
    # area 1/4, square, not flipped, at a quarter of the free range to the right, half way down
    draws = torch.tensor([0.0625, 0.5, 0.99, 0.25, 0.5])[:, None].expand(5, 6)
    boxes = crop_boxes(draws[:, :, None].numpy(), [Augmentation(scale=(0.2, 1.0))])
    grid = sampling_grid(torch.from_numpy(boxes), 20)[:, 0]
    crop = torch.nn.functional.grid_sample(images.float(), grid, align_corners=False)
    expected = tv.resized_crop(images.float(), top=10, left=5, height=20, width=20, size=[20, 20])
    torch.testing.assert_close(crop, expected, atol=1e-2, rtol=0)


def test_a_flipped_crop_is_the_mirror_image_of_the_crop(images: Tensor) -> None:
    crops = [
        augment(
            images,
            [Augmentation(flip=flip, jitter_share=0, grey_share=0)],
            size=32,
            seed=5,
        )
        for flip in (0.0, 1.0)
    ]
    torch.testing.assert_close(crops[1][0], crops[0][0].flip(3), atol=1e-4, rtol=0)


def test_crops_stay_inside_and_have_the_stated_area() -> None:
    generator = torch.Generator().manual_seed(1)
    x, y, width, height = crop_boxes(
        torch.rand(5, 4000, 1, generator=generator).numpy(),
        [Augmentation(scale=(0.2, 1.0), flip=0.5)],
    )
    flipped, width = width < 0, abs(width)
    assert (abs(x) + width).max() <= 1 + 1e-6
    assert (abs(y) + height).max() <= 1 + 1e-6
    area = width * height
    assert 0.19 < area.min() < 0.21 and area.max() <= 1 + 1e-6
    assert math.isclose(float(flipped.mean()), 0.5, abs_tol=0.03)


def test_each_sample_has_its_own_parameters_and_the_seed_decides(images: Tensor) -> None:
    same = images[:1].expand(6, -1, -1, -1)
    view, second = augment(same, 2 * [Augmentation()], size=32, seed=3)
    again = augment(same, 2 * [Augmentation()], size=32, seed=3)
    (other,) = augment(same, [Augmentation()], size=32, seed=4)
    assert torch.equal(view, again[0]) and torch.equal(second, again[1])
    assert not torch.equal(view, other)
    assert len({float(sample.sum()) for sample in torch.cat([view, second])}) == 12
    assert view.is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize("world", [1, 2, 3])
def test_a_process_s_views_are_those_of_the_whole_batch(images: Tensor, world: int) -> None:
    strengths = RECIPES["byol"]  # whatever there is, blur and solarisation too
    whole = augment(images, strengths, size=24, seed=3)
    for rank in range(world):
        part = augment(images[rank::world], strengths, size=24, seed=3, part=(rank, world))
        for mine, view in zip(part, whole, strict=True):
            torch.testing.assert_close(mine, view[rank::world], atol=1e-5, rtol=0)


def test_blur_against_torchvision(images: Tensor) -> None:
    blurred = replace(PLAIN, blur_share=1.0, blur_sigma=(1.2, 1.2))
    (view,) = augment(images, [blurred], size=40, seed=0)
    expected = tv.gaussian_blur(normalise(images), kernel_size=[5, 5], sigma=[1.2, 1.2])
    torch.testing.assert_close(view, expected.contiguous(), atol=1e-4, rtol=0)


def test_each_sample_has_its_own_blur(images: Tensor) -> None:
    kernels = torch.from_numpy(gaussian_kernels(np.array([0.5, 2.0], np.float32), 5))
    torch.testing.assert_close(kernels.sum(1), torch.ones(2))
    ratio = kernels[:, 1] / kernels[:, 2]  # exp(-1 / 2 sigma^2)
    torch.testing.assert_close(ratio, torch.tensor([math.exp(-2), math.exp(-1 / 8)]))
    some = replace(PLAIN, blur_share=0.5)
    (view,) = augment(images[:1].expand(100, -1, -1, -1), [some], size=40, seed=0)
    untouched = normalise(images[:1]).contiguous()
    same = [torch.allclose(sample, untouched[0], atol=1e-4) for sample in view]
    assert 30 < sum(same) < 70


def test_solarisation_against_torchvision() -> None:
    images = torch.arange(256, dtype=torch.uint8).view(1, 1, 16, 16).expand(2, 3, 16, 16)
    (view,) = augment(images, [replace(PLAIN, solarise_share=1.0)], size=16, seed=0)
    expected = normalise(tv.solarize(images, threshold=128))
    torch.testing.assert_close(view, expected.contiguous(), atol=1e-4, rtol=0)


def test_views_have_their_own_strengths(images: Tensor) -> None:
    bright = replace(PLAIN, solarise_share=1.0)
    plain, solarised = augment(images, [PLAIN, bright], size=40, seed=0)
    torch.testing.assert_close(plain, normalise(images).contiguous(), atol=1e-4, rtol=0)
    assert not torch.allclose(plain, solarised)


@pytest.mark.parametrize("name", RECIPES)
def test_recipes_give_views_in_range(images: Tensor, name: str) -> None:
    for view in augment(images, 2 * RECIPES[name], size=32, seed=0):
        assert view.shape == (6, 3, 32, 32) and view.dtype == torch.float32
        assert -2 <= view.min() < view.max() <= 2
