"""Evidence that was computed before, kept in one file of the user's cache.

It is named by the hash of the predictions that it comes from, and by the code that computed it, so
that it is never out of date; whatever is wrong with the file, the evidence is computed again.
"""

import sqlite3
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import numpy as np

from benchmark.data.home import home
from benchmark.provenance import source_sha256
from leaderboard.evidence import Evidence

#: How many new entries are kept back before they are written together.
BATCH = 512
_IDENTITY = 16


class EvidenceCache:
    """Evidence by the predictions' hash and the metric.

    Args:
        file: of the cache; made where it is not there.

    Example:
        >>> import tempfile
        >>> one = Evidence(b"0" * 16, np.ones(3, np.float32))
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     EvidenceCache(Path(folder) / "a").write("f" * 64, {"top1": one})
        ...     found = EvidenceCache(Path(folder) / "a").read("f" * 64, ["top1"])
        >>> found["top1"].parts.tolist()
        [1.0, 1.0, 1.0]
    """

    def __init__(self, file: Path) -> None:
        self.file = file
        self._new: list[tuple[str, bytes]] = []
        self._store: sqlite3.Connection | None = None
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            self._store = sqlite3.connect(file, timeout=10)
            self._store.execute("PRAGMA synchronous = OFF")
            self._store.execute("CREATE TABLE IF NOT EXISTS kept (name TEXT PRIMARY KEY, it BLOB)")
        except (OSError, sqlite3.Error):
            self._store = None

    def read(self, sha256: str, metrics: list[str]) -> dict[str, Evidence] | None:
        """Evidence of all these metrics; None if that of one is not there."""
        found = {}
        for metric in metrics:
            content = self._get(_name(sha256, metric))
            if content is None:
                return None
            if content:
                parts = np.frombuffer(content, np.float32, offset=_IDENTITY)
                found[metric] = Evidence(content[:_IDENTITY], parts)
        return found

    def _get(self, name: str) -> bytes | None:
        if self._store is None:
            return None
        try:
            row = self._store.execute("SELECT it FROM kept WHERE name = ?", (name,)).fetchone()
        except sqlite3.Error:
            return None
        return row[0] if row and isinstance(row[0], bytes) else None

    def write(self, sha256: str, found: Mapping[str, Evidence | None]) -> None:
        """Keep evidence, and of which metrics there is none."""
        for metric, one in found.items():
            content = one.identity + one.parts.tobytes() if one else b""
            self._new.append((_name(sha256, metric), content))
        if len(self._new) >= BATCH:
            self.flush()

    def flush(self) -> None:
        """Write what is kept back."""
        new, self._new = self._new, []
        if self._store is None or not new:
            return
        try:
            with self._store:
                self._store.executemany("INSERT OR REPLACE INTO kept VALUES (?, ?)", new)
        except sqlite3.Error:  # another process writes, or the disk is full: computed again then
            self._store.rollback()

    def __del__(self) -> None:
        self.flush()
        if self._store is not None:
            self._store.close()


def _name(sha256: str, metric: str) -> str:
    return f"{sha256} {metric} {_code()}"


@cache
def _code() -> str:
    """Hash of the code that evidence comes from."""
    metrics = ("tasks.detection.metrics", "tasks.probes.metrics", "tasks.resampled")
    return source_sha256(("leaderboard.evidence", *metrics))[:16]


def users_cache() -> Path:
    """Where the evidence of this user is kept."""
    return home() / "evidence.sqlite"
