"""What a method is given: its setting, batches and views, the chunks, and a memory."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Protocol

import torch
from torch import Tensor

from benchmark.errors import HeadwaterError


def to_device(tensor: Tensor, device: torch.device | str) -> Tensor:
    """A tensor on a device; to a GPU by way of page-locked memory, so that nobody waits for it."""
    if torch.device(device).type == "cuda" and not tensor.is_cuda:
        tensor = tensor.pin_memory()
    return tensor.to(device, non_blocking=True)


class _Labelled:
    """Labels that only a method which declares them can read."""

    given_labels: Tensor | None

    @property
    def labels(self) -> Tensor:
        """(N,) int64.

        Raises:
            HeadwaterError: the method does not declare `needs_labels`.
        """
        if self.given_labels is None:
            raise HeadwaterError(
                "the method asks for labels and does not declare it; say needs_labels = True in "
                "its class, or do without them"
            )
        return self.given_labels


@dataclass(frozen=True)
class Batch(_Labelled):
    """What one training step is given; `labels` only if the method declares `needs_labels`.

    Args:
        images: (N, 3, H, W) uint8, as the pool gives them, on the device that trains.
        sample_ids: (N,) int64, the rows of the pool, on the host.
        given_labels: (N,) int64, or None where they are withheld; read them as `labels`.
        seed: for whatever is random in this step, the augmentation above all; the same on all
            processes that share the step's batch.
        part: (rank, world) of this process; it holds the images rank, rank + world, ... of the
            batch. What is drawn for each image is drawn for all of them, and taken
            [rank::world], so that it does not depend on how many processes there are.
    """

    images: Tensor
    sample_ids: Tensor
    given_labels: Tensor | None
    seed: int
    part: tuple[int, int] = (0, 1)

    def __len__(self) -> int:
        return len(self.images)

    def to(self, device: torch.device | str) -> "Batch":
        """The same batch with images and labels on a device."""
        return self._mapped(lambda tensor: to_device(tensor, device))

    def pin_memory(self) -> "Batch":
        """The same batch in page-locked memory, as a loader for a GPU asks for it."""
        return self._mapped(Tensor.pin_memory)

    def joined(self, other: "Batch") -> "Batch":
        """This batch followed by another one; seed and part are this one's."""
        labels = self.given_labels
        if labels is not None:
            labels = torch.cat([labels, other.labels])
        return replace(
            self,
            images=torch.cat([self.images, other.images]),
            sample_ids=torch.cat([self.sample_ids, other.sample_ids]),
            given_labels=labels,
        )

    def shared(self, part: tuple[int, int]) -> "Batch":
        """The part of a whole batch that the process (rank, world) holds.

        Example:
            >>> images = torch.zeros(5, 3, 1, 1, dtype=torch.uint8)
            >>> Batch(images, torch.arange(5), None, seed=0).shared((1, 2)).sample_ids
            tensor([1, 3])
        """
        rank, world = part
        mine = self._mapped(lambda tensor: tensor[rank::world])
        return replace(mine, sample_ids=self.sample_ids[rank::world], part=part)

    def _mapped(self, change: Callable[[Tensor], Tensor]) -> "Batch":
        labels = None if self.given_labels is None else change(self.given_labels)
        return replace(self, images=change(self.images), given_labels=labels)


@dataclass(frozen=True)
class Views(_Labelled):
    """Augmented views of a batch.

    Args:
        images: one tensor a view, (N, 3, h, w) float32, normalised.
        given_labels: as in the batch.
        embedded: by number of the view, the embeddings (N, D) that the objective's loss computed
            with gradient, for strategies that do something with them.
    """

    images: tuple[Tensor, ...]
    given_labels: Tensor | None
    embedded: dict[int, Tensor] = field(default_factory=dict)


@dataclass(frozen=True)
class Setting:
    """What the protocol tells a method before it is built.

    Args:
        arch: name of the backbone, a key of `benchmark.models.BACKBONES`.
        view_size: side of a view in pixels.
        n_classes: number of labels, or None unless the method declares `needs_labels`.
    """

    arch: str
    view_size: int
    n_classes: int | None = None


class Memory(Protocol):
    """What a method may keep of the stream beyond its chunk; the ledger counts its bytes."""

    @property
    def capacity(self) -> int:
        """Most images that may be kept: the method's `memory_share` of the stream."""

    def keep(self, sample_ids: Tensor) -> None:
        """Keep images of an open chunk, by their rows."""

    def drop(self, sample_ids: Tensor) -> None:
        """Give kept images up."""

    def rows(self) -> Tensor:
        """(M,) int64, the rows of what is kept, sorted, on the host."""

    def read(self, sample_ids: Tensor, seed: int) -> Batch:
        """A batch of images that are kept or of an open chunk; they count as visited."""


@dataclass(frozen=True)
class ChunkContext:
    """What `begin_chunk` and `end_chunk` are told.

    Args:
        chunks: those that are open now; () on a stream without boundaries, where the two are called
            once, at the beginning and at the end of the whole stream.
        steps: to come in this chunk, or in the whole stream.
        sample_ids: (M,) int64, the rows of the open chunks, sorted; none on a stream without
            boundaries.
    """

    chunks: tuple[int, ...]
    steps: int
    sample_ids: Tensor = field(default_factory=lambda: torch.empty(0, dtype=torch.int64))
