"""Image sets: what is written is what is read, and damage is seen."""

import dataclasses
import errno
import hashlib
import os
import shutil
from pathlib import Path

import numpy as np
import pytest

from benchmark.data.imageset import Sample, check_image_set, load_image_set, write_image_set
from benchmark.errors import DataError

RNG = np.random.default_rng(0)
SHA = "0" * 64


def sample(name="a", label=0, split="train", **more):
    image = RNG.integers(0, 256, (4, 4, 3), dtype=np.uint8)
    return Sample(name, image, label, split, SHA, **more)


SAMPLES = [
    sample("flat/1f436", 1, "train", extra={"group": "x,y", "domain": "flat"}),
    sample("flat/1f431", 0, "test", extra={"group": 'quo"te', "domain": "flat"}),
    sample("line/1f431", 0, "train", extra={"group": "new\nline", "domain": "line"}),
]


def write(root: Path, **more):
    return write_image_set("demo", SAMPLES, class_names=["cat", "dog"], root=root, **more)


def test_round_trip(tmp_path):
    write(tmp_path)
    loaded = load_image_set("demo", root=tmp_path)
    assert isinstance(loaded.images, np.memmap)
    assert loaded.images.dtype == np.uint8
    for row, one in enumerate(SAMPLES):
        np.testing.assert_array_equal(loaded.images[row], one.image.transpose(2, 0, 1))
    assert loaded.ids == tuple(one.id for one in SAMPLES)
    assert loaded.labels.tolist() == [1, 0, 0]
    assert loaded.labels.dtype == np.int64
    assert loaded.splits.tolist() == ["train", "test", "train"]
    assert loaded.extra["group"].tolist() == ["x,y", 'quo"te', "new\nline"]
    assert loaded.class_names == ("cat", "dog")
    assert loaded.indices("train").tolist() == [0, 2]
    with pytest.raises(DataError, match="no split 'val'"):
        loaded.indices("val")


def test_its_hash_is_that_of_the_split_file_and_pixels_do_not_change_it(tmp_path):
    first = write(tmp_path)
    raw = (tmp_path / "demo" / "split.csv").read_bytes()
    assert first.sha256 == hashlib.sha256(raw).hexdigest()
    assert raw.splitlines()[0] == b"id,label,class,split,source_sha256,boxes,domain,group"
    assert raw.splitlines()[1] == b"flat/1f436,1,dog,train," + SHA.encode() + b',,flat,"x,y"'
    others = [dataclasses.replace(one, image=255 - one.image) for one in SAMPLES]
    again = write_image_set("demo", others, class_names=["cat", "dog"], root=tmp_path)
    assert again.sha256 == first.sha256


def test_many_labels_and_boxes(tmp_path):
    boxes = ((1.5, 0.0, 3.25, 4.0, 2), (0.1, 0.2, 0.3, 0.4, 0))
    samples = [sample("a", (0, 2), boxes=boxes), sample("b", ()), sample("c", (1,))]
    loaded = write_image_set("many", samples, class_names=["x", "y", "z"], root=tmp_path)
    assert loaded.labels.tolist() == [[1, 0, 1], [0, 0, 0], [0, 1, 0]]
    assert loaded.labels.dtype == np.uint8
    assert loaded.boxes == (boxes, (), ())


def test_missing(tmp_path):
    with pytest.raises(DataError, match=r"'pool' is not in .*; run: headwater prepare nano"):
        load_image_set("pool", root=tmp_path)


@pytest.mark.parametrize("file", ["split.csv", "images.npy", "about.json"])
def test_damage_is_seen(tmp_path, file):
    write(tmp_path)
    path = tmp_path / "demo" / file
    raw = bytearray(path.read_bytes())
    raw[-3] ^= 1
    path.write_bytes(raw[:-1] if file == "about.json" else raw)
    os.utime(path, ns=(0, 0))
    with pytest.raises(DataError, match=r"is damaged.*headwater prepare nano"):
        load_image_set("demo", root=tmp_path)


def test_truncated_and_deleted_pixels_are_seen(tmp_path):
    write(tmp_path)
    path = tmp_path / "demo" / "images.npy"
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(DataError, match="is damaged"):
        load_image_set("demo", root=tmp_path)
    path.unlink()
    with pytest.raises(DataError, match="is damaged"):
        load_image_set("demo", root=tmp_path)


def test_swapped_class_names_are_seen(tmp_path):
    write(tmp_path)
    about = tmp_path / "demo" / "about.json"
    text = about.read_text().replace('"cat"', '"x"').replace('"dog"', '"cat"')
    about.write_text(text.replace('"x"', '"dog"'))
    with pytest.raises(DataError, match="does not name the classes"):
        load_image_set("demo", root=tmp_path)


def test_a_copied_cache_is_good_and_verify_sees_silent_damage(tmp_path):
    write(tmp_path)
    shutil.copytree(tmp_path / "demo", tmp_path / "copy", copy_function=shutil.copy)
    assert load_image_set("copy", root=tmp_path).ids == tuple(one.id for one in SAMPLES)
    pixels = tmp_path / "demo" / "images.npy"
    before, raw = pixels.stat(), bytearray(pixels.read_bytes())
    raw[-1] ^= 1
    pixels.write_bytes(raw)
    os.utime(pixels, ns=(before.st_atime_ns, before.st_mtime_ns))
    check_image_set("demo", root=tmp_path)
    with pytest.raises(DataError, match="is damaged"):
        check_image_set("demo", root=tmp_path, verify=True)


def test_a_pickle_in_place_of_pixels_is_not_read(tmp_path):
    write(tmp_path)
    folder = tmp_path / "demo"
    np.save(folder / "images.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
    raw = (folder / "images.npy").read_bytes()
    about = folder / "about.json"
    old = check_about_hash(about)
    about.write_text(about.read_text().replace(old, hashlib.sha256(raw).hexdigest()))
    with pytest.raises(DataError, match="Python objects"):
        load_image_set("demo", root=tmp_path)


def check_about_hash(about: Path) -> str:
    return about.read_text().split('"images_sha256": "')[1][:64]


def test_another_set_than_declared(tmp_path):
    written = write(tmp_path)
    load_image_set("demo", expected_sha256=written.sha256, root=tmp_path)
    with pytest.raises(DataError, match="declared is 1111"):
        load_image_set("demo", expected_sha256="1" * 64, root=tmp_path)
    with pytest.raises(DataError, match="as built has sha256"):
        write_image_set(
            "new", SAMPLES, class_names=["cat", "dog"], expected_sha256="1" * 64, root=tmp_path
        )
    assert [path.name for path in tmp_path.iterdir()] == ["demo"]


def test_a_full_disk_keeps_the_old_set(tmp_path, monkeypatch):
    write(tmp_path)
    normal = Path.write_bytes

    def full(self, data):
        if self.name == "images.npy":
            normal(self, bytes(data)[:10])
            raise OSError(errno.ENOSPC, "No space left on device")
        return normal(self, data)

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(DataError, match="the disk is full"):
        write(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["demo"]
    monkeypatch.undo()
    check_image_set("demo", root=tmp_path, verify=True)


@pytest.mark.parametrize(
    ("samples", "told"),
    [
        ([], "no samples"),
        ([sample("a"), sample("a")], "not unique"),
        ([sample("ä")], "ASCII"),
        ([sample("a", 2)], "has no class"),
        ([sample("a", -1)], "has no class"),
        ([sample("a"), sample("b", (0,))], "mixes"),
        ([sample("a", split="dev")], "split"),
        ([sample("a"), sample("b", extra={"x": "y"})], "extra"),
        ([Sample("a", np.zeros((4, 4), np.uint8), 0, "train", SHA)], r"not \(S, S, 3\)"),
        ([Sample("a", np.zeros((4, 4, 3), np.float32), 0, "train", SHA)], "float32"),  # type: ignore[arg-type]
    ],
)
def test_contradictory_samples_are_refused(tmp_path, samples, told):
    with pytest.raises(DataError, match=told):
        write_image_set("bad", samples, class_names=["cat", "dog"], root=tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("names", [["a", "a"], ["a|b"]])
def test_class_names_must_be_plain_and_unique(tmp_path, names):
    with pytest.raises(DataError, match="class names"):
        write_image_set("bad", [sample("a")], class_names=names, root=tmp_path)
