"""Sets of a hub at a pinned revision, from a cache that the tests lay out by hand; no network."""

from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import datasets
import huggingface_hub.constants
import numpy as np
import pytest

from benchmark.data.files.hub import open_snapshot, parse_hub
from benchmark.data.files.load import load_full
from benchmark.data.files.pools import IMAGENET
from benchmark.data.files.prepare import prepare_full
from benchmark.errors import DataError, UsageError
from tests.benchmark.data.files.conftest import SYNSETS, photo

REVISION, OTHER = "0123456789abcdef" * 2 + "01234567", "f" * 40
NAMES = ["goldfish, a fish", "shark", "ray", "cock"]
TINY = replace(IMAGENET, classes=4, images={"train": 8, "val": 4})


@pytest.fixture(autouse=True)
def offline(own_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A hub's cache of the test's own, and no network."""
    cache = tmp_path / "hub"
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(cache))
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    return cache


def rows(split: str, count: int) -> datasets.Dataset:
    """`count` images a class, with the paths that ImageNet has on the hub."""
    columns: dict[str, list[object]] = {"image": [], "label": []}
    for c, synset in enumerate(SYNSETS):
        for k in range(count):
            stem = f"{synset}_{10 * k}" if split == "train" else f"ILSVRC2012_val_{2 * c + k:08d}"
            content = photo(100 * c + k + (50 if split != "train" else 0))
            columns["image"].append({"bytes": content, "path": f"{stem}_{synset}.JPEG"})
            columns["label"].append(c)
    features = datasets.Features(
        {"image": datasets.Image(), "label": datasets.ClassLabel(names=NAMES)}
    )
    return datasets.Dataset.from_dict(columns, features=features)


def snapshot(cache: Path, revision: str = REVISION, **files: datasets.Dataset) -> Path:
    folder = cache / "datasets--owner--tiny" / "snapshots" / revision
    (folder / "data").mkdir(parents=True)
    for name, table in files.items():
        table.to_parquet(str(folder / "data" / f"{name}-00000-of-00001.parquet"))
    return folder


def test_a_cached_revision_is_read_without_network(offline: Path) -> None:
    unlabelled = rows("val", 1).map(lambda row: row | {"label": -1})
    snapshot(offline, train=rows("train", 2), validation=rows("val", 1), test=unlabelled)
    listing = prepare_full(TINY, hub=f"owner/tiny@{REVISION}")
    assert listing.class_names == tuple(SYNSETS)  # not the names of the hub
    assert listing.ids[1] == "train/n00000000/n00000000_10.JPEG"
    assert listing.ids[8] == "val/n00000000/ILSVRC2012_val_00000000.JPEG"
    assert bytes(listing.sha256[3]) == sha256(photo(101)).digest()  # the very bytes
    assert listing.about["hub"] == f"owner/tiny@{REVISION}"
    data = load_full("imagenet", 16)
    assert data.labels.tolist() == [0, 0, 1, 1, 2, 2, 3, 3, 0, 1, 2, 3]
    images = data.images[[0, 9, 9]]
    assert images.shape == (3, 3, 16, 16)
    np.testing.assert_array_equal(images[1], data.images[9])


def test_a_copy_on_disk_and_the_hub_give_the_same_ids_and_hashes(
    offline: Path, imagenet: Path
) -> None:
    for path in [*imagenet.glob("train/*/*_[2345]0.JPEG"), *imagenet.glob("val/*/*[1357].JPEG")]:
        path.unlink()
    on_disk = prepare_full(TINY, images=imagenet)
    snapshot(offline, train=rows("train", 2), validation=rows("val", 1))
    on_hub = prepare_full(TINY, hub=f"owner/tiny@{REVISION}")
    hashes = [
        {name: bytes(digest) for name, digest in zip(x.ids, x.sha256, strict=True)}
        for x in (on_disk, on_hub)
    ]
    assert hashes[0] == hashes[1]


def test_of_several_class_columns_the_declared_one_counts(offline: Path) -> None:
    table = rows("train", 2)
    coarse = datasets.Features(table.features | {"coarse": datasets.ClassLabel(names=["x"])})
    snapshot(offline, train=table.add_column("coarse", [0] * 8).cast(coarse))
    tiny = replace(TINY, images={"train": 8})
    with pytest.raises(DataError, match="of which 1 are images and 2 are classes; one of each"):
        prepare_full(tiny, hub=f"owner/tiny@{REVISION}")
    listing = prepare_full(replace(tiny, hub_label="label"), hub=f"owner/tiny@{REVISION}")
    assert listing.labels.tolist() == [0, 0, 1, 1, 2, 2, 3, 3]
    assert load_full("imagenet", 16).images[[5]].shape == (1, 3, 16, 16)


def test_what_is_not_cached_says_so_and_what_to_do() -> None:
    with pytest.raises(DataError, match="is not in the hub's cache, and the hub cannot be re"):
        open_snapshot(f"owner/tiny@{REVISION}")


def test_another_revision_in_the_cache_is_named(offline: Path) -> None:
    snapshot(offline, OTHER, train=rows("train", 1))
    with pytest.raises(DataError, match=rf"tiny@{REVISION} is not in .*which has revision {OTHER}"):
        prepare_full(TINY, hub=f"owner/tiny@{REVISION}")


@pytest.mark.parametrize(
    "hub",
    ["owner/tiny", "owner/tiny@main", "tiny@" + OTHER, f"a/../x@{OTHER}", f"a b/c@{OTHER}"],
)
def test_a_revision_that_is_no_commit_is_refused(hub: str) -> None:
    with pytest.raises(UsageError, match=r"is not OWNER/NAME@REVISION with the 40 hexadecimal"):
        parse_hub(hub)


def test_a_repository_without_images_is_told(offline: Path) -> None:
    folder = snapshot(offline, test=rows("train", 1))
    with pytest.raises(DataError, match="no parquet file of a split called train"):
        open_snapshot(f"owner/tiny@{REVISION}")
    datasets.Dataset.from_dict({"text": ["a"]}).to_parquet(str(folder / "train.parquet"))
    with pytest.raises(DataError, match="has columns text, of which 0 are images and 0"):
        open_snapshot(f"owner/tiny@{REVISION}")


def test_a_truncated_image_of_a_hub_is_named(offline: Path) -> None:
    table = rows("train", 2).cast_column("image", datasets.Image(decode=False))
    cells = [*table]
    cells[3]["image"]["bytes"] = cells[3]["image"]["bytes"][:200]
    snapshot(offline, train=datasets.Dataset.from_list(cells, features=rows("train", 1).features))
    tiny = replace(TINY, images={"train": 8})
    with pytest.raises(DataError, match=rf"tiny@{REVISION}: train/.*n00000001_10\.JPEG is trunc"):
        prepare_full(tiny, hub=f"owner/tiny@{REVISION}")
