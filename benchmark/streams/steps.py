"""The steps of a phase: which samples each trains on, and how they are loaded."""

import os

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import DataLoader, Dataset

from benchmark.errors import UsageError
from benchmark.method import Batch
from benchmark.seeds import seed_for
from benchmark.streams.reader import StreamReader


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
    """The steps of one phase as a map-style data set: step number to batch.

    Args:
        reader: with the phase's chunks open.
        order: (steps, batch size) rows.
        names: what the seeds of the steps are derived from.
        rank, world: of this process and how many there are; each takes its part of every batch,
            so that together they train on the same samples as one alone.

    Raises:
        UsageError: the batch cannot be shared out equally.
    """

    def __init__(
        self,
        reader: StreamReader,
        order: NDArray[np.int64],
        *names: str | int,
        rank: int = 0,
        world: int = 1,
    ) -> None:
        if order.shape[1] % world:
            raise UsageError(f"a batch of {order.shape[1]} cannot be shared by {world} processes")
        self.reader, self.names = reader, names
        self.rank, self.order = rank, order[:, rank::world]

    def __len__(self) -> int:
        return len(self.order)

    def __getitem__(self, step: int) -> Batch:
        seed = seed_for("step", *self.names, step, *([self.rank] if self.rank else []))
        return self.reader.read(self.order[step], seed)

    def serve(self, step: int) -> None:
        """Count the step's samples as delivered, in the process that trains."""
        self.reader.serve(self.order[step])

    def loader(self, start: int = 0, workers: int | None = None) -> "DataLoader[Batch]":
        """Batches from step `start` on, in order, the same whatever the number of workers.

        Args:
            start: first step, from 0.
            workers: processes that decode; None for as many as the machine has cores, up to 16,
                where images are files, and none where they are in memory.
        """
        if workers is None:
            workers = 0 if self.reader.in_memory else min(16, os.cpu_count() or 1)
        return DataLoader(
            self,
            batch_size=None,
            sampler=range(start, len(self)),
            num_workers=workers,
            pin_memory=workers > 0 and torch.cuda.is_available(),
            prefetch_factor=4 if workers else None,
        )
