"""Reservoir sampling: a uniform sample of all that the stream delivered so far, in one pass."""

from dataclasses import dataclass
from typing import Any

import torch

from benchmark.batch import Batch
from benchmark.config import Options, option
from benchmark.distributed import gathered
from benchmark.method import Objective, Strategy


@dataclass(frozen=True)
class ReservoirOptions(Options):
    """Options of whatever keeps a reservoir.

    Args:
        reservoir_share: images that it holds, as a share of the stream's.
    """

    reservoir_share: float = option(0.1, above=0, most=1)


class KeepsReservoir(Strategy):
    """Keeps each image that was delivered with the same probability; needs no boundaries.

    An image that is delivered again while it is kept stays. Where several processes share a batch,
    each keeps the reservoir of the whole batch, which is the same on all of them.
    Source: Vitter, Random Sampling with a Reservoir, 1985, algorithm R.
    """

    config: ReservoirOptions

    def __init__(self, objective: Objective, config: Options) -> None:
        super().__init__(objective, config)
        self.visits = 0

    @property
    def memory_share(self) -> float:  # type: ignore[override]
        """Most images that it keeps, as a share of the stream's."""
        return self.config.reservoir_share

    def get_extra_state(self) -> dict[str, int]:
        return {"visits": self.visits}

    def set_extra_state(self, state: Any) -> None:
        self.visits = state["visits"]

    def drawn(self, batch: Batch, seed: int) -> Batch | None:
        """As many kept images as a batch has, drawn with replacement; None while there are none."""
        assert self.memory is not None
        kept = self.memory.rows()
        if not len(kept):
            return None
        chosen = kept[torch.randint(len(kept), (len(batch) * batch.part[1],))]
        # Every process reads those of all, so that its ledger is that of one alone.
        return self.memory.read(chosen, seed).shared(batch.part)

    def offer(self, batch: Batch) -> None:
        """Let the images of a delivered batch into the reservoir, each with its probability."""
        assert self.memory is not None
        rows = batch.sample_ids
        if batch.part[1] > 1:  # by way of the device, since NCCL knows no other
            rows = gathered(rows.to(batch.images.device)).cpu()
        slots, capacity = self.memory.rows().tolist(), self.memory.capacity
        before, kept = set(slots), set(slots)
        chances = torch.rand(len(rows), dtype=torch.float64).tolist()
        for row, chance in zip(rows.tolist(), chances, strict=True):
            self.visits += 1
            place = int(chance * self.visits)
            if row in kept:
                continue
            if len(slots) < capacity:
                slots.append(row)
            elif place < capacity:
                kept.remove(slots[place])
                slots[place] = row
            else:
                continue
            kept.add(row)
        self.memory.drop(torch.tensor(sorted(before - kept), dtype=torch.int64))
        self.memory.keep(torch.tensor(sorted(kept - before), dtype=torch.int64))
