"""Composited scenes: emoji pasted on aerial photographs, to be named (multi-label) and found.

The emoji are of the two designs that no stream contains. Where both designs draw an emoji, one
drawing is pasted into training scenes and the other into validation or test scenes, so no drawing
is on two sides. The six photographs are cut into three strips each, one for each side.
"""

import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from benchmark.data.drawn import Drawing
from benchmark.data.emoji import Emoji, emoji_book
from benchmark.data.home import sha256_text
from benchmark.data.imageset import Sample, Split
from benchmark.data.source import Library, Source
from benchmark.data.split import split_groups
from benchmark.data.styles import EMOJI_SOURCES
from benchmark.errors import DataError
from benchmark.registry import TASKS
from tasks.nano._compose import Rules, labelled, lay_out, paste, pick, render_cutout
from tasks.task import LABELLED, Task, TaskSpec

DEEPFOREST = Source(
    "deepforest",
    "pypi",
    "deepforest",
    "2.1.0",
    "8c2798d8e9be7f0004b194fe207b76c1d9fff6e711b3db67b9508dcd5d00ae54",
    "MIT",
    "Ben Weinstein, Henry Senyondo et al., DeepForest",
    "only its aerial photographs and their boxes are read",
)
PHOTOGRAPHS = (
    "2019_YELL_2_528000_4978000_image_crop2.png",
    "2019_YELL_2_541000_4977000_image_crop.png",
    "AWPE Pigeon Lake 2020 DJI_0005.JPG",
    "OSBS_029.png",
    "SOAP_031.png",
    "SOAP_061.png",
)
#: Left and right edge of each side's strip, in tenths of the photograph's width.
STRIPS: Mapping[Split, tuple[int, int]] = {"train": (0, 6), "val": (6, 8), "test": (8, 10)}
SCENES: Mapping[Split, int] = {"train": 2000, "val": 400, "test": 800}

#: Unicode's subgroups in each class; the others are not pasted.
CLASSES: Mapping[str, tuple[str, ...]] = {
    "mammals": ("animal-mammal",),
    "other animals": (
        *("animal-bird", "animal-reptile", "animal-amphibian", "animal-marine", "animal-bug"),
    ),
    "plants and produce": ("plant-flower", "plant-other", "food-fruit", "food-vegetable"),
    "food and drink": ("food-prepared", "food-asian", "food-sweet", "drink"),
    "vehicles": ("transport-ground", "transport-air", "transport-water"),
    "buildings": ("place-building", "place-religious"),
    "sky and weather": ("sky & weather",),
    "clothing": ("clothing",),
    "sports and games": ("sport", "game"),
    "paper and office": ("book-paper", "office", "writing", "mail"),
}
DESIGNS = ("openmoji", "fxemoji")
RULES = Rules(size=64, objects=(1, 2), sides=(32, 56), overlap=0.3)

#: Of the emoji that both designs draw, the share whose second drawing is for test, not validation.
_TEST = 0.5


@dataclass(frozen=True)
class Strip:
    """One side's part of a photograph: (H, W, 3) uint8, and the hash of the whole file."""

    name: str
    pixels: NDArray[np.uint8]
    sha256: str


@TASKS.register("scenes")
class Scenes(Task):
    """Which kinds of things are in a composited scene, and where."""

    spec = TaskSpec(
        name="scenes",
        version=1,
        title="which kinds of things are in a scene composited of emoji and aerial photographs",
        metric="map11",
        classes=tuple(CLASSES),
        sources=(DEEPFOREST, *EMOJI_SOURCES),
        data_sha256="99fddc5c6cea8c0a8b7bb415afcd6cf5f42ccf2571fe35e2462b261303cd4d2c",
        evaluations=("linear", "detection"),
        further=LABELLED,
    )

    def build(self, library: Library) -> Iterator[Sample]:
        """Yield the training, the validation, then the test scenes."""
        strips = [read_photograph(library, name) for name in PHOTOGRAPHS]
        book = emoji_book(library)
        drawings = {
            split: [
                [(f"{design}/{points}", book.drawing(design, points)) for design, points in kind]
                for kind in kinds
            ]
            for split, kinds in choose(book.objects()).items()
        }
        for split, count in SCENES.items():
            for n in range(count):
                strip = strips[n % len(strips)][split]
                yield compose(f"{split}/{n:04d}", split, strip, drawings[split])


def compose(
    name: str, split: Split, strip: Strip, kinds: Sequence[Sequence[tuple[str, Drawing]]]
) -> Sample:
    """One scene.

    Args:
        name: id of the scene; decides everything that is left to chance.
        split: the scene's side.
        strip: where its background is cut from.
        kinds: for each class, id and drawing of what may be pasted.
    """
    height, width = (side - RULES.size + 1 for side in strip.pixels.shape[:2])
    top, left = pick(height, "scenes", name, "top"), pick(width, "scenes", name, "left")
    scene = strip.pixels[top : top + RULES.size, left : left + RULES.size].copy()
    places = lay_out(RULES, "scenes", name)
    labels, pasted = [], []
    for k in map(str, range(len(places))):
        label = pick(len(kinds), "scenes", name, k, "class")
        labels.append(label)
        pasted.append(kinds[label][pick(len(kinds[label]), "scenes", name, k, "drawing")])
    cutouts = [
        render_cutout(str(drawing.content), place.side)
        for (_, drawing), place in zip(pasted, places, strict=True)
    ]
    boxes = paste(scene, cutouts, places)
    return Sample(
        id=name,
        image=scene,
        label=tuple(sorted(set(labels))),
        split=split,
        source_sha256=sha256_text(strip.sha256, *(drawing.sha256 for _, drawing in pasted)),
        boxes=labelled(boxes, labels),
        extra={"photograph": strip.name, "pasted": " ".join(drawn for drawn, _ in pasted)},
    )


def choose(objects: Sequence[Emoji]) -> dict[Split, list[list[tuple[str, str]]]]:
    """For each side and class, the design and the code points of what is pasted there.

    Of an emoji in both designs, one drawing is for training, by a hash which, and the other for
    test or validation; an emoji in one design is for training.
    """
    of_subgroup = {name: k for k, names in enumerate(CLASSES.values()) for name in names}
    chosen: dict[Split, list[list[tuple[str, str]]]] = {
        split: [[] for _ in CLASSES] for split in SCENES
    }
    used = [emoji for emoji in objects if emoji.subgroup in of_subgroup]
    twice = [emoji for emoji in used if all(design in emoji.styles for design in DESIGNS)]
    kinds = [of_subgroup[emoji.subgroup] for emoji in twice]
    names = [emoji.codepoints for emoji in twice]
    away = dict(zip(names, split_groups("scenes", kinds, names, test=_TEST), strict=True))
    for emoji in used:
        kind, points = of_subgroup[emoji.subgroup], emoji.codepoints
        designs = [design for design in DESIGNS if design in emoji.styles]
        if points in away:
            split: Split = "test" if away[points] == "test" else "val"
            chosen[split][kind].append((designs.pop(pick(2, "scenes", points)), points))
        chosen["train"][kind] += [(design, points) for design in designs]
    return chosen


def read_photograph(library: Library, name: str) -> dict[Split, Strip]:
    """The three strips of a photograph, side by side.

    Raises:
        DataError: it cannot be decoded.
    """
    content = library.read(DEEPFOREST, f"deepforest/data/{name}")
    try:
        pixels = np.asarray(Image.open(io.BytesIO(content)).convert("RGB"))
    except (OSError, ValueError) as error:
        raise DataError(f"the photograph {name} cannot be decoded: {error}") from error
    tenth, digest = pixels.shape[1] / 10, sha256(content).hexdigest()
    return {
        split: Strip(name, pixels[:, round(left * tenth) : round(right * tenth)], digest)
        for split, (left, right) in STRIPS.items()
    }
