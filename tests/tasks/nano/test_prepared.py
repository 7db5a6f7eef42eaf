"""The prepared data themselves; needs `headwater prepare nano`, and pytest -m data."""

from collections import Counter, defaultdict

import numpy as np
import pytest

import tasks.nano  # noqa: F401  (registers)
from benchmark.data.imageset import check_image_set, load_image_set
from benchmark.data.pool import POOL, POOL_SHA256
from benchmark.registry import TASKS

pytestmark = pytest.mark.data

#: As the data were counted when the tier was designed.
SIZES = {
    "objects": 1085,
    "faces": 1092,
    "flags": 1625,
    "health": 2586,
    "interface": 3004,
    "letters": 28 * 52,
    "scripts": 1726,
    "mnist": 5000,
    "digits": 1797,
    "silhouettes": 9716,
    "solar": 2624,
}
SINGLE = list(SIZES)


def test_pool():
    check_image_set(POOL, expected_sha256=POOL_SHA256, verify=True)
    pool = load_image_set(POOL)
    assert pool.images.shape == (6422, 3, 40, 40)
    assert len(pool.class_names) == 652
    assert len(set(zip(pool.extra["group"], pool.extra["subgroup"], strict=True))) == 49
    assert len(set(pool.extra["style"])) == 10
    assert len(set(pool.extra["design"])) == 6
    assert not {"openmoji", "fxemoji"} & set(pool.extra["design"])
    held_out = Counter(pool.labels[pool.indices("test")].tolist())
    sizes = Counter(pool.labels.tolist())
    assert all(held_out[label] == max(1, round(size / 5)) for label, size in sizes.items())


def test_known_emoji_have_their_colours():
    pool = load_image_set(POOL)
    rows = {name: row for row, name in enumerate(pool.ids)}
    # middle of the picture: a red apple is red, a banana yellow, a blue book blue, in every style
    # that has colour
    for codepoints, (strong, weak) in {"1f34e": (0, 2), "1f34c": (0, 2), "1f4d8": (2, 0)}.items():
        for style in ("twemoji", "noto", "fluent-emoji-3d", "fluent-emoji", "noto-v1"):
            middle = pool.images[rows[f"{style}/{codepoints}"]][:, 15:25, 15:25]
            red_green_blue = middle.mean((1, 2))
            assert red_green_blue[strong] > red_green_blue[weak] + 30, (style, codepoints)


@pytest.mark.parametrize("name", SINGLE)
def test_task(name):
    spec = TASKS.get(name).spec
    check_image_set(f"tasks/{name}", expected_sha256=spec.data_sha256, verify=True)
    data = load_image_set(f"tasks/{name}")
    assert data.class_names == spec.classes
    assert len(data.images) == SIZES[name]
    assert data.images.shape[1:] == (3, 32, 32)
    for split in ("train", "test"):
        assert set(data.labels[data.indices(split)]) == set(range(len(spec.classes))), split
    assert len(data.indices("val")) > 100


@pytest.mark.parametrize("name", SINGLE)
def test_no_image_is_on_two_sides(name):
    data = load_image_set(f"tasks/{name}")
    sides = defaultdict(set)
    for image, split in zip(np.asarray(data.images), data.splits, strict=True):
        sides[image.tobytes()].add(str(split))
    assert all(len(found) == 1 for found in sides.values())


@pytest.mark.parametrize("name", SINGLE)
def test_no_group_is_on_two_sides(name):
    data = load_image_set(f"tasks/{name}")
    what = "design" if name in ("faces", "flags") else "group"
    sides = defaultdict(set)
    for group, split in zip(data.extra[what], data.splits, strict=True):
        sides[str(group)].add(str(split))
    assert all(len(found) == 1 for found in sides.values())


@pytest.mark.parametrize("name", SINGLE)
def test_pictures_show_something_on_white_paper(name):
    images = np.asarray(load_image_set(f"tasks/{name}").images)
    spread = images.reshape(len(images), -1).std(1)
    assert (spread > 1).all()
    if name not in ("solar", "health", "flags", "digits"):
        edge = np.concatenate([images[:, :, 0], images[:, :, -1]], axis=2)
        assert np.median(edge) == 255
