"""The reader: serves the open chunks' images, refuses all others, and keeps the ledger."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from benchmark.batch import Batch, to_device
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
        memory_share: most images that may be kept, as a share of the stream's.
    """

    def __init__(
        self,
        pool: ImageSet,
        manifest: Manifest,
        *,
        labelled: bool,
        method: str = "the method",
        memory_share: float = 0.0,
    ) -> None:
        # A prepared set fits in memory; files are decoded when they are read.
        self.in_memory = isinstance(pool.images, np.ndarray)
        images = torch.from_numpy(np.array(pool.images)) if self.in_memory else pool.images
        self.images: Any = images
        self.labels = torch.from_numpy(np.asarray(pool.labels)) if labelled else None
        where = manifest.rows_in(pool.ids)
        self.rows = [where[rows] for rows in manifest.chunks]
        self.ids, self.method, self.device = pool.ids, method, "cpu"
        self.kept: Rows = np.empty(0, np.int64)
        streamed = len(np.unique(np.concatenate(self.rows)))
        self.capacity = int(memory_share * streamed + 1e-6)  # 0.1 x 30 is 3, not 2.9999
        self._home = self._places(range(len(self.rows), 0, -1))
        # The chunk that a row counts for while it may be read, else 0.
        self._place: NDArray[np.int16] = np.zeros(len(pool.ids), np.int16)
        self._open: NDArray[np.bool_] = np.zeros(len(pool.ids), bool)
        self._seen = np.zeros(len(pool.ids), np.int16)  # the chunk that a row was counted for
        self._served = np.zeros(len(self.rows) + 1, np.int64)
        self._most_kept = self._reopened = 0

    def to(self, device: str) -> "StreamReader":
        """The same reader for a device, where the images that it holds and those kept lie."""
        self.device = device
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
        # An earlier chunk that is open again was stored until now, kept images of it included.
        newest = self.rows[max(chunks) - 1]
        again = [self.rows[chunk - 1] for chunk in chunks if chunk != max(chunks)]
        self._reopened = len(np.setdiff1d(np.concatenate([newest[:0], *again]), self.kept))
        rows: Rows = np.unique(np.concatenate([self.rows[chunk - 1] for chunk in chunks]))
        return rows

    def read(self, rows: Rows, seed: int) -> Batch:
        """The batch of these rows.

        Raises:
            HeadwaterError: a row of a chunk that is not open; names method, chunk and sample.
        """
        self._refuse_closed(rows)
        index = torch.from_numpy(rows)
        if not self.in_memory:
            labels = None if self.labels is None else self.labels[index]
            return Batch(torch.from_numpy(self.images[rows]), index, labels, seed)
        where = to_device(index, self.images.device)
        labels = None if self.labels is None else self.labels.index_select(0, where)
        return Batch(self.images.index_select(0, where), index, labels, seed)

    def serve(self, rows: Rows) -> None:
        """Count rows that are delivered to the method."""
        self._seen[rows] = self._place[rows]
        self._served += np.bincount(self._place[rows], minlength=len(self._served))

    def state(self) -> dict[str, Any]:
        """What was served and kept since `open`, as a file has it."""
        return {
            "kept": torch.from_numpy(self.kept),
            "seen": torch.from_numpy(self._seen),
            "served": torch.from_numpy(self._served),
            "most_kept": self._most_kept,
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on from a `state` after `open` with what was kept then."""
        self.drop(np.setdiff1d(self.kept, state["kept"].numpy()))
        self.kept = state["kept"].numpy()
        self._seen, self._served = state["seen"].numpy(), state["served"].numpy()
        self._most_kept = state["most_kept"]

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
        """Bytes of the images of closed chunks that are stored, at the most since `open`.

        They are what the method kept, and the earlier chunks that are open again.
        """
        return (self._most_kept + self._reopened) * int(np.prod(self.images.shape[1:]))

    def keep(self, rows: Rows) -> None:
        """Let rows of open chunks be read after their chunk is closed.

        Raises:
            HeadwaterError: a row of a chunk that is not open, or more rows than may be kept.
        """
        self._refuse_closed(rows)
        kept = np.union1d(self.kept, rows).astype(np.int64)
        if len(kept) > self.capacity:
            raise HeadwaterError(
                f"{self.method} keeps {len(kept)} images, and may keep {self.capacity}; say in its "
                f"class how much of the stream it stores: memory_share = 0.1 for a tenth"
            )
        self.kept = kept
        self._most_kept = max(self._most_kept, len(kept))

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
    """What a method kept of the stream, as `benchmark.batch.Memory` has it."""

    def __init__(self, reader: StreamReader) -> None:
        self._reader = reader

    @property
    def capacity(self) -> int:
        """Most images that may be kept."""
        return self._reader.capacity

    def keep(self, sample_ids: Tensor) -> None:
        """Keep images of an open chunk, by their rows."""
        self._reader.keep(sample_ids.numpy())

    def drop(self, sample_ids: Tensor) -> None:
        """Give kept images up."""
        self._reader.drop(sample_ids.numpy())

    def rows(self) -> Tensor:
        """(M,) int64, the rows of what is kept, sorted."""
        return torch.from_numpy(self._reader.kept.copy())

    def read(self, sample_ids: Tensor, seed: int) -> Batch:
        """A batch of images that are kept or of an open chunk, on the device that trains.

        They count as visited.

        Raises:
            HeadwaterError: one of them is neither.
        """
        rows = sample_ids.numpy()
        batch = self._reader.read(rows, seed)
        self._reader.serve(rows)
        return batch.to(self._reader.device)
