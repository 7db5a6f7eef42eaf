"""A labelled set of small images with fixed splits, as files that prove what they are."""

import csv
import io
import json
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any, Literal, Protocol, get_args

import numpy as np
from numpy.typing import NDArray

from benchmark.data.home import aside, home, sha256_file
from benchmark.errors import DataError

Split = Literal["train", "val", "test"]
Box = tuple[float, float, float, float, int]

#: Goes up when the files, or the way in which any image is rendered, change: all is made again.
_FORMAT = 1
_AGAIN = "run: headwater prepare nano"
_DAMAGED = (OSError, ValueError, KeyError, TypeError, IndexError)
_COLUMNS = ("id", "label", "class", "split", "source_sha256", "boxes")


class Images(Protocol):
    """(N, 3, S, S) uint8, read by rows: an array, or files that are decoded when they are read."""

    @property
    def shape(self) -> tuple[int, ...]: ...

    def __len__(self) -> int: ...

    def __getitem__(self, rows: Any, /) -> Any: ...


@dataclass(frozen=True)
class Sample:
    """One image with what is known of it.

    Args:
        id: ASCII, unique in the set, the same on every machine.
        image: (S, S, 3) uint8.
        label: class number from 0, or a tuple of them for multi-label sets.
        split: "train", "val" or "test".
        source_sha256: hash of the bytes that the image was made from.
        boxes: (x1, y1, x2, y2, class) in pixels.
        extra: further columns; the same keys for all samples of a set.
    """

    id: str
    image: NDArray[np.uint8]
    label: int | tuple[int, ...]
    split: Split
    source_sha256: str
    boxes: tuple[Box, ...] = ()
    extra: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class ImageSet:
    """A prepared set; rows of all members correspond.

    Args:
        name: as it was loaded.
        images: (N, 3, S, S) uint8, mapped from disk or decoded from files when rows are read.
        ids: N unique names.
        labels: (N,) int64, or (N, classes) uint8 of 0 and 1 for multi-label sets.
        splits: (N,) of "train", "val", "test".
        boxes: N tuples of (x1, y1, x2, y2, class), in pixels.
        extra: further columns, (N,) of str each.
        class_names: in the order of the labels.
        sha256: of the split file: ids, labels, splits, boxes, sources; not of the pixels.
        source_sha256: N hashes of the bytes that the images were made from.
    """

    name: str
    images: Images
    ids: Sequence[str]
    labels: NDArray[np.int64] | NDArray[np.uint8]
    splits: NDArray[np.str_]
    boxes: tuple[tuple[Box, ...], ...]
    extra: dict[str, NDArray[np.str_]]
    class_names: tuple[str, ...]
    sha256: str
    source_sha256: Sequence[str] = ()

    def indices(self, split: str) -> NDArray[np.int64]:
        """Rows of one split, ascending.

        Raises:
            DataError: the set has no such split.
        """
        rows = np.flatnonzero(self.splits == split).astype(np.int64)
        if not len(rows):
            raise DataError(f"image set {self.name!r} has no split {split!r}")
        return rows

    def require(self) -> None:
        """Check that files which were there when the set was prepared still are.

        Raises:
            DataError: one is not; names it.
        """
        require = getattr(self.images, "require", None)
        if require is not None:
            require()


def write_image_set(
    name: str,
    samples: Iterable[Sample],
    *,
    class_names: Sequence[str],
    expected_sha256: str | None = None,
    root: Path | None = None,
) -> ImageSet:
    """Write a set, all of it or nothing, and load it.

    Args:
        name: such as "pool" or "tasks/flags".
        samples: in the order in which they will be stored.
        class_names: in the order of the labels, without "|".
        expected_sha256: of the split file, if it is pinned.
        root: `nano` under `home()` if None.

    Raises:
        DataError: contradictory samples, not what was pinned, disk full, folder not writable.
    """
    kept = list(samples)
    _check(name, kept, class_names)
    table = _table(kept, class_names)
    digest = sha256(table).hexdigest()
    if expected_sha256 not in (None, digest):
        raise DataError(
            f"{name} as built has sha256 {digest}, declared is {expected_sha256}: the packages, "
            f"or the code that reads them, are not those that the declaration was made with"
        )
    with aside(_folder(name, root)) as folder:
        (folder / "split.csv").write_bytes(table)
        images = np.stack([sample.image for sample in kept]).transpose(0, 3, 1, 2)
        buffer = io.BytesIO()  # numpy's own writing to disk would hide that the disk is full
        np.save(buffer, np.ascontiguousarray(images), allow_pickle=False)
        (folder / "images.npy").write_bytes(buffer.getvalue())
        about = {
            "format": _FORMAT,
            "class_names": list(class_names),
            "split_sha256": digest,
            "images_sha256": sha256_file(folder / "images.npy"),
            "images": _stat(folder / "images.npy"),
        }
        (folder / "about.json").write_text(json.dumps(about, indent=1) + "\n", encoding="utf-8")
    return load_image_set(name, expected_sha256=expected_sha256, root=root)


def load_image_set(
    name: str, *, expected_sha256: str | None = None, root: Path | None = None
) -> ImageSet:
    """Load a prepared set; its pixels stay on disk until they are read.

    Args:
        name: such as "pool" or "tasks/flags".
        expected_sha256: of the split file, if it is pinned.
        root: `nano` under `home()` if None.

    Raises:
        DataError: missing, damaged, or not what was pinned.
    """
    about, table = check_image_set(name, expected_sha256=expected_sha256, root=root)
    folder = _folder(name, root)
    try:
        images = np.load(folder / "images.npy", mmap_mode="r", allow_pickle=False)
        return _parse(name, table, images, tuple(about["class_names"]), about["split_sha256"])
    except _DAMAGED as error:
        raise DataError(f"image set {name!r} in {folder} is damaged ({error}); {_AGAIN}") from error


def check_image_set(
    name: str,
    *,
    expected_sha256: str | None = None,
    root: Path | None = None,
    verify: bool = False,
) -> tuple[dict[str, Any], bytes]:
    """Say whether a set is there and whole, without reading it all.

    The pixels are trusted if their file has the size and the time that it was written with, else
    hashed.

    Args:
        name, expected_sha256, root: as in `load_image_set`.
        verify: hash the pixels in any case.

    Returns:
        The description, and the content of the split file.

    Raises:
        DataError: missing, damaged, or not what was pinned.
    """
    folder = _folder(name, root)
    if not (folder / "about.json").is_file():
        raise DataError(f"image set {name!r} is not in {folder.parent}; {_AGAIN}")
    try:
        about: dict[str, Any] = json.loads((folder / "about.json").read_bytes())
        table = (folder / "split.csv").read_bytes()
        pixels = folder / "images.npy"
        if about["format"] != _FORMAT or sha256(table).hexdigest() != about["split_sha256"]:
            raise ValueError("split.csv is not what was written")
        same = about["images"] == _stat(pixels) and not verify
        if not same and sha256_file(pixels) != about["images_sha256"]:
            raise ValueError("images.npy is not what was written")
    except _DAMAGED as error:
        raise DataError(f"image set {name!r} in {folder} is damaged ({error}); {_AGAIN}") from error
    if expected_sha256 not in (None, about["split_sha256"]):
        raise DataError(
            f"image set {name!r} has sha256 {about['split_sha256']}, declared is "
            f"{expected_sha256}: it was prepared by another version; {_AGAIN}"
        )
    return about, table


def _folder(name: str, root: Path | None) -> Path:
    return (root or home() / "nano") / name


def _stat(path: Path) -> list[int]:
    stat = os.stat(path)
    return [stat.st_size, stat.st_mtime_ns]


def _numbers(label: int | tuple[int, ...]) -> tuple[int, ...]:
    return label if isinstance(label, tuple) else (label,)


def _check(name: str, samples: list[Sample], class_names: Sequence[str]) -> None:
    if not samples:
        raise DataError(f"image set {name!r} has no samples")
    if any("|" in told for told in class_names) or len(set(class_names)) != len(class_names):
        raise DataError(f"image set {name!r}: class names are not unique or hold a '|'")
    first, seen = samples[0], set[str]()
    for sample in samples:
        wrong = None
        if sample.id in seen or not sample.id.isascii():
            wrong = "its id is not unique ASCII"
        elif sample.image.dtype != np.uint8 or sample.image.shape != first.image.shape:
            wrong = f"its image is {sample.image.dtype} {sample.image.shape}"
        elif sample.image.ndim != 3 or sample.image.shape[2] != 3:
            wrong = f"its image is {sample.image.shape}, not (S, S, 3)"
        elif any(not 0 <= n < len(class_names) for n in _numbers(sample.label)):
            wrong = f"its label {sample.label} has no class"
        elif isinstance(sample.label, tuple) != isinstance(first.label, tuple):
            wrong = "it mixes one label with many"
        elif sample.split not in get_args(Split) or sample.extra.keys() != first.extra.keys():
            wrong = "its split or its extra columns are unknown"
        if wrong:
            raise DataError(f"image set {name!r}, sample {sample.id!r}: {wrong}")
        seen.add(sample.id)


def _table(samples: list[Sample], class_names: Sequence[str]) -> bytes:
    """The split file: plain CSV, and the set's identity."""
    text = io.StringIO(newline="")
    out = csv.writer(text, lineterminator="\n")
    extra = sorted(samples[0].extra)
    out.writerow([*_COLUMNS, *extra])
    for s in samples:
        numbers = _numbers(s.label)
        many = isinstance(s.label, tuple)
        out.writerow(
            [
                s.id,
                " ".join(map(str, numbers)) + (";" if many else ""),
                "|".join(class_names[n] for n in numbers),
                s.split,
                s.source_sha256,
                ";".join(_box_text(box) for box in s.boxes),
                *(s.extra[key] for key in extra),
            ]
        )
    return text.getvalue().encode()


def _parse(
    name: str, table: bytes, images: Any, class_names: tuple[str, ...], digest: str
) -> ImageSet:
    header, *rows = csv.reader(io.StringIO(table.decode(), newline=""))
    columns = dict(zip(header, zip(*rows, strict=True), strict=True))
    if len(rows) != len(images):
        raise ValueError("images.npy and split.csv differ in length")
    many = columns["label"][0].endswith(";")
    numbers = [[int(n) for n in text.rstrip(";").split()] for text in columns["label"]]
    told = ["|".join(class_names[n] for n in row) for row in numbers]
    if told != list(columns["class"]):
        raise ValueError("about.json does not name the classes of split.csv")
    labels: NDArray[np.int64] | NDArray[np.uint8]
    if many:
        labels = np.zeros((len(rows), len(class_names)), np.uint8)
        for row, classes in zip(labels, numbers, strict=True):
            row[classes] = 1
    else:
        labels = np.array([row[0] for row in numbers], np.int64)
    return ImageSet(
        name=name,
        images=images,
        ids=columns["id"],
        labels=labels,
        splits=np.array(columns["split"]),
        boxes=tuple(_boxes(text) for text in columns["boxes"]),
        extra={key: np.array(columns[key]) for key in header if key not in _COLUMNS},
        class_names=class_names,
        sha256=digest,
        source_sha256=columns["source_sha256"],
    )


def _box_text(box: Box) -> str:
    return " ".join([*(repr(float(corner)) for corner in box[:4]), str(int(box[4]))])


def _boxes(text: str) -> tuple[Box, ...]:
    found = [part.split() for part in text.split(";") if part]
    return tuple((float(a), float(b), float(c), float(d), int(e)) for a, b, c, d, e in found)
