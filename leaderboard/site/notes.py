"""The page of changes: what became stale, and why; what cannot be read; what is newest."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from leaderboard.aggregate import Results
from leaderboard.board import Board
from leaderboard.site.folder import slug


def changes(results: Results, boards: Sequence[Board], store: Path) -> dict[str, Any]:
    """What the template `changelog.html` shows.

    Args:
        results: the records.
        boards: one a protocol.
        store: the records' folder, whose path no page tells.
    """
    left_out: dict[tuple[str, str, str], list[str]] = {}
    for stale in results.stale:
        record = stale.found.record
        key = record.protocol.id, record.method.name, stale.why
        left_out.setdefault(key, []).append(record.provenance.ended)
    newest = [
        {
            "date": record.provenance.ended[:10],
            "protocol": board.card.id,
            "protocol_slug": slug(board.card.id),
            "method": row.method,
            "of": f"{slug(board.card.id)}/{slug(row.method)}",
            "version": record.provenance.headwater,
            "trust": row.trust,
            "ended": record.provenance.ended,
        }
        for board in boards
        for row in board.rows
        if (record := _newest(board, row.method))
    ]
    return {
        "left_out": [
            {"protocol": p, "method": m, "why": why, "count": len(e), "newest": max(e)[:10]}
            for (p, m, why), e in sorted(left_out.items())
        ],
        "problems": sorted({_without(problem, store) for problem in results.problems}),
        "records": sorted(
            newest, key=lambda one: (one["ended"], one["protocol"], one["method"]), reverse=True
        ),
        "digests": [
            {"id": b.card.id, "slug": slug(b.card.id), "digests": b.digests} for b in boards
        ],
    }


def _newest(board: Board, method: str) -> Any:
    """The record of a method that ended last."""
    records = [
        found.record
        for run in board.runs[method]
        for found in [*run.phases.values(), *run.evaluations.values()]
    ]
    return max(records, key=lambda record: record.provenance.ended)


def _without(problem: str, store: Path) -> str:
    """A problem without the folders of the machine that looked."""
    for name in {str(store), str(store.absolute()), str(store.resolve())}:
        problem = problem.replace(f"{name}/", "")
    return problem
