"""The store: a folder of records, with the files that they vouch for beside them."""

import io
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
        return self.root / cell.folder / f"{cell.name}.json"

    def state(self, cell: Cell) -> str:
        """`done`, `failed`, `missing`, or `stale: ` with the reason."""
        path = self.path(cell)
        if not path.is_file():
            return "missing"
        try:
            record = read_record(path)
        except DataError as error:
            return f"stale: {error}"
        if record.key != cell.key:
            return "stale: computed from another protocol, method, source or data"
        if record.status == "failed":
            return "failed"
        files = [(path.parent, file) for file in (record.predictions, record.checkpoint)]
        for folder, file in (*files, (self._shared(cell), record.shared)):
            if file is None:
                continue
            if not (folder / file.name).is_file():
                return f"stale: {file.name} is not there"
            if sha256_file(folder / file.name) != file.sha256:
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
        buffer = io.BytesIO()
        np.savez_compressed(buffer, **arrays)  # type: ignore[arg-type]
        name = f"{cell.name}.npz"
        content = buffer.getvalue()
        return FileRef(name=name, sha256=write_whole(self.path(cell).parent / name, content))

    def write_shared(self, cell: Cell, arrays: Mapping[str, NDArray[Any]]) -> FileRef | None:
        """Write arrays that all methods have in common, unless they are there already."""
        if not arrays:
            return None
        path = self._shared(cell) / f"{cell.name}.npz"
        if path.is_file():
            with np.load(path, allow_pickle=False) as known:
                same = sorted(known) == sorted(arrays) and all(
                    np.array_equal(known[name], array) for name, array in arrays.items()
                )
            if same:
                return FileRef(name=path.name, sha256=sha256_file(path))
        buffer = io.BytesIO()
        np.savez_compressed(buffer, **arrays)  # type: ignore[arg-type]
        return FileRef(name=path.name, sha256=write_whole(path, buffer.getvalue()))

    def _shared(self, cell: Cell) -> Path:
        """Folder of what all methods of the cell's protocol and replicate have in common."""
        protocol, *_, replicate, _ = Path(cell.folder).parts
        return self.root / protocol / "shared" / replicate

    def write_checkpoint(self, cell: Cell, state: Mapping[str, Any]) -> FileRef:
        """Write a checkpoint: `method`, its state, and what else the next phase needs.

        It is read with `weights_only`, so it holds tensors and plain values.
        """
        buffer = io.BytesIO()
        torch.save(dict(state), buffer)
        path = self.path(cell).parent / "checkpoint.pth"
        return FileRef(name=path.name, sha256=write_whole(path, buffer.getvalue()))

    def read_checkpoint(self, cell: Cell) -> dict[str, Any]:
        """The checkpoint that a finished pre-training cell left.

        Raises:
            HeadwaterError: the cell is not finished.
        """
        record = self.record(cell)
        if record.checkpoint is None:
            raise HeadwaterError(f"{self.path(cell)} has no checkpoint; run it again")
        path = self.path(cell).parent / record.checkpoint.name
        state: dict[str, Any] = torch.load(path, weights_only=True, map_location="cpu")
        return state
