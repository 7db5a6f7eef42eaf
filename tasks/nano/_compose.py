"""Scenes put together from drawings and photographs, with the boxes that follow from it.

Where everything goes is decided by hashes of names, so it does not depend on any version of a
random generator, nor on how the drawings are rendered.
"""

import io
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import resvg_py
from numpy.typing import NDArray
from PIL import Image

from benchmark.data.home import sha256_text
from benchmark.data.imageset import Box
from benchmark.errors import DataError

#: Coverage (0-255) from which a pixel counts as the drawing's. Not one half: an edge drawn through
#: the middle of a pixel would be decided by the renderer's rounding.
_INK = 96

#: Places tried for an object before it is left out.
_TRIES = 20


@dataclass(frozen=True)
class Rules:
    """How objects lie in a scene.

    Args:
        size: side of the scene in pixels.
        objects: fewest and most in a scene, each number as likely.
        sides: smallest and largest side of the square that a drawing is fitted into, in pixels.
        overlap: of two squares, the largest share of the smaller that they may have in common.
    """

    size: int
    objects: tuple[int, int]
    sides: tuple[int, int]
    overlap: float


@dataclass(frozen=True)
class Place:
    """The square that a drawing is fitted into: left and top edge, side, in pixels."""

    x: int
    y: int
    side: int


def pick(n: int, *names: str) -> int:
    """A number from 0 to n - 1 that the names decide.

    Example:
        >>> pick(1000, "scenes", "train/0000", "x"), pick(1000, "scenes", "train/0000", "y")
        (443, 571)
    """
    return int(sha256_text(*names)[:12], 16) % n


def lay_out(rules: Rules, *names: str) -> list[Place]:
    """Places for the objects of one scene, the hindmost first.

    Args:
        rules: how objects lie.
        names: of the scene; they decide everything.

    Returns:
        At least one place; fewer than drawn if there is no room left.
    """
    fewest, most = rules.objects
    smallest, largest = rules.sides
    found: list[Place] = []
    for number in range(fewest + pick(most - fewest + 1, *names, "objects")):
        for attempt in range(_TRIES):
            here = (*names, str(number), str(attempt))
            side = smallest + pick(largest - smallest + 1, *here, "side")
            room = rules.size - side + 1
            place = Place(pick(room, *here, "x"), pick(room, *here, "y"), side)
            if all(_common(place, other) <= rules.overlap for other in found):
                found.append(place)
                break
    return found


def _common(a: Place, b: Place) -> float:
    wide = min(a.x + a.side, b.x + b.side) - max(a.x, b.x)
    high = min(a.y + a.side, b.y + b.side) - max(a.y, b.y)
    return max(wide, 0) * max(high, 0) / min(a.side, b.side) ** 2


def render_cutout(document: str, side: int) -> NDArray[np.uint8]:
    """Render one SVG document fitted into a square, with nothing behind it.

    Args:
        document: SVG text without width and height.
        side: of the square, in pixels.

    Returns:
        (side, side, 4) uint8: red, green, blue, coverage.

    Raises:
        DataError: not an SVG.
    """
    sized = document.replace("<svg ", f'<svg width="{side}" height="{side}" ', 1)
    try:
        png = resvg_py.svg_to_bytes(svg_string=sized, skip_system_fonts=True)
    except ValueError as error:
        raise DataError(f"cannot render {document[:80]!r}...: {error}") from error
    return np.asarray(Image.open(io.BytesIO(bytes(png))).convert("RGBA"))


def paste(
    scene: NDArray[np.uint8], cutouts: Sequence[NDArray[np.uint8]], places: Sequence[Place]
) -> list[tuple[float, float, float, float]]:
    """Paste drawings into a scene, in their order, and say where they are.

    Args:
        scene: (S, S, 3) uint8, changed in place.
        cutouts: (side, side, 4) uint8 each, as `render_cutout` gives them.
        places: of the same sides.

    Returns:
        For each drawing the smallest box (x1, y1, x2, y2) around all its pixels, those too that a
        later drawing hides; x2 and y2 lie one past the last pixel.

    Raises:
        DataError: a drawing is empty.

    Example:
        >>> dot = np.zeros((4, 4, 4), np.uint8)
        >>> dot[1, 1:3] = 255
        >>> paste(np.zeros((8, 8, 3), np.uint8), [dot], [Place(2, 3, 4)])
        [(3.0, 4.0, 5.0, 5.0)]
    """
    boxes = []
    for cutout, place in zip(cutouts, places, strict=True):
        rows, columns = np.nonzero(cutout[:, :, 3] >= _INK)
        if not len(rows):
            raise DataError("a drawing to be pasted is empty")
        under = scene[place.y : place.y + place.side, place.x : place.x + place.side]
        cover = cutout[:, :, 3:].astype(np.uint16)
        mixed = cutout[:, :, :3] * cover + under * (255 - cover)
        under[:] = (mixed + 127) // 255
        corners = (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)
        shift = (place.x, place.y, place.x, place.y)
        x1, y1, x2, y2 = (float(c + s) for c, s in zip(corners, shift, strict=True))
        boxes.append((x1, y1, x2, y2))
    return boxes


def labelled(
    boxes: Sequence[tuple[float, float, float, float]], classes: Sequence[int]
) -> tuple[Box, ...]:
    """Boxes with their classes, as `Sample` has them."""
    return tuple((*box, label) for box, label in zip(boxes, classes, strict=True))
