"""CIFAR-100, Python version: pickled batches, read without running them."""

from pathlib import Path

from benchmark.data.files.fileset import Contents, FileSet
from benchmark.registry import TASKS
from tasks.full._cifar import cifar_layout
from tasks.full._task import FullTask
from tasks.task import TaskSpec


def layout(root: Path) -> Contents:
    """A batch to train on and one to test; the labels are the fine ones."""
    return cifar_layout(root, ["train"], "test", ("meta", b"fine_label_names"), b"fine_labels")


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
