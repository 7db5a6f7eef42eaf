"""The steps of a phase: which samples each trains on, and how they are loaded."""

import os
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import DataLoader, Dataset

from benchmark.batch import Batch
from benchmark.errors import UsageError
from benchmark.seeds import seed_for
from benchmark.streams.reader import StreamReader


class SampleOrder:
    """Rows of every step: epochs of permutations, one after the other.

    A function of the names alone, so that any step can be gone back to; worked out when a step is
    asked for, since a run at full scale has hundreds of millions of visits. No sample is dropped at
    the end of an epoch: batches run across it.

    Args:
        rows: the samples.
        steps: how many.
        batch_size: rows a step.
        names: what the seeds of the epochs are derived from.

    Example:
        >>> order = SampleOrder(np.arange(3), 2, 3, "any")
        >>> sorted(order[0]) == sorted(order[1]) == [0, 1, 2]
        True
    """

    def __init__(
        self, rows: NDArray[np.int64], steps: int, batch_size: int, *names: str | int
    ) -> None:
        self.rows, self.steps, self.batch_size, self.names = rows, steps, batch_size, names
        self._epochs: dict[int, NDArray[np.int64]] = {}

    def __len__(self) -> int:
        return self.steps

    def __getitem__(self, step: int) -> NDArray[np.int64]:
        first, size = step * self.batch_size, len(self.rows)
        epochs = range(first // size, (first + self.batch_size - 1) // size + 1)
        known = self._epochs
        self._epochs = {e: known[e] if e in known else self._epoch(e) for e in epochs}
        start = first - epochs.start * size
        if len(epochs) == 1:
            return self._epochs[epochs.start][start : start + self.batch_size]
        return np.concatenate([*self._epochs.values()])[start : start + self.batch_size]

    def _epoch(self, epoch: int) -> NDArray[np.int64]:
        generator = torch.Generator().manual_seed(seed_for("order", *self.names, epoch))
        shuffled: NDArray[np.int64] = self.rows[
            torch.randperm(len(self.rows), generator=generator).numpy()
        ]
        return shuffled


class PhaseSteps(Dataset[Batch]):
    """The steps of one phase as a map-style data set: step number to batch.

    Args:
        reader: with the phase's chunks open.
        order: rows of each step.
        names: what the seeds of the steps are derived from; a step has the same on all processes.
        rank, world: of this process and how many there are; each takes its part of every batch,
            so that together they train on the same samples as one alone.

    Raises:
        UsageError: the batch cannot be shared out equally.
    """

    def __init__(
        self,
        reader: StreamReader,
        order: SampleOrder,
        *names: str | int,
        rank: int = 0,
        world: int = 1,
    ) -> None:
        if order.batch_size % world:
            raise UsageError(f"a batch of {order.batch_size} cannot be shared by {world} processes")
        self.reader, self.order, self.names = reader, order, names
        self.rank, self.world = rank, world

    def __len__(self) -> int:
        return len(self.order)

    def __getitem__(self, step: int) -> Batch:
        batch = self.reader.read(self.rows(step), seed_for("step", *self.names, step))
        return replace(batch, part=(self.rank, self.world))

    def rows(self, step: int) -> NDArray[np.int64]:
        """This process's rows of a step."""
        return self.order[step][self.rank :: self.world]

    def serve(self, step: int) -> None:
        """Count the samples of a step, those of all processes, as delivered.

        Each process that trains counts all of them, so that each has the ledger of one alone.
        """
        self.reader.serve(self.order[step])

    def loader(self, start: int = 0, workers: int | None = None) -> "DataLoader[Batch]":
        """Batches from step `start` on, in order, the same whatever the number of workers.

        Args:
            start: first step, from 0.
            workers: processes that decode; None for as many as the machine has cores for each
                process that trains, 1 to 16, where images are files, and none where they are in
                memory.
        """
        if workers is None:
            here = int(os.environ.get("LOCAL_WORLD_SIZE", 1))  # as torchrun says
            cores = max(1, (os.cpu_count() or 1) // here)
            workers = 0 if self.reader.in_memory else min(16, cores)
        return DataLoader(
            self,
            batch_size=None,
            sampler=range(start, len(self)),
            num_workers=workers,
            pin_memory=workers > 0 and torch.cuda.is_available(),
            prefetch_factor=4 if workers else None,
        )
