"""What the protocol's page shows along the stream: for the slider, the heat map and the ranks."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from leaderboard import words
from leaderboard.aggregate import Cell
from leaderboard.along import READINGS, means_of_whole
from leaderboard.board import Board
from leaderboard.ranking import CriticalDifference, critical_difference
from leaderboard.row import Row
from leaderboard.site.look import Look
from leaderboard.statistics import Estimate


def course_data(board: Board, rows: Sequence[Row], looks: Mapping[str, Look]) -> dict[str, Any]:
    """Scores after every chunk, and accuracy matrices, for the page's script.

    Returns:
        `tasks`: names; `methods`: of each, `name`, `look`, `along`: per chunk from 0 the linear
        scores as [value, half width] or null, of the seeds that have every step that any seed has,
        so that all steps are of the same runs; `moves`: whether there are some before the end of
        the stream and at its end; `first`: per chunk, accuracy on the first one; `matrix`: of each
        reading, rows of [value, half width] or null.
    """
    tasks = [task for _, task in board.card.cells("linear")]
    return {
        "tasks": tasks,
        "chunks": board.card.chunks,
        "methods": [_method(board, row, tasks, looks[row.method]) for row in rows],
    }


def _method(board: Board, row: Row, tasks: Sequence[str], look: Look) -> dict[str, Any]:
    courses = [_along(board, row.method, ("linear", task)) for task in tasks]
    along = [[course[seen] for course in courses] for seen in range(board.card.chunks + 1)]
    first = dict(row.first_chunk)
    matrix = {
        reading: [[_pair(entry) for entry in line] for line in row.course.matrix[reading]]
        for reading in READINGS
        if any(entry for line in row.course.matrix[reading] for entry in line)
    }
    return {
        "name": row.method,
        "look": {"hue": look.hue, "marker": look.marker, "path": look.path, "dash": look.dash},
        "along": along,
        "moves": any(map(any, along[:-1])) and any(along[-1]),
        "first": [_pair(first.get(seen)) for seen in range(board.card.chunks + 1)],
        "matrix": matrix,
    }


def _along(board: Board, method: str, cell: Cell) -> list[list[float | None] | None]:
    """A method's score after each chunk, of the seeds that have every step that any seed has."""
    steps = range(board.card.chunks + 1)
    found = [[board.scores.of(run, cell, seen) for seen in steps] for run in board.runs[method]]
    return [*map(_pair, means_of_whole(found))]


def _pair(value: Estimate | None) -> list[float | None] | None:
    if value is None:
        return None
    return [round(value.value, 3), None if value.half is None else round(value.half, 3)]


@dataclass(frozen=True)
class RankLine:
    """A method in the drawing: x of its mean rank, y of its name, on which side, and its rank."""

    method: str
    rank: float
    x: float
    y: float
    left: bool


@dataclass(frozen=True)
class RankDiagram:
    """The critical-difference diagram, as wide as its names need it.

    Args:
        lines: one a method.
        bars: x from, x to, y of each group that cannot be told apart.
        ticks: x and number.
        reach: x from and to of a line as long as the critical difference.
        width, height: of the box, in pixels.
        margin: what is left for the names on either side.
        found: the numbers behind it.
    """

    lines: tuple[RankLine, ...]
    bars: tuple[tuple[float, float, float], ...]
    ticks: tuple[tuple[float, int], ...]
    reach: tuple[float, float]
    width: float
    height: float
    margin: float
    found: CriticalDifference

    @property
    def groups(self) -> list[str]:
        """The groups that cannot be told apart, in words."""
        names = [self.lines[place].method for place in self.found.order]
        return [words.joined(names[start : end + 1]) for start, end in self.found.cliques]


#: Length of the axis, its distance from the names and the top, height of a line of names; and what
#: a letter and a rank take, at the most: of 12.5 pixels' height.
_AXIS, _ASIDE, _TOP, _STEP = 340.0, 10.0, 62.0, 24.0
_LETTER, _NUMBER, _MARGIN = 7.5, 60.0, 180.0


def rank_diagram(board: Board, rows: Sequence[Row]) -> RankDiagram | None:
    """Mean ranks of the methods that are complete in the linear tasks; None with less than two."""
    complete = [row for row in rows if row.transfer]
    cells = board.card.cells("linear")
    if len(complete) < 2 or len(cells) < 2:
        return None
    table = [[row.scores[cell].value for cell in cells] for row in complete]
    found = critical_difference(table)
    count = len(complete)
    longest = max(len(row.method) for row in complete)
    margin = max(_MARGIN, _LETTER * longest + _NUMBER)
    start = margin + _ASIDE
    width = start + _AXIS + start

    def at(rank: float) -> float:
        return round(start + (rank - 1) / (count - 1) * _AXIS, 1)

    first_half = (count + 1) // 2
    bars_height = 12.0 * len(found.cliques) + 14
    lines: dict[int, RankLine] = {}
    for number, place in enumerate(found.order):
        left = number < first_half
        level = number if left else count - 1 - number
        y = _TOP + bars_height + _STEP * level
        rank = found.ranks[place]
        lines[place] = RankLine(complete[place].method, rank, at(rank), y, left)
    ordered = [found.ranks[place] for place in found.order]
    bars = tuple(
        (at(ordered[first]) - 4, at(ordered[last]) + 4, _TOP + 12.0 * (number + 1))
        for number, (first, last) in enumerate(found.cliques)
    )
    end = min(start + found.difference / (count - 1) * _AXIS, width - 5)
    return RankDiagram(
        lines=tuple(lines[place] for place in range(count)),
        bars=bars,
        ticks=tuple((at(rank), rank) for rank in range(1, count + 1)),
        reach=(start, round(end, 1)),
        width=width,
        height=_TOP + bars_height + _STEP * first_half,
        margin=margin,
        found=found,
    )
