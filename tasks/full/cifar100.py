"""CIFAR-100, Python version: pickled batches, read without running them."""

from pathlib import Path

from benchmark.data.files.fileset import Contents, FileSet, Found
from benchmark.data.files.sources import read_batch
from benchmark.data.imageset import Split
from benchmark.registry import TASKS
from tasks.full._task import FullTask
from tasks.task import TaskSpec

TRAIN, TEST = ("train",), ("test",)


def layout(root: Path) -> Contents:
    """The batches and the names of the classes."""
    names = [name.decode() for name in read_batch(root / "meta")[b"fine_label_names"]]
    splits: tuple[tuple[Split, tuple[str, ...]], ...] = (("train", TRAIN), ("test", TEST))
    samples = [
        Found(f"{batch}/{number:05d}", names[label], split)
        for split, batches in splits
        for batch in batches
        for number, label in enumerate(read_batch(root / batch)[b"fine_labels"])
    ]
    return Contents(samples, names)


@TASKS.register("cifar100")
class Cifar100(FullTask):
    """A hundred kinds of things, 32 pixels."""

    files = FileSet(
        name="cifar100",
        layout=layout,
        classes=100,
        images={"train": 50_000, "test": 10_000},
        homepage="https://www.cs.toronto.edu/~kriz/cifar.html",
        terms="no licence stated",
        citation="Krizhevsky, Learning Multiple Layers of Features from Tiny Images, 2009",
        validation=True,
        batches=True,
        hub_label="fine_label",
    )
    spec = TaskSpec(
        name="cifar100",
        version=1,
        title="a hundred kinds of things, 32 pixels",
        metric="top1",
        classes=(),
        sources=(),
        data_sha256=None,
        tier="full",
    )
