"""CIFAR-10, Python version: pickled batches, read without running them."""

from pathlib import Path

from benchmark.data.files.fileset import Contents, FileSet
from benchmark.registry import TASKS
from tasks.full._cifar import cifar_layout
from tasks.full._task import FullTask
from tasks.task import TaskSpec


def layout(root: Path) -> Contents:
    """Five batches to train on and one to test."""
    train = [f"data_batch_{number}" for number in range(1, 6)]
    return cifar_layout(root, train, "test_batch", ("batches.meta", b"label_names"), b"labels")


@TASKS.register("cifar10")
class Cifar10(FullTask):
    """Ten kinds of things, 32 pixels."""

    files = FileSet(
        name="cifar10",
        layout=layout,
        classes=10,
        images={"train": 50_000, "test": 10_000},
        homepage="https://www.cs.toronto.edu/~kriz/cifar.html",
        terms="no licence stated",
        citation="Krizhevsky, Learning Multiple Layers of Features from Tiny Images, 2009",
        validation=True,
        batches=True,
    )
    spec = TaskSpec(
        name="cifar10",
        version=1,
        title="ten kinds of things, 32 pixels",
        metric="top1",
        classes=(),
        sources=(),
        data_sha256=None,
        tier="full",
    )
