"""The page of a protocol: what its stream consists of, and how methods fare along it."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from benchmark.errors import DataError
from benchmark.streams.picture import stream_rows
from leaderboard import words
from leaderboard.aggregate import STREAM, Cell
from leaderboard.board import Board
from leaderboard.row import Row
from leaderboard.site.charts import all_charts, shown_rows, shown_words
from leaderboard.site.course import course_data, rank_diagram
from leaderboard.site.folder import SiteFolder, slug
from leaderboard.site.look import Look


def protocol_context(board: Board, site: SiteFolder, looks: Mapping[str, Look]) -> dict[str, Any]:
    """What the template `protocol.html` shows."""
    charts = all_charts(board, looks)
    rows = shown_rows(board)
    course = course_data(board, rows, looks)
    pictures, no_picture = _pictures(board, site)
    return {
        "board": board,
        "card": board.card,
        "looks": looks,
        "rows": rows,
        "charts": charts,
        "course": course,
        "moves": any(one["moves"] for one in course["methods"]),
        "chosen": shown_words(board, rows),
        "places": _places(board, rows),
        "watched": any(len([p for p in one["first"][1:] if p]) > 1 for one in course["methods"]),
        "matrices": any(one["matrix"] for one in course["methods"]),
        "ranks": rank_diagram(board, rows),
        "twins": board.twins(),
        "id": slug(board.card.id),
        "pictures": pictures,
        "no_picture": no_picture,
        "missing": {row.method: words.missing(row, board) for row in board.rows},
        "failures": {row.method: words.failures(row) for row in board.rows},
        "seeds_note": words.seeds_note(board),
        "progress": words.progress(board),
        "numbered": _numbered,
        "watched_by": partial(_watched_by, board),
        "steps": range(board.card.chunks + 1),
    }


def _watched_by(board: Board, row: Row, after: int) -> int | None:
    """The first seed that was asked about the chunks after so many of them."""
    runs = board.runs[row.method]
    return next((run.seed for run in runs if board.scores.of(run, STREAM, after)), None)


def _numbered(matrix: Sequence[Sequence[object]]) -> list[tuple[int, Sequence[object]]]:
    """The rows of an accuracy matrix that have a number, each with its own, from 1."""
    return [(at, line) for at, line in enumerate(matrix, 1) if any(line)]


def _places(board: Board, rows: Sequence[Row]) -> dict[tuple[str, Cell], tuple[int, int]]:
    """Seed and chunks seen of the first record behind each number, by method and cell."""
    found: dict[tuple[str, Cell], tuple[int, int]] = {}
    for row in rows:
        for run in board.runs[row.method]:
            for cell in row.scores:
                if board.scores.of(run, cell):
                    found.setdefault((row.method, cell), (run.seed, board.scores.last(run)))
    return found


def _pictures(board: Board, site: SiteFolder) -> tuple[list[str], str]:
    """Addresses of the rows of the stream's images, or why there are none."""
    card = board.card
    if card.load_pool is None:
        return [], "This installation does not know the images of this stream."
    if card.id.partition("/")[2].startswith("full@"):
        return [], "No picture: images of the full tier may not be passed on, and are not shown."
    try:
        rows = stream_rows(card.chunk_ids, card.load_pool())
    except DataError:
        return [], (
            "No picture: the images are not prepared on the machine that built this page "
            "(headwater prepare does that)."
        )
    name = f"{slug(card.id)}-chunk"
    return [site.asset(f"{name}{i}.png", row) for i, row in enumerate(rows, 1)], ""
