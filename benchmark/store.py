"""The store: a folder of records, with the files that they vouch for beside them."""

import hashlib
import io
import json
import os
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from benchmark.canonical import write_whole
from benchmark.cells import Cell
from benchmark.data.home import sha256_file
from benchmark.errors import DataError, HeadwaterError, UsageError
from benchmark.result import FileRef, Record, read_record


class Store:
    """What is finished, on disk; a record is written last, so that finished means complete.

    Args:
        root: the folder; made when something is written.

    Raises:
        UsageError: there is a file of that name.
    """

    def __init__(self, root: Path) -> None:
        if root.exists() and not root.is_dir():
            raise UsageError(f"the store {root} is a file; choose a folder, or a new name")
        self.root = root

    def path(self, cell: Cell) -> Path:
        """Where the cell's record lies, or will lie."""
        return Path(f"{self.root}/{cell.folder}/{cell.name}.json")  # one parse, not three

    def state(self, cell: Cell, *, thorough: bool = True) -> str:
        """`done`, `pruned`, `failed`, `missing`, or `stale: ` with the reason.

        A pruned phase is done, and its weights are not kept.

        Args:
            cell: whose record is looked at.
            thorough: whether the content of its files is compared with their hashes; if not, their
                sizes are.
        """
        path = self.path(cell)
        try:
            record = read_record(path)
        except FileNotFoundError:
            return "missing"
        except DataError as error:
            return f"stale: {error}"
        if record.key != cell.key:
            return "stale: computed from another protocol, method, source or data"
        if record.status == "failed":
            return "failed"
        files = [(path.parent, file) for file in (record.predictions, record.checkpoint) if file]
        if record.shared:
            files.append((self._shared(cell), record.shared))
        for folder, file in files:
            try:
                size = os.stat(f"{folder}/{file.name}").st_size
            except FileNotFoundError:
                if file is record.checkpoint:
                    return "pruned"
                return f"stale: {file.name} is not there"
            if file.size not in (None, size) or (
                thorough and sha256_file(folder / file.name) != file.sha256
            ):
                return f"stale: {file.name} is altered"
        return "done"

    def record(self, cell: Cell) -> Record:
        """The cell's record."""
        return read_record(self.path(cell))

    def write(self, cell: Cell, record: Record) -> None:
        """Write the record; its files must have been written before."""
        write_whole(self.path(cell), record.to_json().encode())

    def write_predictions(self, cell: Cell, arrays: Mapping[str, NDArray[Any]]) -> FileRef | None:
        """Write arrays beside the record; None where there are none."""
        if not arrays:
            return None
        return _written(self.path(cell).with_suffix(".npz"), _packed(arrays))

    def read_predictions(self, cell: Cell) -> dict[str, NDArray[Any]]:
        """The arrays that a finished cell left.

        Raises:
            HeadwaterError: the cell is not finished, or its arrays are not there, or altered.
        """
        record = self.record(cell)
        path = self.path(cell).with_suffix(".npz")
        if record.predictions is None or record.key != cell.key or not path.is_file():
            raise HeadwaterError(f"{path} is not of this cell; run it again")
        with np.load(io.BytesIO(_vouched(path, record.predictions)), allow_pickle=False) as arrays:
            return dict(arrays)

    def write_shared(self, cell: Cell, arrays: Mapping[str, NDArray[Any]]) -> FileRef | None:
        """Write arrays that all methods have in common, unless they are there already."""
        if not arrays:
            return None
        path = self._shared(cell) / f"{cell.name}.npz"
        if _holds(path, arrays):
            return FileRef(name=path.name, sha256=sha256_file(path), size=path.stat().st_size)
        return _written(path, _packed(arrays))

    def shared_file(self, cell: Cell, file: FileRef) -> Path:
        """Where a file lies that a record shares with those of other methods."""
        return self._shared(cell) / file.name

    def _shared(self, cell: Cell) -> Path:
        """Folder of what all methods of the cell's protocol and replicate have in common."""
        protocol, *_, replicate, _ = Path(cell.folder).parts
        return self.root / protocol / "shared" / replicate

    def write_checkpoint(self, cell: Cell, state: Mapping[str, Any]) -> FileRef:
        """Write a checkpoint: `method`, its state, and what else the next phase needs.

        It is read with `weights_only`, so it holds tensors and plain values.
        """
        return _written(self.path(cell).parent / "checkpoint.pth", _saved(state))

    def read_checkpoint(self, cell: Cell) -> dict[str, Any]:
        """The checkpoint that a finished pre-training cell left.

        Raises:
            HeadwaterError: the cell is not finished, or its checkpoint is not kept, or altered.
        """
        record = self.record(cell)
        if record.checkpoint is None or record.key != cell.key:
            raise HeadwaterError(f"{self.path(cell)} is not of this phase; run it again")
        path = self.path(cell).parent / record.checkpoint.name
        if not path.is_file():
            raise HeadwaterError(f"{path} is not kept; run it again")
        return _loaded(_vouched(path, record.checkpoint))

    def prune_checkpoint(self, cell: Cell) -> None:
        """Give a finished phase's checkpoint up; its record stays."""
        self.path(cell).with_name("checkpoint.pth").unlink(missing_ok=True)

    def write_step(self, cell: Cell, step: int, state: Mapping[str, Any]) -> None:
        """Put by the state of a phase after some steps; what was put by before goes."""
        path = self._step_file(cell, f"step-{step}.pth")
        sha256 = write_whole(path, _saved(state))
        told = json.dumps({"key": cell.key, "name": path.name, "sha256": sha256})
        write_whole(self._step_file(cell, "step.json"), told.encode())
        for other in self._steps(cell):
            if other != path:
                other.unlink(missing_ok=True)

    def read_step(self, cell: Cell) -> dict[str, Any] | None:
        """The state that was put by last, if it is of the same cell and whole; else None."""
        try:
            told = json.loads(self._step_file(cell, "step.json").read_text())
            if told["key"] != cell.key:
                return None
            content = self.path(cell).with_name(told["name"]).read_bytes()
            if hashlib.sha256(content).hexdigest() != told["sha256"]:
                return None
        except (OSError, ValueError, KeyError, TypeError):
            return None
        return _loaded(content)

    def clear_steps(self, cell: Cell) -> None:
        """Give up what was put by: the phase is finished."""
        for path in (self._step_file(cell, "step.json"), *self._steps(cell)):
            path.unlink(missing_ok=True)

    def sweep(self, cell: Cell) -> None:
        """Remove what a process that was killed left half-written; the caller has the claim."""
        folder, name = self.path(cell).parent, cell.name
        asides = [f".{name}.json.*", f".{name}.npz.*", f"..{name}.*", f".{name}.running.json*"]
        if cell.kind == "pretrain":
            asides.append(".checkpoint.pth.*")
        for pattern in asides:
            for path in folder.glob(pattern):
                path.unlink(missing_ok=True)

    def _step_file(self, cell: Cell, ending: str) -> Path:
        return self.path(cell).with_name(f".{cell.name}.{ending}")

    def _steps(self, cell: Cell) -> list[Path]:
        return list(self.path(cell).parent.glob(f".{cell.name}.step-*.pth"))


def _holds(path: Path, arrays: Mapping[str, NDArray[Any]]) -> bool:
    """Whether a file has exactly these arrays."""
    try:
        with np.load(path, allow_pickle=False) as known:
            return sorted(known) == sorted(arrays) and all(
                np.array_equal(known[name], array) for name, array in arrays.items()
            )
    except (OSError, ValueError, zipfile.BadZipFile, zlib.error):  # not there, or damaged
        return False


def _packed(arrays: Mapping[str, NDArray[Any]]) -> bytes:
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)  # type: ignore[arg-type]
    return buffer.getvalue()


def _saved(state: Mapping[str, Any]) -> bytes:
    buffer = io.BytesIO()
    torch.save(dict(state), buffer)
    return buffer.getvalue()


def _loaded(content: bytes) -> dict[str, Any]:
    state: dict[str, Any] = torch.load(io.BytesIO(content), weights_only=True, map_location="cpu")
    return state


def _vouched(path: Path, file: FileRef) -> bytes:
    """The content of a file that a record names.

    Raises:
        HeadwaterError: it is not what the record says.
    """
    content = path.read_bytes()
    if hashlib.sha256(content).hexdigest() != file.sha256:
        raise HeadwaterError(f"{path} is altered since it was written; run it again")
    return content


def _written(path: Path, content: bytes) -> FileRef:
    return FileRef(name=path.name, sha256=write_whole(path, content), size=len(content))
