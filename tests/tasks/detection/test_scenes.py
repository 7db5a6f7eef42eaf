"""Composited scenes: where things lie, what the boxes say, and what is kept apart."""

from collections import Counter, defaultdict
from itertools import pairwise

import numpy as np
import pytest

from benchmark.data.drawn import Drawing
from benchmark.data.emoji import Emoji
from benchmark.data.imageset import check_image_set, load_image_set
from benchmark.data.styles import STYLES
from benchmark.errors import DataError
from benchmark.registry import TASKS
from tasks.nano import scenes
from tasks.nano._compose import Place, Rules, lay_out, paste, render_cutout

RULES = Rules(size=64, objects=(1, 3), sides=(20, 30), overlap=0.25)


def rectangle(colour, x, y, wide, high):
    """A drawing on a page of 8 x 8 with one rectangle."""
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 8 8">'
        f'<path fill="{colour}" d="M{x} {y}h{wide}v{high}h-{wide}z"/></svg>'
    )


def test_places_obey_the_rules():
    layouts = [lay_out(RULES, "test", str(n)) for n in range(300)]
    assert {len(places) for places in layouts} == {1, 2, 3}
    sides = Counter(place.side for places in layouts for place in places)
    assert set(sides) == set(range(20, 31))
    for places in layouts:
        pages = []
        for place in places:
            page = np.zeros((64, 64), int)
            page[place.y : place.y + place.side, place.x : place.x + place.side] = 1
            assert page.sum() == place.side**2  # inside the scene
            for other in pages:
                assert (page * other).sum() <= 0.25 * min(page.sum(), other.sum())
            pages.append(page)


def test_places_are_a_function_of_the_name():
    assert lay_out(RULES, "a", "1") == lay_out(RULES, "a", "1")
    assert lay_out(RULES, "a", "1") != lay_out(RULES, "a", "2")


def test_boxes_are_exact():
    scene = np.zeros((64, 64, 3), np.uint8)
    red, blue = rectangle("#f00", 1, 2, 4, 3), rectangle("#00f", 0, 0, 8, 8)
    places = [Place(10, 20, 32), Place(30, 30, 16)]
    cutouts = [render_cutout(red, 32), render_cutout(blue, 16)]
    first, second = paste(scene, cutouts, places)
    # 4 pixels a unit: 10 + 4, 20 + 8, and 16 wide, 12 high
    assert first == (14, 28, 30, 40)
    assert second == (30, 30, 46, 46)
    reds, blues = np.nonzero(scene[:, :, 0] == 255), np.nonzero(scene[:, :, 2] == 255)
    assert (reds[1].min(), reds[0].min(), reds[1].max() + 1, reds[0].max() + 1) == first
    assert (blues[1].min(), blues[0].min(), blues[1].max() + 1, blues[0].max() + 1) == second


def test_a_later_drawing_lies_on_top_and_the_box_of_the_hidden_one_is_whole():
    scene = np.zeros((16, 16, 3), np.uint8)
    red, blue = (render_cutout(rectangle(c, 0, 0, 8, 8), 8) for c in ("#f00", "#00f"))
    assert paste(scene, [red, blue], [Place(0, 0, 8), Place(4, 0, 8)])[0] == (0, 0, 8, 8)
    assert scene[0, 5].tolist() == [0, 0, 255]
    assert scene[0, 3].tolist() == [255, 0, 0]


def test_half_covered_pixels_mix_with_the_ground():
    half = np.zeros((2, 2, 4), np.uint8)
    half[:] = [200, 0, 100, 128]
    scene = np.full((2, 2, 3), 100, np.uint8)
    paste(scene, [half], [Place(0, 0, 2)])
    expected = np.array([200, 0, 100]) * 128 / 255 + 100 * 127 / 255
    assert np.abs(scene[0, 0] - expected).max() <= 0.5


def test_an_empty_drawing_is_refused():
    with pytest.raises(DataError, match="empty"):
        paste(np.zeros((8, 8, 3), np.uint8), [np.zeros((4, 4, 4), np.uint8)], [Place(0, 0, 4)])
    with pytest.raises(DataError, match="cannot render"):
        render_cutout("<svg broken", 8)


def emoji(n, subgroup, styles):
    return Emoji(f"1f{n:03x}", f"thing-{n}", "Group", subgroup, tuple(styles))


def test_no_drawing_is_on_two_sides():
    both, one = ("openmoji", "fxemoji", "noto"), ("openmoji", "noto")
    subgroups = [name for names in scenes.CLASSES.values() for name in names]
    objects = [
        emoji(100 * k + n, subgroup, both if n % 3 else one)
        for k, subgroup in enumerate([*subgroups, "tool"])
        for n in range(30)
    ]
    chosen = scenes.choose(objects)
    sides = {split: [d for kind in kinds for d in kind] for split, kinds in chosen.items()}
    assert not set(sides["train"]) & set(sides["test"])
    assert not set(sides["train"]) & set(sides["val"])
    assert not set(sides["val"]) & set(sides["test"])
    assert len(set().union(*sides.values())) == sum(map(len, sides.values()))
    # 20 of 30 are in both designs: each gives one drawing to training, one to test or validation
    n = len(subgroups)
    assert len(sides["train"]) == 30 * n
    assert len(sides["test"]) == 10 * n
    assert len(sides["val"]) == 10 * n
    assert {design for design, _ in sides["test"]} == {"openmoji", "fxemoji"}
    drawn_elsewhere = {points for design, points in sides["train"] if design == "fxemoji"}
    assert 0.3 < len(drawn_elsewhere) / (20 * n) < 0.7


def test_a_scene_is_a_function_of_its_name():
    ground = np.random.default_rng(0).integers(0, 255, (90, 70, 3), dtype=np.uint8)
    strip = scenes.Strip("photo.png", ground, "a" * 64)
    kinds = [[(f"openmoji/{k}", Drawing(rectangle("#123", 1, 1, 6, 6)))] for k in range(10)]
    one, again, other = (
        scenes.compose(name, "train", strip, kinds) for name in ("t/1", "t/1", "t/2")
    )
    assert (one.image == again.image).all() and one.boxes == again.boxes
    assert one.image.shape == (64, 64, 3)
    assert (one.image != other.image).any()
    assert one.label == tuple(sorted({box[4] for box in one.boxes}))
    assert one.extra["pasted"].split() == [f"openmoji/{box[4]}" for box in one.boxes]
    assert (strip.pixels == ground).all()


def test_declaration():
    spec = TASKS.get("scenes").spec
    assert (spec.name, spec.metric, len(spec.classes)) == ("scenes", "map11", 10)
    assert spec.evaluations == ("linear", "detection")
    assert "composited" in spec.title
    assert {STYLES[design].domain for design in scenes.DESIGNS} == {None}  # in no stream
    assert scenes.DEEPFOREST.licence == "MIT"
    strips = sorted(scenes.STRIPS.values())
    assert all(a[1] <= b[0] for a, b in pairwise(strips))


@pytest.mark.data
def test_prepared_scenes():
    spec = TASKS.get("scenes").spec
    check_image_set("tasks/scenes", expected_sha256=spec.data_sha256, verify=True)
    data = load_image_set("tasks/scenes")
    assert data.images.shape == (3200, 3, 64, 64)
    assert Counter(data.splits.tolist()) == {"train": 2000, "val": 400, "test": 800}
    sides = defaultdict(set)
    for row, pasted in enumerate(data.extra["pasted"]):
        assert set(np.flatnonzero(data.labels[row])) == {box[4] for box in data.boxes[row]}
        for x1, y1, x2, y2, _ in data.boxes[row]:
            assert 0 <= x1 < x2 <= 64 and 0 <= y1 < y2 <= 64
        for drawing in pasted.split():
            sides[drawing].add(str(data.splits[row]))
    assert all(len(found) == 1 for found in sides.values())
    for split in ("train", "val", "test"):
        assert data.labels[data.indices(split)].sum(0).min() > 15
