"""The page of a protocol: what its stream consists of, and how methods fare along it."""

from collections.abc import Mapping
from typing import Any

from benchmark.errors import DataError
from benchmark.streams.picture import stream_rows
from leaderboard import words
from leaderboard.board import Board
from leaderboard.site.charts import all_charts, shown_rows
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
        "ranks": rank_diagram(board, rows),
        "twins": board.twins(),
        "id": slug(board.card.id),
        "pictures": pictures,
        "no_picture": no_picture,
        "missing": {row.method: words.missing(row, board) for row in board.rows},
        "failures": {row.method: words.failures(row) for row in board.rows},
        "seeds_note": words.seeds_note(board),
        "progress": words.progress(board),
        "steps": range(board.card.chunks + 1),
    }


def _pictures(board: Board, site: SiteFolder) -> tuple[list[str], str]:
    """Addresses of the rows of the stream's images, or why there are none."""
    card = board.card
    if card.load_pool is None:
        return [], "This installation does not know the images of this stream."
    try:
        rows = stream_rows(card.chunk_ids, card.load_pool())
    except DataError:
        return [], (
            "No picture: the images are not prepared on the machine that built this page "
            "(headwater prepare does that)."
        )
    name = f"{slug(card.id)}-chunk"
    return [site.asset(f"{name}{i}.png", row) for i, row in enumerate(rows, 1)], ""
