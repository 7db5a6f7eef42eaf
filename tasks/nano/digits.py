"""Handwritten digits of the UCI repository, 8 x 8 pixels, that scikit-learn carries."""

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
    "scikit-learn",
    "installed",
    "sklearn",
    "any",
    "09f66e6debdee2cd2b5ae59e0d6abbb73fc2b0e0185d2e1957e9ebb51e23aa22",
    "CC-BY-4.0",
    "E. Alpaydin and C. Kaynak, Optical Recognition of Handwritten Digits, UCI repository",
    "read from the installed scikit-learn, which is BSD-3-Clause",
)


@TASKS.register("digits")
class Digits(Task):
    """Which digit was written, at a quarter of the size."""

    spec = TaskSpec(
        name="digits",
        version=1,
        title="which digit was written (UCI, 8 x 8 pixels enlarged)",
        metric="top1",
        classes=tuple("0123456789"),
        sources=(SOURCE,),
        data_sha256="c8d225efaf0e8336ef0793c2d22d4d3c44c00fe7d5b484decb832eff8a025420",
    )

    def build(self, library: Library) -> Iterator[Sample]:
        """Yield the digits in the order of the file: 64 pixels of 0-16 a row, then the label."""
        table = gzip.decompress(library.read(SOURCE, "datasets/data/digits.csv.gz"))
        rows = list(dict.fromkeys(table.splitlines()))
        values = [np.array(row.split(b","), np.float64) for row in rows]
        ids = [f"digits/{n:04d}" for n in range(len(rows))]
        labels = [int(value[-1]) for value in values]
        splits = split_groups("digits", labels, ids, test=0.4)
        for name, row, value, label, split in zip(ids, rows, values, labels, splits, strict=True):
            ink = np.round(value[:-1].reshape(8, 8) * (255 / 16)).astype(np.uint8)
            image = render_ink(ink, 32)
            yield Sample(name, image, label, split, sha256(row).hexdigest(), extra={"group": name})
