"""The layout that CIFAR-10 and CIFAR-100 share: pickled batches, read without running them."""

from collections.abc import Sequence
from pathlib import Path

from benchmark.data.files.fileset import Contents, Found
from benchmark.data.files.sources import read_batch
from benchmark.data.imageset import Split


def cifar_layout(
    root: Path, train: Sequence[str], test: str, meta: tuple[str, bytes], label: bytes
) -> Contents:
    """The samples of the batches.

    Args:
        root: folder of the batches.
        train, test: their names.
        meta: the file with the names of the classes, and their key in it.
        label: key of the labels in a batch.
    """
    names = [name.decode() for name in read_batch(root / meta[0])[meta[1]]]
    parts: list[tuple[Split, str]] = [*(("train", batch) for batch in train), ("test", test)]
    samples = [
        Found(f"{batch}/{number:05d}", names[index], split)
        for split, batch in parts
        for number, index in enumerate(read_batch(root / batch)[label])
    ]
    return Contents(samples, names)
