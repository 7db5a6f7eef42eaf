"""What the pages of methods, cells and comparisons load: one script a method, only when asked for.

A shard of a method is a call `headwater.take({...})`; its evidence, which a comparison needs to
pair two methods, is a second one, `headwater.takeEvidence({...})`. Of a selection there are only
the records, for the pages of its cells.
"""

import base64
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np

from benchmark.result import Environment
from leaderboard.aggregate import STREAM, Located, Results, Run
from leaderboard.board import Board
from leaderboard.catalogue import FLOOR
from leaderboard.document import row_document
from leaderboard.evidence import Evidence
from leaderboard.selection import Track
from leaderboard.site.about import about
from leaderboard.site.folder import SiteFolder, slug
from leaderboard.site.look import Look


def write_shards(board: Board, site: SiteFolder, looks: Mapping[str, Look]) -> None:
    """Write both shards of every method of a board."""
    for row in board.rows:
        first, second = shard_files(board.card.id, row.method)
        shard = method_shard(board, row.method, looks[row.method])
        site.script(first, "headwater.take", shard)
        site.script(second, "headwater.takeEvidence", evidence_shard(board, row.method))


def write_track_shards(track: Track, site: SiteFolder, looks: Mapping[str, Look]) -> None:
    """Write the records of every choice of a track, for the pages of its cells."""
    for choice in track.choices:
        methods: dict[str, list[Run]] = {}  # it is one for each target that it looks at
        for run in track.runs_of(choice):
            methods.setdefault(run.method, []).append(run)
        for method, runs in methods.items():
            first, _ = shard_files(track.spec.id, method)
            shard = records_shard(track.results, runs, looks[choice.method])
            site.script(first, "headwater.take", shard)


def shard_files(protocol: str, method: str) -> tuple[str, str]:
    """Names of a method's two shards, in the folder of the site's data."""
    name = f"methods/{slug(protocol)}/{slug(method)}"
    return f"{name}.js", f"{name}.evidence.js"


def cell_address(found: Located) -> str:
    """Of the page that shows a record, which a shard has."""
    record = found.record
    of = f"{slug(record.protocol.id)}/{slug(record.method.name)}"
    where = f"seed={record.seeds.replicate}&after={record.stream.chunks_seen}"
    return f"cell.html?of={of}&cell={quote(_name(found), safe='')}&{where}"


def method_shard(board: Board, method: str, look: Look) -> dict[str, Any]:
    """All that is shown of a method, and the records of its cells."""
    row = board.row(method)
    assert row is not None
    run = board.runs[method][0]
    return {
        **records_shard(board.results, board.runs[method], look),
        "chunks": board.scores.last(run) or board.card.chunks,
        "tasks": [
            {"evaluation": kind, "task": task, "floor": _value(board, (kind, task))}
            for kind, task in board.card.cells()
        ],
        "row": row_document(row),
        "about": about(run.all_located[0], board.card.id.partition("/")[2].partition("@")[0]),
    }


def records_shard(results: Results, runs: Sequence[Run], look: Look) -> dict[str, Any]:
    """The records of a method, and what they have in common: all that a cell's page shows.

    Args:
        results: that have them.
        runs: of the method on one protocol, at least one.
        look: of the method.
    """
    environments: dict[Environment, int] = {}
    told = [
        {
            "seed": run.seed,
            "cells": [
                _cell(found, environments)
                for found in [
                    *run.choices,
                    *(run.phases[key] for key in sorted(run.phases)),
                    *(run.evaluations[key] for key in sorted(run.evaluations)),
                ]
            ],
        }
        for run in runs
    ]
    first = runs[0].all_located[0]
    record, protocol, method = first.record, runs[0].protocol, runs[0].method
    tier, vouched = results.tier(protocol, method), results.trust.of(protocol, method)
    return {
        "protocol": protocol,
        "protocol_slug": slug(protocol),
        "protocol_digest": record.protocol.digest,
        "method": method,
        "slug": slug(method),
        "look": {"hue": look.hue, "marker": look.marker, "path": look.path, "dash": look.dash},
        "trust": {
            "tier": tier,
            "evidence": vouched.evidence if vouched and tier != "self-reported" else "",
        },
        "version": record.method.version,
        "config": record.method.config,
        "bundle": bundle_of(first, results.store),
        "config_sha256": record.method.config_sha256,
        "source_sha256": record.method.source_sha256,
        "environments": [one.model_dump(mode="json") for one in environments],
        "runs": told,
    }


def _value(board: Board, cell: tuple[str, str]) -> float | None:
    row = board.row(FLOOR)
    return row.scores[cell].value if row and cell in row.scores else None


#: What a record lacks.
_NOTHING: tuple[Any, ...] = (None, [], {}, ())
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
        "cell": _name(found),
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
    kept = {name: value for name, value in told.items() if value or value not in _NOTHING}
    return {**kept, "environment": environments.setdefault(record.environment, len(environments))}


def _name(found: Located) -> str:
    """Of a cell: `selection`, `pretrain` or, for instance, `linear.flags`."""
    return ".".join(found.cell) if found.cell else found.record.kind


def bundle_of(found: Located, store: Path | None) -> str:
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
