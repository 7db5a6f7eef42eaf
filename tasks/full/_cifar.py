"""The layout that CIFAR-10 and CIFAR-100 share: pickled batches, read without running them."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from benchmark.data.files.fileset import Contents, Found, class_name
from benchmark.data.files.sources import read_batch
from benchmark.data.imageset import Split
from benchmark.errors import DataError


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
    samples = []
    for split, batch in parts:
        content = read_batch(root / batch)
        data, labels = content[b"data"], content[label]
        if data.dtype != np.uint8 or data.shape != (len(labels), 3072):
            raise DataError(f"{root / batch} does not have 3,072 bytes a label; fetch it again")
        samples += [
            Found(f"{batch}/{number:05d}", class_name(names, index, root / batch), split)
            for number, index in enumerate(labels)
        ]
    return Contents(samples, names)
