"""The reader: serves the open chunks' images, refuses all others, and keeps the ledger."""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from benchmark.batch import Batch
from benchmark.data.imageset import ImageSet
from benchmark.errors import HeadwaterError
from benchmark.streams.manifest import Manifest

Rows = NDArray[np.int64]


class StreamReader:
    """Images of a stream's chunks; only open chunks, and what was kept of earlier ones, are read.

    The ledger counts what is delivered to the method since `open`: `served`, images by chunk, and
    `distinct`, different ones among them. An image that two neighbours of a blurred stream share
    counts for the chunk that is open.

    Args:
        pool: the image set that the manifest's ids come from.
        manifest: ids of the chunks.
        labelled: whether batches carry labels.
        method: its name, for the errors.
    """

    def __init__(
        self, pool: ImageSet, manifest: Manifest, *, labelled: bool, method: str = "the method"
    ) -> None:
        # A prepared set fits in memory; files are decoded when they are read.
        self.in_memory = isinstance(pool.images, np.ndarray)
        images = torch.from_numpy(np.array(pool.images)) if self.in_memory else pool.images
        self.images: Any = images
        self.labels = torch.from_numpy(np.asarray(pool.labels)) if labelled else None
        where = manifest.rows_in(pool.ids)
        self.rows = [where[rows] for rows in manifest.chunks]
        self.ids, self.method = pool.ids, method
        self.kept: Rows = np.empty(0, np.int64)
        self._home = self._places(range(len(self.rows), 0, -1))
        # The chunk that a row counts for while it may be read, else 0.
        self._place: NDArray[np.int16] = np.zeros(len(pool.ids), np.int16)
        self._open: NDArray[np.bool_] = np.zeros(len(pool.ids), bool)
        self._seen = np.zeros(len(pool.ids), np.int16)  # the chunk that a row was counted for
        self._served = np.zeros(len(self.rows) + 1, np.int64)
        self._most_kept = 0

    def to(self, device: str) -> "StreamReader":
        """The same reader with its images, if it holds them, on a device."""
        if self.in_memory:
            self.images = self.images.to(device)
            self.labels = None if self.labels is None else self.labels.to(device)
        return self

    def open(self, chunks: tuple[int, ...]) -> Rows:
        """Close what was open, open these chunks, begin a ledger; returns their rows, sorted."""
        self._place = self._places(sorted(chunks, reverse=True))
        self._open = self._place > 0
        self._place[self.kept] = np.where(
            self._open[self.kept], self._place[self.kept], self._home[self.kept]
        )
        self._seen[:] = 0
        self._served[:] = 0
        self._most_kept = len(self.kept)
        rows: Rows = np.unique(np.concatenate([self.rows[chunk - 1] for chunk in chunks]))
        return rows

    def read(self, rows: Rows, seed: int) -> Batch:
        """The batch of these rows.

        Raises:
            HeadwaterError: a row of a chunk that is not open; names method, chunk and sample.
        """
        self._refuse_closed(rows)
        if not self.in_memory:
            labels = None if self.labels is None else self.labels[rows]
            return Batch(torch.from_numpy(self.images[rows]), torch.from_numpy(rows), labels, seed)
        index = torch.from_numpy(rows).to(self.images.device)
        labels = None if self.labels is None else self.labels.index_select(0, index)
        return Batch(self.images.index_select(0, index), index, labels, seed)

    def serve(self, rows: Rows) -> None:
        """Count rows that are delivered to the method."""
        self._seen[rows] = self._place[rows]
        self._served += np.bincount(self._place[rows], minlength=len(self._served))

    def ledger(self) -> dict[int, tuple[int, int]]:
        """Chunk to (images served, different images among them), chunks that served any."""
        distinct = np.bincount(self._seen, minlength=len(self._served))
        return {
            chunk: (int(self._served[chunk]), int(distinct[chunk]))
            for chunk in range(1, len(self._served))
            if self._served[chunk]
        }

    @property
    def stored_bytes(self) -> int:
        """Bytes of the images kept beyond their chunk, at the most since `open`."""
        return self._most_kept * int(np.prod(self.images.shape[1:]))

    def keep(self, rows: Rows) -> None:
        """Let rows of open chunks be read after their chunk is closed."""
        self._refuse_closed(rows)
        self.kept = np.union1d(self.kept, rows).astype(np.int64)
        self._most_kept = max(self._most_kept, len(self.kept))

    def drop(self, rows: Rows) -> None:
        """Give kept rows up; those of closed chunks cannot be read any more."""
        gone = np.intersect1d(self.kept, rows)
        self.kept = np.setdiff1d(self.kept, gone).astype(np.int64)
        self._place[gone[~self._open[gone]]] = 0

    def _refuse_closed(self, rows: Rows) -> None:
        closed = rows[self._place[rows] == 0]
        if len(closed):
            row = closed[0]
            chunk = self._home[row]
            told = f"belongs to chunk {chunk}, which is not open" if chunk else "is held out"
            raise HeadwaterError(
                f"{self.method} asked for sample {self.ids[row]}, which {told}; a method may read "
                f"the open chunks and what it kept of earlier ones"
            )

    def _places(self, chunks: "range | list[int]") -> NDArray[np.int16]:
        """For every row of the pool the last of some chunks that delivers it, 0 for none."""
        places = np.zeros(len(self.ids), np.int16)
        for chunk in chunks:
            places[self.rows[chunk - 1]] = chunk
        return places


class StreamMemory:
    """What a method kept of the stream, as `benchmark.method.Memory` has it."""

    def __init__(self, reader: StreamReader) -> None:
        self._reader = reader

    def keep(self, sample_ids: Tensor) -> None:
        """Keep images of an open chunk, by their rows."""
        self._reader.keep(sample_ids.cpu().numpy())

    def drop(self, sample_ids: Tensor) -> None:
        """Give kept images up."""
        self._reader.drop(sample_ids.cpu().numpy())

    def rows(self) -> Tensor:
        """(M,) int64, the rows of what is kept, sorted."""
        return torch.from_numpy(self._reader.kept.copy())

    def read(self, sample_ids: Tensor, seed: int) -> Batch:
        """A batch of kept images; they count as served.

        Raises:
            HeadwaterError: one of them is not kept.
        """
        rows = sample_ids.cpu().numpy()
        if len(strange := np.setdiff1d(rows, self._reader.kept)):
            sample = self._reader.ids[strange[0]]
            raise HeadwaterError(f"{self._reader.method} reads {sample}, which it has not kept")
        self._reader.serve(rows)
        return self._reader.read(rows, seed)
