"""Silhouettes of ten animals, 28 x 28 pixels; black on white, zebras with their stripes.

The package's data are pickles: only what a plain array needs is let through. Its provenance is
undocumented. Repeated images are taken once, and near-copies, mirrored or not, stay on one side.
"""

import gzip
from collections.abc import Iterator
from hashlib import sha256

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components

from benchmark.data.imageset import Sample
from benchmark.data.pickled import read_pickled_array
from benchmark.data.render import render_ink
from benchmark.data.source import Library, Source
from benchmark.data.split import split_groups
from benchmark.registry import TASKS
from tasks.task import Task, TaskSpec

SOURCE = Source(
    "animal-mnist",
    "pypi",
    "animal-mnist",
    "0.4",
    "aeebf3d9de4552d6fd2d5701424e1a5b9020f8e5115d68df9db252f2f53ce2ce",
    "MIT",
    "Sina Mohammadi, Animal-Shape",
    "where its pictures come from is not documented",
)

FOLDER = "animal_mnist/data/Animal_MNIST"

#: Images nearer than this are copies of each other: squared distance, pixels from 0 to 255.
NEAR = 12 * 255**2


@TASKS.register("silhouettes")
class Silhouettes(Task):
    """Which animal a silhouette shows."""

    spec = TaskSpec(
        name="silhouettes",
        version=1,
        title="which animal a silhouette shows",
        metric="top1",
        classes=(
            *("bear", "bird", "cat", "cow", "dog"),
            *("elephant", "giraffe", "horse", "sheep", "zebra"),
        ),
        sources=(SOURCE,),
        data_sha256="7ee6b910875a2a61b6d830520c8e6683c53d9f512f9ff7c0dab85f96f4b50940",
    )

    def build(self, library: Library) -> Iterator[Sample]:
        """Yield the unique silhouettes in the order of the file."""
        images, labels = (
            read_pickled_array(gzip.decompress(library.read(SOURCE, f"{FOLDER}/{name}")))
            for name in ("animal_data_version_3.gz", "animal_label_version_3.gz")
        )
        first = sorted(
            {image.tobytes(): n for n, image in reversed(list(enumerate(images)))}.values()
        )
        images, labels = images[first], labels[first]
        groups = near_copies(images, labels)
        names = [f"silhouettes/{group:04d}" for group in groups]
        splits = split_groups("silhouettes", labels.tolist(), names, test=0.3)
        for n, image, label, split, group in zip(first, images, labels, splits, names, strict=True):
            yield Sample(
                f"silhouettes/{n:04d}",
                render_ink(image, 32),
                int(label),
                split,
                sha256(image.tobytes()).hexdigest(),
                extra={"group": group},
            )


def near_copies(images: NDArray[np.uint8], labels: NDArray[np.int64]) -> NDArray[np.int64]:
    """For each image the number of the first that it is, by near-copies of near-copies, a copy of.

    Args:
        images: (N, H, W) uint8.
        labels: (N,); copies are looked for within a class.

    Returns:
        (N,) int64. Sums of integers stay exact in float64, so that it is the same everywhere.
    """
    groups = np.arange(len(images))
    for label in np.unique(labels):
        rows = np.flatnonzero(labels == label)
        flat = images[rows].reshape(len(rows), -1).astype(np.float64)
        mirrored = images[rows][:, :, ::-1].reshape(len(rows), -1).astype(np.float64)
        size = (flat**2).sum(1)
        total = size[:, None] + size[None, :]
        near = (total - 2 * flat @ flat.T < NEAR) | (total - 2 * flat @ mirrored.T < NEAR)
        _, component = connected_components(csr_array(near), directed=False)
        _, first = np.unique(component, return_index=True)
        groups[rows] = rows[first[component]]
    return groups
