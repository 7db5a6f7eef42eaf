"""Manifests: the ordered sample ids of every chunk with the hash of each sample's source bytes."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmark.data.listing import IdTable, read_arrays, write_arrays
from benchmark.errors import DataError, UsageError

Rows = NDArray[np.int32]

#: The manifests that are part of the project: all ids and hashes of the small tiers, and the lists
#: of classes of the full tier, whose ids come from the user's own copy of the images.
FOLDER = Path(__file__).parent / "manifests"


@dataclass(frozen=True, eq=False)
class Manifest:
    """What each chunk consists of, first chunk first.

    Args:
        ids: the N samples, each once.
        sha256: (N, 32) uint8, of each sample's source bytes.
        chunks: rows of `ids` that are trained on, in order. Neighbours share some where the stream
            is blurred.
        held_out: rows held out of the stream, for the accuracy on each chunk.
        about: facts that the drawing found, for people: see `benchmark.streams.draw.describe`.

    Example:
        >>> rows = np.arange(4, dtype=np.int32)
        >>> table = IdTable.of(["a", "b", "c", "d"])
        >>> hashes = np.zeros((4, 32), np.uint8)
        >>> manifest = Manifest(table, hashes, (rows[:2], rows[2:3]), (rows[3:],))
        >>> manifest.chunk_ids(1), manifest.sizes
        (['a', 'b'], (2, 1))
    """

    ids: IdTable
    sha256: NDArray[np.uint8]
    chunks: tuple[Rows, ...]
    held_out: tuple[Rows, ...]
    about: Mapping[str, Any] = field(default_factory=dict)

    def chunk_ids(self, chunk: int) -> list[str]:
        """Ids of a chunk, numbered from 1, in order."""
        return self.ids.of_rows(self.chunks[chunk - 1])

    @property
    def sizes(self) -> tuple[int, ...]:
        """Images that each chunk delivers."""
        return tuple(len(rows) for rows in self.chunks)

    @property
    def held_out_sizes(self) -> tuple[int, ...]:
        """Images held out for each chunk."""
        return tuple(len(rows) for rows in self.held_out)

    @cached_property
    def digest(self) -> str:
        """sha256 of all chunks' ids and hashes in their order; the same on every machine."""
        hashed = hashlib.sha256()
        for part in ("chunks", "held_out"):
            for number, rows in enumerate(getattr(self, part), start=1):
                hashed.update(f"{part} {number} {len(rows)}\n".encode())
                hashed.update("\n".join(self.ids.of_rows(rows)).encode())
                hashed.update(self.sha256[rows].tobytes())
        return hashed.hexdigest()

    def rows_in(self, ids: Sequence[str]) -> NDArray[np.int64]:
        """Where each of the manifest's samples is in another list of ids, (N,).

        Raises:
            DataError: one of them is not in it; names it.
        """
        if ids is self.ids:
            return np.arange(len(ids))
        row_of = {sample: row for row, sample in enumerate(ids)}
        try:
            return np.array([row_of[sample] for sample in self.ids], np.int64)
        except KeyError as error:
            raise DataError(
                f"sample {error} of the manifest is not in the pool; prepare the data again"
            ) from error


def write_manifest(manifest: Manifest, path: Path, *, with_ids: bool = True) -> None:
    """Write a manifest; without its ids where these lie in a listing of their own."""
    parts: dict[str, NDArray[Any]] = {
        "about": np.frombuffer(json.dumps(dict(manifest.about), sort_keys=True).encode(), np.uint8)
    }
    for name, rows in (("chunks", manifest.chunks), ("held_out", manifest.held_out)):
        parts[name] = np.concatenate(rows).astype(np.int32)
        parts[f"{name}_sizes"] = np.array([len(part) for part in rows], np.int32)
    if with_ids:
        parts |= manifest.ids.arrays() | {"sha256": manifest.sha256}
    write_arrays(path, parts, compress=with_ids)


def read_manifest(
    path: Path, ids: IdTable | None = None, sha256: NDArray[np.uint8] | None = None
) -> Manifest:
    """The manifest in a file, whose ids and hashes are given if it was written without them.

    Raises:
        DataError: missing or damaged.
    """
    arrays = read_arrays(path)
    try:
        parts = {
            name: tuple(np.split(arrays[name], np.cumsum(arrays[f"{name}_sizes"])[:-1]))
            for name in ("chunks", "held_out")
        }
        return Manifest(
            ids=IdTable.from_arrays(arrays) if ids is None else ids,
            sha256=arrays["sha256"] if sha256 is None else sha256,
            about=json.loads(arrays["about"].tobytes()),
            **parts,
        )
    except (KeyError, ValueError) as error:
        raise DataError(f"{path} is damaged ({error}); prepare the data again") from error


def shipped_manifest(folder: str) -> Manifest:
    """The manifest of a protocol of a small tier, by its folder name (`instance-nano@1`).

    Raises:
        UsageError: it is not part of this installation.
    """
    path = FOLDER / f"{folder}.npz"
    if not path.is_file():
        raise UsageError(f"no manifest for {folder} in this installation; reinstall headwater")
    return read_manifest(path)


def shipped_classes(folder: str) -> dict[str, Any]:
    """`classes`, the class names of each chunk, and `distance`, of a full-tier class stream.

    Raises:
        UsageError: they are not part of this installation.
    """
    path = FOLDER / f"{folder}.json"
    if not path.is_file():
        raise UsageError(f"no list of classes for {folder} in this installation")
    document: dict[str, Any] = json.loads(path.read_text())
    return document
