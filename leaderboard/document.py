"""A board as plain data: what `--json` prints, and what the page offers beside itself."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmark.canonical import write_whole
from benchmark.errors import HeadwaterError
from leaderboard.aggregate import Results
from leaderboard.board import Board
from leaderboard.catalogue import EVALUATIONS
from leaderboard.frames import COSTS, NUMBERS, Line, cost_rows, number_rows, table
from leaderboard.row import Row
from leaderboard.statistics import Estimate


def board_document(board: Board) -> dict[str, Any]:
    """The whole board with stable keys; null for what is not there yet.

    Estimates are value, low, high (95 % interval, null where not known) and seeds.
    """
    return {
        "protocol": board.card.id,
        "protocol_digests": board.digests,
        "chunks": board.card.chunks,
        "image_visits": board.card.references.get("joint"),
        "reference_visits": dict(board.card.references),
        "tasks": {kind: [task for _, task in board.card.cells(kind)] for kind in EVALUATIONS},
        "seeds": board.seeds,
        "newest_record": board.newest,
        "stale_records": len(board.stale),
        "pending": list(board.pending),
        "rows": [row_document(row) for row in board.rows],
        "sequential_against_joint": [
            {
                "objective": objective,
                "gap": _estimate(board.gap(joint, sequential)),
                "tasks": [
                    {"evaluation": kind, "task": task, "gap": _estimate(difference)}
                    for (kind, task), difference in board.compare(joint, sequential).items()
                ],
            }
            for objective, sequential, joint in board.twins()
        ],
    }


def data_files(
    documents: Sequence[dict[str, Any]], numbers: Iterable[Line], costs: Iterable[Line]
) -> dict[str, bytes]:
    """What is offered for download, by the files' names.

    Args:
        documents: as `board_document` makes them.
        numbers, costs: rows as `number_rows` and `cost_rows` make them.
    """
    from pyarrow import BufferOutputStream, Table
    from pyarrow.csv import WriteOptions, write_csv
    from pyarrow.parquet import write_table

    files = {"leaderboard.json": (json.dumps(documents, allow_nan=False) + "\n").encode()}
    for name, rows, heads in (("numbers", numbers, NUMBERS), ("costs", costs, COSTS)):
        frame = table(rows, heads)
        columnar = Table.from_pandas(frame, preserve_index=False)
        text, columns = BufferOutputStream(), BufferOutputStream()
        write_csv(columnar, text, WriteOptions(quoting_style="needed"))
        write_table(columnar, columns)
        files[f"{name}.csv"] = text.getvalue().to_pybytes()
        files[f"{name}.parquet"] = columns.getvalue().to_pybytes()
        files[f"{name}.json"] = (frame.to_json(orient="records") + "\n").encode()
    return files


def write_data_files(folder: Path, results: Results, boards: Sequence[Board]) -> None:
    """Write `data_files` of a store into a folder.

    Raises:
        HeadwaterError: the folder cannot be written to.
    """
    documents = [board_document(board) for board in boards]
    try:
        files = data_files(documents, number_rows(results), cost_rows(results))
        for name, content in files.items():
            write_whole(folder / name, content)
    except OSError as error:
        raise HeadwaterError(f"cannot write to {folder}: {error.strerror}") from error


def row_document(row: Row) -> dict[str, Any]:
    """A row with stable keys."""
    return {
        "method": row.method,
        "trust": row.trust,
        "rank": list(row.ranks) if row.ranks else None,
        "group": row.group or None,
        "seeds": list(row.seeds),
        "complete": not row.missing,
        "transfer": _estimate(row.transfer),
        "fewshot": _estimate(row.averages["fewshot"]),
        "detection": _estimate(row.averages["detection"]),
        "gap_to_joint": _estimate(row.gap),
        "gap_recovered": _estimate(row.recovered),
        "tasks_above_untrained": row.above_floor,
        "forgetting": _estimate(row.forgetting),
        "forgetting_pooled": _estimate(row.course.first_forgetting["pooled"]),
        "mean_forgetting": _estimate(row.course.forgetting["aware"]),
        "mean_forgetting_pooled": _estimate(row.course.forgetting["pooled"]),
        "forward_transfer": _estimate(row.course.forward),
        "final_accuracy": _estimate(row.course.final["aware"]),
        "final_accuracy_pooled": _estimate(row.course.final["pooled"]),
        "accuracy_matrix": {
            reading: [[_estimate(entry) for entry in line] for line in matrix]
            for reading, matrix in row.course.matrix.items()
        },
        "first_chunk": [
            {"chunks_seen": seen, **(_estimate(point) or {})} for seen, point in row.first_chunk
        ],
        "image_visits": row.cost.visits if row.cost else None,
        "pretrain_seconds": row.cost.seconds if row.cost else None,
        "cost": asdict(row.cost) if row.cost else None,
        "evaluation_seconds": row.evaluation_seconds,
        "scores": [
            {"evaluation": kind, "task": task, **(_estimate(score) or {})}
            for (kind, task), score in row.scores.items()
        ],
        "missing": [".".join(cell) for cell in row.missing],
        "failed": {".".join(cell) if cell else "pretrain": e for cell, e in row.failed.items()},
        "command": row.command,
    }


def _estimate(value: Estimate | None) -> dict[str, Any] | None:
    if value is None:
        return None
    return {"value": value.value, "low": value.low, "high": value.high, "seeds": value.seeds}
