"""What a method is given: its setting, batches and views, the chunks, and a memory."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from torch import Tensor

from benchmark.errors import HeadwaterError


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
        images: (N, 3, H, W) uint8, as the pool gives them.
        sample_ids: (N,) int64, the rows of the pool.
        given_labels: (N,) int64, or None where they are withheld; read them as `labels`.
        seed: for whatever is random in this step, the augmentation above all.
    """

    images: Tensor
    sample_ids: Tensor
    given_labels: Tensor | None
    seed: int

    def to(self, device: str) -> "Batch":
        """The same batch on a device."""
        return self._mapped(lambda tensor: tensor.to(device, non_blocking=True))

    def pin_memory(self) -> "Batch":
        """The same batch in page-locked memory, as a loader for a GPU asks for it."""
        return self._mapped(Tensor.pin_memory)

    def _mapped(self, change: Callable[[Tensor], Tensor]) -> "Batch":
        labels = None if self.given_labels is None else change(self.given_labels)
        return Batch(change(self.images), change(self.sample_ids), labels, self.seed)


@dataclass(frozen=True)
class Views(_Labelled):
    """Augmented views of a batch: each (N, 3, h, w) float32, normalised; labels as in the batch."""

    images: tuple[Tensor, ...]
    given_labels: Tensor | None


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

    def keep(self, sample_ids: Tensor) -> None:
        """Keep images of an open chunk, by their rows."""

    def drop(self, sample_ids: Tensor) -> None:
        """Give kept images up."""

    def rows(self) -> Tensor:
        """(M,) int64, the rows of what is kept, sorted."""

    def read(self, sample_ids: Tensor, seed: int) -> Batch:
        """A batch of kept images; they count as served."""


@dataclass(frozen=True)
class ChunkContext:
    """What `begin_chunk` and `end_chunk` are told.

    Args:
        chunks: those that are open now; () on a stream without boundaries, where the two are called
            once, at the beginning and at the end of the whole stream.
        steps: to come in this chunk, or in the whole stream.
        memory: where images can be kept beyond their chunk.
    """

    chunks: tuple[int, ...]
    steps: int
    memory: Memory | None = None
