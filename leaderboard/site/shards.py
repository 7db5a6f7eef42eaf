"""What the pages of methods, cells and comparisons load: one script a method, only when asked for.

A shard of a method is a call `headwater.take({...})`; its evidence, which a comparison needs to
pair two methods, is a second one, `headwater.takeEvidence({...})`.
"""

import base64
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from benchmark.result import Environment
from leaderboard.aggregate import STREAM, Located
from leaderboard.board import Board
from leaderboard.catalogue import FLOOR
from leaderboard.document import row_document
from leaderboard.evidence import Evidence
from leaderboard.site.about import about
from leaderboard.site.folder import SiteFolder, slug
from leaderboard.site.look import Look


def write_shards(board: Board, site: SiteFolder, looks: Mapping[str, Look]) -> None:
    """Write both shards of every method of a board."""
    for row in board.rows:
        first, second = shard_files(board, row.method)
        shard = method_shard(board, row.method, looks[row.method])
        site.script(first, "headwater.take", shard)
        site.script(second, "headwater.takeEvidence", evidence_shard(board, row.method))


def shard_files(board: Board, method: str) -> tuple[str, str]:
    """Names of a method's two shards, in the folder of the site's data."""
    name = f"methods/{slug(board.card.id)}/{slug(method)}"
    return f"{name}.js", f"{name}.evidence.js"


def method_shard(board: Board, method: str, look: Look) -> dict[str, Any]:
    """All that is shown of a method, and the records of its cells."""
    row = board.row(method)
    assert row is not None
    environments: dict[Environment, int] = {}
    runs = [
        {
            "seed": run.seed,
            "cells": [
                _cell(found, environments)
                for found in [
                    *(run.phases[key] for key in sorted(run.phases)),
                    *(run.evaluations[key] for key in sorted(run.evaluations)),
                ]
            ],
        }
        for run in board.runs[method]
    ]
    run = board.runs[method][0]
    first = run.all_located[0]
    record = first.record
    vouched = board.results.trust.of(board.card.id, method)
    return {
        "protocol": board.card.id,
        "protocol_slug": slug(board.card.id),
        "protocol_digest": record.protocol.digest,
        "method": method,
        "slug": slug(method),
        "look": {"hue": look.hue, "marker": look.marker, "path": look.path, "dash": look.dash},
        "trust": {
            "tier": row.trust,
            "evidence": vouched.evidence if vouched and row.trust != "self-reported" else "",
        },
        "chunks": board.scores.last(run) or board.card.chunks,
        "tasks": [
            {"evaluation": kind, "task": task, "floor": _value(board, (kind, task))}
            for kind, task in board.card.cells()
        ],
        "row": row_document(row),
        "about": about(first, board.card.id.partition("/")[2].partition("@")[0]),
        "version": record.method.version,
        "config": record.method.config,
        "bundle": _bundle(first, board.results.store),
        "config_sha256": record.method.config_sha256,
        "source_sha256": record.method.source_sha256,
        "environments": [one.model_dump(mode="json") for one in environments],
        "runs": runs,
    }


def _value(board: Board, cell: tuple[str, str]) -> float | None:
    row = board.row(FLOOR)
    return row.scores[cell].value if row and cell in row.scores else None


#: What is told of a record elsewhere, or in other words.
_ELSEWHERE = {
    *("environment", "method", "protocol", "schema_version", "trust"),
    *("provenance", "curve", "seeds"),
}


def _cell(found: Located, environments: dict[Environment, int]) -> dict[str, Any]:
    """A record, what it lacks left out, its environment told by number since most have the same."""
    record, provenance = found.record, found.record.provenance
    told = {
        **record.model_dump(mode="json", exclude=_ELSEWHERE),
        "curve": [[point.visits, point.loss] for point in record.curve],
        "cell": ".".join(found.cell) if found.cell else "pretrain",
        "after": record.stream.chunks_seen,
        "cause": record.cause if record.status == "failed" else None,
        "file": "/".join(found.path.parts[-_depth(found) :]),
        "command": found.command,
        "started": provenance.started,
        "ended": provenance.ended,
        "headwater": provenance.headwater,
        # numbers of 63 bits: a page would round them
        "seeds": {name: str(number) for name, number in record.seeds},
    }
    kept = {name: value for name, value in told.items() if value not in (None, [], {}, ())}
    return {**kept, "environment": environments.setdefault(record.environment, len(environments))}


def _bundle(found: Located, store: Path | None) -> str:
    """The folder of the store that a method was submitted as; empty for one of the store's own."""
    parts = found.path.relative_to(store).parts if store else ()
    return parts[0] if len(parts) > _depth(found) else ""


def _depth(found: Located) -> int:
    """Parts of a record's path from its protocol's folder on."""
    return 4 + len(found.record.method.name.split("/"))


def evidence_shard(board: Board, method: str) -> dict[str, Any]:
    """Values of all cells on the last checkpoint, and what pairs them with another method's."""
    cells: dict[str, dict[str, Any]] = {}
    for run in board.runs[method]:
        for cell in board.card.cells():
            score = board.scores.of(run, cell)
            if score is None or cell == STREAM:
                continue
            packed = _packed(score.evidence) if score.evidence else {}
            told = {"value": score.value, "error": score.standard_error, **packed}
            cells.setdefault(".".join(cell), {})[str(run.seed)] = told
    return {"protocol_slug": slug(board.card.id), "slug": slug(method), "cells": cells}


def _packed(evidence: Evidence) -> dict[str, Any]:
    """The parts as 16-bit numbers times a scale: the error in a distance is some 1e-5 of it."""
    scale = float(np.abs(evidence.parts).max(initial=0)) / 32767 or 1.0
    parts = np.round(evidence.parts / scale).astype("<i2")
    return {
        "identity": evidence.identity.hex(),
        "scale": scale,
        "parts": base64.b64encode(parts.tobytes()).decode(),
    }
