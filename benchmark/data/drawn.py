"""Drawings, and the samples that are made of them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256

import numpy as np

from benchmark.data.imageset import Sample, Split
from benchmark.data.render import Images, render_pictures, render_svgs


@dataclass(frozen=True)
class Drawing:
    """What an image is rendered from: an SVG document, or the bytes of a picture."""

    content: str | bytes

    @property
    def sha256(self) -> str:
        """Hash of the content."""
        raw = self.content.encode() if isinstance(self.content, str) else self.content
        return sha256(raw).hexdigest()


@dataclass(frozen=True)
class Entry:
    """A sample that is not rendered yet; the members are those of `Sample`."""

    id: str
    drawing: Drawing
    label: int
    extra: Mapping[str, str] = field(default_factory=dict)


def without_repeats(entries: Sequence[Entry]) -> list[Entry]:
    """The entries whose drawing has not come before, so that no two splits can share one.

    Example:
        >>> dot = Drawing("<svg/>")
        >>> [entry.id for entry in without_repeats([Entry("a", dot, 0), Entry("b", dot, 1)])]
        ['a']
    """
    first: dict[str, Entry] = {}
    for entry in entries:
        first.setdefault(entry.drawing.sha256, entry)
    return list(first.values())


def draw(entries: Sequence[Entry], splits: Sequence[Split], size: int) -> Iterator[Sample]:
    """Render entries into samples, `size` pixels square, in their order.

    Raises:
        DataError: a drawing cannot be rendered.
    """
    images = render_drawings([entry.drawing for entry in entries], size)
    for entry, split, image in zip(entries, splits, images, strict=True):
        yield Sample(entry.id, image, entry.label, split, entry.drawing.sha256, extra=entry.extra)


def render_drawings(drawings: Sequence[Drawing], size: int) -> Images:
    """Render drawings on white, (N, size, size, 3) uint8, in their order."""
    images = np.empty((len(drawings), size, size, 3), np.uint8)
    vector = [n for n, d in enumerate(drawings) if isinstance(d.content, str)]
    pictures = [n for n, d in enumerate(drawings) if isinstance(d.content, bytes)]
    images[vector] = render_svgs([str(drawings[n].content) for n in vector], size)
    raw = [content for n in pictures if isinstance(content := drawings[n].content, bytes)]
    images[pictures] = render_pictures(raw, size)
    return images
