"""The full tier's pools from tiny copies: found, checked, streamed, trained on."""

import os
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest

from benchmark.cells import plan
from benchmark.data.files.fileset import FileSet
from benchmark.data.files.load import load_full
from benchmark.data.files.pools import DOMAINNET, IMAGENET
from benchmark.data.files.prepare import prepare_full
from benchmark.data.listing import listing_path
from benchmark.errors import DataError
from benchmark.execute import run
from benchmark.protocol import Budget, ProtocolSpec
from benchmark.registry import PROTOCOLS
from benchmark.resolve import resolve
from benchmark.store import Store
from benchmark.streams.draw import build_manifests

TINY_IMAGENET = replace(IMAGENET, classes=4, images={"train": 24, "val": 8})
TINY_DOMAINNET = replace(DOMAINNET, classes=3, images={"train": 33, "test": 15})
SYNSETS = [f"n0000000{c}" for c in range(4)]


def test_imagenet_is_listed_with_the_hashes_of_its_files(own_home: Path, imagenet: Path) -> None:
    listing = prepare_full(TINY_IMAGENET, images=imagenet)
    assert listing.class_names == tuple(SYNSETS)
    assert list(listing.ids) == sorted(
        path.relative_to(imagenet).as_posix() for path in imagenet.rglob("*.JPEG")
    )
    for row, name in enumerate(listing.ids):
        content = (imagenet / name).read_bytes()
        assert bytes(listing.sha256[row]) == sha256(content).digest()
        assert SYNSETS[listing.labels[row]] == name.split("/")[1]
    data = load_full("imagenet", 16)
    assert data.images[data.indices("val")].shape == (8, 3, 16, 16)
    assert data.sha256 == listing.digest


def test_the_listing_is_the_same_with_more_workers_and_in_another_place(
    own_home: Path, domainnet: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = prepare_full(TINY_DOMAINNET, images=domainnet)
    moved = domainnet.with_name("elsewhere")
    domainnet.rename(moved)
    told: list[tuple[str, int, int]] = []
    monkeypatch.setattr("benchmark.data.files.prepare._SHARE", 7)
    other = prepare_full(
        TINY_DOMAINNET, images=moved, workers=2, progress=lambda *what: told.append(what)
    )
    assert one.digest == other.digest
    assert told[-1] == ("reading domainnet", 48, 48)


def damage(root: Path, how: str) -> None:
    victim = root / "train" / SYNSETS[1] / f"{SYNSETS[1]}_20.JPEG"
    if how == "missing":
        victim.unlink()
    elif how == "truncated":
        victim.write_bytes(victim.read_bytes()[:-100])
    elif how == "html":
        victim.write_bytes(b"<html>")
    elif how == "class":
        for path in [*root.glob(f"*/{SYNSETS[3]}/*")]:
            path.unlink()
        for path in [*root.glob(f"*/{SYNSETS[3]}")]:
            path.rmdir()
    elif how == "empty":
        for path in [*(root / "val" / SYNSETS[2]).iterdir()]:
            path.unlink()
    elif how == "split":
        (root / "val").rename(root / "validation")


@pytest.mark.parametrize(
    ("how", "told"),
    [
        ("missing", r"^imagenet is not what was published: 23 images of split train, published"),
        ("truncated", rf"train/{SYNSETS[1]}/{SYNSETS[1]}_20\.JPEG is truncated .*; fetch it again"),
        ("html", rf"{SYNSETS[1]}_20\.JPEG is truncated or no image"),
        ("class", "3 classes, published are 4; 18 images of split train"),
        ("empty", "6 images of split val, published are 8"),
        ("split", "there is no folder .*/imagenet/val; the set is not laid out as published"),
    ],
)
def test_what_is_wrong_is_one_sentence_and_nothing_is_written(
    own_home: Path, imagenet: Path, how: str, told: str
) -> None:
    damage(imagenet, how)
    with pytest.raises(DataError, match=told) as caught:
        prepare_full(TINY_IMAGENET, images=imagenet)
    assert "\n" not in str(caught.value)
    assert not listing_path("imagenet").exists()
    with pytest.raises(DataError, match="run: headwater prepare full --set imagenet --images DIR"):
        load_full("imagenet", 16)


def test_a_file_that_a_list_names_and_that_is_missing_is_named(own_home, domainnet: Path) -> None:
    (domainnet / "real" / "bee" / "real_test_1_0.jpg").unlink()
    (domainnet / "real" / "cow" / "real_train_2_1.jpg").unlink()
    with pytest.raises(DataError, match=r"real_test_1_0\.jpg, .*real_train_2_1\.jpg are miss"):
        prepare_full(TINY_DOMAINNET, images=domainnet)


def test_a_missing_list_is_named(own_home: Path, domainnet: Path) -> None:
    (domainnet / "clipart_train.txt").unlink()
    with pytest.raises(DataError, match=r"cannot read .*clipart_train\.txt"):
        prepare_full(TINY_DOMAINNET, images=domainnet)


def test_a_folder_that_has_gone_is_told_when_loading(own_home: Path, imagenet: Path) -> None:
    prepare_full(TINY_IMAGENET, images=imagenet)
    os.rename(imagenet, imagenet.with_name("gone"))
    with pytest.raises(DataError, match=r"were in .*/imagenet, which is not there; bring the fol"):
        load_full("imagenet", 16)


def tiny(stream: str, fileset: FileSet, monkeypatch: pytest.MonkeyPatch) -> ProtocolSpec:
    """The full-tier protocol, cut to the tiny copy, as the only one registered."""
    spec = PROTOCOLS.get(f"{stream}/full@1")
    cut = replace(
        spec,
        pool_images=tuple(fileset.images.values()),
        classes=fileset.classes,
        arch="resnet_nano",
        view_size=32,
        budget=Budget(spec.chunks * 8),
        tasks=(),
    )
    lists = {"classes": [[name] for name in SYNSETS], "distance": {}}
    monkeypatch.setattr("benchmark.protocol.shipped_classes", lambda _: lists)
    monkeypatch.setattr("benchmark.pools.FULL_SIZE", 40)
    monkeypatch.setitem(PROTOCOLS._registry.module_dict, spec.id, cut)
    for name in PROTOCOLS.names():
        if name != spec.id and "/full@" in name:
            monkeypatch.delitem(PROTOCOLS._registry.module_dict, name)
    return cut


class Silent:
    """Hears nothing."""

    def begin(self, cell) -> None: ...

    def end(self, cell, attempt) -> None: ...

    def look(self) -> None: ...


@pytest.mark.parametrize(
    ("stream", "fileset", "sizes"),
    [
        ("random-class", TINY_IMAGENET, (6, 6, 6, 6)),
        ("blurred-instance", TINY_IMAGENET, (7, 8, 8, 7)),
        ("domain", TINY_DOMAINNET, (6, 6, 6, 6, 6)),
    ],
)
def test_a_full_stream_is_built_and_trained_on_from_files(
    own_home, tmp_path, imagenet, domainnet, monkeypatch, stream, fileset, sizes
) -> None:
    spec = tiny(stream, fileset, monkeypatch)
    with pytest.raises(DataError, match="headwater prepare full --set"):
        _ = spec.manifest
    root = imagenet if fileset is TINY_IMAGENET else domainnet
    listing = prepare_full(fileset, images=root)
    assert [built.id for built in build_manifests(fileset.name)] == [spec.id]
    assert spec.manifest.sizes == sizes
    assert spec.manifest.about["pool"] == listing.digest
    if stream == "domain":
        names = [{listing.ids[row].split("/")[0] for row in rows} for rows in spec.manifest.chunks]
        assert names == [{domain} for domain in spec.domains]

    method, store = resolve("supervised/sequential", {"batch_size": 4}), Store(tmp_path / "runs")
    monkeypatch.setattr("os.cpu_count", lambda: 2)  # decodes in two processes
    cells = [cell for cell in plan(spec, method, 0, []) if cell.kind == "pretrain"]
    assert run(spec, method, store, Silent(), cells=cells).failed == ()
    for number, cell in enumerate(cells, start=1):
        record = store.record(cell)
        assert [(line.chunk, line.images) for line in record.ledger.served] == [(number, 8)]
        assert record.stream.manifest_sha256 == spec.manifest.digest
        assert np.isfinite([point.loss for point in record.curve]).all()


def test_a_file_that_went_missing_is_named_before_anything_is_trained(
    own_home, tmp_path, imagenet, monkeypatch
) -> None:
    spec = tiny("instance", TINY_IMAGENET, monkeypatch)
    prepare_full(TINY_IMAGENET, images=imagenet)
    build_manifests("imagenet")
    (imagenet / "val" / SYNSETS[2] / "ILSVRC2012_val_00000005.JPEG").unlink()
    method, store = resolve("supervised/sequential", {"batch_size": 4}), Store(tmp_path / "runs")
    with pytest.raises(DataError, match=r"val_00000005\.JPEG is missing; restore the file"):
        run(spec, method, store, Silent(), tasks=[])
    assert not store.root.exists()


def test_a_copy_of_another_size_builds_no_manifest(own_home, imagenet, monkeypatch) -> None:
    tiny("instance", TINY_IMAGENET, monkeypatch)
    for path in imagenet.glob("train/*/*_50.JPEG"):
        path.unlink()
    prepare_full(replace(TINY_IMAGENET, images={}), images=imagenet)
    with pytest.raises(DataError, match=r"wants \(24, 8\) images.*prepared are \(20, 8"):
        build_manifests("imagenet")
