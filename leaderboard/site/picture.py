"""The picture of a stream: a row of its images for each chunk."""

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from benchmark.errors import DataError

if TYPE_CHECKING:
    from benchmark.data.imageset import ImageSet

#: Images in a row, and the white columns after each, in shares of an image's side.
COLUMNS, GAP = 22, 0.1


def stream_rows(chunks: Sequence[Sequence[str]], images: "ImageSet") -> list[bytes]:
    """A PNG for each chunk: a row of images taken at equal distances from its ids.

    Args:
        chunks: sample ids of each chunk.
        images: the pool, (N, 3, S, S) uint8.

    Returns:
        PNG files, each S pixels high; the same input gives the same bytes.

    Raises:
        DataError: the pool does not hold an id that is wanted.
    """
    from PIL import Image

    rows = {name: row for row, name in enumerate(images.ids)}
    pictures = []
    for chunk in chunks:
        step = max(1, len(chunk) // COLUMNS)
        wanted = list(chunk)[::step][:COLUMNS]
        if lacking := [name for name in wanted if name not in rows]:
            raise DataError(
                f"the pool has no image {lacking[0]!r} of the stream; run: headwater prepare nano"
            )
        gap = round(GAP * images.images.shape[3])
        parts = [
            np.pad(images.images[rows[name]], ((0, 0), (0, 0), (0, gap)), constant_values=255)
            for name in wanted
        ]
        strip = np.concatenate(parts, axis=2)
        content = io.BytesIO()
        Image.fromarray(np.ascontiguousarray(strip.transpose(1, 2, 0))).save(content, "PNG")
        pictures.append(content.getvalue())
    return pictures
