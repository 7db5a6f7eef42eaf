"""Rendering, against colours and places that can be told without it."""

import io

import numpy as np
import pytest
from fontTools.fontBuilder import FontBuilder
from fontTools.pens.ttGlyphPen import TTGlyphPen
from PIL import Image

from benchmark.data import render
from benchmark.data.drawn import Drawing, render_drawings
from benchmark.data.render import (
    Typeface,
    render_ink,
    render_pictures,
    render_svg,
    render_svgs,
    svg_document,
)
from benchmark.errors import DataError

WHITE, BLACK, RED = [255, 255, 255], [0, 0, 0], [255, 0, 0]

LEFT_HALF = {
    "prefix": "demo",
    "width": 10,
    "height": 10,
    "icons": {
        "left": {"body": '<path fill="red" d="M0 0h5v10H0z"/>'},
        "plain": {"body": '<path d="M0 0h10v10H0z"/>'},
        "current": {"body": '<path fill="currentColor" d="M0 0h10v10H0z"/>'},
        "wide": {"body": '<path fill="red" d="M0 0h20v10H0z"/>', "width": 20},
        "shifted": {"body": '<path fill="red" d="M5 5h5v10H5z"/>', "left": 5, "top": 5},
    },
    "aliases": {
        "same": {"parent": "left"},
        "right": {"parent": "same", "hFlip": True},
        "upside": {"parent": "top"},
        "turned": {"parent": "left", "rotate": 1},
        "loop": {"parent": "loop"},
        "flipped": {"parent": "shifted", "hFlip": True, "vFlip": True},
    },
}


def corners(name, size=8):
    image = render_svg(svg_document(LEFT_HALF, name), size)
    assert image.shape == (size, size, 3)
    assert image.dtype == np.uint8
    return image[0, 0].tolist(), image[0, -1].tolist()


def test_colours_and_sides():
    assert corners("left") == (RED, WHITE)
    assert corners("same") == (RED, WHITE)
    assert corners("right") == (WHITE, RED)
    assert corners("shifted") == (RED, WHITE)
    assert corners("flipped") == (WHITE, RED)


def test_no_fill_and_current_colour_are_black():
    assert corners("plain") == (BLACK, BLACK)
    assert corners("current") == (BLACK, BLACK)


def test_wide_icons_are_centred_not_stretched():
    image = render_svg(svg_document(LEFT_HALF, "wide"), 8)
    assert (image[:2] == 255).all()
    assert (image[6:] == 255).all()
    assert (image[2:6] == RED).all()


@pytest.mark.parametrize("name", ["absent", "upside", "loop"])
def test_icons_that_are_not_there(name):
    with pytest.raises(DataError, match=f"icon '{name}' of 'demo' is missing"):
        svg_document(LEFT_HALF, name)


def test_rotation_is_refused():
    with pytest.raises(DataError, match="rotated"):
        svg_document(LEFT_HALF, "turned")


def test_what_is_no_svg():
    with pytest.raises(DataError, match="cannot render '<svg <"):
        render_svg("<svg <", 8)


def test_many_processes_render_what_one_does(monkeypatch):
    monkeypatch.setattr(render, "_WORTH_PROCESSES", 2)
    monkeypatch.setattr(render, "_WORKERS", 2)
    documents = [svg_document(LEFT_HALF, name) for name in ("left", "right", "plain")] * 30
    one_by_one = np.stack([render_svg(document, 8) for document in documents])
    np.testing.assert_array_equal(render_svgs(documents, 8), one_by_one)
    assert render_svgs([], 8).shape == (0, 8, 8, 3)


def picture(array, mode, kind="PNG"):
    file = io.BytesIO()
    Image.fromarray(np.array(array, np.uint8), mode=None).convert(mode).save(
        file, kind, **({"lossless": True} if kind == "WEBP" else {})
    )
    return file.getvalue()


def test_pictures_are_put_on_white_and_averaged():
    clear = np.zeros((2, 2, 4))
    clear[0, 0] = (0, 0, 0, 255)
    (image,) = render_pictures([picture(clear, "RGBA", "WEBP")], 1)
    assert image[0, 0].tolist() == pytest.approx([191.25] * 3, abs=1)  # three of four are white
    (image,) = render_pictures([picture(np.full((4, 4), 100), "L")], 2)
    assert (image == 100).all()
    with pytest.raises(DataError, match="cannot be decoded"):
        render_pictures([b"<html>"], 2)


def test_drawings_keep_their_order():
    svg = Drawing(svg_document(LEFT_HALF, "plain"))
    grey = Drawing(picture(np.full((4, 4), 100), "L"))
    images = render_drawings([grey, svg, grey], 2)
    assert images[:, 0, 0, 0].tolist() == [100, 0, 100]


def test_ink_is_centred_enlarged_and_inverted():
    ink = np.zeros((28, 28), np.uint8)
    ink[0, 0] = 255
    image = render_ink(ink, 32)
    assert image[2, 2].tolist() == BLACK
    assert (image == 0).sum() == 3
    assert render_ink(np.full((8, 8), 255, np.uint8), 32).max() == 0


def font(advance=1000):
    """A font of one letter, A: a bar at the left, twice as high as wide."""
    pen = TTGlyphPen(None)
    pen.moveTo((100, 0))
    for point in ((100, 600), (400, 600), (400, 0)):
        pen.lineTo(point)
    pen.closePath()
    empty = TTGlyphPen(None).glyph()
    builder = FontBuilder(1000, isTTF=True)
    builder.setupGlyphOrder([".notdef", "A", "space"])
    builder.setupCharacterMap({ord("A"): "A", ord(" "): "space"})
    builder.setupGlyf({".notdef": empty, "A": pen.glyph(), "space": empty})
    builder.setupHorizontalMetrics(dict.fromkeys((".notdef", "A", "space"), (advance, 0)))
    builder.setupHorizontalHeader(ascent=800, descent=-200)
    builder.setupPost()
    file = io.BytesIO()
    builder.font.save(file)
    return file.getvalue()


def test_letters_fill_the_image_and_are_centred():
    image = Typeface(font(), 40).draw("A")
    rows, columns = np.nonzero(image[:, :, 0] < 128)
    assert rows.max() - rows.min() + 1 == pytest.approx(32, abs=1)  # 0.8 of 40
    assert columns.max() - columns.min() + 1 == pytest.approx(16, abs=1)
    assert rows.min() + rows.max() == pytest.approx(39, abs=1)
    assert columns.min() + columns.max() == pytest.approx(39, abs=1)


def test_fonts_that_cannot_be_used():
    with pytest.raises(DataError, match="no ink"):
        Typeface(font(), 32).draw(" ")
    with pytest.raises(DataError, match="a font cannot be used"):
        Typeface(b"<html>", 32)
    with pytest.raises(DataError, match="a font cannot be used"):
        Typeface(font(), 32, weight=300)
