"""Manifests: the sample ids of every chunk, drawn once and kept as files."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmark.errors import UsageError
from benchmark.seeds import seed_for

_FOLDER = Path(__file__).parent / "manifests"


@dataclass(frozen=True)
class Manifest:
    """Sample ids of each chunk, first chunk first.

    Args:
        chunks: ids that are trained on.
        held_out: ids held out of the stream, for the accuracy on each chunk.
    """

    chunks: tuple[tuple[str, ...], ...]
    held_out: tuple[tuple[str, ...], ...]


def instance_split(ids: Sequence[str], n_chunks: int, *names: str | int) -> list[list[str]]:
    """Split ids at random into chunks of equal size (the first ones one larger if need be).

    Ids are put in the order of the hash of their name and `names`: the same split on every
    machine, whatever the order they come in.

    Example:
        >>> [sorted(chunk) for chunk in instance_split(["a", "b", "c", "d", "e"], 2, "seed", 0)]
        [['a', 'b', 'd'], ['c', 'e']]
    """
    ordered = sorted(ids, key=lambda name: (seed_for(*names, name), name))
    return [ordered[start::n_chunks] for start in range(n_chunks)]


def write_manifest(manifest: Manifest, folder: str, directory: Path = _FOLDER) -> Path:
    """Write a manifest, one id a line inside JSON, so that differences can be read."""
    path = directory / f"{folder}.json"
    text = {"chunks": manifest.chunks, "held_out": manifest.held_out}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(text, indent=0) + "\n")
    return path


def manifest_path(folder: str) -> Path:
    """Where the manifest of a protocol lies.

    Raises:
        UsageError: it is not part of this installation.
    """
    path = _FOLDER / f"{folder}.json"
    if not path.is_file():
        raise UsageError(f"no manifest for {folder} in this installation; reinstall headwater")
    return path


def manifest_sha256(folder: str) -> str:
    """Hash of the manifest's file."""
    return hashlib.sha256(manifest_path(folder).read_bytes()).hexdigest()


def load_manifest(folder: str) -> Manifest:
    """The manifest of a protocol, by its folder name (`instance-nano@1`)."""
    text = json.loads(manifest_path(folder).read_text())
    return Manifest(
        chunks=tuple(tuple(chunk) for chunk in text["chunks"]),
        held_out=tuple(tuple(chunk) for chunk in text["held_out"]),
    )
