"""Matching icons to code points, and the pool, on tiny sets with the schema of the real ones."""

import dataclasses
import io

import numpy as np
import pytest
from PIL import Image

import benchmark.data.emoji
import benchmark.data.pool
from benchmark.data.emoji import EmojiBook, match_names, plain_codepoints
from benchmark.data.pool import build_pool, hold_out
from benchmark.data.styles import DOMAINS, EMOJI_SOURCES, POOL_SOURCES, STYLES


def entry(codepoints, name, *short, group="Objects", subgroup="tool", order=0):
    return {
        "unified": codepoints.upper(),
        "name": name,
        "short_name": short[0],
        "short_names": list(short),
        "category": group,
        "subcategory": subgroup,
        "sort_order": order,
    }


MOUSE_FACE = entry("1f42d", "MOUSE FACE", "mouse", order=3)
MOUSE = entry("1f401", "MOUSE", "mouse2", order=2)
BULLSEYE = entry("1f3af", "DIRECT HIT", "dart", order=1)
LISTED = [MOUSE_FACE, MOUSE, BULLSEYE]


def icons(*names, **aliases):
    return {
        "icons": {name: {"body": f"<path id='{name}'/>"} for name in names},
        "aliases": {name: {"parent": parent} for name, parent in aliases.items()},
    }


def test_code_points_lose_the_variation_selector():
    assert plain_codepoints("1F441-FE0F-200D-1F5E8-FE0F") == "1f441-200d-1f5e8"


def test_the_sets_own_table_comes_first_then_names_from_elsewhere():
    found = match_names(
        LISTED,
        {
            "tabled": icons("mouse", "mouse-face", "bullseye", target="bullseye"),
            "named": icons("mouseface", "mouse", "direct-hit"),
            "aliased": icons("target"),
            "short": icons("dart"),
        },
        {
            "tabled": {"1f401": "mouse", "1f42d": "mouse-face", "1f3af": "bullseye"},
            "named": {},
            "aliased": {},
            "short": {},
        },
    )
    assert found == {
        "tabled": {"1f401": "mouse", "1f42d": "mouse-face", "1f3af": "bullseye"},
        "named": {"1f401": "mouse", "1f42d": "mouseface", "1f3af": "direct-hit"},
        "aliased": {"1f3af": "target"},
        "short": {"1f3af": "dart"},
    }


def test_a_short_name_that_is_anothers_name_is_not_used():
    # "mouse" is the short name of the face, and the name of the whole animal
    tables = {"tabled": {"1f401": "mouse", "1f42d": "mouse-face"}, "short": {}}
    sets = {"tabled": icons("mouse", "mouse-face"), "short": icons("mouse")}
    assert match_names(LISTED, sets, tables)["short"] == {"1f401": "mouse"}


def test_one_icon_is_one_emoji():
    tables = {"tabled": {"1f401": "mouse"}, "short": {}}
    sets = {"tabled": icons("mouse"), "short": icons("mouse", dart="mouse")}
    assert match_names(LISTED, sets, tables)["short"] == {"1f401": "mouse"}


def test_mirrored_aliases_are_not_names():
    tables = {"tabled": {"1f449": "left"}, "other": {}}
    sets = {"tabled": icons("left"), "other": icons("right")}
    sets["tabled"]["aliases"] = {"right": {"parent": "left", "hFlip": True}}
    listed = [entry("1f449", "POINTING", "point")]
    assert match_names(listed, sets, tables)["other"] == {}


COUNT = 12


@pytest.fixture
def tiny_styles(pack, monkeypatch):
    """Twelve styles of twelve emoji; two emoji look the same in one style, one has few styles."""
    points = [f"1f4{n:02x}" for n in range(COUNT)]
    listed = [entry(p, f"THING {n}", f"thing-{n}", order=n) for n, p in enumerate(points)]
    listed.append(entry("1f600", "GRINNING", "grinning", group="Smileys & Emotion", order=99))
    names = pack("emoji-datasource", {"package/emoji.json": listed})
    styles = {}
    for number, (name, style) in enumerate(STYLES.items()):
        some = points[:-1] if number >= 7 else points  # the last has seven styles: not enough
        if name == "fluent-emoji-3d":
            file = io.BytesIO()
            Image.new("RGB", (4, 4), (number, 0, 0)).save(file, "WEBP")
            members = {f"package/assets/{p}.webp": file.getvalue() + p.encode() for p in some}
        else:
            drawn = {f"thing-{n}": {"body": f"<path id='{name}{n}'/>"} for n in range(len(some))}
            if name == "noto":
                drawn["thing-1"] = drawn["thing-0"]
            table = {p: f"thing-{n}" for n, p in enumerate(some)} if number % 2 else {}
            if name in ("openmoji", "twemoji"):
                table = {p: f"thing-{n}" for n, p in enumerate(some)}
            members = {
                "package/icons.json": {"prefix": name, "icons": drawn, "width": 8, "height": 8},
                "package/chars.json": table,
            }
        styles[name] = dataclasses.replace(style, source=pack(name, members))
    for module in (benchmark.data.emoji, benchmark.data.pool):
        monkeypatch.setattr(module, "STYLES", styles)
    monkeypatch.setattr(benchmark.data.emoji, "NAMES", names)
    return points


def test_the_pool_has_no_design_that_is_held_out(library, tiny_styles):
    samples, classes = build_pool(library)
    assert classes == [f"thing-{n}" for n in range(COUNT - 1)]
    assert {sample.extra["design"] for sample in samples} == {
        *("twemoji", "fluent", "noto", "emojione", "noto-v1", "emojione-v1")
    }
    assert {sample.extra["domain"] for sample in samples} == set(DOMAINS)
    assert not any(sample.id.startswith(("openmoji/", "fxemoji/")) for sample in samples)
    assert all(sample.image.shape == (40, 40, 3) for sample in samples)
    # one class fewer for its few styles, and the second of two equal drawings left out
    assert len(samples) == (COUNT - 1) * 10 - 1
    assert "noto/1f401" not in {sample.id for sample in samples}


def test_a_fifth_of_every_class_is_held_out(library, tiny_styles):
    samples, _ = build_pool(library)
    for label in range(COUNT - 1):
        sides = [sample.split for sample in samples if sample.label == label]
        assert sides.count("test") == 2
        assert sides.count("train") == len(sides) - 2


def test_the_book_lists_emoji_in_unicodes_order_with_their_styles(library, tiny_styles):
    book = EmojiBook(library)
    assert [one.codepoints for one in book.emoji] == [*tiny_styles, "1f600"]
    assert book.emoji[0].styles == tuple(STYLES)
    assert len(book.emoji[COUNT - 1].styles) == 7
    assert book.emoji[-1].styles == ()
    assert "id='twemoji3'" in str(book.drawing("twemoji", tiny_styles[3]).content)


def test_hold_out_does_not_depend_on_order():
    ids = [f"style{n}/{c}" for c in range(20) for n in range(10)]
    labels = [c for c in range(20) for _ in range(10)]
    one = dict(zip(ids, hold_out(ids, labels), strict=True))
    two = dict(zip(ids[::-1], hold_out(ids[::-1], labels[::-1]), strict=True))
    assert one == two
    assert list(one.values()).count("test") == 40
    # each style loses about its share
    styles = np.array([name.split("/")[0] for name, side in one.items() if side == "test"])
    assert max(np.unique(styles, return_counts=True)[1]) <= 10


def test_the_declared_styles_are_those_of_the_design():
    assert len(STYLES) == 12
    assert len({style.design for style in STYLES.values()}) == 8
    assert [name for name, style in STYLES.items() if style.domain is None] == [
        "openmoji",
        "fxemoji",
    ]
    for domain in DOMAINS:
        assert sum(style.domain == domain for style in STYLES.values()) == 2
    assert len(POOL_SOURCES) == 11
    assert len(EMOJI_SOURCES) == 13
    assert len({source.sha256 for source in EMOJI_SOURCES}) == 13
