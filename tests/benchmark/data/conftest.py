"""Tiny archives with the schema of the real packages, and a cache of their own for each test."""

import io
import json
import tarfile
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from benchmark.data.home import sha256_file
from benchmark.data.source import Library, Source

Pack = Callable[..., Source]


def tgz(path: Path, members: Mapping[str, object]) -> None:
    """Write a .tgz; members that are not bytes become JSON."""
    with tarfile.open(path, "w:gz") as tar:
        for name, content in members.items():
            raw = content if isinstance(content, bytes) else json.dumps(content).encode()
            info = tarfile.TarInfo(name)
            info.size = len(raw)
            tar.addfile(info, io.BytesIO(raw))


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """HEADWATER_HOME of the test."""
    home = tmp_path / "home"
    monkeypatch.setenv("HEADWATER_HOME", str(home))
    return home


@pytest.fixture
def library(cache: Path) -> Library:
    """A library in the test's cache."""
    (cache / "packages").mkdir(parents=True)
    return Library()


@pytest.fixture
def pack(library: Library) -> Pack:
    """Puts an archive into the library's cache and returns its source, rightly pinned."""

    def make(name: str, members: Mapping[str, object]) -> Source:
        source = Source(name, "npm", f"@test/{name}", "1.0.0", "", "MIT", "the tests")
        path = library.root / source.filename
        tgz(path, members)
        return Source(name, "npm", f"@test/{name}", "1.0.0", sha256_file(path), "MIT", "the tests")

    return make
