"""Where samples' bytes are read: folders, CIFAR's batches, and a hub's parquet files."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmark.data.files.hub import HubTable, open_snapshot
from benchmark.data.pickled import read_pickled_batch
from benchmark.errors import DataError

_TOLD = 5  # missing files that are told by name


class FolderBytes:
    """Files under a folder, by paths relative to it."""

    raw = None

    def __init__(self, root: Path, ids: Sequence[str]) -> None:
        self.root, self.ids = root, ids

    def __len__(self) -> int:
        return len(self.ids)

    def name(self, row: int) -> str:
        """Path of the file."""
        return str(self.root / self.ids[row])

    def require(self) -> None:
        """Raise DataError, naming the first few, if files are missing; a folder is listed once."""
        listed: dict[str, set[str]] = {}
        missing = []
        for name in self.ids:
            folder, _, leaf = name.rpartition("/")
            if folder not in listed:
                path = self.root / folder
                listed[folder] = set(os.listdir(path)) if path.is_dir() else set()
            if leaf not in listed[folder]:
                missing.append(str(self.root / name))
        if missing:
            more = f" and {len(missing) - _TOLD} more" if len(missing) > _TOLD else ""
            raise DataError(
                f"{', '.join(missing[:_TOLD])}{more} {'are' if missing[1:] else 'is'} missing; "
                f"restore the file{'s' if missing[1:] else ''}, or prepare the full tier again"
            )

    def read(self, row: int) -> bytes:
        """Content of a file.

        Raises:
            DataError: it is missing or cannot be read; names it.
        """
        try:
            return (self.root / self.ids[row]).read_bytes()
        except OSError as error:
            raise DataError(
                f"cannot read {self.name(row)}: {error.strerror}; restore the file, and run the "
                "same command again"
            ) from error


class BatchBytes:
    """Images inside pickled batches, as CIFAR's Python version has them; ids `FILE/00012`."""

    raw = (3, 32, 32)

    def __init__(self, root: Path, ids: Sequence[str]) -> None:
        self.root, self.ids = root, ids
        self._batches: dict[str, NDArray[np.uint8]] = {}

    def __len__(self) -> int:
        return len(self.ids)

    def name(self, row: int) -> str:
        """Batch and number."""
        return str(self.root / self.ids[row])

    def read(self, row: int) -> bytes:
        """3,072 bytes: the planes of 32 x 32 pixels."""
        batch, _, number = self.ids[row].rpartition("/")
        if batch not in self._batches:
            self._batches[batch] = read_batch(self.root / batch)[b"data"]
        content: bytes = self._batches[batch][int(number)].tobytes()
        return content

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_batches": {}}


class HubBytes:
    """Images inside the parquet files of a hub's snapshot; ids are told apart by the row."""

    raw = None

    def __init__(self, hub: str, splits: Sequence[str], label: str, ids: Sequence[str]) -> None:
        self.hub, self.splits, self.label, self.ids = hub, splits, label, ids
        self._table: HubTable | None = None

    def __len__(self) -> int:
        return len(self.ids)

    def name(self, row: int) -> str:
        """Repository and id."""
        return f"{self.hub}: {self.ids[row]}"

    def read(self, row: int) -> bytes:
        """The bytes that the repository holds for an image."""
        if self._table is None:
            self._table = open_snapshot(self.hub, self.splits, self.label)
        return self._table.image(row)

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_table": None}


def read_batch(path: Path) -> dict[bytes, Any]:
    """The content of one of CIFAR's batches.

    Raises:
        DataError: missing, or not a pickle of plain arrays and lists.
    """
    try:
        return read_pickled_batch(path.read_bytes())
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror}") from error
    except DataError as error:
        raise DataError(f"{path}: {error}; fetch it again") from error


def source_of(
    about: Mapping[str, Any], ids: Sequence[str]
) -> "FolderBytes | BatchBytes | HubBytes":
    """The source that a prepared listing tells of."""
    if "hub" in about:
        return HubBytes(about["hub"], about["splits"], about["label"], ids)
    kind = BatchBytes if about["batches"] else FolderBytes
    return kind(Path(about["root"]), ids)
