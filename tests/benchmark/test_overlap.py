"""Duplicates are found through what a copy goes through, and unlike images are left alone."""

import io
import json
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from scipy.ndimage import gaussian_filter

from benchmark.cli.main import main
from benchmark.cli.overlap import find_overlap, overlap_document, write_pairs
from benchmark.data.imageset import ImageSet
from benchmark.data.listing import IdTable, Listing, listing_path, write_listing
from benchmark.data.procedural import CLASSES, draw_shape
from benchmark.overlap import Match, compare, hamming, likeness, perceptual_bits, prints, shrink
from benchmark.pools import load_pool
from benchmark.protocol import STREAMS
from benchmark.registry import PROTOCOLS, TASKS
from benchmark.streams.manifest import Manifest

Pixels = NDArray[np.uint8]


def photographs(count: int, side: int, seed: int = 0) -> Pixels:
    """Smooth noise in colour, as unlike a drawing as can be."""
    noise = np.random.default_rng(seed).normal(size=(count, 3, side, side))
    smooth = gaussian_filter(noise, (0, 0, side / 16, side / 16), mode="wrap")
    smooth -= smooth.min((1, 2, 3), keepdims=True)
    return np.round(smooth / smooth.max((1, 2, 3), keepdims=True) * 215 + 20).astype(np.uint8)


def drawings(count: int, side: int = 40, name: str = "one") -> Pixels:
    """Flat shapes on paper, all kinds in turn."""
    kinds = [CLASSES[number % len(CLASSES)] for number in range(count)]
    drawn = [draw_shape(kind, f"{name}/{number}", side) for number, kind in enumerate(kinds)]
    return np.stack(drawn).transpose(0, 3, 1, 2)


def keys(name: str, count: int) -> list[bytes]:
    return [f"{name} {number}".encode() for number in range(count)]


def matched(stream: Pixels, test: Pixels, test_keys: list[bytes] | None = None) -> list[Match]:
    """The duplicates only."""
    theirs = test_keys or keys("test", len(test))
    ours = prints(stream, keys("stream", len(stream)))
    return [match for match in compare(ours, prints(test, theirs)) if match.duplicate]


def through_pillow(images: Pixels, change: Callable[[Image.Image], Image.Image]) -> Pixels:
    changed = [change(Image.fromarray(image.transpose(1, 2, 0))) for image in images]
    return np.stack([np.asarray(image) for image in changed]).transpose(0, 3, 1, 2)


def resized(side: int) -> Callable[[Pixels], Pixels]:
    return lambda images: through_pillow(
        images, lambda image: image.resize((side, side), Image.Resampling.BICUBIC)
    )


def jpeg(image: Image.Image) -> Image.Image:
    content = io.BytesIO()
    image.save(content, "JPEG", quality=75)
    return Image.open(content).convert("RGB")


def brighter(by: int) -> Callable[[Pixels], Pixels]:
    return lambda images: np.clip(images.astype(np.int64) + by, 0, 255).astype(np.uint8)


COPIES: dict[str, tuple[Callable[[Pixels], Pixels], bool]] = {
    "itself": (lambda images: images, False),
    "smaller": (resized(32), False),
    "larger": (resized(96), False),
    "jpeg": (lambda images: through_pillow(images, jpeg), False),
    "darker": (brighter(-20), False),
    "brighter": (brighter(20), False),
    "mirrored": (lambda images: images[..., ::-1], True),
    "mirrored and smaller": (lambda images: resized(32)(images[..., ::-1]), True),
}


@pytest.mark.parametrize("copied", COPIES)
@pytest.mark.parametrize("kind", [photographs, drawings])
def test_every_copy_is_found_and_nothing_else(kind, copied: str) -> None:
    images = kind(24, 40)
    copy, mirrored = COPIES[copied]
    found = matched(images, copy(images))
    assert sorted((match.stream, match.test) for match in found) == [(n, n) for n in range(24)]
    assert all(match.exact == (copied == "itself") for match in found)
    assert all(match.mirrored == mirrored for match in found)


def test_a_turned_image_is_not_found() -> None:
    images = photographs(24, 40)
    assert matched(images, np.rot90(images, axes=(2, 3))) == []


def test_unlike_images_are_no_duplicates() -> None:
    assert matched(drawings(96), drawings(96, 40, "other")) == []
    assert matched(photographs(96, 40), photographs(96, 40, 7)) == []
    shapes = np.stack([draw_shape(kind, "one place", 40) for kind in CLASSES]).transpose(0, 3, 1, 2)
    assert all(match.stream == match.test for match in matched(shapes, shapes))


def test_nearly_blank_images_are_no_duplicates_of_each_other() -> None:
    rng = np.random.default_rng(1)
    blank = (250 + rng.integers(0, 3, (40, 3, 40, 40))).astype(np.uint8)
    assert matched(blank[:20], blank[20:]) == []
    # but a blank image is a blank image
    white = np.full((2, 3, 40, 40), 255, np.uint8)
    assert [(match.exact, match.rms) for match in matched(white[:1], white[:, :, :32, :32])] == [
        (True, 0.0)
    ] * 2


def test_equal_source_bytes_are_exact_whatever_the_pixels() -> None:
    images = photographs(3, 40)
    found = matched(images[:2], images[2:], [b"stream 1"])
    assert [(match.stream, match.test, match.exact) for match in found] == [(1, 0, True)]
    assert found[0].distance > 1


def test_the_nearest_pair_that_is_no_duplicate_is_told() -> None:
    image = drawings(1)
    other = image.copy()
    other[:, :, 12:28, 12:28] //= 2
    ours, theirs = prints(image, [b"a"]), prints(other, [b"b"])
    (only,) = compare(ours, theirs)
    assert not only.duplicate and only.hamming <= 2 and only.distance > 1
    assert [match.duplicate for match in compare(ours, prints(image, [b"b"]))] == [True]


@pytest.mark.parametrize("images", [photographs(64, 32), drawings(64, 32)], ids=["photo", "drawn"])
def test_certain_bits_are_those_of_imagehash(images: Pixels) -> None:
    imagehash = pytest.importorskip("imagehash")
    theirs = np.stack(
        [
            imagehash.phash(Image.fromarray(image.transpose(1, 2, 0))).hash.ravel()
            for image in images
        ]
    )
    ours = perceptual_bits(images)
    certain = ours != 0
    assert ((ours > 0) == theirs)[certain].all()
    assert certain.mean() > 0.25


def test_noise_of_one_grey_level_turns_no_certain_bit() -> None:
    imagehash = pytest.importorskip("imagehash")
    y, x = np.mgrid[:32, :32] - 15.5
    ring = np.where(abs(np.hypot(x, y) - 9) < 3, 40, 230)  # half of its frequencies are nought
    noise = np.random.default_rng(0).integers(-1, 2, (3, 32, 32))
    both = [np.array([np.repeat(ring[None], 3, 0) + part], np.uint8) for part in (0, noise)]
    theirs = [imagehash.phash(Image.fromarray(part[0].transpose(1, 2, 0))) for part in both]
    assert theirs[0] - theirs[1] > 10
    assert hamming(*map(perceptual_bits, both)).item() == 0


def test_hamming_counts_certain_bits() -> None:
    rng = np.random.default_rng(2)
    a, b = (rng.integers(-1, 2, (n, 64)).astype(np.int8) for n in (5, 7))
    wanted = [[((x != y) & (x != 0) & (y != 0)).sum() for y in b] for x in a]
    assert hamming(a, b).tolist() == wanted


def test_likeness_is_what_the_best_line_leaves() -> None:
    a, b = photographs(1, 16), photographs(1, 16, 3)
    rms, correlation = likeness(a, b)
    x, y = (part.ravel().astype(np.float64) for part in (a, b))
    left = [
        np.sqrt(np.mean((v - np.polyval(np.polyfit(u, v, 1), u)) ** 2)) for u, v in ((x, y), (y, x))
    ]
    assert rms.item() == pytest.approx(max(left), rel=1e-4)
    assert correlation.item() == pytest.approx(np.corrcoef(x, y)[0, 1], abs=1e-5)


# the report


def image_set(name: str, images: Pixels, splits: str, hashed: bool = True) -> ImageSet:
    """Samples `name/0`, `name/1`...; a letter of `splits` each, r for train and e for test."""
    count = len(images)
    return ImageSet(
        name=name,
        images=images,
        ids=[f"{name}/{row}" for row in range(count)],
        labels=np.zeros(count, np.int64),
        splits=np.array([{"r": "train", "e": "test"}[letter] for letter in splits]),
        boxes=(),
        extra={},
        class_names=("any",),
        sha256="",
        source_sha256=[row.tobytes().hex() for row in hashes(name, count)] if hashed else [],
    )


def hashes(name: str, count: int) -> Pixels:
    texts = [f"{name} {row}".ljust(32) for row in range(count)]
    return np.array([list(text.encode()) for text in texts], np.uint8)


@pytest.fixture
def planted(monkeypatch, own_home: Path) -> Any:
    """A protocol with a blurred stream of two chunks, and two tasks with copies from it.

    Pool rows 0 to 7 are streamed, 3 to 5 in both chunks; 8 and 9 are held out. The second task's
    set is like one of the full tier: its hashes are in a listing.
    """
    pool = image_set("pool", photographs(10, 40), "rrrrrrrree")
    rows = np.arange(10, dtype=np.int32)
    manifest = Manifest(  # in another order than the pool's
        ids=IdTable.of(pool.ids[::-1]),
        sha256=hashes("pool", 10)[::-1],
        chunks=(rows[[9, 8, 7, 6, 5, 4]], rows[[6, 5, 4, 3, 2]]),
        held_out=(rows[[0]], rows[[1]]),
    )
    own, copies = photographs(6, 32, 5), brighter(-15)(shrink(pool.images[[6, 8, 0]], 32))
    near = image_set("near", np.concatenate([own[:2], copies]), "eeeer")
    far = image_set("full/far", own[2:], "reee", hashed=False)
    listed = hashes("far", 4)
    listed[1] = manifest.sha256[6]  # of pool row 3, which both chunks deliver
    listing = Listing(IdTable.of(far.ids), listed, far.labels, np.zeros(4, np.uint8), ("any",))
    write_listing(listing, listing_path("far"))
    tasks = {"near": near, "far": far}
    monkeypatch.setattr("benchmark.pools.load_pool", lambda _: pool)
    monkeypatch.setattr(
        TASKS, "get", lambda name: lambda: SimpleNamespace(data=lambda: tasks[name])
    )
    return SimpleNamespace(id="planted@1", manifest=manifest, chunks=2, task_names=tuple(tasks))


@pytest.mark.parametrize("batch", [1024, 3])
def test_planted_copies_are_told_with_their_chunks(planted, monkeypatch, batch: int) -> None:
    monkeypatch.setattr("benchmark.cli.overlap._BATCH", batch)
    near, far = overlap_document(find_overlap(planted))["tasks"]
    assert near["compared"] == {"stream": 8, "test": 4}
    # of row 8 too there is a copy, but it is held out of the stream
    assert (near["exact"], near["perceptual"]) == (0, 1)
    (pair,) = near["pairs"]
    assert (pair["stream"], pair["test"], pair["chunk"]) == ("pool/6", "near/2", 2)
    assert not pair["exact"] and not pair["mirrored"] and pair["rms"] < 3 and pair["hamming"] == 0
    assert (far["exact"], far["perceptual"]) == (1, 0)
    (pair,) = far["pairs"]
    assert (pair["stream"], pair["test"], pair["chunk"]) == ("pool/3", "full/far/1", 1)


def test_the_picture_has_a_row_a_pair_and_is_the_same_each_time(planted, tmp_path: Path) -> None:
    overlap = find_overlap(planted)
    for name in ("a.png", "b.png"):
        write_pairs(overlap, tmp_path / name)
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    rows = sum(len(task.matches) + (task.refused is not None) for task in overlap.tasks)
    with Image.open(tmp_path / "a.png") as sheet:
        assert sheet.height == 64 + 104 * rows
        left = sheet.crop((8, 64, 104, 160)).resize((32, 32))
        right = sheet.crop((112, 64, 208, 160)).resize((32, 32))
    pair = [np.asarray(part).transpose(2, 0, 1)[None] for part in (left, right)]
    assert likeness(*pair)[1].item() > 0.99


def headwater(monkeypatch, capsys, *words: str) -> tuple[int, str, str]:
    monkeypatch.setattr(sys, "argv", ["headwater", *words])
    with pytest.raises(SystemExit) as ended:
        main()
    return ended.value.code, *capsys.readouterr()


def test_the_overlap_of_a_protocol_is_shown(monkeypatch, capsys, own_home, tmp_path) -> None:
    path = tmp_path / "pairs.png"
    words = ("show", "overlap", "instance/smoke", "--picture", str(path))
    code, out, _ = headwater(monkeypatch, capsys, *words, "--json")
    document = json.loads(out)
    assert code == 0 and document["protocol"] == "instance/smoke@1" and path.is_file()
    (task,) = document["tasks"]
    assert set(task) == {"task", "compared", "exact", "perceptual", "pairs", "nearest"}
    assert task["compared"] == {"stream": 256, "test": 192}
    assert task["exact"] == 0
    code, out, _ = headwater(monkeypatch, capsys, *words)
    assert code == 0 and "shapes" in out and str(path) in out.replace("\n", "")


def test_the_overlap_is_readable_at_80_columns_and_its_words_are_explained(
    monkeypatch, capsys, own_home
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    words = ("show", "overlap", "instance/smoke")
    nearest = json.loads(headwater(monkeypatch, capsys, *words, "--json")[1])["tasks"][0]["nearest"]
    _, out, _ = headwater(monkeypatch, capsys, *words)
    assert max(map(len, out.splitlines())) <= 80
    (row,) = (line.split() for line in out.splitlines() if line.split()[:2] == ["shapes", "no"])
    told = [f"{nearest['hamming']}", f"{nearest['rms']}", f"{nearest['correlation']:.3f}"]
    assert row[2:] == [*told, nearest["stream"]]
    for start in ("order: ", "nearest: ", "bits: ", "rms: root mean square difference"):
        assert f"\n{start}" in out


@pytest.mark.parametrize(
    ("words", "told", "status"),
    [
        (("instance/nan",), "nearest: instance/nano@1", 2),
        (("instance/smoke", "--picture", "x.pdf"), "name a file ending in .png in a folder", 2),
        (("instance/nano",), "run: headwater prepare nano", 1),
    ],
)
def test_errors_are_one_sentence(monkeypatch, capsys, own_home, words, told, status) -> None:
    code, _, err = headwater(monkeypatch, capsys, "show", "overlap", *words)
    assert code == status and told in err and "Traceback" not in err


@pytest.mark.data
@pytest.mark.parametrize("stream", STREAMS)
def test_no_test_image_of_the_nano_tier_is_in_a_stream(stream: str) -> None:
    spec = PROTOCOLS.get(f"{stream}/nano@1")
    document = overlap_document(find_overlap(spec))
    assert [task["task"] for task in document["tasks"]] == list(spec.task_names)
    assert {task["task"]: task["pairs"] for task in document["tasks"] if task["pairs"]} == {}
    for task in document["tasks"]:
        # the bound lies in a gap: copies differ by up to 8, the nearest of other pairs by 9.6
        assert task["nearest"]["rms"] > 9


@pytest.mark.data
def test_the_one_drawing_that_pool_and_test_images_share_is_found() -> None:
    # two emoji have one drawing: the cat's face, held out of all streams, and the grinning cat
    # among the faces; a third differs in the eyes alone
    pool, faces = load_pool(PROTOCOLS.get("instance/nano@1")), TASKS.get("faces")().data()
    row = list(pool.ids).index("fluent-emoji-flat/1f431")
    rows = faces.indices("test")
    found = matched(np.asarray(pool.images[[row]]), np.asarray(faces.images[rows]))
    told = [(faces.ids[int(rows[match.test])], match.exact) for match in found]
    names = [f"fluent-emoji-flat/{codepoint}" for codepoint in ("1f63a", "1f638")]
    assert told == [(name, False) for name in names]  # by pixels alone: at 40 and at 32 px
    assert pool.splits[row] == "test"
    assert pool.source_sha256[row] == faces.source_sha256[list(faces.ids).index(names[0])]
