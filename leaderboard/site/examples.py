"""Example images of the downstream tasks, as pictures: rows of classes, and boxes."""

import io
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from benchmark.registry import TASKS
from benchmark.streams.picture import stream_rows

if TYPE_CHECKING:
    from benchmark.data.imageset import ImageSet
    from tasks.task import TaskSpec

#: In the order of the page.
SPLITS = ("train", "val", "test")
#: How many classes have example images.
CLASSES = 6
#: Images with their boxes, how many times larger they are shown, and the frames' colour.
_BOXED, _ZOOM = 8, 2
_FRAME = (255, 0, 170)


@dataclass(frozen=True)
class Examples:
    """Example images of a task.

    Args:
        rows: name of a class, and a PNG with a row of its test images.
        boxed: PNG of a row of test images with their boxes; None of a set without any.
        counts: number of images of each split.
    """

    rows: tuple[tuple[str, bytes], ...]
    boxed: bytes | None
    counts: Mapping[str, int]


@lru_cache(maxsize=64)  # the protocols of a tier have the same tasks
def examples(task: str, _place: Path) -> Examples:
    """Example images of a registered task, none if they may not be passed on.

    Args:
        task: its name.
        _place: folder of the prepared data, `benchmark.data.home.home()`.

    Raises:
        DataError: the images are not prepared there.
    """
    known = TASKS.get(task)
    images = known().data()
    counts = {split: int(np.sum(images.splits == split)) for split in SPLITS}
    if not may_be_shown(known.spec):
        return Examples((), None, counts)
    return Examples(class_rows(images), boxed_row(images), counts)


def may_be_shown(spec: "TaskSpec") -> bool:
    """Whether a task's images may be passed on, as those on a page are."""
    return not any("never redistributed" in source.note for source in spec.sources)


def class_rows(images: "ImageSet") -> tuple[tuple[str, bytes], ...]:
    """Name of a class and a PNG with a row of its test images, of a few classes.

    Args:
        images: the set, (N, 3, S, S) uint8.

    Returns:
        Classes at equal distances among those that have test images; the same input gives the same
        bytes.
    """
    test = images.splits == "test"
    many = images.labels.ndim == 2
    members = [
        np.flatnonzero(test & (images.labels[:, k] == 1 if many else images.labels == k))
        for k in range(len(images.class_names))
    ]
    there = [k for k, rows in enumerate(members) if len(rows)]
    shown = sorted({there[i * len(there) // CLASSES] for i in range(CLASSES)}) if there else []
    ids = [[images.ids[row] for row in members[k].tolist()] for k in shown]
    names = [images.class_names[k] for k in shown]
    return tuple(zip(names, stream_rows(ids, images), strict=True))


def boxed_row(images: "ImageSet") -> bytes | None:
    """A PNG with a row of test images, each box framed; None of a set without boxes."""
    from PIL import Image, ImageDraw

    boxed = [row for row in np.flatnonzero(images.splits == "test").tolist() if images.boxes[row]]
    wanted = boxed[:: max(1, len(boxed) // _BOXED)][:_BOXED]
    if not wanted:
        return None
    side = images.images.shape[2] * _ZOOM
    pitch = side + 4 * _ZOOM
    sheet = Image.new("RGB", (pitch * len(wanted) - 4 * _ZOOM, side), "white")
    for place, row in enumerate(wanted):
        pixels = np.ascontiguousarray(np.asarray(images.images[row]).transpose(1, 2, 0))
        picture = Image.fromarray(pixels).resize((side, side), Image.Resampling.NEAREST)
        pen = ImageDraw.Draw(picture)
        for x1, y1, x2, y2, _ in images.boxes[row]:
            corners = [_ZOOM * x1, _ZOOM * y1, _ZOOM * x2 - 1, _ZOOM * y2 - 1]
            pen.rectangle(corners, outline=_FRAME, width=_ZOOM)
        sheet.paste(picture, (place * pitch, 0))
    content = io.BytesIO()
    sheet.save(content, "PNG")
    return content.getvalue()
