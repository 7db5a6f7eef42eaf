"""The eleven tasks that are sets of single images: what they declare, and their own small rules."""

import dataclasses
import io
import json
import tarfile
from pathlib import Path

import numpy as np
import pytest
from fontTools.fontBuilder import FontBuilder
from fontTools.pens.ttGlyphPen import TTGlyphPen

import tasks.nano  # noqa: F401  (registers)
from benchmark.data.home import sha256_file
from benchmark.data.source import Library, Source
from benchmark.data.styles import STYLES
from benchmark.registry import TASKS
from tasks.nano import faces, flags, letters, objects
from tasks.nano._icons import IconTask
from tasks.nano.scripts import letters_of
from tasks.nano.silhouettes import NEAR, near_copies
from tasks.nano.solar import blocks

CLASSES = {
    "digits": 10,
    "faces": 14,
    "flags": 237,
    "health": 21,
    "interface": 17,
    "letters": 26,
    "mnist": 10,
    "objects": 42,
    "scripts": 19,
    "silhouettes": 10,
    "solar": 4,
}
METRICS = {
    "top1": {"flags", "interface", "letters", "mnist", "digits", "silhouettes"},
    "mean_per_class": {"objects", "faces", "health", "scripts", "solar"},
}


@pytest.mark.parametrize("name", CLASSES)
def test_declaration(name):
    spec = TASKS.get(name).spec
    assert spec.name == name
    assert len(spec.classes) == len(set(spec.classes)) == CLASSES[name]
    assert name in METRICS[spec.metric]
    assert spec.evaluations == ("linear", "fewshot")
    for digest in (spec.data_sha256, *(source.sha256 for source in spec.sources)):
        assert len(digest) == 64
        int(digest, 16)
    for source in spec.sources:
        assert source.licence
        assert source.attribution


def test_the_solar_data_say_that_they_are_not_free():
    (source,) = TASKS.get("solar").spec.sources
    assert source.licence == "CC-BY-NC-SA-4.0"
    assert "never redistributed" in source.note
    assert "CC-BY-NC-SA" in TASKS.get("solar").spec.title


def test_no_design_is_on_two_sides():
    for sides in (faces.SIDES, flags.SIDES):
        designs = [STYLES[style].design if style in STYLES else style for style in sides]
        assert len(designs) == len(set(designs))
        assert set(sides.values()) == {"train", "val", "test"}
    assert {faces.SIDES[style] for style in ("openmoji", "fxemoji")} == {"test"}
    assert set(objects.DESIGNS) == {name for name, style in STYLES.items() if not style.domain}


def test_fonts():
    assert len(letters.SOURCES) == 28
    assert {source.licence for source in letters.SOURCES} == {"OFL-1.1"}


def test_country():
    assert flags.country("1f1fa-1f1f8") == "us"
    assert flags.country("1f3f4-e0067-e007f") == ""
    assert flags.country("1f600-1f600") == ""


def test_blocks_follow_the_kind_and_the_size_of_a_module():
    kinds = ["mono"] * 70 + ["poly"] * 60 + ["mono"] * 5
    names = blocks(kinds)
    assert [len(list(filter(name.__eq__, names))) for name in dict.fromkeys(names)] == [
        60,
        10,
        60,
        5,
    ]


def test_near_copies_against_pairs_compared_one_by_one():
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (12, 16, 16), dtype=np.uint8)
    images[3] = images[1]
    images[3, 0, 0] ^= 128  # near
    images[7] = images[3][:, ::-1]  # mirrored copy of a near copy
    images[9] = images[2]  # equal, of another class
    labels = np.array([0, 0, 0, 0, 1, 1, 1, 0, 1, 1, 1, 1])
    labels[9] = 1

    def distance(a, b):
        return ((a.astype(int) - b.astype(int)) ** 2).sum()

    expected = list(range(12))
    for _ in range(12):  # join until nothing changes
        for i in range(12):
            for j in range(12):
                near = distance(images[i], images[j]) < NEAR
                mirrored = distance(images[i], images[j][:, ::-1]) < NEAR
                if labels[i] == labels[j] and (near or mirrored):
                    expected[i] = expected[j] = min(expected[i], expected[j])
    assert near_copies(images, labels).tolist() == expected
    assert expected[7] == expected[3] == 1
    assert expected[9] == 9


def bars(characters):
    """A font that has a bar for each of the characters."""
    builder = FontBuilder(1000, isTTF=True)
    names = {ord(character): f"g{n}" for n, character in enumerate(characters)}
    builder.setupGlyphOrder([".notdef", *names.values()])
    builder.setupCharacterMap(names)
    pen = TTGlyphPen(None)
    pen.moveTo((0, 0))
    for point in ((0, 600), (300, 600), (300, 0)):
        pen.lineTo(point)
    pen.closePath()
    bar = pen.glyph()
    builder.setupGlyf(dict.fromkeys((".notdef", *names.values()), bar))
    builder.setupHorizontalMetrics(dict.fromkeys((".notdef", *names.values()), (400, 0)))
    builder.setupHorizontalHeader(ascent=800, descent=-200)
    builder.setupPost()
    file = io.BytesIO()
    builder.font.save(file)
    return file.getvalue()


def test_letters_of_a_script():
    # alef, a vowel point, a presentation form, Latin a, and a letter younger than Unicode 3.2
    font = bars("\u05d0\u05b0\ufb2aa\u05ef\u05ea")
    assert letters_of("Hebrew", font) == ["\u05d0", "\u05ea"]
    many = bars([chr(c) for c in range(0x1200, 0x1248)])
    assert len(letters_of("Ethiopic", many)) == 48


ICONS = {
    "prefix": "demo",
    "icons": {
        name: {"body": f'<path fill="currentColor" d="M0 0h{n + 1}v16H0z"/>'}
        for n, name in enumerate(
            [
                *("ant", "ant-outline", "ant-negative", "bee", "bee-outline", "cat"),
                *("dog", "eel", "fox", "gnu", "hen", "ibex", "none"),
            ]
        )
    },
}
ICONS["icons"]["bee-outline"] = ICONS["icons"]["bee"]
CATEGORIES = {
    "Bugs": ["ant", "ant-outline", "bee", "bee-outline", "both"],
    "Beasts": ["cat", "dog", "eel", "fox", "gnu", "hen", "ibex", "both"],
}


@pytest.fixture
def icon_task(tmp_path: Path):
    """An icon task on a tiny archive, and the library that holds it."""
    library = Library(tmp_path)
    source = Source("demo", "npm", "demo", "1", "", "MIT", "nobody")
    with tarfile.open(tmp_path / source.filename, "w:gz") as tar:
        members = {"icons.json": ICONS, "metadata.json": {"categories": CATEGORIES}}
        for name, content in members.items():
            info = tarfile.TarInfo(f"package/{name}")
            raw = json.dumps(content).encode()
            info.size = len(raw)
            tar.addfile(info, io.BytesIO(raw))
    pinned = dataclasses.replace(source, sha256=sha256_file(tmp_path / source.filename))

    class Demo(IconTask):
        spec = dataclasses.replace(
            TASKS.get("health").spec, name="demo", classes=("Bugs", "Beasts"), sources=(pinned,)
        )
        suffixes = ("outline", "negative")
        test_share = 0.5

    return Demo, library


def test_icons_variants_stay_together(icon_task):
    task, library = icon_task
    samples = {sample.id: sample for sample in task().build(library)}
    # "none" has no category; "bee-outline" is drawn as "bee" is; "ant-negative" is ant's
    assert set(samples) == set(ICONS["icons"]) - {"none", "bee-outline"}
    assert samples["ant-negative"].label == 0
    assert len({samples[name].split for name in samples if name.startswith("ant")}) == 1
    assert samples["ant"].extra["group"] == "ant"
    assert (samples["ant"].image[:, :2] == 0).all()  # black, one pixel of sixteen wide
    assert (samples["ant"].image[:, 2:] == 255).all()


def test_icons_subsample(icon_task):
    task, library = icon_task
    task.icons_per_class = 3
    task.kept_suffixes = ((),)
    task.left_out = ("ant",)
    names = [sample.id for sample in task().build(library)]
    assert "bee" in names
    assert not any("ant" in name for name in names)
    assert len(names) == 1 + 3
