"""mmdet without a compiler: the two operators its detectors need, from torchvision.

`mmcv-lite` has no compiled module `mmcv._ext`, and without one mmdet cannot be imported. Where a
full mmcv is installed its own operators are used; else a module of that name gives `nms` and
`roi_align_*`, and says what is wrong when any other operator is called.
"""

import contextlib
import importlib
import importlib.util
import io
import sys
import warnings
from collections.abc import Callable, Iterator
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import NoReturn

import torch
import torchvision  # noqa: F401  (registers torch.ops.torchvision)
from torch import Tensor

from benchmark.errors import HeadwaterError

NAME = "mmcv._ext"
_AVERAGE = 1  # mmcv's code for pool_mode="avg"; 0 is "max"


def nms(boxes: Tensor, scores: Tensor, *, iou_threshold: float, offset: int) -> Tensor:
    """Greedy non-maximum suppression in the order of falling scores.

    Args:
        boxes: (N, 4) float, x1, y1, x2, y2.
        scores: (N,) float.
        iou_threshold: a box goes if its IoU with a kept one is above this, in [0, 1].
        offset: 1 counts the last pixel as part of a box (side x2 - x1 + 1), 0 does not.

    Returns:
        (K,) int64: kept boxes, best first.

    Example:
        >>> boxes = torch.tensor([[0.0, 0, 10, 10], [0, 0, 10, 8], [20, 0, 30, 10]])
        >>> nms(boxes, torch.tensor([0.5, 0.9, 0.1]), iou_threshold=0.5, offset=0)
        tensor([1, 2])
    """
    if offset:  # the same overlaps as with exclusive ends one pixel further
        boxes = boxes + boxes.new_tensor([0, 0, offset, offset])
    kept: Tensor = torch.ops.torchvision.nms(boxes, scores, iou_threshold)
    return kept


def roi_align_forward(
    features: Tensor,
    rois: Tensor,
    output: Tensor,
    argmax_y: Tensor,
    argmax_x: Tensor,
    *,
    aligned_height: int,
    aligned_width: int,
    spatial_scale: float,
    sampling_ratio: int,
    pool_mode: int,
    aligned: bool,
) -> None:
    """RoIAlign by averaging, written into `output`.

    Args:
        features: (N, C, H, W) float.
        rois: (K, 5) float: index of the image, x1, y1, x2, y2 in pixels of the picture.
        output: (K, C, aligned_height, aligned_width), overwritten.
        argmax_y: used for max pooling only; so is `argmax_x`.
        argmax_x: see `argmax_y`.
        aligned_height: bins down; `aligned_width`: bins across.
        aligned_width: see `aligned_height`.
        spatial_scale: pixels of the map per pixel of the picture.
        sampling_ratio: points per bin and axis; 0 lets the size of the region decide.
        pool_mode: 1, the average.
        aligned: True shifts by half a pixel, as it should be; False is the first version's way.
    """
    _only_average(pool_mode)
    output.copy_(
        torch.ops.torchvision.roi_align(
            features, rois, spatial_scale, aligned_height, aligned_width, sampling_ratio, aligned
        )
    )


def roi_align_backward(
    grad_output: Tensor,
    rois: Tensor,
    argmax_y: Tensor,
    argmax_x: Tensor,
    grad_input: Tensor,
    *,
    aligned_height: int,
    aligned_width: int,
    spatial_scale: float,
    sampling_ratio: int,
    pool_mode: int,
    aligned: bool,
) -> None:
    """Gradient of `roi_align_forward` with respect to the features, written into `grad_input`.

    Args:
        grad_output: (K, C, aligned_height, aligned_width) float.
        grad_input: (N, C, H, W), overwritten; the others as in `roi_align_forward`.
    """
    _only_average(pool_mode)
    grad_input.copy_(
        torch.ops.torchvision._roi_align_backward(
            grad_output,
            rois,
            spatial_scale,
            aligned_height,
            aligned_width,
            *grad_input.shape,
            sampling_ratio,
            aligned,
        )
    )


def _only_average(pool_mode: int) -> None:
    if pool_mode != _AVERAGE:
        _refuse("roi_align with pool_mode='max'")


def _refuse(operator: str) -> NoReturn:
    raise NotImplementedError(
        f"mmcv's operator {operator} needs a compiled mmcv; without one Headwater gives "
        "nms and roi_align (average) only: install a full mmcv, or use another detector"
    )


def torchvision_operators() -> ModuleType:
    """A module that stands in for `mmcv._ext`; see the top of this file.

    Example:
        >>> torchvision_operators().softnms()
        Traceback (most recent call last):
        NotImplementedError: mmcv's operator softnms needs a compiled mmcv; without one ...
    """
    module = ModuleType(NAME, "Stands in for mmcv's compiled operators, by torchvision.")
    module.__spec__ = ModuleSpec(NAME, None)  # mmengine looks for it with pkgutil.find_loader
    module.nms = nms  # type: ignore[attr-defined]
    module.roi_align_forward = roi_align_forward  # type: ignore[attr-defined]
    module.roi_align_backward = roi_align_backward  # type: ignore[attr-defined]

    def other(name: str) -> Callable[..., NoReturn]:
        if name.startswith("__"):
            raise AttributeError(name)
        return lambda *_args, **_options: _refuse(name)

    module.__getattr__ = other  # type: ignore[method-assign]
    return module


def provide_operators() -> ModuleType:
    """`mmcv._ext`: the compiled one if mmcv has it, else torchvision's, put in its place.

    Raises:
        HeadwaterError: there is a compiled one, but it does not load.
    """
    if NAME in sys.modules:
        return sys.modules[NAME]
    if importlib.util.find_spec(NAME) is None:
        sys.modules[NAME] = torchvision_operators()
        return sys.modules[NAME]
    try:
        return importlib.import_module(NAME)
    except ImportError as error:
        raise HeadwaterError(
            f"mmcv's compiled operators do not load ({error}): install the mmcv built for "
            f"torch {torch.__version__}, or mmcv-lite in its place"
        ) from error


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Keep back what mmdet, mmcv and pycocotools say that a user can do nothing about.

    Exactly these: mmcv's note on a class that has moved, pkgutil.find_loader (mmengine and mmcv
    look for operators with it; it ends with Python 3.14), torch.meshgrid without `indexing`, and
    what pycocotools prints.
    """
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.filterwarnings("ignore", ".*MultiScaleDeformableAttention", ImportWarning)
        warnings.filterwarnings("ignore", ".*pkgutil.find_loader", DeprecationWarning)
        warnings.filterwarnings("ignore", "torch.meshgrid", UserWarning)
        yield


def import_mmdet() -> None:
    """Import mmdet, whatever operators mmcv has; the first call takes 5 to 20 s.

    Raises:
        HeadwaterError: mmcv's compiled operators do not load.
    """
    with quiet():
        provide_operators()
        for name in ("mmdet.models", "mmdet.datasets", "mmdet.evaluation"):
            importlib.import_module(name)
