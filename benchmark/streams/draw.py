"""How streams are drawn from a listing of their pool; the small tiers' once, kept as files.

`python -m benchmark.streams.draw PROTOCOL ...` writes the files of new protocols; they are what
counts afterwards. The full tier's ids are in nobody's hands but the user's, so there the lists of
classes are kept as files, and `headwater prepare full` draws the rest by the same functions.
"""

import itertools
import json
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmark.data.listing import SPLITS, Listing, listing_path, read_listing
from benchmark.errors import DataError
from benchmark.protocol import ProtocolSpec
from benchmark.registry import PROTOCOLS, load_shipped
from benchmark.seeds import seed_for
from benchmark.streams.manifest import FOLDER, Manifest, Rows, write_manifest

Classes = Sequence[Sequence[str]]


def draw(spec: ProtocolSpec, pool: Listing, classes: Classes = ()) -> Manifest:
    """Draw the chunks of a protocol's stream.

    Images and classes are put in the order of the hash of their name: the same stream on every
    machine, whatever the order in which they come.

    Args:
        spec: the protocol; its `rule` says how images are shared out.
        pool: all images.
        classes: names of each chunk's classes, for the class streams.

    Returns:
        The manifest, without facts.

    Raises:
        DataError: a class or a domain of the protocol is not in the pool.
    """
    train, kept_out = streamed_and_held_out(pool)
    chunks = _share_out(spec, pool, train, "train", classes)
    held_out = _share_out(spec, pool, kept_out, "test", classes)
    if spec.domains:
        size = min(map(len, chunks))
        chunks = [rows[:size] for rows in chunks]
    return Manifest(
        ids=pool.ids,
        sha256=pool.sha256,
        chunks=blurred(chunks, spec.overlap),
        held_out=tuple(rows.astype(np.int32) for rows in held_out),
    )


def streamed_and_held_out(pool: Listing) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Rows that are streamed ("train"), and held out: "test" or, where there is none, "val"."""
    train, val, test = (np.flatnonzero(pool.splits == number) for number in range(len(SPLITS)))
    return train, test if len(test) else val


def _share_out(
    spec: ProtocolSpec, pool: Listing, rows: NDArray[np.int64], part: str, classes: Classes
) -> list[NDArray[np.int64]]:
    names = ("stream", spec.base_id, spec.stream_seed, part)
    ids = pool.ids.of_rows(rows)
    keyed = sorted((seed_for(*names, name), name, row) for name, row in zip(ids, rows, strict=True))
    ordered = np.array([row for _, _, row in keyed], np.int64)
    if spec.rule == "instance":
        return [ordered[start :: spec.chunks] for start in range(spec.chunks)]
    if spec.rule == "domain":
        if pool.domains is None or not set(spec.domains) <= set(pool.domain_names):
            raise DataError(
                f"{spec.id} needs the domains {', '.join(spec.domains)}, and the pool {spec.pool} "
                f"has {', '.join(pool.domain_names) or 'none'}"
            )
        return [
            ordered[pool.domains[ordered] == pool.domain_names.index(name)] for name in spec.domains
        ]
    number = {name: label for label, name in enumerate(pool.class_names)}
    if missing := [name for chunk in classes for name in chunk if name not in number]:
        raise DataError(f"the pool {spec.pool} has no class {missing[0]!r}")
    return [
        ordered[np.isin(pool.labels[ordered], [number[name] for name in chunk])]
        for chunk in classes
    ]


def blurred(chunks: Sequence[NDArray[np.int64]], overlap: float) -> tuple[Rows, ...]:
    """Chunks whose neighbours share images: the end of one and the beginning of the next.

    Args:
        chunks: disjoint.
        overlap: share of the smaller of two neighbours that both deliver, half of it from either,
            0 to 1.

    Returns:
        The chunks, each with the half-shares of its neighbours before and after its own.

    Example:
        >>> one, two = blurred([np.arange(10), np.arange(10, 20)], 0.4)
        >>> one.tolist()[-3:], two.tolist()[:3]
        ([9, 10, 11], [8, 9, 10])
    """
    lent = [round(overlap * min(len(one), len(two)) / 2) for one, two in itertools.pairwise(chunks)]
    mixed = []
    for number, rows in enumerate(chunks):
        parts = [rows]
        if number and lent[number - 1]:
            parts.insert(0, chunks[number - 1][-lent[number - 1] :])
        if number < len(lent):
            parts.append(chunks[number + 1][: lent[number]])
        mixed.append(np.concatenate(parts).astype(np.int32))
    return tuple(mixed)


def random_classes(spec: ProtocolSpec, names: Sequence[str]) -> list[list[str]]:
    """Classes split at random into chunks of equal number, sorted within each."""
    order = sorted(
        names, key=lambda name: seed_for("classes", spec.base_id, spec.stream_seed, name)
    )
    return [sorted(order[start :: spec.chunks]) for start in range(spec.chunks)]


def describe(manifest: Manifest, pool: Listing, columns: Mapping[str, Any]) -> Any:
    """Facts about each chunk that need labels: number of classes, images by column's value.

    Args:
        manifest: drawn from the pool.
        pool: labels and domains.
        columns: (N,) of str each, such as the Unicode group.

    Returns:
        `chunks`: for each, `classes` (their number), and a count of images by value for every
        column.
    """
    values = {name: np.asarray(column) for name, column in columns.items()}
    return {
        "chunks": [
            {"classes": len(np.unique(pool.labels[rows]))}
            | {name: dict(sorted(Counter(column[rows]).items())) for name, column in values.items()}
            for rows in manifest.chunks
        ]
    }


def build_manifests(pool: str) -> list[ProtocolSpec]:
    """Draw and write the manifests of every full-tier protocol on a pool that is prepared.

    Args:
        pool: name of the set, `imagenet` or `domainnet`.

    Returns:
        The protocols.

    Raises:
        DataError: the pool is not prepared, or has not the number of images that is declared.
    """
    listing = read_listing(listing_path(pool))
    built = []
    for spec in map(PROTOCOLS.get, PROTOCOLS.names()):
        if spec.tier != "full" or spec.pool != pool or spec.selects:
            continue
        if (found := tuple(map(len, streamed_and_held_out(listing)))) != spec.pool_images:
            raise DataError(
                f"{spec.id} wants {spec.pool_images} images of {pool}, streamed and held out; "
                f"prepared are {found}"
            )
        drawn = draw(spec, listing, spec.class_lists.get("classes", ()))
        columns = {}
        if listing.domains is not None:
            columns["domain"] = np.array(listing.domain_names)[listing.domains]
        about = {"pool": listing.digest} | describe(drawn, listing, columns)
        write_manifest(replace(drawn, about=about), spec.manifest_file, with_ids=False)
        built.append(spec)
    return built


def main(protocols: Sequence[str]) -> None:
    """Write the files of some protocols, as `python -m benchmark.streams.draw` does."""
    load_shipped()
    for spec in map(PROTOCOLS.get, protocols or PROTOCOLS.names()):
        if spec.selects:  # its pool is that of the instance stream
            continue
        classes: Classes = ()
        facts: dict[str, Any] = {}
        if spec.rule.endswith("class"):
            from benchmark.streams.taxonomy import taxonomy

            known = taxonomy(spec)
            distant = spec.rule == "distant-class"
            classes = known.distant(spec.chunks) if distant else random_classes(spec, known.names)
            within, between = known.mean_distances(classes)
            facts["distance"] = {"within": round(within, 4), "between": round(between, 4)}
        if spec.tier == "full":
            if classes and spec.boundaries:  # a blurred stream has its base's classes
                path = FOLDER / f"{spec.folder}.json"
                document = {"classes": classes, **facts}
                path.write_text(json.dumps(document, indent=0) + "\n")
                print(path)
            continue
        from benchmark.pools import load_pool, pool_listing

        images = load_pool(spec)
        pool = pool_listing(images)
        drawn = draw(spec, pool, classes)
        columns: dict[str, Any] = {
            key: images.extra[key] for key in ("domain", "group") if key in images.extra
        }
        about = facts | describe(drawn, pool, columns)
        path = FOLDER / f"{spec.folder}.npz"
        write_manifest(replace(drawn, about=about), path)
        print(path, drawn.digest)


if __name__ == "__main__":
    main(sys.argv[1:])
