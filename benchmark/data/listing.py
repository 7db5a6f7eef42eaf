"""Compact tables of sample ids, and listings: what a set of image files consists of, row by row."""

import hashlib
import io
import json
import zipfile
import zlib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

from benchmark.canonical import write_whole
from benchmark.data.home import home
from benchmark.data.imageset import Split
from benchmark.errors import DataError

SPLITS: tuple[Split, ...] = ("train", "val", "test")

#: What numpy raises at a file that is not what `write_arrays` wrote.
_DAMAGED = (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error)


class IdTable(Sequence[str]):
    """Sample ids in little memory: what ids of one folder share is kept once.

    `n01440764/n01440764_10026.JPEG` costs 2 bytes for its folder and 5 or 6 for its number; the
    1.28 million ids of ImageNet take 10 MB.

    Args:
        templates: (prefix, suffix) of the ids.
        template: (N,) index into `templates`.
        middle: (N,) bytes between prefix and suffix.

    Example:
        >>> table = IdTable.of(["cat/cat_12.jpg", "cat/cat_7.jpg", "dog/1.png"])
        >>> table[1], table.templates[0]
        ('cat/cat_7.jpg', ('cat/cat_', '.jpg'))
    """

    def __init__(
        self,
        templates: Sequence[tuple[str, str]],
        template: NDArray[np.unsignedinteger[Any]],
        middle: NDArray[np.bytes_],
    ) -> None:
        self.templates = tuple((prefix, suffix) for prefix, suffix in templates)
        self.template, self.middle = template, middle

    @classmethod
    def of(cls, ids: Iterable[str]) -> "IdTable":
        """The table of these ids, in their order.

        Raises:
            DataError: an id is not ASCII.
        """
        ids = list(ids)
        folders: dict[str, list[str]] = defaultdict(list)
        for name in ids:
            if not name.isascii():
                raise DataError(f"sample id {name!r} is not ASCII; rename the file")
            folder, slash, leaf = name.rpartition("/")
            folders[folder + slash].append(leaf)
        number = {folder: row for row, folder in enumerate(folders)}
        shared = [_shared(leaves) for leaves in folders.values()]
        kind = np.min_scalar_type(max(len(folders) - 1, 0))
        template = np.empty(len(ids), kind)
        middle = []
        for row, name in enumerate(ids):
            folder, slash, leaf = name.rpartition("/")
            template[row] = index = number[folder + slash]
            prefix, suffix = shared[index]
            middle.append(leaf[len(prefix) : len(leaf) - len(suffix)].encode())
        templates = [(f + p, s) for f, (p, s) in zip(folders, shared, strict=True)]
        return cls(templates, template, np.array(middle, np.bytes_))

    def __len__(self) -> int:
        return len(self.middle)

    @overload
    def __getitem__(self, row: int) -> str: ...
    @overload
    def __getitem__(self, row: slice) -> "IdTable": ...
    def __getitem__(self, row: int | slice) -> "str | IdTable":
        if isinstance(row, slice):
            return IdTable(self.templates, self.template[row], self.middle[row])
        prefix, suffix = self.templates[self.template[row]]
        return f"{prefix}{self.middle[row].decode()}{suffix}"

    def __iter__(self) -> Iterator[str]:
        return iter(self.of_rows(slice(None)))

    def of_rows(self, rows: NDArray[np.integer[Any]] | slice) -> list[str]:
        """The ids of some rows, in their order."""
        told = [self.templates[index] for index in self.template[rows].tolist()]
        middle = self.middle[rows].tolist()
        return [f"{p}{m.decode()}{s}" for (p, s), m in zip(told, middle, strict=True)]

    def arrays(self) -> dict[str, NDArray[Any]]:
        """The table as plain arrays, for a file."""
        return {
            "id_templates": _text_array(json.dumps(self.templates)),
            "id_template": self.template,
            "id_middle": self.middle,
        }

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> "IdTable":
        """The table that `arrays` wrote."""
        templates = json.loads(arrays["id_templates"].tobytes())
        return cls(templates, arrays["id_template"], arrays["id_middle"])


@dataclass(frozen=True)
class Listing:
    """A set of image files: ids, content, labels and splits; rows of all members correspond.

    Args:
        ids: N unique names.
        sha256: (N, 32) uint8, of each sample's source bytes.
        labels: (N,) integers, or (N, classes) of 0 and 1 for multi-label sets.
        splits: (N,) index into `SPLITS`.
        class_names: in the order of the labels.
        domains: (N,) index into `domain_names`, or None.
        domain_names: of the domains.
        about: where it came from, for people; no part of the digest.
    """

    ids: IdTable
    sha256: NDArray[np.uint8]
    labels: NDArray[np.integer[Any]]
    splits: NDArray[np.uint8]
    class_names: tuple[str, ...]
    domains: NDArray[np.uint8] | None = None
    domain_names: tuple[str, ...] = ()
    about: Mapping[str, Any] = field(default_factory=dict)

    @cached_property
    def digest(self) -> str:
        """sha256 of everything but `about`, the same on every machine."""
        hashed = hashlib.sha256("\n".join(self.ids).encode())
        hashed.update(self.sha256.tobytes())
        for column in (self.labels, self.splits, self.domains):
            hashed.update(b"-" if column is None else column.astype("<i8").tobytes())
        hashed.update(json.dumps([self.class_names, self.domain_names]).encode())
        return hashed.hexdigest()


def listing_path(name: str) -> Path:
    """Where the listing of a prepared set of the full tier lies."""
    return home() / "full" / name / "listing.npz"


def write_listing(listing: Listing, path: Path) -> None:
    """Write a listing, whole or not at all."""
    arrays = listing.ids.arrays() | {
        "sha256": listing.sha256,
        "labels": listing.labels.astype(np.min_scalar_type(int(listing.labels.max(initial=0)))),
        "splits": listing.splits,
        "names": _text_array(json.dumps([listing.class_names, listing.domain_names])),
        "about": _text_array(json.dumps(dict(listing.about), sort_keys=True)),
    }
    if listing.domains is not None:
        arrays["domains"] = listing.domains
    write_arrays(path, arrays)


def read_listing(path: Path) -> Listing:
    """The listing in a file; labels in the smallest type that holds them.

    Raises:
        DataError: the file is missing or damaged.
    """
    arrays = read_arrays(path)
    try:
        class_names, domain_names = json.loads(arrays["names"].tobytes())
        return Listing(
            ids=IdTable.from_arrays(arrays),
            sha256=arrays["sha256"],
            labels=arrays["labels"],
            splits=arrays["splits"],
            class_names=tuple(class_names),
            domains=arrays.get("domains"),
            domain_names=tuple(domain_names),
            about=json.loads(arrays["about"].tobytes()),
        )
    except _DAMAGED as error:
        raise DataError(f"{path} is damaged ({error}); delete it and prepare again") from error


def write_arrays(path: Path, arrays: Mapping[str, NDArray[Any]], *, compress: bool = False) -> None:
    """Write plain arrays to one .npz file, whole or not at all."""
    buffer = io.BytesIO()
    save: Any = np.savez_compressed if compress else np.savez
    save(buffer, **arrays)
    write_whole(path, buffer.getvalue())


def read_arrays(path: Path) -> dict[str, NDArray[Any]]:
    """The arrays of a file that `write_arrays` wrote; nothing in it is ever unpickled.

    Raises:
        DataError: missing or damaged.
    """
    if not path.is_file():
        raise DataError(f"{path} is not there; prepare the data again")
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            return {name: arrays[name] for name in arrays.files}
    except _DAMAGED as error:
        raise DataError(f"{path} is damaged ({error}); delete it and prepare again") from error


def _shared(leaves: Sequence[str]) -> tuple[str, str]:
    """The longest prefix and suffix that all of some names share, without overlap."""
    prefix = _common_start(leaves)
    return prefix, _common_start([leaf[len(prefix) :][::-1] for leaf in leaves])[::-1]


def _common_start(texts: Sequence[str]) -> str:
    low, high = min(texts), max(texts)  # what these two share, all that lie between them share
    same = 0
    while same < len(low) and low[same] == high[same]:
        same += 1
    return low[:same]


def _text_array(text: str) -> NDArray[np.uint8]:
    return np.frombuffer(text.encode(), np.uint8)
