"""Lists, tables and batches of the twelve sets that are wrong: one sentence, no wrong label."""

import pickle
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.io import savemat

from benchmark.data.files.prepare import prepare_full
from benchmark.errors import DataError
from tests.tasks.full.test_full_sets import MAKERS, tiny


def added(path: str, text: str) -> Callable[[Path], object]:
    return lambda root: (root / path).write_text((root / path).read_text() + text)


def batch(labels: list[int], shape: tuple[int, int] = (4, 3072)) -> Callable[[Path], object]:
    content = pickle.dumps({b"labels": labels, b"data": np.zeros(shape, np.uint8)}, 2)
    return lambda root: (root / "data_batch_2").write_bytes(content)


def cars(number: int) -> Callable[[Path], object]:
    kind = [("class", "O"), ("fname", "O")]
    lines = np.array([(number, f"0000{n}.jpg") for n in range(1, 5)], dtype=kind)
    return lambda root: savemat(root / "cars_test_annos_withlabels.mat", {"annotations": lines})


def shorter(root: Path) -> None:
    path = root / "ImageSets" / "Main" / "cat_val.txt"
    path.write_text("\n".join(path.read_text().splitlines()[:-1]))


CASES: list[tuple[str, Callable[[Path], object], str]] = [
    ("sun397", added("Training_01.txt", "\n/z/zoo/1.jpg"), "images of unknown class z/zoo"),
    ("aircraft", added("data/images_variant_train.txt", "\n9 Zeppelin"), "unknown class Zeppelin"),
    ("voc2007", added("ImageSets/Main/cat_val.txt", "\n000001"), "not laid out as voc2007 was"),
    ("voc2007", shorter, r"cat_val\.txt lists other images than the other classes"),
    ("birdsnap", lambda root: (root / "images.txt").write_text(""), "not laid out as birdsnap was"),
    ("birdsnap", added("images.txt", "\nurl"), "not laid out as birdsnap was published"),
    ("cars", lambda root: savemat(root / "devkit" / "cars_meta.mat", {"x": 1}), "KeyError: 'class"),
    ("cars", cars(0), r"withlabels\.mat has class -1 of 2 from 0; fetch it again"),
    ("cars", cars(9), r"withlabels\.mat has class 8 of 2 from 0; fetch it again"),
    ("cifar10", batch([0, -1, 0, 1]), "data_batch_2 has class -1 of 2"),
    ("cifar10", batch([0, 7, 0, 1]), "data_batch_2 has class 7 of 2"),
    ("cifar10", batch([0, 1, 0, 1], (2, 3072)), "data_batch_2 does not have 3,072 bytes a label"),
    ("cifar10", batch([0, 1, 0, 1], (4, 100)), "data_batch_2 does not have 3,072 bytes a label"),
    ("flowers", lambda root: savemat(root / "setid.mat", {"trnid": [99]}), "not laid out as flow"),
]


@pytest.mark.parametrize(("name", "harm", "told"), CASES)
def test_it_is_told_and_nothing_is_written(
    own_home: Path, tmp_path: Path, name, harm, told
) -> None:
    copy = MAKERS[name](tmp_path / name)
    harm(tmp_path / name)
    with pytest.raises(DataError, match=told) as caught:
        prepare_full(replace(tiny(name, copy), images={}), images=tmp_path / name)
    assert "\n" not in str(caught.value)
    assert not (own_home / "full" / name).exists()
