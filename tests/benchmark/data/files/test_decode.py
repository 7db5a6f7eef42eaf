"""Decoding, against Pillow; and images read by rows."""

import io
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch.utils.data import DataLoader

from benchmark.data.files.decode import FileImages, pixels, square
from benchmark.data.files.sources import FolderBytes
from benchmark.errors import DataError


def picture(mode: str, size: tuple[int, int] = (50, 37)) -> Image.Image:
    rng = np.random.default_rng(0)
    small = Image.fromarray(rng.integers(0, 256, (5, 5, 3), dtype=np.uint8))
    return small.resize(size, Image.Resampling.BICUBIC).convert(mode)


def encoded(image: Image.Image, kind: str) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind)
    return buffer.getvalue()


KINDS = [("JPEG", "RGB"), ("JPEG", "L"), ("JPEG", "CMYK"), ("PNG", "RGB"), ("PNG", "P")]
KINDS += [("PNG", "L"), ("PNG", "RGBA"), ("GIF", "P"), ("BMP", "RGB")]


@pytest.mark.parametrize(("kind", "mode"), KINDS)
def test_every_kind_becomes_pillow_s_rgb(kind: str, mode: str) -> None:
    content = encoded(picture(mode), kind)
    with Image.open(io.BytesIO(content)) as image:
        wanted = np.asarray(image.convert("RGB")).transpose(2, 0, 1)
    found = pixels(content, "a file")
    assert found.dtype == torch.uint8 and found.shape == wanted.shape
    np.testing.assert_array_equal(found.numpy(), wanted)


@pytest.mark.parametrize("size", [(50, 37), (37, 50), (33, 33), (20, 300), (16, 16)])
@pytest.mark.parametrize("side", [16, 24, 32])
def test_the_middle_square_is_resized_as_by_pillow(size: tuple[int, int], side: int) -> None:
    image = picture("RGB", size)
    cut = min(size)
    left, top = (size[0] - cut) // 2, (size[1] - cut) // 2
    box = (left, top, left + cut, top + cut)
    wanted = image.crop(box).resize((side, side), Image.Resampling.BILINEAR)
    found = square(pixels(encoded(image, "PNG"), "a file"), side)
    assert found.shape == (3, side, side)
    difference = found.transpose(1, 2, 0).astype(int) - np.asarray(wanted)
    assert np.abs(difference).max() <= 1


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
@pytest.mark.parametrize("cut", [0.5, 0.97])
def test_a_truncated_image_is_an_error_that_names_it(kind: str, cut: float) -> None:
    content = encoded(picture("RGB", (200, 150)), kind)
    with pytest.raises(DataError, match=r"here/cat\.jpg is truncated or no image.*fetch it again"):
        pixels(content[: int(cut * len(content))], "here/cat.jpg")


@pytest.mark.parametrize("content", [b"", b"<html>not found</html>", b"\xff\xd8\xff\xe0nothing"])
def test_what_is_no_image_is_an_error_that_names_it(content: bytes) -> None:
    with pytest.raises(DataError, match="a file is truncated or no image"):
        pixels(content, "a file")


@pytest.fixture
def folder(tmp_path: Path) -> FolderBytes:
    for number in range(12):
        image = picture("RGB", (30 + number, 40))
        (tmp_path / f"{number}.jpg").write_bytes(encoded(image, "JPEG"))
    return FolderBytes(tmp_path, [f"{number}.jpg" for number in range(12)])


def test_rows_are_read_like_an_array_s_whatever_the_threads(folder: FolderBytes) -> None:
    images = FileImages(folder, 16, threads=1)
    assert images.shape == (12, 3, 16, 16) and len(images) == 12
    whole = images[:]
    for rows in ([3, 1, 3], np.array([11, 0]), slice(2, 9, 3)):
        np.testing.assert_array_equal(images[rows], whole[rows])
        np.testing.assert_array_equal(FileImages(folder, 16, threads=3)[rows], whole[rows])
    np.testing.assert_array_equal(images[5], whole[5])
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(images))[[2]], whole[[2]])


def test_workers_of_a_loader_read_the_same(folder: FolderBytes) -> None:
    images = FileImages(folder, 16)
    loader = DataLoader(range(12), batch_size=4, collate_fn=images.__getitem__, num_workers=2)
    np.testing.assert_array_equal(np.concatenate(list(loader)), images[:])


def test_a_file_that_has_vanished_is_named(folder: FolderBytes) -> None:
    (folder.root / "4.jpg").unlink()
    with pytest.raises(DataError, match=r"cannot read .*/4\.jpg: No such file"):
        FileImages(folder, 16)[[3, 4]]
