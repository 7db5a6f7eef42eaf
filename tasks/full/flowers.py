"""Oxford Flowers-102: `jpg/image_00001.jpg`, `imagelabels.mat` and `setid.mat`."""

from pathlib import Path

from benchmark.data.files.fileset import Contents, FileSet, Found
from benchmark.data.files.matlab import read_mat
from benchmark.data.imageset import Split
from benchmark.registry import TASKS
from tasks.full._task import FullTask
from tasks.task import TaskSpec


def layout(root: Path) -> Contents:
    """The official split, in which training and validation sets have ten images a class."""
    labels = read_mat(root / "imagelabels.mat")["labels"]
    parts: tuple[tuple[Split, str], ...] = (("train", "trnid"), ("val", "valid"), ("test", "tstid"))
    sets = read_mat(root / "setid.mat")
    samples = [
        Found(f"jpg/image_{number:05d}.jpg", f"{int(labels[number - 1]):03d}", split)
        for split, name in parts
        for number in map(int, sets[name])
    ]
    return Contents.by_name(samples)


@TASKS.register("flowers")
class Flowers(FullTask):
    """Species of flowers."""

    files = FileSet(
        name="flowers",
        layout=layout,
        classes=102,
        images={"train": 1_020, "val": 1_020, "test": 6_149},
        homepage="https://www.robots.ox.ac.uk/~vgg/data/flowers/102",
        terms="no licence stated",
        citation="Nilsback and Zisserman, Automated Flower Classification, 2008",
    )
    spec = TaskSpec(
        name="flowers",
        version=1,
        title="species of flowers",
        metric="mean_per_class",
        classes=(),
        sources=(),
        data_sha256=None,
        tier="full",
    )
