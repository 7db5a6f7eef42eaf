"""The page of changes: what is newest; what became stale, and why; what cannot be read."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmark.result import Record
from leaderboard.aggregate import Results
from leaderboard.board import Board
from leaderboard.site.folder import slug


def changes(results: Results, boards: Sequence[Board], store: Path) -> dict[str, Any]:
    """What the template `changelog.html` shows; call it when the boards are built.

    Args:
        results: the records; what cannot be read shows as the boards look at predictions.
        boards: one a protocol.
        store: the records' folder, whose path no page tells.

    Example:
        >>> told = changes(Results((), problems=["runs/x.json is broken"]), [], Path("runs"))
        >>> told["problems"], told["stale"], told["protocols"]
        (['x.json is broken'], [], [])
    """
    return {
        "stale": _stale(results),
        "problems": sorted({without_folder(problem, store) for problem in results.problems}),
        "protocols": [
            {
                "id": board.card.id,
                "slug": slug(board.card.id),
                "digests": board.digests,
                "newest": (board.newest or "")[:10],
                "methods": _newest(board),
            }
            for board in sorted(boards, key=lambda one: (one.newest or "", one.card.id))[::-1]
        ],
    }


def _stale(results: Results) -> list[dict[str, Any]]:
    """Records left out, counted by protocol, method and reason; the newest first."""
    found: dict[tuple[str, str, str], list[Record]] = {}
    for one in results.stale:
        record = one.found.record
        found.setdefault((record.protocol.id, record.method.name, one.why), []).append(record)
    told = [
        {
            "protocol": protocol,
            "method": method,
            "why": why,
            "count": len(records),
            "ended": max(record.provenance.ended for record in records),
            "versions": sorted({record.provenance.headwater for record in records}),
        }
        for (protocol, method, why), records in sorted(found.items())
    ]
    return sorted(told, key=lambda one: one["ended"], reverse=True)


def _newest(board: Board) -> list[dict[str, Any]]:
    """Of each method the record that ended last; the newest first."""
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
    return sorted(told, key=lambda one: one["ended"], reverse=True)


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
