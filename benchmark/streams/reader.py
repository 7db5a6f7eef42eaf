"""The reader: serves the open chunks in a fixed order, and counts what it serves."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import Dataset

from benchmark.data.imageset import ImageSet
from benchmark.errors import HeadwaterError
from benchmark.method import Batch
from benchmark.seeds import seed_for
from benchmark.streams.manifest import Manifest


class StreamReader:
    """Images of a stream's chunks in memory; only open chunks can be read.

    Args:
        pool: the image set that the manifest's ids come from.
        manifest: ids of the chunks.
        labelled: whether batches carry labels.
    """

    def __init__(self, pool: ImageSet, manifest: Manifest, *, labelled: bool) -> None:
        row_of = {sample: row for row, sample in enumerate(pool.ids)}
        self.images = torch.from_numpy(np.array(pool.images))
        self.labels = torch.from_numpy(np.asarray(pool.labels)) if labelled else None
        self.rows = [np.array([row_of[i] for i in chunk]) for chunk in manifest.chunks]
        self.ids = pool.ids
        self._chunk_of = np.zeros(len(pool.ids), dtype=np.int64)
        for number, rows in enumerate(self.rows, start=1):
            self._chunk_of[rows] = number
        self._open = np.zeros(len(self.rows) + 1, dtype=bool)
        self.visits = dict.fromkeys(range(1, len(self.rows) + 1), 0)

    def to(self, device: str) -> "StreamReader":
        """The same reader with its images on a device."""
        self.images = self.images.to(device)
        self.labels = None if self.labels is None else self.labels.to(device)
        return self

    def open(self, chunks: tuple[int, ...]) -> NDArray[np.int64]:
        """Close what was open, open these chunks, and return their rows, sorted."""
        self._open[:] = False
        self._open[list(chunks)] = True
        return np.sort(np.concatenate([self.rows[chunk - 1] for chunk in chunks]))

    def read(self, rows: NDArray[np.int64], seed: int) -> Batch:
        """The batch of these rows, counted.

        Raises:
            HeadwaterError: a row of a chunk that is not open; names chunk and sample.
        """
        chunks = self._chunk_of[rows]
        if not self._open[chunks].all():
            row = rows[~self._open[chunks]][0]
            raise HeadwaterError(
                f"sample {self.ids[row]} belongs to chunk {self._chunk_of[row]}, which is not open "
                "(0 means held out); a method may read the open chunks only"
            )
        for chunk, count in enumerate(np.bincount(chunks)):
            if count:
                self.visits[chunk] += int(count)
        index = torch.from_numpy(rows).to(self.images.device)
        labels = None if self.labels is None else self.labels.index_select(0, index)
        return Batch(self.images.index_select(0, index), index, labels, seed)


def sample_order(
    rows: NDArray[np.int64], steps: int, batch_size: int, *names: str | int
) -> NDArray[np.int64]:
    """Rows of every step, (steps, batch_size): epochs of permutations, one after the other.

    A function of the names alone, so that any step can be gone back to. No sample is dropped at
    the end of an epoch: batches run across it.
    """
    needed = steps * batch_size
    epochs = []
    for epoch in range(-(-needed // len(rows))):
        generator = torch.Generator().manual_seed(seed_for("order", *names, epoch))
        epochs.append(rows[torch.randperm(len(rows), generator=generator).numpy()])
    order: NDArray[np.int64] = np.concatenate(epochs)[:needed].reshape(steps, batch_size)
    return order


class PhaseSteps(Dataset[Batch]):
    """The steps of one phase as a map-style data set: step number to batch."""

    def __init__(self, reader: StreamReader, order: NDArray[np.int64], *names: str | int) -> None:
        self.reader, self.order, self.names = reader, order, names

    def __len__(self) -> int:
        return len(self.order)

    def __getitem__(self, step: int) -> Batch:
        return self.reader.read(self.order[step], seed_for("step", *self.names, step))
