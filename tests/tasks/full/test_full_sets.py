"""The twelve downstream sets of the full tier, on tiny copies in their original layouts."""

import io
import pickle
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy.io import savemat

from benchmark.data.files.prepare import prepare_full
from benchmark.data.listing import SPLITS
from benchmark.encoder import Encoder
from benchmark.errors import DataError
from benchmark.needs import require_data, wanted
from benchmark.registry import TASKS
from benchmark.resolve import protocol_named, resolve

rng = np.random.default_rng(0)
CIFAR_TRAIN = [f"data_batch_{n}" for n in range(1, 6)]


def photo() -> bytes:
    small = Image.fromarray(rng.integers(0, 256, (4, 4, 3), dtype=np.uint8))
    buffer = io.BytesIO()
    small.resize((24, 20), Image.Resampling.BICUBIC).save(buffer, "JPEG")
    return buffer.getvalue()


def put(path: Path, content: bytes | str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)


@dataclass(frozen=True)
class Copy:
    """What a tiny copy holds: classes, samples by split as listed, and a file to damage."""

    classes: list[str]
    counts: dict[str, int]
    victim: str


def food101(root: Path) -> Copy:
    for split, names in (("train", "12345"), ("test", "67")):
        lines = [f"{dish}/{n}" for dish in ("apple_pie", "waffles") for n in names]
        put(root / "meta" / f"{split}.txt", "\n".join(lines) + "\n")
        for line in lines:
            put(root / "images" / f"{line}.jpg", photo())
    return Copy(["apple_pie", "waffles"], {"train": 10, "test": 4}, "images/waffles/3.jpg")


def _cifar(root: Path, batches: list[str], test: str, meta: tuple[str, bytes], key: bytes) -> None:
    for batch in [*batches, test]:
        count = 4 if batch == test else 20 // len(batches)
        content = {
            b"data": rng.integers(0, 256, (count, 3072), dtype=np.uint8),
            key: [n % 2 for n in range(count)],
            b"filenames": [b"x.png"] * count,
        }
        put(root / batch, pickle.dumps(content, protocol=2))
    put(root / meta[0], pickle.dumps({meta[1]: [b"cat", b"dog"]}, protocol=2))


def cifar10(root: Path) -> Copy:
    _cifar(root, CIFAR_TRAIN, "test_batch", ("batches.meta", b"label_names"), b"labels")
    return Copy(["cat", "dog"], {"train": 20, "test": 4}, "data_batch_3")


def cifar100(root: Path) -> Copy:
    _cifar(root, ["train"], "test", ("meta", b"fine_label_names"), b"fine_labels")
    return Copy(["cat", "dog"], {"train": 20, "test": 4}, "train")


def birdsnap(root: Path) -> Copy:
    paths = [f"{bird}/{n}.jpg" for bird in ("Crow", "Wren") for n in range(7)]
    rows = [f"http://x/{n}\tmd5\t{path}\t1" for n, path in enumerate(paths)]
    put(root / "images.txt", "\n".join(["url\tmd5\tpath\tspecies_id", *rows]))
    put(root / "test_images.txt", "\n".join(["path", "Crow/0.jpg", "Wren/0.jpg"]))
    for path in paths:
        if path != "Wren/6.jpg":  # a dead address
            put(root / "images" / path, photo())
    return Copy(["Crow", "Wren"], {"train": 11, "test": 2}, "images/Crow/3.jpg")


def sun397(root: Path) -> Copy:
    names = ["/a/abbey", "/b/bakery/shop"]
    put(root / "ClassName.txt", "\n".join(names))
    for file, numbers in (("Training_01", range(5)), ("Testing_01", range(5, 8))):
        lines = [f"{name}/sun_{n}.jpg" for name in names for n in numbers]
        put(root / f"{file}.txt", "\n".join(lines))
        for line in lines:
            put(root / line[1:], photo())
    return Copy(["a/abbey", "b/bakery/shop"], {"train": 10, "test": 6}, "b/bakery/shop/sun_6.jpg")


def cars(root: Path) -> Copy:
    names = np.array(["Audi A4 2012", "BMW M3 2010"], dtype=object)
    (root / "devkit").mkdir(parents=True)
    savemat(root / "devkit" / "cars_meta.mat", {"class_names": names})
    for split, count, file in (
        ("train", 10, "devkit/cars_train_annos.mat"),
        ("test", 4, "cars_test_annos_withlabels.mat"),
    ):
        kind = [("class", "O"), ("fname", "O")]
        lines = np.array([(n % 2 + 1, f"{n:05d}.jpg") for n in range(1, count + 1)], dtype=kind)
        savemat(root / file, {"annotations": lines})
        for n in range(1, count + 1):
            put(root / f"cars_{split}" / f"{n:05d}.jpg", photo())
    return Copy(["Audi A4 2012", "BMW M3 2010"], {"train": 10, "test": 4}, "cars_test/00002.jpg")


def aircraft(root: Path) -> Copy:
    names = ["707-320", "An-12 B"]
    put(root / "data" / "variants.txt", "\n".join(names))
    number = 0
    for split, count in (("train", 3), ("val", 2), ("test", 2)):
        lines = []
        for name in names:
            for _ in range(count):
                number += 1
                lines.append(f"{number:07d} {name}")
                put(root / "data" / "images" / f"{number:07d}.jpg", photo())
        put(root / "data" / f"images_variant_{split}.txt", "\n".join(lines))
    return Copy(names, {"train": 6, "val": 4, "test": 4}, "data/images/0000003.jpg")


def voc2007(root: Path) -> Copy:
    classes = TASKS.get("voc2007").files.layout.__globals__["CLASSES"]
    for split, start in (("train", 0), ("val", 20), ("test", 40)):
        images = [f"{start + n:06d}" for n in range(20)]
        for image in images:
            put(root / "JPEGImages" / f"{image}.jpg", photo())
        for c, name in enumerate(classes):
            # image c shows class c, and the next class only as a difficult object
            flags = [1 if n == c else 0 if n + 1 == c else -1 for n in range(20)]
            lines = [f"{image} {flag:2d}" for image, flag in zip(images, flags, strict=True)]
            put(root / "ImageSets" / "Main" / f"{name}_{split}.txt", "\n".join(lines))
    return Copy([*classes], {"train": 20, "val": 20, "test": 20}, "JPEGImages/000007.jpg")


def dtd(root: Path) -> Copy:
    for split, numbers in (("train", "12"), ("val", "34"), ("test", "56")):
        lines = [f"{name}/{name}_{n}.jpg" for name in ("banded", "dotted") for n in numbers]
        put(root / "labels" / f"{split}1.txt", "\n".join(lines))
        for line in lines:
            put(root / "images" / line, photo())
    return Copy(
        ["banded", "dotted"], {"train": 4, "val": 4, "test": 4}, "images/dotted/dotted_3.jpg"
    )


def pets(root: Path) -> Copy:
    for file, numbers in (("trainval", range(5)), ("test", range(5, 8))):
        images = [f"{b}_{n}" for b in ("Abyssinian", "american_bulldog") for n in numbers]
        lines = [f"{image} {1 + image.startswith('am')} 1 1" for image in images]
        put(root / "annotations" / f"{file}.txt", "\n".join(["#Image CLASS-ID SPECIES", *lines]))
        for image in images:
            put(root / "images" / f"{image}.jpg", photo())
    classes = ["Abyssinian", "american_bulldog"]
    return Copy(classes, {"train": 10, "test": 6}, "images/american_bulldog_6.jpg")


def caltech101(root: Path) -> Copy:
    folder = root / "101_ObjectCategories"
    for name, count in (("BACKGROUND_Google", 3), ("Faces", 35), ("ant", 32)):
        for n in range(count):
            put(folder / name / f"image_{n:04d}.jpg", photo())
    return Copy(
        ["Faces", "ant"], {"train": 60, "test": 7}, "101_ObjectCategories/ant/image_0004.jpg"
    )


def flowers(root: Path) -> Copy:
    for n in range(1, 13):
        put(root / "jpg" / f"image_{n:05d}.jpg", photo())
    savemat(root / "imagelabels.mat", {"labels": [n % 2 + 1 for n in range(1, 13)]})
    savemat(root / "setid.mat", {"trnid": [1, 2, 5, 6], "valid": [3, 4], "tstid": [*range(7, 13)]})
    return Copy(["001", "002"], {"train": 4, "val": 2, "test": 6}, "jpg/image_00006.jpg")


MAKERS: dict[str, Callable[[Path], Copy]] = {
    maker.__name__: maker
    for maker in (
        *(food101, cifar10, cifar100, birdsnap, sun397, cars),
        *(aircraft, voc2007, dtd, pets, caltech101, flowers),
    )
}
names = pytest.mark.parametrize("name", MAKERS)


def tiny(name: str, copy: Copy):
    files = TASKS.get(name).files
    images = copy.counts if files.images else {}
    return replace(files, classes=len(copy.classes), images=images)


def test_there_are_twelve_and_each_has_a_maker() -> None:
    full = [name for name in TASKS.names() if TASKS.get(name).spec.tier == "full"]
    assert sorted(full) == sorted(MAKERS)
    for name in full:
        task = TASKS.get(name)
        assert task.spec.name == task.files.name == name
        assert task.files.homepage.startswith("http") and task.files.citation
        assert task.spec.evaluations == (
            ("linear", "detection") if name == "voc2007" else ("linear", "fewshot")
        )


@names
def test_a_copy_is_prepared_and_loaded(own_home: Path, tmp_path: Path, name: str) -> None:
    copy = MAKERS[name](tmp_path / name)
    files = tiny(name, copy)
    listing = prepare_full(files, images=tmp_path / name, workers=2)
    task = TASKS.get(name)()
    data = task.data()
    assert list(data.class_names) == copy.classes
    found = Counter(data.splits.tolist())
    if files.validation:
        assert found["val"] > 0
        found["train"] += found.pop("val")
    assert found == copy.counts
    assert data.images[[0, len(data.ids) - 1]].shape == (2, 3, 224, 224)
    assert task.data_sha256() == listing.digest
    assert prepare_full(files, images=tmp_path / name).digest == listing.digest


@names
def test_a_damaged_copy_is_told_by_name(own_home: Path, tmp_path: Path, name: str) -> None:
    copy = MAKERS[name](tmp_path / name)
    victim = tmp_path / name / copy.victim
    victim.write_bytes(victim.read_bytes()[: victim.stat().st_size // 2])
    with pytest.raises(DataError, match=copy.victim.replace(".", r"\.")) as caught:
        prepare_full(tiny(name, copy), images=tmp_path / name)
    assert "fetch it again" in str(caught.value)


@names
def test_a_missing_class_or_list_is_told(own_home: Path, tmp_path: Path, name: str) -> None:
    copy = MAKERS[name](tmp_path / name)
    files = replace(tiny(name, copy), classes=len(copy.classes) + 1)
    with pytest.raises(DataError, match=rf"{len(copy.classes)} classes, published are"):
        prepare_full(files, images=tmp_path / name)
    with pytest.raises(DataError, match=r"cannot read |there is no folder "):
        prepare_full(files, images=tmp_path)


def test_difficult_objects_are_not_positive(own_home: Path, tmp_path: Path) -> None:
    copy = voc2007(tmp_path)
    prepare_full(tiny("voc2007", copy), images=tmp_path)
    data = TASKS.get("voc2007")().data()
    np.testing.assert_array_equal(data.labels[data.indices("val")], np.eye(20, dtype=np.uint8))


def test_cifar_s_pixels_are_those_of_the_batch(own_home: Path, tmp_path: Path) -> None:
    prepare_full(tiny("cifar10", cifar10(tmp_path)), images=tmp_path)
    data = TASKS.get("cifar10")().data()
    row = list(data.ids).index("data_batch_3/00002")
    batch = pickle.loads((tmp_path / "data_batch_3").read_bytes(), encoding="bytes")
    content = data.images.source.read(row)
    assert content == batch[b"data"][2].tobytes()
    assert data.labels[row] == batch[b"labels"][2]


def test_a_batch_that_would_run_something_is_refused(own_home: Path, tmp_path: Path) -> None:
    copy = cifar10(tmp_path)
    put(tmp_path / "data_batch_3", pickle.dumps({b"data": print, b"labels": []}, protocol=2))
    with pytest.raises(DataError, match=r"data_batch_3: refused a pickled file: it asks for"):
        prepare_full(tiny("cifar10", copy), images=tmp_path)


def test_a_fifth_of_each_class_validates_where_there_is_no_split(own_home, tmp_path) -> None:
    listing = prepare_full(tiny("food101", food101(tmp_path)), images=tmp_path)
    val = listing.splits == SPLITS.index("val")
    assert Counter(listing.labels[val].tolist()) == {0: 1, 1: 1}


@pytest.mark.parametrize("name", ["caltech101", "voc2007", "cifar10"])
def test_a_full_task_is_evaluated_on_features(own_home: Path, tmp_path: Path, name: str) -> None:
    prepare_full(tiny(name, MAKERS[name](tmp_path)), images=tmp_path)
    spec = protocol_named("instance/smoke")
    encoder = Encoder(resolve("random_init").build(spec, 0), spec)
    result = TASKS.get(name)().evaluate(encoder, evaluation="linear", seed=0)
    metric = TASKS.get(name).spec.metric
    assert 0 <= result.metrics[metric].value <= 100


def test_detection_on_voc_says_what_it_lacks(own_home: Path, tmp_path: Path) -> None:
    root = tmp_path / "VOCdevkit" / "VOC2007"
    prepare_full(tiny("voc2007", voc2007(root)), images=root)
    task = TASKS.get("voc2007")()
    task.require("linear")
    assert task.detection_root() == root.parent
    with pytest.raises(DataError, match=r"lacks VOC2007/Annotations.*VOC2012/JPEGImages"):
        task.require("detection")
    root.rename(tmp_path / "voc")
    prepare_full(tiny("voc2007", voc2007(tmp_path / "voc")), images=tmp_path / "voc")
    with pytest.raises(DataError, match="--images VOCdevkit/VOC2007"):
        task.require("detection_frozen")


def test_all_that_a_full_run_lacks_is_said_at_once(own_home: Path) -> None:
    spec = protocol_named("instance/full")
    with pytest.raises(DataError) as caught:
        require_data(spec, wanted(spec, None, None))
    lines = str(caught.value).splitlines()
    assert lines[0] == "13 things are missing:"
    assert len(lines) == 14
    for name in ("imagenet", *spec.task_names):
        assert any(f"headwater prepare full --set {name} --images DIR" in line for line in lines)
