"""Reading members of downloaded archives; nothing is unpacked to disk, nothing is run."""

import gzip
import io
import tarfile
import zipfile
import zlib
from pathlib import Path, PurePosixPath
from typing import Protocol

from benchmark.errors import DataError

_BROKEN = (tarfile.TarError, zipfile.BadZipFile, EOFError, zlib.error, gzip.BadGzipFile)


class Archive(Protocol):
    """What both kinds of archive offer."""

    def names(self) -> list[str]: ...

    def read(self, name: str) -> bytes: ...


class _Tar:
    """A .tgz held in memory: gzip has no random access."""

    def __init__(self, path: Path) -> None:
        content = io.BytesIO(gzip.decompress(path.read_bytes()))
        self._tar = tarfile.open(fileobj=content)  # noqa: SIM115 - lives as long as the object
        self._files = {info.name: info for info in self._tar.getmembers() if info.isfile()}

    def names(self) -> list[str]:
        return sorted(self._files)

    def read(self, name: str) -> bytes:
        file = self._tar.extractfile(self._files[name])
        assert file is not None  # only regular files are in the table
        return file.read()


class _Zip:
    """A wheel, read from disk."""

    def __init__(self, path: Path) -> None:
        self._zip = zipfile.ZipFile(path)

    def names(self) -> list[str]:
        return sorted(info.filename for info in self._zip.infolist() if not info.is_dir())

    def read(self, name: str) -> bytes:
        return self._zip.read(name)


def open_archive(path: Path) -> Archive:
    """Open a .tgz (npm) or .whl (pip).

    Raises:
        DataError: truncated, not an archive, or a member's name leads out of the archive.
    """
    try:
        archive: Archive = _Zip(path) if path.suffix == ".whl" else _Tar(path)
        names = archive.names()
    except _BROKEN as error:
        raise DataError(f"{path} is damaged ({error}); delete it and prepare again") from error
    for name in names:
        pure = PurePosixPath(name.replace("\\", "/"))
        if pure.is_absolute() or ".." in pure.parts or name[1:2] == ":":
            raise DataError(f"{path} holds a member called {name!r}, which leads out of it")
    return archive
