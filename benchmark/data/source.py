"""Pinned packages, and the library that holds their verified archives."""

import importlib.util
import json
import os
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, Literal

from benchmark.data.archive import Archive, open_archive
from benchmark.data.fetch import download
from benchmark.data.home import explained, home, sha256_file
from benchmark.errors import DataError

#: Called with what is going on, how many are done, and of how many.
Progress = Callable[[str, int, int], None]

#: Downloads at a time: they wait for the network more than they work.
_AT_A_TIME = 8


@dataclass(frozen=True)
class Source:
    """A pinned package that images come from.

    Args:
        name: short, for messages and file names.
        registry: "npm", "pypi", or "installed" for data inside a package that is installed anyway
            (then `package` is what is imported and `version` is "any").
        package, version: as the registry calls them.
        sha256: of the archive; for "installed", of the one file that is read.
        licence: SPDX expression.
        attribution: who made the content, as the licence wants it said.
        note: anything that a user must know before use.
    """

    name: str
    registry: Literal["npm", "pypi", "installed"]
    package: str
    version: str
    sha256: str
    licence: str
    attribution: str
    note: str = ""

    @property
    def filename(self) -> str:
        """Name of the archive in the cache."""
        return f"{self.name}-{self.version}.{'tgz' if self.registry == 'npm' else 'whl'}"


class Library:
    """The downloaded archives, each checked against its pinned sha256 before it is read.

    Archives are read in memory and none of a package's code is run. What is missing, or damaged
    in the cache, is downloaded when it is first needed.

    Args:
        root: folder of the archives; `packages` under `home()` if None.

    Example:
        >>> Library().root.name
        'packages'
    """

    def __init__(self, root: Path | None = None) -> None:
        self.root = root or home() / "packages"
        self._checked: set[Source] = set()
        self._open: OrderedDict[Source, Archive] = OrderedDict()

    def read(self, source: Source, member: str) -> bytes:
        """Content of one member.

        Args:
            source: the package.
            member: path inside the archive, such as "package/icons.json".

        Raises:
            DataError: the package cannot be had, is not what was pinned, or has no such member.
        """
        if source.registry == "installed":
            return _read_installed(source, member)
        archive = self._archive(source)
        try:
            return archive.read(member)
        except KeyError:
            raise DataError(f"{source.package} {source.version} has no member {member!r}") from None

    def members(self, source: Source) -> list[str]:
        """Names of the files in an archive, sorted.

        Raises:
            DataError: the package cannot be had or is not what was pinned.
        """
        return self._archive(source).names()

    def json(self, source: Source, member: str) -> Any:
        """One member parsed as JSON.

        Raises:
            DataError: as `read`, or the member is not JSON.
        """
        try:
            return json.loads(self.read(source, member))
        except ValueError as error:
            raise DataError(f"{member} of {source.package} is not JSON: {error}") from error

    def ensure(
        self,
        sources: Iterable[Source],
        progress: Progress | None = None,
        *,
        verify: bool = False,
    ) -> None:
        """Download what is missing or damaged, several packages at a time.

        Args:
            sources: the packages that will be read.
            progress: told after each download.
            verify: hash every archive again instead of trusting its size and time.

        Raises:
            DataError: one of them cannot be had; those already there stay.
        """
        wanted = [s for s in dict.fromkeys(sources) if s.registry != "installed"]
        missing = [s for s in wanted if s not in self._checked or verify]
        missing = [s for s in missing if not self._is_good(s, verify)]
        if not missing:
            return
        with explained(self.root):
            self.root.mkdir(parents=True, exist_ok=True)
        pool = ThreadPoolExecutor(_AT_A_TIME)
        try:
            jobs = {pool.submit(self._fetch, some): some for some in _shares(missing)}
            done = 0
            for job in as_completed(jobs):
                job.result()
                done += len(jobs[job])
                if progress:
                    progress(f"downloaded {jobs[job][-1].package}", done, len(missing))
        finally:
            pool.shutdown(cancel_futures=True)

    def _archive(self, source: Source) -> Archive:
        if source not in self._open:
            self.ensure([source])
            self._open[source] = open_archive(self.root / source.filename)
            if len(self._open) > 2:  # one of them takes 100 MB
                self._open.popitem(last=False)
        self._open.move_to_end(source)
        return self._open[source]

    def _is_good(self, source: Source, verify: bool = False) -> bool:
        path = self.root / source.filename
        stamp = path.with_name(path.name + ".json")
        try:
            known = json.loads(stamp.read_bytes())
            same = known == _stamp(path, source.sha256)
        except (OSError, ValueError):
            same = False
        good = same and not verify
        if not good and path.is_file() and sha256_file(path) == source.sha256:
            good = True
            with suppress(OSError):  # the stamp saves time only; a shared cache may be read-only
                stamp.write_text(json.dumps(_stamp(path, source.sha256)))
        if good:
            self._checked.add(source)
        return good

    def _fetch(self, sources: Sequence[Source]) -> None:
        with explained(self.root):
            parts = download(sources, self.root)
            try:
                for source, part in zip(sources, parts, strict=True):
                    found = sha256_file(part)
                    if found != source.sha256:
                        raise DataError(
                            f"the registry's {source.package} {source.version} has sha256 "
                            f"{found}, pinned is {source.sha256}; it was thrown away unread"
                        )
                    os.replace(part, self.root / source.filename)
                    self._is_good(source)
            finally:
                for part in parts:
                    part.unlink(missing_ok=True)


def _shares(sources: Sequence[Source]) -> list[list[Source]]:
    """What one client downloads in one go: npm several packages, for it is slow to start."""
    npm = [source for source in sources if source.registry == "npm"]
    shares = [npm[start::_AT_A_TIME] for start in range(min(_AT_A_TIME, len(npm)))]
    return [[source] for source in sources if source.registry == "pypi"] + shares


def _stamp(path: Path, digest: str) -> dict[str, object]:
    stat = path.stat()
    return {"sha256": digest, "size": stat.st_size, "mtime_ns": stat.st_mtime_ns}


def _read_installed(source: Source, member: str) -> bytes:
    # find_spec of a submodule imports its parents; of a top-level package it imports nothing.
    spec = importlib.util.find_spec(source.package)
    if spec is None or not spec.submodule_search_locations:
        raise DataError(f"{source.package} is not installed; run: pip install {source.name}")
    path = Path(spec.submodule_search_locations[0], member)
    if not path.is_file() or sha256(content := path.read_bytes()).hexdigest() != source.sha256:
        raise DataError(
            f"the installed {source.package} has another {member} than was pinned; "
            f"install the locked version"
        )
    return content
