"""FGVC Aircraft: `data/images/*.jpg` and the lists of variants."""

from pathlib import Path

from benchmark.data.files.fileset import Contents, FileSet, Found, lines_of
from benchmark.data.imageset import Split
from benchmark.registry import TASKS
from tasks.full._task import FullTask
from tasks.task import TaskSpec


def layout(root: Path) -> Contents:
    """A line of `images_variant_train.txt` is `1025794 707-320`."""
    data = root / "data"
    splits: tuple[Split, ...] = ("train", "val", "test")
    samples = [
        Found(f"data/images/{number}.jpg", variant, split)
        for split in splits
        for number, _, variant in (
            line.partition(" ") for line in lines_of(data / f"images_variant_{split}.txt")
        )
    ]
    return Contents(samples, lines_of(data / "variants.txt"))


@TASKS.register("aircraft")
class Aircraft(FullTask):
    """Variants of aircraft."""

    files = FileSet(
        name="aircraft",
        layout=layout,
        classes=100,
        images={"train": 3_334, "val": 3_333, "test": 3_333},
        homepage="https://www.robots.ox.ac.uk/~vgg/data/fgvc-aircraft",
        terms="for non-commercial research",
        citation="Maji et al., Fine-Grained Visual Classification of Aircraft, 2013",
    )
    spec = TaskSpec(
        name="aircraft",
        version=1,
        title="variants of aircraft",
        metric="mean_per_class",
        classes=(),
        sources=(),
        data_sha256=None,
        tier="full",
    )
