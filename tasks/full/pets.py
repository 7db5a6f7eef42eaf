"""Oxford-IIIT Pets: `images/*.jpg`, `annotations/trainval.txt` and `annotations/test.txt`."""

from pathlib import Path

from benchmark.data.files.fileset import Contents, FileSet, Found, lines_of
from benchmark.data.imageset import Split
from benchmark.registry import TASKS
from tasks.full._task import FullTask
from tasks.task import TaskSpec


def layout(root: Path) -> Contents:
    """A line is `Abyssinian_100 1 1 1`: image, class, species, breed."""
    splits: tuple[tuple[Split, str], ...] = (("train", "trainval"), ("test", "test"))
    samples = [
        Found(f"images/{image}.jpg", image.rpartition("_")[0], split)
        for split, name in splits
        for image in (line.split()[0] for line in lines_of(root / "annotations" / f"{name}.txt"))
        if not image.startswith("#")
    ]
    return Contents.by_name(samples)


@TASKS.register("pets")
class Pets(FullTask):
    """Breeds of cats and dogs."""

    files = FileSet(
        name="pets",
        layout=layout,
        classes=37,
        images={"train": 3_680, "test": 3_669},
        homepage="https://www.robots.ox.ac.uk/~vgg/data/pets",
        terms="CC-BY-SA-4.0",
        citation="Parkhi et al., Cats and Dogs, CVPR 2012",
        validation=True,
    )
    spec = TaskSpec(
        name="pets",
        version=1,
        title="breeds of cats and dogs",
        metric="mean_per_class",
        classes=(),
        sources=(),
        data_sha256=None,
        tier="full",
    )
