"""The encoder: a frozen method as the downstream tasks see it."""

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray

from benchmark.data.imageset import Images, ImageSet
from benchmark.method import Method

if TYPE_CHECKING:
    from benchmark.protocol import ProtocolSpec


class Encoder:
    """A frozen backbone as the tasks see it: features of prepared images, each computed once.

    Args:
        method: the method whose backbone is evaluated; it is frozen.
        protocol: the protocol that it was trained under.
        chunks_seen: how many chunks of its stream it has seen, the first ones; 0 if none.
        before: gives the encoder as it was before its last phase, an untrained one before the
            first; asked at most once, and only if somebody wants to know. None where no phase was.

    Attributes:
        trained: names of the method's parameters that training moves, which freezing hides.
    """

    def __init__(
        self,
        method: Method,
        protocol: "ProtocolSpec",
        *,
        chunks_seen: int = 0,
        before: "Callable[[], Encoder] | None" = None,
    ) -> None:
        self.trained = frozenset(n for n, p in method.named_parameters() if p.requires_grad)
        self.method = method.eval().requires_grad_(False)
        self.backbone, self.arch, self.protocol = method.backbone, method.setting.arch, protocol
        self.chunks_seen, self._before = chunks_seen, before
        self._memo: dict[tuple[str, str], NDArray[np.float32]] = {}

    @cached_property
    def before(self) -> "Encoder | None":
        """The encoder before the last phase; None where nothing was trained.

        Raises:
            HeadwaterError: its checkpoint is not there any more.
        """
        return None if self._before is None else self._before()

    def features(self, images: ImageSet, split: str) -> NDArray[np.float32]:
        """Features (n, D) float32 of one split, in the order of `images.indices(split)`."""
        key = (f"{images.name}:{images.sha256}", split)
        if key not in self._memo:
            self._memo[key] = self.features_of(images.images, images.indices(split))
        return self._memo[key]

    def features_of(
        self, images: Images, rows: Sequence[int] | NDArray[np.int64]
    ) -> NDArray[np.float32]:
        """Features (n, D) float32 of some rows of uint8 images (N, 3, H, W)."""
        device = next(self.backbone.parameters()).device
        parts = [
            self.method.features(torch.from_numpy(np.asarray(images[chunk])).to(device)).cpu()
            for chunk in np.array_split(np.asarray(rows), max(1, len(rows) // 256))
            if len(chunk)
        ]
        return torch.cat(parts).numpy()
