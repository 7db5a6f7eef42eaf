"""The page of changes: what is newest; what became stale, and why; what cannot be read."""

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from benchmark.result import Record
from leaderboard.aggregate import Results
from leaderboard.board import Board
from leaderboard.site.folder import slug


def changes(
    protocols: Iterable[dict[str, Any]],
    stale: Iterable[dict[str, Any]],
    problems: Iterable[str],
    store: Path,
) -> dict[str, Any]:
    """What the template `changelog.html` shows, the newest first.

    Args:
        protocols: what `newest_records` says of each.
        stale: what `stale_records` says of them.
        problems: what cannot be read, a sentence each; it shows as boards look at predictions.
        store: the records' folder, whose path no page tells.

    Example:
        >>> changes([], [], ["runs/x.json is broken"], Path("runs"))["problems"]
        ['x.json is broken']
    """
    ordered = sorted(stale, key=lambda one: (one["protocol"], one["method"], one["why"]))
    return {
        "stale": sorted(ordered, key=lambda one: str(one["ended"]), reverse=True),
        "problems": sorted({without_folder(problem, store) for problem in problems}),
        "protocols": sorted(protocols, key=lambda one: (one["newest"], one["id"]), reverse=True),
    }


def stale_records(results: Results) -> list[dict[str, Any]]:
    """Records left out, counted by protocol, method and reason."""
    found: dict[tuple[str, str, str], list[Record]] = {}
    for one in results.stale:
        record = one.found.record
        found.setdefault((record.protocol.id, record.method.name, one.why), []).append(record)
    return [
        {
            "protocol": protocol,
            "method": method,
            "why": why,
            "count": len(records),
            "ended": max(record.provenance.ended for record in records),
            "versions": sorted({record.provenance.headwater for record in records}),
        }
        for (protocol, method, why), records in found.items()
    ]


def newest_records(board: Board) -> dict[str, Any]:
    """Of a protocol's methods the record that ended last, the newest first."""
    told: list[dict[str, Any]] = []
    for row in sorted(board.rows, key=lambda one: one.method):
        records = [one.record for run in board.runs[row.method] for one in run.all_located]
        last = max(records, key=lambda record: (record.provenance.ended, record.provenance.argv))
        told.append(
            {
                "method": row.method,
                "slug": slug(row.method),
                "ended": last.provenance.ended,
                "records": len(records),
                "versions": sorted({record.provenance.headwater for record in records}),
                "trust": row.trust,
            }
        )
    return {
        "id": board.card.id,
        "slug": slug(board.card.id),
        "digests": board.digests,
        "newest": board.newest or "",
        "methods": sorted(told, key=lambda one: str(one["ended"]), reverse=True),
    }


def without_folder(text: str, folder: Path) -> str:
    """A text without the path of a folder, as it is written or in full.

    Example:
        >>> without_folder("runs/a.json and runs/b.json", Path("runs"))
        'a.json and b.json'
    """
    names = {str(folder), str(folder.absolute()), str(folder.resolve())} - {".", "/"}
    for name in sorted(names, key=lambda one: (-len(one), one)):
        text = re.sub(rf"(?<![\w./-]){re.escape(name)}/", "", text)
    return text
