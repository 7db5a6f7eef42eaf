"""Pictures of a stream: a row of its images for each chunk."""

import io
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmark.canonical import write_whole
from benchmark.errors import DataError, UsageError

if TYPE_CHECKING:
    from benchmark.data.imageset import ImageSet
    from benchmark.protocol import ProtocolSpec

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


def require_png(path: Path) -> None:
    """See to it, before anything is computed, that a picture can be written there.

    Raises:
        UsageError: the name does not end in .png, or there is no such folder.
    """
    if path.suffix.lower() != ".png" or path.is_dir() or not path.absolute().parent.is_dir():
        raise UsageError(f"{path} cannot be written; name a file ending in .png in a folder")


def write_contact_sheet(spec: "ProtocolSpec", path: Path) -> None:
    """Write a PNG with a row of images for each chunk of a protocol's stream.

    Args:
        spec: the protocol; its pool must be prepared.
        path: of the picture, a name that ends in .png in a folder that is there.

    Raises:
        UsageError: another name, or no such folder.
        DataError: the pool is not prepared.
    """
    require_png(path)
    from PIL import Image, ImageDraw, ImageFont

    from benchmark.pools import load_pool

    manifest = spec.manifest
    chunks = [manifest.chunk_ids(number) for number in range(1, spec.chunks + 1)]
    strips = [Image.open(io.BytesIO(row)) for row in stream_rows(chunks, load_pool(spec))]
    height, margin = 64, 190
    rows = [strip.resize((strip.width * height // strip.height, height)) for strip in strips]
    width = margin + max(row.width for row in rows)
    sheet = Image.new("RGB", (width, (height + 8) * len(rows) + 40), "white")
    pen, font = ImageDraw.Draw(sheet), ImageFont.load_default(15)
    pen.text((8, 10), f"{spec.id}: images in the order of each chunk", "black", font)
    for number, row in enumerate(rows):
        top = 40 + (height + 8) * number
        pen.text((8, top + 12), chunk_title(spec, number + 1), "black", font)
        facts: Any = (manifest.about.get("chunks") or [{}] * spec.chunks)[number]
        classes = f", {facts['classes']} classes" if facts else ""
        pen.text((8, top + 34), f"{manifest.sizes[number]:,}{classes}", "black", font)
        sheet.paste(row, (margin, top))
    content = io.BytesIO()
    sheet.save(content, "PNG")
    write_whole(path, content.getvalue())


def chunk_title(spec: "ProtocolSpec", chunk: int) -> str:
    """`chunk 1`, with its domain if the stream has any."""
    return f"chunk {chunk}" + (f", {spec.domains[chunk - 1]}" if spec.domains else "")
