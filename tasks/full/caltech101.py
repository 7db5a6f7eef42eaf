"""Caltech-101: `101_ObjectCategories/<class>/*.jpg`.

There is no official split: 30 images a class train, the rest test, as is usual; which 30 is our
draw, by a hash of the id. The folder BACKGROUND_Google is no class.
"""

from pathlib import Path

from benchmark.data.files.fileset import Contents, FileSet, Found, folders_in, images_in
from benchmark.data.home import sha256_text
from benchmark.registry import TASKS
from tasks.full._task import FullTask
from tasks.task import TaskSpec

TRAINING = 30


def layout(root: Path) -> Contents:
    """A folder for each class."""
    samples = []
    folders = folders_in(root / "101_ObjectCategories")
    names = [folder.name for folder in folders if folder.name != "BACKGROUND_Google"]
    for name in names:
        ids = sorted(
            images_in(root / "101_ObjectCategories" / name, root),
            key=lambda image: sha256_text("caltech101", image),
        )
        samples += [
            Found(image, name, "train" if number < TRAINING else "test")
            for number, image in enumerate(ids)
        ]
    return Contents(samples, names)


@TASKS.register("caltech101")
class Caltech101(FullTask):
    """Kinds of objects."""

    files = FileSet(
        name="caltech101",
        layout=layout,
        classes=101,
        images={"train": 3_030, "test": 5_647},
        homepage="https://data.caltech.edu/records/mzrjq-6wc02",
        terms="CC-BY-4.0",
        citation="Fei-Fei, Fergus and Perona, Caltech-101, CVPR Workshops 2004",
        validation=True,
    )
    spec = TaskSpec(
        name="caltech101",
        version=1,
        title="kinds of objects",
        metric="mean_per_class",
        classes=(),
        sources=(),
        data_sha256=None,
        tier="full",
    )
