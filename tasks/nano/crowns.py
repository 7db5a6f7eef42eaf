"""Tree crowns on aerial photographs, to be found: real pictures with boxes drawn by people.

Two photographs of Yellowstone, some 13 km apart, are cut into square tiles. The larger one is for
training, but for a strip along its lower edge, which is for validation; the other is for the test.
The tiles of a side cover all of it and may overlap one another; no pixel is on two sides.
"""

import io
import xml.etree.ElementTree as ET
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from benchmark.data.home import sha256_text
from benchmark.data.imageset import Box, Sample, Split
from benchmark.data.source import Library
from benchmark.errors import DataError
from benchmark.registry import TASKS
from tasks.nano.scenes import DEEPFOREST
from tasks.task import Task, TaskSpec

#: Side of a tile, in pixels of the photograph, and of the picture that it is scaled to: the median
#: tree is then 27 pixels wide, three to four cells of the detector's map.
TILE, PICTURE = 192, 128

#: A box that a tile's border cuts is kept, cut to the tile, if so much of its area is inside.
INSIDE = 0.5

LARGE = "2019_YELL_2_528000_4978000_image_crop2"
SMALL = "2019_YELL_2_541000_4977000_image_crop"


@dataclass(frozen=True)
class Part:
    """What of a photograph belongs to a side.

    Args:
        split: the side.
        photograph: its name in the package, without the ending.
        rows: first row of pixels, and the one after the last; None for the photograph's end.
        overlap: pixels of the photograph that neighbouring tiles share at least.
    """

    split: Split
    photograph: str
    rows: tuple[int, int | None] = (0, None)
    overlap: int = 0


#: Only training tiles overlap by more than it takes to cover all: trees at other places of the map.
PARTS = (
    Part("train", LARGE, rows=(0, 1992), overlap=48),
    Part("val", LARGE, rows=(1992, None)),
    Part("test", SMALL),
)


@dataclass(frozen=True)
class Photograph:
    """A photograph with all of its trees.

    Args:
        pixels: (H, W, 3) uint8.
        boxes: (n, 4) x1, y1, x2, y2 in pixels.
        sha256: of the files that it was read from.
    """

    pixels: NDArray[np.uint8]
    boxes: NDArray[np.float64]
    sha256: str


@TASKS.register("crowns")
class Crowns(Task):
    """Where the trees on an aerial photograph are."""

    spec = TaskSpec(
        name="crowns",
        version=1,
        title="where the trees are on aerial photographs (to be found, not named)",
        metric="map11",
        classes=("tree",),
        sources=(DEEPFOREST,),
        data_sha256="6b702b16e42a06800b0f817f286ec2f04e241cb42baf0146ea0e22fb515ecd8d",
        evaluations=("detection",),
        further=(),
    )
    #: Chosen on the validation tiles. They are few and large, and one may hold some twenty trees.
    detection: ClassVar[Mapping[str, int]] = {"epochs": 20, "batch_size": 8, "most": 100}

    def build(self, library: Library) -> Iterator[Sample]:
        """Yield the training, the validation, then the test tiles, row by row."""
        photographs = {name: read_photograph(library, name) for name in (LARGE, SMALL)}
        for part in PARTS:
            yield from cut(part, photographs[part.photograph])


def cut(part: Part, photograph: Photograph) -> Iterator[Sample]:
    """Cut a side's part of a photograph into tiles, and scale them.

    Args:
        part: of the photograph.
        photograph: the part of it is at least `TILE` high and wide.

    Returns:
        Tiles row by row; one without a tree has no label.
    """
    height, width = photograph.pixels.shape[:2]
    first, end = part.rows[0], part.rows[1] or height
    for down in starts(end - first, TILE, part.overlap):
        for left in starts(width, TILE, part.overlap):
            top = first + down
            tile = Image.fromarray(photograph.pixels[top : top + TILE, left : left + TILE])
            boxes = boxes_inside(photograph.boxes, left, top)
            yield Sample(
                id=f"{part.split}/{top:04d}-{left:04d}",
                # by itself, since a neighbour's pixels would come in if the whole were scaled
                image=np.asarray(tile.resize((PICTURE, PICTURE), Image.Resampling.BICUBIC)),
                label=(0,) if boxes else (),
                split=part.split,
                source_sha256=photograph.sha256,
                boxes=boxes,
                extra={"photograph": part.photograph, "left": str(left), "top": str(top)},
            )


def starts(length: int, size: int, overlap: int) -> list[int]:
    """First pixels of the fewest tiles that cover a length and share enough with the next.

    Args:
        length: to cover, in pixels, at least `size`.
        size: of a tile, in pixels.
        overlap: pixels that neighbours share at least, less than `size`.

    Returns:
        Spread evenly, from 0 to `length - size`.

    Example:
        >>> starts(100, 40, 0)
        [0, 30, 60]
        >>> starts(100, 40, 20)
        [0, 20, 40, 60]
    """
    steps = -(-(length - size) // (size - overlap))
    return [k * (length - size) // max(steps, 1) for k in range(steps + 1)]


def boxes_inside(boxes: NDArray[np.float64], left: int, top: int) -> tuple[Box, ...]:
    """The boxes of which at least `INSIDE` of the area is in a tile, cut to it and scaled with it.

    Args:
        boxes: (n, 4) x1, y1, x2, y2 in pixels of the photograph.
        left, top: first pixel of the tile.

    Returns:
        In the order given, in pixels of the scaled tile, all of class 0.

    Example:
        >>> boxes_inside(np.array([[7.0, 20, 13, 26], [6, 20, 12, 26], [0, 0, 9, 9]]), 10, 5)
        ((0.0, 10.0, 2.0, 14.0, 0),)
    """
    moved = boxes - [left, top, left, top]
    clipped = moved.clip(0, TILE)
    area, kept = ((b[:, 2:] - b[:, :2]).prod(1) for b in (moved, clipped))
    scaled = clipped[kept >= INSIDE * area] * PICTURE / TILE
    return tuple((x1, y1, x2, y2, 0) for x1, y1, x2, y2 in scaled.tolist())


def read_photograph(library: Library, name: str) -> Photograph:
    """A photograph and its annotation, from the package.

    Args:
        library: where the package is.
        name: of both files, without the ending.

    Raises:
        DataError: one of the files cannot be read, or they do not belong together.
    """
    picture, annotation = (
        library.read(DEEPFOREST, f"deepforest/data/{name}.{ending}") for ending in ("png", "xml")
    )
    try:
        pixels = np.asarray(Image.open(io.BytesIO(picture)).convert("RGB"))
        boxes = parse_boxes(annotation)
    except (OSError, ValueError, SyntaxError) as error:
        raise DataError(f"the photograph {name} cannot be read: {error}") from error
    height, width = pixels.shape[:2]
    if (boxes < 0).any() or (boxes > [width, height, width, height]).any():
        raise DataError(f"the photograph {name} has a tree outside its {width} x {height} pixels")
    both = sha256_text(*(sha256(content).hexdigest() for content in (picture, annotation)))
    return Photograph(pixels, boxes, both)


def parse_boxes(annotation: bytes) -> NDArray[np.float64]:
    """Boxes (n, 4) x1, y1, x2, y2 of an annotation in PASCAL VOC's XML.

    The corners are taken as they stand, which is how the package takes them.

    Raises:
        ValueError, SyntaxError: it is no such annotation, or a box is empty.

    Example:
        >>> tree = "<bndbox><xmin>1</xmin><ymin>2</ymin><xmax>5</xmax><ymax>9</ymax></bndbox>"
        >>> parse_boxes(f"<annotation><object>{tree}</object></annotation>".encode())
        array([[1., 2., 5., 9.]])
    """
    corners = ("xmin", "ymin", "xmax", "ymax")
    rows = [
        [float(box.findtext(corner, "")) for corner in corners]
        for box in ET.fromstring(annotation).iter("bndbox")
    ]
    boxes = np.array(rows, np.float64).reshape(-1, 4)
    if not (boxes[:, 2:] > boxes[:, :2]).all():
        raise ValueError("a box of its annotation is empty")
    return boxes
