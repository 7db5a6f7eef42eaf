"""Food-101: `images/<class>/*.jpg`, `meta/train.txt` and `meta/test.txt`."""

from pathlib import Path

from benchmark.data.files.fileset import Contents, FileSet, listed
from benchmark.data.imageset import Split
from benchmark.registry import TASKS
from tasks.full._task import FullTask
from tasks.task import TaskSpec


def layout(root: Path) -> Contents:
    """The official lists; a line is `apple_pie/1005649`."""
    splits: tuple[Split, Split] = ("train", "test")
    lists = (listed(root / "meta" / f"{split}.txt", split, "images/", ".jpg") for split in splits)
    return Contents.by_name([found for each in lists for found in each])


@TASKS.register("food101")
class Food101(FullTask):
    """Photographs of dishes."""

    files = FileSet(
        name="food101",
        layout=layout,
        classes=101,
        images={"train": 75_750, "test": 25_250},
        homepage="https://data.vision.ee.ethz.ch/cvl/datasets_extra/food-101",
        terms="no licence stated; images from foodspotting.com",
        citation="Bossard et al., Food-101, ECCV 2014",
        validation=True,
    )
    spec = TaskSpec(
        name="food101",
        version=1,
        title="photographs of dishes",
        metric="top1",
        classes=(),
        sources=(),
        data_sha256=None,
        tier="full",
    )
