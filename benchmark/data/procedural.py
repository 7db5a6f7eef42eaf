"""Procedural images for the smoke tier: coloured shapes, drawn in integers, no download."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmark.canonical import sha256_of
from benchmark.data.home import home
from benchmark.data.imageset import ImageSet, Sample, Split, load_image_set, write_image_set
from benchmark.errors import DataError
from benchmark.seeds import seed_for

CLASSES = ("disc", "square", "triangle", "cross", "ring", "stripes", "diamond", "checks")
#: What kind of shape each is: a tree of two levels, for the distant-class stream.
FAMILIES = {
    **dict.fromkeys(("disc", "ring"), "round"),
    **dict.fromkeys(("square", "diamond"), "straight"),
    **dict.fromkeys(("triangle", "cross"), "pointed"),
    **dict.fromkeys(("stripes", "checks"), "patterned"),
}
#: Styles of the pool, for the domain stream: dark on light, and light on dark.
DOMAINS = ("day", "night")
#: Images of each class by split.
SPLITS: dict[Split, int] = {"train": 32, "val": 8, "test": 24}


def draw_shape(kind: str, name: str, size: int) -> NDArray[np.uint8]:
    """One shape in its own place, size and colours, all a function of `name`.

    Args:
        kind: one of `CLASSES`.
        name: of the sample.
        size: side in pixels.

    Returns:
        (size, size, 3) uint8.

    Example:
        >>> draw_shape("disc", "any", 8).shape
        (8, 8, 3)
    """
    numbers = [seed_for("shape", name, draw) for draw in range(9)]
    radius = size // 5 + numbers[0] % (size // 6)
    x, y = (radius + number % (size - 2 * radius) for number in numbers[1:3])
    dx, dy = np.arange(size) - x, (np.arange(size) - y)[:, None]
    inside = {
        "disc": dx**2 + dy**2 <= radius**2,
        "square": (abs(dx) <= radius * 4 // 5) & (abs(dy) <= radius * 4 // 5),
        "triangle": (abs(dx) * 2 <= dy + radius) & (dy <= radius * 4 // 5),
        "cross": (np.minimum(abs(dx), abs(dy)) <= radius // 3)
        & (np.maximum(abs(dx), abs(dy)) <= radius),
        "ring": (dx**2 + dy**2 <= radius**2) & (dx**2 + dy**2 > (radius * 5 // 9) ** 2),
        "stripes": (abs(dx) <= radius) & (abs(dy) <= radius) & (dy // 2 % 2 == 0),
        "diamond": abs(dx) + abs(dy) <= radius,
        "checks": (abs(dx) <= radius) & (abs(dy) <= radius) & ((dx // 3 + dy // 3) % 2 == 0),
    }[kind]
    paper = np.array([200 + number % 56 for number in numbers[3:6]], np.uint8)
    ink = np.array([number % 160 for number in numbers[6:9]], np.uint8)
    return np.where(inside[..., None], ink, paper).astype(np.uint8)


def shapes(prefix: str, size: int, domains: tuple[str, ...] = ("day",)) -> Iterator[Sample]:
    """The samples of a smoke set: every class in every split, classes and domains in turn."""
    for split, count in SPLITS.items():
        for number in range(count):
            domain = domains[number % len(domains)]
            for label, kind in enumerate(CLASSES):
                name = f"{prefix}/{split}/{kind}/{number}"
                image = draw_shape(kind, name, size)
                yield Sample(
                    id=name,
                    image=255 - image if domain == "night" else image,
                    label=label,
                    split=split,
                    source_sha256=sha256_of([kind, name, size]),
                    extra={"domain": domain} if len(domains) > 1 else {},
                )


def smoke_set(name: str, size: int, expected_sha256: str, root: Path | None = None) -> ImageSet:
    """The prepared smoke set of that name, drawn first if it is not there (half a second)."""
    root = root or home() / "smoke"
    try:
        return load_image_set(name, expected_sha256=expected_sha256, root=root)
    except DataError:
        return write_image_set(
            name,
            shapes(name, size, DOMAINS if name == "pool" else DOMAINS[:1]),
            class_names=CLASSES,
            expected_sha256=expected_sha256,
            root=root,
        )
