"""Canonical JSON, its hash, and writing a file whole or not at all."""

import hashlib
import json
import os
import tempfile
from pathlib import Path
from typing import Any


def sha256_of(value: Any) -> str:
    """Hash of a value's canonical JSON: sorted keys, no white space.

    Example:
        >>> sha256_of({"b": 1, "a": 2}) == sha256_of({"a": 2, "b": 1})
        True
    """
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def write_whole(path: Path, content: bytes, *, lasting: bool = True) -> str:
    """Write a file aside, sync it, and rename it into place; return its sha256.

    A reader sees the old file or the new one, never a part; an error leaves nothing behind.

    Args:
        path: of the file; its folder is made if need be.
        content: all of it.
        lasting: whether it has to outlast a loss of power; to make sure takes milliseconds a file,
            which what can be built again need not spend.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, aside = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            if lasting:
                os.fsync(file.fileno())
        os.chmod(aside, 0o644)
        os.replace(aside, path)
    except BaseException:
        Path(aside).unlink(missing_ok=True)
        raise
    return hashlib.sha256(content).hexdigest()
