"""Describable Textures: `images/<class>/*.jpg`, and the lists of its first split."""

from pathlib import Path

from benchmark.data.files.fileset import Contents, FileSet, listed
from benchmark.data.imageset import Split
from benchmark.registry import TASKS
from tasks.full._task import FullTask
from tasks.task import TaskSpec


def layout(root: Path) -> Contents:
    """`labels/train1.txt`, `val1.txt` and `test1.txt`; a line is `banded/banded_0002.jpg`."""
    splits: tuple[Split, ...] = ("train", "val", "test")
    lists = (listed(root / "labels" / f"{split}1.txt", split, "images/") for split in splits)
    return Contents.by_name([found for each in lists for found in each])


@TASKS.register("dtd")
class Dtd(FullTask):
    """Textures by the word that describes them."""

    files = FileSet(
        name="dtd",
        layout=layout,
        classes=47,
        images={"train": 1_880, "val": 1_880, "test": 1_880},
        homepage="https://www.robots.ox.ac.uk/~vgg/data/dtd",
        terms="for research",
        citation="Cimpoi et al., Describing Textures in the Wild, CVPR 2014",
    )
    spec = TaskSpec(
        name="dtd",
        version=1,
        title="textures by the word that describes them",
        metric="top1",
        classes=(),
        sources=(),
        data_sha256=None,
        tier="full",
    )
