"""The operators that stand in for mmcv's, against their definitions, worked out here in numpy."""

import importlib
import pkgutil
import sys
from itertools import product
from math import ceil, floor
from pathlib import Path

import numpy as np
import pytest
import torch

from benchmark.errors import HeadwaterError
from tasks.detection.operators import (
    NAME,
    import_mmdet,
    nms,
    provide_operators,
    quiet,
    torchvision_operators,
)


def iou(a, b, offset):
    wide = max(0, min(a[2], b[2]) - max(a[0], b[0]) + offset)
    high = max(0, min(a[3], b[3]) - max(a[1], b[1]) + offset)
    areas = [(box[2] - box[0] + offset) * (box[3] - box[1] + offset) for box in (a, b)]
    return wide * high / (sum(areas) - wide * high)


def nms_by_definition(boxes, scores, threshold, offset):
    kept = []
    for row in np.argsort(-scores, kind="stable"):
        if all(iou(boxes[row], boxes[other], offset) <= threshold for other in kept):
            kept.append(int(row))
    return kept


def random_boxes(rng, n, size):
    corner = rng.uniform(0, size * 0.7, (n, 2))
    return np.concatenate([corner, corner + rng.uniform(1, size * 0.5, (n, 2))], 1)


@pytest.mark.parametrize("offset", [0, 1])
@pytest.mark.parametrize("threshold", [0.3, 0.5, 0.7])
def test_nms(threshold, offset):
    rng = np.random.default_rng(7)
    boxes, scores = random_boxes(rng, 60, 20), rng.uniform(size=60)
    got = nms(
        torch.from_numpy(boxes), torch.from_numpy(scores), iou_threshold=threshold, offset=offset
    )
    expected = nms_by_definition(boxes, scores, threshold, offset)
    assert 5 < len(expected) < len(boxes)  # something is suppressed
    assert got.tolist() == expected


def test_nms_counts_the_last_pixel_with_offset():
    # 10 x 10 and 10 x 5 pixels: IoU 0.5 with the last pixel, 36 / 81 = 0.44 without
    boxes = torch.tensor([[0.0, 0, 9, 9], [0, 0, 9, 4]])
    scores = torch.tensor([0.9, 0.8])
    assert nms(boxes, scores, iou_threshold=0.49, offset=1).tolist() == [0]
    assert nms(boxes, scores, iou_threshold=0.51, offset=1).tolist() == [0, 1]
    assert nms(boxes, scores, iou_threshold=0.45, offset=0).tolist() == [0, 1]
    assert nms(boxes, scores, iou_threshold=0.43, offset=0).tolist() == [0]


def bilinear(plane, y, x):
    """Value of a map between its points; nothing beyond one step outside."""
    height, width = plane.shape
    if y < -1 or y > height or x < -1 or x > width:
        return 0.0
    y, x = min(max(y, 0), height - 1), min(max(x, 0), width - 1)
    y0, x0 = floor(y), floor(x)
    y1, x1 = min(y0 + 1, height - 1), min(x0 + 1, width - 1)
    top = plane[y0, x0] * (1 - (x - x0)) + plane[y0, x1] * (x - x0)
    low = plane[y1, x0] * (1 - (x - x0)) + plane[y1, x1] * (x - x0)
    return top * (1 - (y - y0)) + low * (y - y0)


def roi_align_by_definition(maps, rois, bins, scale, ratio, aligned):
    out = np.zeros((len(rois), maps.shape[1], bins, bins))
    for k, (image, *corners) in enumerate(rois):
        x1, y1, x2, y2 = (c * scale - (0.5 if aligned else 0) for c in corners)
        wide, high = x2 - x1, y2 - y1
        if not aligned:
            wide, high = max(wide, 1), max(high, 1)
        down, across = (ratio or ceil(high / bins), ratio or ceil(wide / bins))
        for c, i, j in product(range(maps.shape[1]), range(bins), range(bins)):
            values = [
                bilinear(
                    maps[int(image), c],
                    y1 + (i + (a + 0.5) / down) * high / bins,
                    x1 + (j + (b + 0.5) / across) * wide / bins,
                )
                for a in range(down)
                for b in range(across)
            ]
            out[k, c, i, j] = np.mean(values)
    return out


@pytest.fixture(scope="module")
def roi_align():
    import_mmdet()
    from mmcv.ops import roi_align

    return roi_align


@pytest.fixture(scope="module")
def example():
    rng = np.random.default_rng(3)
    maps = rng.normal(size=(2, 2, 6, 7))
    rois = np.column_stack([[0, 1, 1, 0], random_boxes(rng, 4, 24)])
    rois[3, 1:] = [-3, 18, 8, 30]  # beyond the border
    return maps, rois


@pytest.mark.parametrize("aligned", [True, False])
@pytest.mark.parametrize("ratio", [0, 2])
def test_roi_align(roi_align, example, ratio, aligned):
    maps, rois = example
    got = roi_align(torch.from_numpy(maps), torch.from_numpy(rois), 3, 0.25, ratio, "avg", aligned)
    expected = roi_align_by_definition(maps, rois, 3, 0.25, ratio, aligned)
    np.testing.assert_allclose(got.numpy(), expected, atol=1e-12)


def test_roi_align_of_a_slope_is_the_value_in_the_middle_of_the_bin(roi_align):
    slope = torch.arange(8.0).expand(1, 1, 8, 8)  # the value is x
    rois = torch.tensor([[0.0, 2, 2, 6, 6]])
    got = roi_align(slope, rois, 2, 1.0, 2, "avg", True)
    # bins from 2 to 4 and 4 to 6; pixel x spans x to x + 1, its middle holds the value x
    assert got[0, 0].tolist() == [[2.5, 4.5], [2.5, 4.5]]


@pytest.mark.parametrize("aligned", [True, False])
@pytest.mark.parametrize("ratio", [0, 2])
def test_gradient_of_roi_align_against_finite_differences(roi_align, example, ratio, aligned):
    maps, rois = (torch.from_numpy(a) for a in example)

    def loss(features):
        weight = torch.linspace(-1, 1, 4 * 2 * 9, dtype=torch.float64).reshape(4, 2, 3, 3)
        return (roi_align(features, rois, 3, 0.25, ratio, "avg", aligned) * weight).sum()

    features = maps.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(loss(features), features)
    step = 1e-4
    for place in [(0, 0, 1, 1), (0, 1, 5, 0), (1, 0, 2, 3), (1, 1, 3, 2), (1, 1, 5, 6)]:
        moved = [maps.clone(), maps.clone()]
        moved[0][place] += step
        moved[1][place] -= step
        slope = (loss(moved[0]) - loss(moved[1])) / (2 * step)
        assert gradient[place].item() == pytest.approx(slope.item(), abs=1e-9)
    assert gradient.abs().sum() > 0


def test_other_operators_say_what_is_missing(example):
    module = torchvision_operators()
    with pytest.raises(NotImplementedError, match="deform_conv_forward needs a compiled mmcv"):
        module.deform_conv_forward(1, b=2)
    maps, rois = (torch.from_numpy(a) for a in example)
    sizes = {"aligned_height": 3, "aligned_width": 3, "spatial_scale": 1.0, "sampling_ratio": 0}
    with pytest.raises(NotImplementedError, match="pool_mode='max'"):
        module.roi_align_forward(maps, rois, maps, maps, maps, **sizes, pool_mode=0, aligned=True)
    with pytest.raises(AttributeError):
        module.__path__  # noqa: B018


def test_mmengine_finds_the_module():
    import_mmdet()
    assert sys.modules[NAME].__spec__ is not None
    with quiet():
        assert pkgutil.find_loader(NAME) is sys.modules[NAME].__spec__.loader
    assert provide_operators() is sys.modules[NAME]


@pytest.fixture
def compiled(monkeypatch, tmp_path):
    """An mmcv that has a module of operators, whose source the test writes."""
    import_mmdet()
    import mmcv

    monkeypatch.delitem(sys.modules, NAME)
    monkeypatch.setattr(mmcv, "__path__", [*mmcv.__path__, str(tmp_path)])
    monkeypatch.setattr(mmcv, "_ext", None, raising=False)
    importlib.invalidate_caches()
    return Path(tmp_path, "_ext.py")


def test_compiled_operators_go_first(compiled):
    compiled.write_text("nms = 'compiled'\n")
    assert provide_operators().nms == "compiled"


def test_compiled_operators_that_do_not_load(compiled):
    compiled.write_text("raise ImportError('undefined symbol: _ZN3c10')\n")
    with pytest.raises(HeadwaterError, match=r"do not load \(undefined symbol.*install the mmcv"):
        provide_operators()


@pytest.mark.compiled
@pytest.mark.parametrize("aligned", [True, False])
@pytest.mark.parametrize("ratio", [0, 2])
def test_against_the_compiled_operators(ratio, aligned):
    compiled = importlib.import_module(NAME)
    assert compiled.__file__  # needs a full mmcv
    ours = torchvision_operators()
    generator = torch.Generator().manual_seed(0)
    corner = torch.rand(300, 2, generator=generator) * 60
    boxes = torch.cat([corner, corner + 1 + torch.rand(300, 2, generator=generator) * 30], 1)
    scores = torch.rand(300, generator=generator)
    for offset in (0, 1):
        both = [m.nms(boxes, scores, iou_threshold=0.5, offset=offset) for m in (compiled, ours)]
        assert torch.equal(*both)

    maps = torch.randn(2, 8, 16, 16, generator=generator)
    rois = torch.cat([torch.arange(300)[:, None] % 2, boxes], 1)
    options = {
        "aligned_height": 7,
        "aligned_width": 7,
        "spatial_scale": 0.25,
        "sampling_ratio": ratio,
        "pool_mode": 1,
        "aligned": aligned,
    }
    nothing = torch.zeros(0)
    for name, first, shape in (
        ("roi_align_forward", maps, (300, 8, 7, 7)),
        ("roi_align_backward", torch.randn(300, 8, 7, 7, generator=generator), maps.shape),
    ):
        outputs = [torch.zeros(shape), torch.zeros(shape)]
        for module, output in zip((compiled, ours), outputs, strict=True):
            if name == "roi_align_forward":
                module.roi_align_forward(first, rois, output, nothing, nothing, **options)
            else:
                module.roi_align_backward(first, rois, nothing, nothing, output, **options)
        assert torch.equal(*outputs)
