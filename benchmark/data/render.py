"""From drawings, glyphs and pictures to small square images on white."""

import io
import multiprocessing
import os
import signal
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import Any

import numpy as np
import resvg_py
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from benchmark.errors import DataError

Images = NDArray[np.uint8]

_WORKERS = min(os.cpu_count() or 1, 16)

#: Below this many drawings, starting processes takes longer than they save.
_WORTH_PROCESSES = 400


def svg_document(icons: Mapping[str, Any], name: str) -> str:
    """One icon of an Iconify set (the content of its icons.json) as an SVG document.

    Follows aliases; `currentColor` comes out black. The document has a viewBox and no size.

    Args:
        icons: with "icons" and, if any, "aliases", "width", "height".
        name: of an icon or an alias.

    Raises:
        DataError: no such icon.

    Source:
        Iconify's IconifyJSON type: sizes are inherited from the set, transformations from aliases.

    Example:
        >>> svg_document({"icons": {"dot": {"body": "<circle r='4'/>"}}, "width": 8}, "dot")
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 8 16"><circle r=\\'4\\'/></svg>'
    """
    chain: list[Mapping[str, Any]] = []
    parent: str | None = name
    while parent is not None:
        entry = icons["icons"].get(parent) or icons.get("aliases", {}).get(parent)
        if entry is None or len(chain) > 5:
            raise DataError(f"icon {name!r} of {icons.get('prefix', 'the set')!r} is missing")
        chain.append(entry)
        parent = entry.get("parent")

    def value(key: str, default: Any) -> Any:
        return next((e[key] for e in chain if key in e), icons.get(key, default))

    left, top = value("left", 0), value("top", 0)
    width, height = value("width", 16), value("height", 16)
    body = chain[-1]["body"]
    for entry in reversed(chain):
        if entry.get("rotate"):
            raise DataError(f"icon {name!r} is rotated, which is not supported")
        if entry.get("hFlip"):
            body = f'<g transform="translate({2 * left + width} 0) scale(-1 1)">{body}</g>'
        if entry.get("vFlip"):
            body = f'<g transform="translate(0 {2 * top + height}) scale(1 -1)">{body}</g>'
    box = f"{left} {top} {width} {height}"
    return f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="{box}">{body}</svg>'


def render_svg(document: str, size: int) -> Images:
    """Render one SVG document, fitted into a square and centred on white.

    Args:
        document: SVG text without width and height.
        size: side in pixels.

    Returns:
        (size, size, 3) uint8.

    Raises:
        DataError: not an SVG.

    Example:
        >>> red = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 2 1">'
        >>> red += '<path fill="red" d="M0 0h1v1H0z"/></svg>'
        >>> render_svg(red, 4)[:, :, 1].tolist()  # green: 0 where red, 255 where white
        [[255, 255, 255, 255], [0, 0, 255, 255], [0, 0, 255, 255], [255, 255, 255, 255]]
    """
    sized = document.replace("<svg ", f'<svg width="{size}" height="{size}" ', 1)
    try:
        # System fonts would make the pixels depend on the machine.
        png = resvg_py.svg_to_bytes(svg_string=sized, background="#fff", skip_system_fonts=True)
    except ValueError as error:
        raise DataError(f"cannot render {document[:80]!r}...: {error}") from error
    return np.asarray(Image.open(io.BytesIO(bytes(png))).convert("RGB"))


def render_svgs(documents: Sequence[str], size: int) -> Images:
    """Render many SVG documents, on all cores.

    Args:
        documents: SVG texts without width and height.
        size: side in pixels.

    Returns:
        (len(documents), size, size, 3) uint8.

    Raises:
        DataError: one of them is not an SVG.
    """
    parts = [list(documents[i : i + 64]) for i in range(0, len(documents), 64)]
    if _WORKERS == 1 or len(documents) < _WORTH_PROCESSES:
        done = [_render_part(part, size) for part in parts]
    else:
        # The renderer holds Python's lock, so threads would not help.
        context = multiprocessing.get_context("spawn")
        pool = ProcessPoolExecutor(
            _WORKERS, context, signal.signal, (signal.SIGINT, signal.SIG_IGN)
        )  # Ctrl-C is for the parent, which ends them
        try:
            done = list(pool.map(_render_part, parts, [size] * len(parts)))
        except BrokenProcessPool:  # no processes to be had, or a script without a main guard
            done = [_render_part(part, size) for part in parts]
        finally:
            pool.shutdown(cancel_futures=True)
    return np.concatenate(done) if done else np.empty((0, size, size, 3), np.uint8)


def _render_part(documents: list[str], size: int) -> Images:
    return np.stack([render_svg(document, size) for document in documents])


def render_pictures(contents: Sequence[bytes], size: int) -> Images:
    """Decode pictures (PNG, WebP), put them on white and shrink them to squares.

    Args:
        contents: the files' bytes.
        size: side in pixels.

    Returns:
        (len(contents), size, size, 3) uint8.

    Raises:
        DataError: one of them is not a picture.
    """
    with ThreadPoolExecutor(_WORKERS) as pool:  # decoding does not hold Python's lock
        done = list(pool.map(_render_picture, contents, [size] * len(contents)))
    return np.stack(done) if done else np.empty((0, size, size, 3), np.uint8)


def _render_picture(content: bytes, size: int) -> Images:
    try:
        picture: Image.Image = Image.open(io.BytesIO(content))
        if picture.mode not in ("L", "RGB"):
            picture = picture.convert("RGBA")
            paper = Image.new("RGBA", picture.size, "white")
            picture = Image.alpha_composite(paper, picture).convert("RGB")
        small = picture.resize((size, size), Image.Resampling.BOX)
    except (OSError, ValueError) as error:
        raise DataError(f"a picture cannot be decoded: {error}") from error
    return np.asarray(small.convert("RGB"))


def render_ink(ink: NDArray[np.uint8], size: int) -> Images:
    """Put a small grey picture, white ink on black as in MNIST, as black ink on white paper.

    What is at most half of `size` is enlarged by a whole factor, smoothly; then it is centred.

    Args:
        ink: (H, W), 0 for paper, 255 for ink.
        size: side in pixels, at least H and W.

    Returns:
        (size, size, 3) uint8.

    Example:
        >>> render_ink(np.full((2, 2), 255, np.uint8), 3)[:, :, 0].tolist()
        [[0, 0, 255], [0, 0, 255], [255, 255, 255]]
    """
    factor = size // max(ink.shape)
    if factor > 1:
        wide = (ink.shape[1] * factor, ink.shape[0] * factor)
        ink = np.asarray(Image.fromarray(ink).resize(wide, Image.Resampling.BILINEAR))
    page = np.full((size, size), 255, np.uint8)
    top, left = (size - ink.shape[0]) // 2, (size - ink.shape[1]) // 2
    page[top : top + ink.shape[0], left : left + ink.shape[1]] = 255 - ink
    return np.repeat(page[:, :, None], 3, axis=2)


class Typeface:
    """A font, to draw single characters with.

    Args:
        content: of a TrueType or OpenType file.
        size: side of the images in pixels.
        weight: of a variable font, 100 (thin) to 900 (black); None for the font's own.

    Raises:
        DataError: not a font, or it has no weights.
    """

    #: The longer side of the ink over the side of the image.
    FILL = 0.8

    def __init__(self, content: bytes, size: int, *, weight: int | None = None) -> None:
        self._size = size
        try:
            self._face = ImageFont.truetype(io.BytesIO(content), 8 * size)
            if weight is not None:
                self._face.set_variation_by_axes([weight])
        except OSError as error:
            raise DataError(f"a font cannot be used: {error}") from error

    def draw(self, character: str) -> Images:
        """Draw one character in black, its ink scaled to fill the image and centred.

        Returns:
            (size, size, 3) uint8.

        Raises:
            DataError: the glyph has no ink.
        """
        # The face's own box spans the advance width, so the ink is measured on the paper.
        left, top, right, bottom = map(int, self._face.getbbox(character))
        room = (max(right - left, 1) + 2 * self._size, max(bottom - top, 1) + 2 * self._size)
        paper = Image.new("L", room)
        at = (self._size - left, self._size - top)
        ImageDraw.Draw(paper).text(at, character, fill=255, font=self._face)
        ink = paper.crop(paper.getbbox() or (0, 0, 0, 0))
        if not ink.width:
            raise DataError(f"the font has no ink for {character!r}")
        side = round(max(ink.size) / self.FILL)
        page = Image.new("L", (side, side))
        page.paste(ink, ((side - ink.width) // 2, (side - ink.height) // 2))
        small = page.resize((self._size, self._size), Image.Resampling.BOX)
        return 255 - np.asarray(small.convert("RGB"))
