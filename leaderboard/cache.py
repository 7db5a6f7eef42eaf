"""Evidence that was computed before, kept in one file of the user's cache, and in one of a store.

It is named by the hash of the predictions that it comes from, and by the code that computed it, so
that it is never out of date; whatever is wrong with a file, the evidence is computed again. The
file of a store, `evidence.sqlite`, is its keeper's, as `trust.json` is: `headwater validate
--trust` writes it, so that no machine has to compute again what one has.
"""

import os
import sqlite3
import zlib
from collections.abc import Iterable, Mapping
from contextlib import closing, suppress
from functools import cache
from pathlib import Path

import numpy as np

from benchmark.data.home import home
from benchmark.errors import DataError
from benchmark.provenance import source_sha256
from leaderboard.evidence import Evidence

#: How many new entries are kept back before they are written together.
BATCH = 512
#: Name of the file at the root of a store.
EVIDENCE = "evidence.sqlite"
_IDENTITY = 16
#: Bytes of the evidence of one metric, at most: of a million test units.
_LARGEST = 4_000_016
_TABLE = "CREATE TABLE IF NOT EXISTS kept (name TEXT PRIMARY KEY, it BLOB)"


class EvidenceCache:
    """Evidence by the predictions' hash and the metric.

    Args:
        file: of the cache; made where it is not there. None: there is only that of the store.
        store: a store, whose own file is looked into first, and never written.

    Example:
        >>> import tempfile
        >>> one = Evidence(b"0" * 16, np.ones(3, np.float32))
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     EvidenceCache(Path(folder) / "a").write("f" * 64, {"top1": one})
        ...     found = EvidenceCache(Path(folder) / "a").read("f" * 64, ["top1"])
        >>> found["top1"].parts.tolist()
        [1.0, 1.0, 1.0]
    """

    def __init__(self, file: Path | None, store: Path | None = None) -> None:
        self.file = file
        self._new: list[tuple[str, bytes]] = []
        self._own: sqlite3.Connection | None = None
        self._stores = _open_to_read(store / EVIDENCE) if store else None
        if file is None:
            return
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            self._own = sqlite3.connect(file, timeout=10)
            self._own.execute("PRAGMA synchronous = OFF")
            self._own.execute(_TABLE)
        except (OSError, sqlite3.Error):
            self._own = None

    def read(self, sha256: str, metrics: list[str]) -> dict[str, Evidence] | None:
        """Evidence of all these metrics; None if that of one is not there."""
        found = {}
        for metric in metrics:
            content = _get(self._stores, sha256, metric)
            if content is None:
                content = _get(self._own, sha256, metric)
            if content is None:
                return None
            if content:
                parts = np.frombuffer(content, np.float32, offset=_IDENTITY)
                found[metric] = Evidence(content[:_IDENTITY], parts)
        return found

    def write(self, sha256: str, found: Mapping[str, Evidence | None]) -> None:
        """Keep evidence, and of which metrics there is none."""
        for metric, one in found.items():
            content = one.identity + one.parts.tobytes() if one else b""
            self._new.append((_name(sha256, metric), zlib.compress(content)))
        if len(self._new) >= BATCH:
            self.flush()

    def flush(self) -> None:
        """Write what is kept back."""
        new, self._new = self._new, []
        if self._own is None or not new:
            return
        try:
            with self._own:
                self._own.executemany("INSERT OR REPLACE INTO kept VALUES (?, ?)", new)
        except sqlite3.Error:  # another process writes, or the disk is full: computed again then
            self._own.rollback()

    def share(self, store: Path, hashes: Iterable[str]) -> None:
        """Write what is known of some predictions into the file of a store, whole or not at all.

        What the file has from other code is dropped; the same evidence gives the same bytes.

        Args:
            store: folder that the file is written into.
            hashes: of the predictions.

        Raises:
            DataError: it cannot be written.
        """
        self.flush()
        wanted = set(hashes)
        kept: dict[str, bytes] = {}
        for source in (_open_to_read(store / EVIDENCE), self._own):
            with suppress(sqlite3.Error):
                for name, content in source.execute("SELECT * FROM kept") if source else ():
                    if name.endswith(_code()) and (source is not self._own or name[:64] in wanted):
                        kept[name] = content
        aside = store / f".{EVIDENCE}.{os.getpid()}"
        aside.unlink(missing_ok=True)
        try:
            with closing(sqlite3.connect(aside)) as file, file:
                file.execute(_TABLE + " WITHOUT ROWID")
                file.executemany("INSERT INTO kept VALUES (?, ?)", sorted(kept.items()))
            aside.replace(store / EVIDENCE)
        except (OSError, sqlite3.Error) as error:
            aside.unlink(missing_ok=True)
            why = error.strerror if isinstance(error, OSError) else error
            raise DataError(f"{store / EVIDENCE} cannot be written: {why}") from error

    def __del__(self) -> None:
        self.flush()
        for opened in (self._own, self._stores):
            if opened is not None:
                opened.close()


def _open_to_read(file: Path) -> sqlite3.Connection | None:
    """A file that is there, and never changed."""
    with suppress(sqlite3.Error):
        return sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro&immutable=1", uri=True)
    return None


def _get(file: sqlite3.Connection | None, sha256: str, metric: str) -> bytes | None:
    """Identity and parts in one, empty for no evidence; None if it is not there or damaged."""
    if file is None:
        return None
    query, unpacked = "SELECT it FROM kept WHERE name = ?", zlib.decompressobj()
    try:
        row = file.execute(query, (_name(sha256, metric),)).fetchone()
        content = unpacked.decompress(row[0], _LARGEST) if row else b""
    except (sqlite3.Error, TypeError, zlib.error):
        return None
    whole = unpacked.eof and (not content or len(content) > _IDENTITY) and len(content) % 4 == 0
    return content if whole else None


def _name(sha256: str, metric: str) -> str:
    return f"{sha256} {metric} {_code()}"


@cache
def _code() -> str:
    """Hash of the code that evidence comes from."""
    metrics = ("tasks.detection.metrics", "tasks.probes.metrics", "tasks.resampled")
    return source_sha256(("leaderboard.cache", "leaderboard.evidence", *metrics))[:16]


def users_cache() -> Path:
    """Where the evidence of this user is kept."""
    return home() / "evidence.sqlite"
