"""Decoding image files to squares, on several threads."""

import io
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Protocol

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError
from torch import Tensor
from torch.utils.data import get_worker_info

from benchmark.errors import DataError


class ByteSource(Protocol):
    """Where the bytes of samples are read; can be pickled.

    `raw` is the shape (3, H, W) of samples that are plain pixels, or None for image files.
    """

    @property
    def raw(self) -> tuple[int, int, int] | None: ...

    def __len__(self) -> int: ...

    def name(self, row: int) -> str:
        """What a person finds the sample by."""

    def read(self, row: int) -> bytes:
        """The sample's source bytes; a DataError names what is missing."""


def pixels(content: bytes, name: str) -> Tensor:
    """Pixels of an image file, (3, H, W) uint8 RGB, not turned by EXIF.

    Args:
        content: of the file.
        name: of the file, for the error.

    Raises:
        DataError: truncated, or no image.
    """
    try:
        with Image.open(io.BytesIO(content)) as image:
            array = _rgb(image)
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        why = "" if isinstance(error, UnidentifiedImageError) else f" ({error})"
        raise DataError(f"{name} is truncated or no image{why}; fetch it again") from error
    return torch.from_numpy(array).permute(2, 0, 1)


def _rgb(image: Image.Image) -> NDArray[np.uint8]:
    """(H, W, 3); grey of 16 bits is scaled, where Pillow's conversion would cut it off at 255."""
    if image.mode.startswith("I"):
        grey = (np.asarray(image).clip(0, 65535) // 256).astype(np.uint8)
        return np.repeat(grey[..., None], 3, axis=2)
    if image.mode == "P" and "transparency" in image.info:
        image = image.convert("RGBA")  # the same colours, without Pillow's warning
    return np.array(image.convert("RGB"))


def square(image: Tensor, size: int) -> NDArray[np.uint8]:
    """The middle square, resized with antialiasing: (3, size, size) of (3, H, W), both uint8."""
    height, width = image.shape[1:]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    cut = image[:, top : top + side, left : left + side]
    if side != size:
        cut = F.interpolate(cut[None], size=(size, size), mode="bilinear", antialias=True)[0]
    return cut.numpy()


class FileImages:
    """Images that are decoded when rows are read; stands for an array (N, 3, size, size) uint8.

    Args:
        source: of the bytes.
        size: side in pixels of the square that each image becomes.
        threads: that decode; None for as many as cores, up to 8, and one inside a loader's worker.
            The pixels do not depend on it.
    """

    def __init__(self, source: ByteSource, size: int, threads: int | None = None) -> None:
        self.source, self.size, self.threads = source, size, threads

    def __len__(self) -> int:
        return len(self.source)

    @property
    def shape(self) -> tuple[int, ...]:
        """(N, 3, size, size)."""
        return (len(self), 3, self.size, self.size)

    def require(self) -> None:
        """Raise DataError, naming it, if a file is missing."""
        require = getattr(self.source, "require", None)
        if require is not None:
            require()

    def __getitem__(self, rows: Any) -> NDArray[np.uint8]:
        if isinstance(rows, slice):
            rows = range(*rows.indices(len(self)))
        elif getattr(rows, "dtype", None) == np.bool_:
            rows = np.flatnonzero(rows)
        if np.ndim(rows) == 0:
            return self._one(int(rows))
        wanted: Sequence[int] = [int(row) for row in rows]
        images = np.empty((len(wanted), *self.shape[1:]), np.uint8)

        def fill(place: int) -> None:
            images[place] = self._one(wanted[place])

        if (threads := self._threads()) == 1:
            for place in range(len(wanted)):
                fill(place)
        else:
            with ThreadPoolExecutor(threads) as pool:
                list(pool.map(fill, range(len(wanted)), chunksize=8))
        return images

    def _threads(self) -> int:
        if get_worker_info() is not None:
            return 1
        return self.threads or min(8, os.cpu_count() or 1)

    def _one(self, row: int) -> NDArray[np.uint8]:
        content, raw = self.source.read(row), self.source.raw
        if raw is None:
            return square(pixels(content, self.source.name(row)), self.size)
        plain = np.frombuffer(content, np.uint8).reshape(raw).copy()
        return square(torch.from_numpy(plain), self.size)
