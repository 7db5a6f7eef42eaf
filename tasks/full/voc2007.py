"""PASCAL VOC 2007: `JPEGImages/`, and `ImageSets/Main/<class>_<split>.txt` for each class."""

from pathlib import Path

from benchmark.data.files.fileset import Contents, FileSet, Found, lines_of
from benchmark.data.imageset import Split
from benchmark.errors import DataError
from benchmark.registry import TASKS
from tasks.full._task import FullTask
from tasks.task import TaskSpec

CLASSES = (
    *("aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow"),
    *("diningtable", "dog", "horse", "motorbike", "person", "pottedplant", "sheep", "sofa"),
    *("train", "tvmonitor"),
)


def layout(root: Path) -> Contents:
    """A line is `000012 1`: 1 is present, -1 absent, 0 only as a difficult object, not positive."""
    splits: tuple[Split, ...] = ("train", "val", "test")
    samples = []
    for split in splits:
        present: dict[str, list[str]] = {}
        for name in CLASSES:
            path = root / "ImageSets" / "Main" / f"{name}_{split}.txt"
            flags = dict(line.split() for line in lines_of(path))
            if present and flags.keys() != present.keys():  # what is not listed is not absent
                raise DataError(f"{path} lists other images than the other classes; fetch it again")
            for image, flag in flags.items():
                present.setdefault(image, []).extend([name] if flag == "1" else [])
        samples += [
            Found(f"JPEGImages/{image}.jpg", tuple(names), split)
            for image, names in present.items()
        ]
    return Contents(samples, CLASSES)


@TASKS.register("voc2007")
class Voc2007(FullTask):
    """Which of twenty kinds of objects a photograph shows."""

    files = FileSet(
        name="voc2007",
        layout=layout,
        classes=20,
        images={"train": 2_501, "val": 2_510, "test": 4_952},
        homepage="http://host.robots.ox.ac.uk/pascal/VOC/voc2007",
        terms="images from Flickr, under its terms",
        citation="Everingham et al., The PASCAL Visual Object Classes Challenge, IJCV 2010",
    )
    spec = TaskSpec(
        name="voc2007",
        version=1,
        title="which of twenty kinds of objects a photograph shows",
        metric="map11",
        classes=(),
        sources=(),
        data_sha256=None,
        evaluations=("linear",),
        tier="full",
    )
