"""Tree crowns: how photographs are cut, what becomes of boxes, and what is kept apart."""

import io
from collections import Counter, defaultdict

import numpy as np
import pytest
from PIL import Image

from benchmark.data.imageset import check_image_set, load_image_set, write_image_set
from benchmark.errors import DataError
from benchmark.registry import TASKS
from tasks.nano import crowns
from tasks.nano.crowns import LARGE, PARTS, PICTURE, SMALL, TILE, Part, Photograph

SCALE = PICTURE / TILE


class Package:
    """A library with one package in memory."""

    def __init__(self, members):
        self.members = members

    def read(self, source, member):
        assert source is crowns.DEEPFOREST
        return self.members[member.removeprefix("deepforest/data/")]


def annotation(boxes):
    corners = ("xmin", "ymin", "xmax", "ymax")
    objects = [
        "<object><name>Tree</name><bndbox>"
        + "".join(f"<{c}>{v}</{c}>" for c, v in zip(corners, box, strict=True))
        + "</bndbox></object>"
        for box in boxes
    ]
    return f"<annotation>{''.join(objects)}</annotation>".encode()


def png(pixels):
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "png")
    return file.getvalue()


def glade(height, width, boxes):
    """A dark photograph whose trees are white."""
    pixels = np.zeros((height, width, 3), np.uint8)
    for x1, y1, x2, y2 in boxes:
        pixels[y1:y2, x1:x2] = 255
    return pixels


@pytest.mark.parametrize(
    ("length", "overlap"), [(192, 0), (193, 0), (384, 0), (1035, 0), (999, 48)]
)
def test_tiles_cover_the_length(length, overlap):
    first = crowns.starts(length, TILE, overlap)
    assert (first[0], first[-1]) == (0, length - TILE)
    shared = TILE - np.diff(first)
    assert (shared >= overlap).all()
    assert len(shared) == 0 or shared.max() - shared.min() <= 1  # evenly
    # fewer would not do
    assert TILE + (len(first) - 2) * (TILE - overlap) < length


def test_a_box_is_kept_by_half_and_cut():
    t = TILE
    boxes = np.array(
        [
            [10, 20, 40, 80],  # inside
            [t - 15, 0, t + 15, 30],  # half
            [t - 14, 0, t + 15, 30],  # less
            [-10, -10, 30, 30],  # 9 / 16, at a corner
            [-10, -20, 20, 20],  # a third
            [t + 1, 0, t + 9, 9],  # outside
            [-50, -50, t + 50, t + 50],  # the tile is within
        ],
        np.float64,
    )
    found = crowns.boxes_inside(boxes + np.array([300, 500, 300, 500]), 300, 500)
    expected = [(10, 20, 40, 80), (t - 15, 0, t, 30), (0, 0, 30, 30)]
    assert (t / (t + 100)) ** 2 < crowns.INSIDE  # the last is left out
    assert np.allclose([box[:4] for box in found], np.array(expected) * SCALE)
    assert {box[4] for box in found} == {0}


def test_boxes_lie_on_their_trees():
    trees = [(30, 40, 90, 100), (160, 300, 250, 360), (330, 210, 420, 300)]
    part = Part("train", "glade", rows=(100, 484), overlap=48)
    photograph = Photograph(glade(500, 450, trees), np.array(trees, np.float64), "a" * 64)
    tiles = list(crowns.cut(part, photograph))
    assert len({tile.id for tile in tiles}) == len(tiles) == 3 * 3
    assert {tile.label for tile in tiles} == {(0,), ()}
    for tile in tiles:
        assert tile.image.shape == (PICTURE, PICTURE, 3) and tile.split == "train"
        top, left = int(tile.extra["top"]), int(tile.extra["left"])
        assert 100 <= top <= 484 - TILE and 0 <= left <= 450 - TILE
        assert bool(tile.boxes) == bool(tile.label)
        for x1, y1, x2, y2, _ in tile.boxes:
            assert 0 <= x1 < x2 <= PICTURE and 0 <= y1 < y2 <= PICTURE
            inner = tile.image[round(y1) + 2 : round(y2) - 2, round(x1) + 2 : round(x2) - 2]
            assert (inner > 250).all()
            around = tile.image[
                max(0, round(y1) - 4) : round(y2) + 4, max(0, round(x1) - 4) : round(x2) + 4
            ]
            ring = around.shape[0] * around.shape[1] - (x2 - x1) * (y2 - y1)
            dark = (around[..., 0] < 50).sum()
            assert dark > 0.5 * ring


def test_no_pixel_is_on_two_sides():
    pixels = np.zeros((2472, 300, 3), np.uint8)
    train, val, test = PARTS
    pixels[: train.rows[1]] = 255
    photograph = Photograph(pixels, np.zeros((0, 4)), "a" * 64)
    assert all((tile.image == 255).all() for tile in crowns.cut(train, photograph))
    assert all((tile.image == 0).all() for tile in crowns.cut(val, photograph))
    assert (train.photograph, val.photograph, test.photograph) == (LARGE, LARGE, SMALL)


def test_build(monkeypatch, tmp_path):
    trees = {LARGE: [(5, 5, 60, 60), (100, 390, 160, 450)], SMALL: [(20, 30, 70, 90)]}
    members = {}
    for name, boxes in trees.items():
        members[f"{name}.png"] = png(glade(600, 400, boxes))
        members[f"{name}.xml"] = annotation(boxes)
    parts = (Part("train", LARGE, (0, 300), 48), Part("val", LARGE, (300, None)), PARTS[2])
    monkeypatch.setattr(crowns, "PARTS", parts)
    task = TASKS.get("crowns")()
    data = write_image_set(
        "crowns", task.build(Package(members)), class_names=task.spec.classes, root=tmp_path
    )
    assert data.images.shape[1:] == (3, PICTURE, PICTURE)
    assert list(dict.fromkeys(data.splits.tolist())) == ["train", "val", "test"]
    assert data.labels.shape == (len(data.ids), 1)
    assert data.labels[:, 0].tolist() == [int(bool(boxes)) for boxes in data.boxes]
    assert all(data.labels[data.indices(split)].any() for split in ("train", "val", "test"))
    assert len(set(data.source_sha256)) == 2
    again = write_image_set(
        "again", task.build(Package(members)), class_names=task.spec.classes, root=tmp_path
    )
    assert again.sha256 == data.sha256
    members[f"{LARGE}.xml"] = annotation([(5, 5, 61, 60)])
    assert next(task.build(Package(members))).source_sha256 != data.source_sha256[0]


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"p.png": b"GIF"}, "the photograph p cannot be read: cannot identify image file"),
        ({"p.xml": b"<annotation>"}, "the photograph p cannot be read: no element found"),
        ({"p.xml": annotation([(1, 2, "", 4)])}, "cannot be read: could not convert string"),
        ({"p.xml": annotation([(1, 2, 1, 4)])}, "cannot be read: a box of its annotation is empty"),
        ({"p.xml": annotation([(1, 2, 3, 41)])}, "p has a tree outside its 30 x 40 pixels"),
    ],
)
def test_what_cannot_be_used_is_refused(changed, told):
    members = {"p.png": png(glade(40, 30, [])), "p.xml": annotation([(1, 2, 30, 40)])}
    assert crowns.read_photograph(Package(members), "p").boxes.tolist() == [[1, 2, 30, 40]]
    with pytest.raises(DataError, match=told):
        crowns.read_photograph(Package({**members, **changed}), "p")


def test_declaration():
    spec = TASKS.get("crowns").spec
    assert (spec.name, spec.classes, spec.evaluations) == ("crowns", ("tree",), ("detection",))
    assert spec.further == ()  # no labels
    assert spec.sources == (crowns.DEEPFOREST,)
    assert crowns.DEEPFOREST.licence == "MIT"
    assert len(spec.data_sha256) == 64


@pytest.mark.data
def test_prepared_crowns():
    spec = TASKS.get("crowns").spec
    check_image_set("tasks/crowns", expected_sha256=spec.data_sha256, verify=True)
    data = load_image_set("tasks/crowns")
    assert data.images.shape == (302, 3, PICTURE, PICTURE)
    assert Counter(data.splits.tolist()) == {"train": 224, "val": 36, "test": 42}
    trees = {
        s: sum(len(data.boxes[row]) for row in data.indices(s)) for s in ("train", "val", "test")
    }
    assert trees == {"train": 819, "val": 146, "test": 336}
    assert max(map(len, data.boxes)) <= TASKS.get("crowns").detection["most"]
    places, pictures = defaultdict(set), defaultdict(set)
    for row, split in enumerate(data.splits):
        pictures[np.asarray(data.images[row]).tobytes()].add(str(split))
        places[str(data.extra["photograph"][row]), str(split)].add(int(data.extra["top"][row]))
    assert all(len(found) == 1 for found in pictures.values())
    assert set(places) == {(LARGE, "train"), (LARGE, "val"), (SMALL, "test")}
    assert max(places[LARGE, "train"]) + TILE <= min(places[LARGE, "val"])
