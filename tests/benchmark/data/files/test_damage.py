"""What is subtly wrong with a copy is refused in one sentence, and never guessed at."""

import io
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from benchmark.data.files.decode import FileImages, pixels
from benchmark.data.files.hub import open_snapshot
from benchmark.data.files.pools import DOMAINNET, IMAGENET
from benchmark.data.files.prepare import prepare_full
from benchmark.data.files.sources import FolderBytes
from benchmark.errors import DataError
from tests.benchmark.data.files.conftest import SYNSETS, photo, put
from tests.benchmark.data.files.test_hub import REVISION, offline, rows, snapshot

__all__ = ["offline"]
TINY_IMAGENET = replace(IMAGENET, classes=4, images={"train": 24, "val": 8})
TINY_DOMAINNET = replace(DOMAINNET, classes=3, images={"train": 33, "test": 15})
TINY_HUB = replace(IMAGENET, classes=4, images={"train": 8, "val": 4})
HUB = f"owner/tiny@{REVISION}"


def png(image: Image.Image, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "PNG", **options)
    return buffer.getvalue()


def test_grey_of_16_bits_is_scaled_and_not_cut_off() -> None:
    ramp = np.linspace(0, 65535, 30 * 40).astype(np.uint16).reshape(30, 40)
    found = pixels(png(Image.fromarray(ramp)), "a file").numpy()
    np.testing.assert_array_equal(found, np.broadcast_to((ramp >> 8).astype(np.uint8), (3, 30, 40)))


def test_a_palette_with_transparency_keeps_its_colours_without_a_warning() -> None:
    small = np.random.default_rng(0).integers(0, 256, (30, 40, 3), dtype=np.uint8)
    image = Image.fromarray(small).convert("P")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = pixels(png(image, transparency=bytes([0] * 128 + [255] * 128)), "a file")
    np.testing.assert_array_equal(found.permute(1, 2, 0).numpy(), np.asarray(image.convert("RGB")))


def test_a_mask_chooses_rows_as_of_an_array(tmp_path: Path) -> None:
    for number in range(4):
        put(tmp_path / f"{number}.jpg", photo(number))
    images = FileImages(FolderBytes(tmp_path, [f"{n}.jpg" for n in range(4)]), 16)
    mask = np.array([False, True, False, True])
    np.testing.assert_array_equal(images[mask], images[:][mask])


def test_numbers_of_classes_that_contradict_each_other_are_refused(own_home, domainnet) -> None:
    path = domainnet / "real_test.txt"
    path.write_text(path.read_text().replace(" 1", " 2"))
    with pytest.raises(DataError, match=r"real_test\.txt says that real/bee/.* has class 2, which"):
        prepare_full(TINY_DOMAINNET, images=domainnet)


def test_the_lists_numbers_give_the_order_of_the_classes(own_home, domainnet: Path) -> None:
    for path in domainnet.glob("*.txt"):
        lines = [line.split() for line in path.read_text().splitlines()]
        path.write_text("\n".join(f"{name} {2 - int(number)}" for name, number in lines))
    assert prepare_full(TINY_DOMAINNET, images=domainnet).class_names == ("cow", "bee", "ant")


def test_a_line_without_a_number_is_told(own_home, domainnet: Path) -> None:
    put(domainnet / "real_test.txt", "lonely")
    with pytest.raises(
        DataError, match=r"not laid out as domainnet was published .*fetch its list"
    ):
        prepare_full(TINY_DOMAINNET, images=domainnet)


def test_a_class_without_training_images_is_named(own_home, imagenet: Path) -> None:
    for path in (imagenet / "train" / SYNSETS[3]).iterdir():
        path.rename(imagenet / "train" / SYNSETS[0] / path.name)
    with pytest.raises(DataError, match=f"no image of split train has class {SYNSETS[3]}$"):
        prepare_full(TINY_IMAGENET, images=imagenet)


def test_validation_images_without_folders_are_told(own_home, imagenet: Path) -> None:
    for path in [*(imagenet / "val").glob("*/*")]:
        path.rename(imagenet / "val" / path.name)
    for path in [*(imagenet / "val").glob("n*")]:
        path.rmdir()
    with pytest.raises(DataError, match="/val holds images, not folders of classes"):
        prepare_full(TINY_IMAGENET, images=imagenet)


def test_what_macos_leaves_behind_does_not_count(own_home, imagenet: Path) -> None:
    put(imagenet / "train" / SYNSETS[0] / f"._{SYNSETS[0]}_0.JPEG", "a resource fork")
    assert len(prepare_full(TINY_IMAGENET, images=imagenet).ids) == 32


@pytest.mark.parametrize("label", [-1, None])
def test_a_split_whose_labels_are_secret_is_refused(offline: Path, label: int | None) -> None:
    secret = rows("val", 1).map(lambda row: row | {"label": label})
    snapshot(offline, train=rows("train", 2), validation=secret)
    with pytest.raises(DataError, match="split val on the hub has 4 images without a class"):
        prepare_full(replace(TINY_HUB, hub_id=None), hub=HUB)


def test_a_damaged_parquet_file_is_told(offline: Path) -> None:
    folder = snapshot(offline, train=rows("train", 2))
    path = folder / "data" / "train-00000-of-00001.parquet"
    path.write_bytes(path.read_bytes()[:500])
    with pytest.raises(DataError, match=rf"{HUB} cannot be read \(.*delete .*--tiny and prepare"):
        open_snapshot(HUB)


def test_a_download_that_was_cut_short_is_not_taken_for_whole(offline: Path) -> None:
    cache = pytest.importorskip("huggingface_hub._snapshot_download")
    snapshot(offline, train=rows("train", 2))
    entry = {"size": 1, "blob_id": "x", "lfs_sha256": None, "lfs_size": None, "xet_hash": None}
    names = [f"data/{split}-00000-of-00001.parquet" for split in ("train", "validation")]
    cache.write_tree_cache(
        str(offline / "datasets--owner--tiny"),
        REVISION,
        {name: cache.TreeCacheEntry(**entry) for name in names},
    )
    with pytest.raises(DataError, match=f"tiny@{REVISION} is only partly in the hub's cache"):
        prepare_full(replace(TINY_HUB, images={}), hub=HUB)


def test_a_list_that_is_no_text_is_named(own_home, domainnet: Path) -> None:
    put(domainnet / "real_test.txt", b"\xff\xfe")
    with pytest.raises(DataError, match=r"real_test\.txt is no text"):
        prepare_full(TINY_DOMAINNET, images=domainnet)
