"""Manifests, the drawing of streams, and the golden results of drawing."""

import hashlib
import json
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from benchmark.data.listing import SPLITS, IdTable, Listing, read_listing, write_listing
from benchmark.errors import DataError
from benchmark.protocol import ProtocolSpec
from benchmark.registry import PROTOCOLS
from benchmark.streams.draw import blurred, describe, draw, random_classes
from benchmark.streams.manifest import Manifest, read_manifest, write_manifest

GOLDEN = Path(__file__).parent / "golden_digests.json"
CLASSES = tuple(f"class{c}" for c in range(8))
DOMAINS = ("ink", "oil", "wax")


def pool(n: int = 240, domains: bool = True) -> Listing:
    """Images of 8 classes and 3 domains of unequal size, a sixth of them held out."""
    rows = np.arange(n)
    return Listing(
        ids=IdTable.of(f"{CLASSES[row % 8]}/image_{row}.jpg" for row in rows),
        sha256=np.array([list(hashlib.sha256(b"%d" % row).digest()) for row in rows], np.uint8),
        labels=rows % 8,
        splits=np.where(rows // 8 % 6 == 5, SPLITS.index("test"), 0).astype(np.uint8),
        class_names=CLASSES,
        domains=np.minimum(rows * 4 // n, 2).astype(np.uint8) if domains else None,
        domain_names=DOMAINS if domains else (),
    )


def spec(stream: str, **fields: object) -> ProtocolSpec:
    smoke = PROTOCOLS.get("instance/smoke@1")
    return replace(smoke, **({"stream": stream, "chunks": 4} | fields))


def parts(manifest: Manifest) -> list[set[int]]:
    return [set(rows.tolist()) for rows in manifest.chunks]


def test_instance_chunks_are_a_partition_of_equal_size_whatever_the_order() -> None:
    whole = pool(250)
    manifest = draw(spec("instance"), whole)
    chunks = parts(manifest)
    assert set.union(*chunks) == set(np.flatnonzero(whole.splits == 0))
    assert sum(map(len, chunks)) == len(set.union(*chunks))
    assert max(manifest.sizes) - min(manifest.sizes) <= 1
    turned = np.arange(250)[::-1]
    other = replace(
        whole,
        ids=IdTable.of([whole.ids[row] for row in turned]),
        **{name: getattr(whole, name)[turned] for name in ("sha256", "labels", "splits")},
    )
    assert draw(spec("instance"), other).digest == manifest.digest
    assert draw(spec("instance", stream_seed=1), whole).digest != manifest.digest


def test_held_out_images_are_in_no_chunk() -> None:
    whole = pool()
    manifest = draw(spec("instance"), whole)
    held_out = set(np.concatenate(manifest.held_out).tolist())
    assert held_out == set(np.flatnonzero(whole.splits == 2))
    assert not held_out & set.union(*parts(manifest))


def test_class_chunks_hold_their_classes_and_no_others() -> None:
    whole, protocol = pool(), spec("random-class")
    classes = random_classes(protocol, CLASSES)
    manifest = draw(protocol, whole, classes)
    assert sorted(name for chunk in classes for name in chunk) == sorted(CLASSES)
    assert {len(chunk) for chunk in classes} == {2}
    for part in (manifest.chunks, manifest.held_out):
        for rows, names in zip(part, classes, strict=True):
            assert {CLASSES[label] for label in whole.labels[rows]} == set(names)
    assert random_classes(protocol, CLASSES[::-1]) == classes
    assert random_classes(replace(protocol, stream_seed=1), CLASSES) != classes


def test_a_class_that_the_pool_lacks_is_named() -> None:
    with pytest.raises(DataError, match="no class 'zebra'"):
        draw(spec("random-class"), pool(), [["zebra"], [], [], []])


def test_domain_chunks_come_in_the_order_declared_and_in_equal_numbers() -> None:
    whole = pool()
    manifest = draw(spec("domain", chunks=3, domains=("wax", "ink", "oil")), whole)
    told = [{DOMAINS[d] for d in whole.domains[rows]} for rows in manifest.chunks]
    assert told == [{"wax"}, {"ink"}, {"oil"}]
    train = whole.splits == 0
    assert set(manifest.sizes) == {min(int((train & (whole.domains == d)).sum()) for d in range(3))}


def test_a_domain_that_the_pool_lacks_is_told() -> None:
    with pytest.raises(
        DataError, match="needs the domains ink, clay, and the pool pool has ink, oil, wax"
    ):
        draw(spec("domain", domains=("ink", "clay")), pool())


@pytest.mark.parametrize("overlap", [0.2, 0.5, 1.0])
def test_neighbours_of_a_blurred_stream_share_what_is_declared(overlap: float) -> None:
    whole = pool()
    sharp = draw(spec("instance"), whole)
    blurry = draw(spec("blurred-instance", overlap=overlap), whole)
    chunks = parts(blurry)
    for number in range(3):
        shared = len(chunks[number] & chunks[number + 1]) / min(sharp.sizes[number : number + 2])
        assert shared == pytest.approx(overlap, abs=2 / 50)
    for mixed, own in zip(chunks, parts(sharp), strict=True):
        assert own <= mixed
    if overlap < 1:
        assert not chunks[0] & chunks[2]


def test_no_overlap_leaves_chunks_as_they_are() -> None:
    chunks = [np.arange(4), np.arange(4, 8)]
    assert [rows.tolist() for rows in blurred(chunks, 0.0)] == [[0, 1, 2, 3], [4, 5, 6, 7]]


def test_facts_count_classes_and_values() -> None:
    whole = pool(domains=False)
    manifest = draw(spec("random-class"), whole, [CLASSES[i::4] for i in range(4)])
    facts = describe(manifest, whole, {"even": ["yes", "no"] * 120})
    # rows 0, 8, 16 .. are of class 0 and even; a chunk has classes i and i + 4, of one parity
    assert [chunk["classes"] for chunk in facts["chunks"]] == [2] * 4
    assert [set(chunk["even"]) for chunk in facts["chunks"]] == [{"yes"}, {"no"}] * 2


@pytest.mark.parametrize("with_ids", [True, False])
def test_manifest_round_trip(tmp_path, with_ids: bool) -> None:
    manifest = draw(spec("instance"), pool())
    write_manifest(manifest, tmp_path / "m.npz", with_ids=with_ids)
    given = () if with_ids else (manifest.ids, manifest.sha256)
    again = read_manifest(tmp_path / "m.npz", *given)
    assert again.digest == manifest.digest
    assert again.chunk_ids(2) == manifest.chunk_ids(2)


def test_a_damaged_manifest_is_told(tmp_path) -> None:
    path = tmp_path / "m.npz"
    write_manifest(draw(spec("instance"), pool()), path)
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(DataError, match=r"m\.npz is damaged"):
        read_manifest(path)
    write_manifest(draw(spec("instance"), pool()), path, with_ids=False)
    with pytest.raises(DataError, match=r"m\.npz is damaged"):
        read_manifest(path)


def test_the_digest_covers_ids_content_and_order() -> None:
    manifest = draw(spec("instance"), pool())
    hashes = manifest.sha256.copy()
    hashes[manifest.chunks[1][3], 0] ^= 1
    swapped = (manifest.chunks[0][::-1], *manifest.chunks[1:])
    renamed = IdTable.of([name.replace("image", "picture") for name in manifest.ids])
    changed = [
        replace(manifest, sha256=hashes),
        replace(manifest, chunks=swapped),
        replace(manifest, held_out=manifest.held_out[::-1]),
        replace(manifest, ids=renamed),
    ]
    assert len({m.digest for m in [manifest, *changed]}) == 5


def test_drawing_is_frozen() -> None:
    """What the full tier's manifests rest on, since they are drawn on each user's machine."""
    whole, names = pool(), [CLASSES[i::4] for i in range(4)]
    drawn = {
        "instance": draw(spec("instance"), whole),
        "random-class": draw(spec("random-class"), whole, names),
        "domain": draw(spec("domain", chunks=3, domains=DOMAINS), whole),
        "blurred-class": draw(spec("blurred-class", overlap=0.2), whole, names),
    }
    assert {name: manifest.digest[:16] for name, manifest in drawn.items()} == FROZEN


FROZEN = {
    "instance": "2bc3eccf88b4d452",
    "random-class": "32a32c24dc26c80d",
    "domain": "997e998f45167840",
    "blurred-class": "dadcb637333545c2",
}


def test_drawing_is_the_same_under_another_hash_seed() -> None:
    code = (
        "import json, sys; sys.path.insert(0, 'tests/benchmark'); import benchmark.protocols;"
        "import test_streams as t; print(t.draw(t.spec('instance'), t.pool()).digest)"
    )
    printed = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": "."},
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert printed == {draw(spec("instance"), pool()).digest.encode() + b"\n"}


def small(name: str) -> bool:
    return "/full" not in name and not name.startswith("selection/")  # whose pool is another's


@pytest.mark.parametrize("name", [*filter(small, json.loads(GOLDEN.read_text()))])
def test_shipped_manifests_hold_what_the_protocol_says(name: str) -> None:
    protocol = PROTOCOLS.get(name)
    manifest = protocol.manifest
    held_out = np.concatenate(manifest.held_out)
    streamed = np.unique(np.concatenate(manifest.chunks))
    assert not np.intersect1d(held_out, streamed).size
    assert len(np.unique(held_out)) == len(held_out)
    assert len(manifest.chunks) == len(manifest.held_out) == protocol.chunks
    assert len(manifest.about["chunks"]) == protocol.chunks
    if protocol.boundaries:
        assert len(streamed) == sum(manifest.sizes)
    if protocol.rule != "domain":
        assert (len(streamed), len(held_out)) == protocol.pool_images
    if protocol.rule in ("instance", "domain") and protocol.boundaries:
        assert max(manifest.sizes) - min(manifest.sizes) <= 1


def test_imagenet_s_ids_load_fast_and_small(tmp_path) -> None:
    """1.28 million ids with their hashes: under 2 s and 64 MB, chunks included."""
    rng = np.random.default_rng(0)
    n, per_class = 1_281_000, 1281
    label = np.repeat(np.arange(1000, dtype=np.uint16), per_class)
    number = np.concatenate([rng.choice(30_000, per_class, replace=False) for _ in range(1000)])
    table = IdTable(
        [(f"train/n{c:08d}/n{c:08d}_", ".JPEG") for c in range(1000)], label, number.astype("S5")
    )
    hashes = rng.integers(0, 256, (n, 32), dtype=np.uint8)
    listing = Listing(table, hashes, label, np.zeros(n, np.uint8), ("x",) * 1000)
    order = rng.permutation(n).astype(np.int32)
    write_listing(listing, tmp_path / "listing.npz")
    written = Manifest(table, hashes, tuple(np.split(order, 4)), (order[:0],) * 4)
    write_manifest(written, tmp_path / "m.npz", with_ids=False)
    del listing, table, hashes, written

    start = time.perf_counter()
    listing = read_listing(tmp_path / "listing.npz")
    manifest = read_manifest(tmp_path / "m.npz", listing.ids, listing.sha256)
    assert time.perf_counter() - start < 2
    arrays = (
        *(manifest.ids.template, manifest.ids.middle, manifest.sha256),
        *(*manifest.chunks, listing.labels, listing.splits),
    )
    assert sum(array.nbytes for array in arrays) < 64e6
    assert manifest.ids[1281].startswith("train/n00000001/n00000001_")
