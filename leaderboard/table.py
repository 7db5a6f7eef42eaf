"""The ranking as a table in the terminal and in Markdown."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from benchmark.canonical import write_whole
from benchmark.errors import UsageError
from leaderboard import words
from leaderboard.board import Board
from leaderboard.machines import machines_note
from leaderboard.row import Row
from leaderboard.submission.findings import plain_words

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderResult
    from rich.table import Table


#: Headings; all but the first two columns are numbers and are aligned to the right.
COLUMNS = (
    *("Rank", "Method", "Transfer", "Gap to joint", "Above untrained"),
    *("Few-shot", "AP50", "Forgetting", "Pre-training", "Cells"),
)
#: What a narrow terminal does without, the first to go first.
DISPENSABLE = ("Cells", "Pre-training", "Few-shot", "Above untrained", "AP50")


def _cells(row: Row, board: Board) -> tuple[str, ...]:
    tasks = len(board.card.cells("linear"))
    return (
        words.ranks(row.ranks),
        row.method,
        words.interval(row.transfer),
        words.interval(row.gap),
        words.BLANK if row.above_floor is None else f"{row.above_floor} of {tasks}",
        words.interval(row.averages["fewshot"]),
        words.interval(row.averages["detection"]),
        words.interval(row.forgetting),
        words.duration(row.cost.seconds if row.cost else None),
        f"{row.done}/{row.wanted}",
    )


def _pending(method: str) -> tuple[str, ...]:
    return (words.BLANK, method, "pending", *[words.BLANK] * (len(COLUMNS) - 3))


def table_rows(board: Board) -> list[tuple[str, ...]]:
    """The texts of all rows, best first, incomplete ones and pending ones last."""
    return [_cells(row, board) for row in board.rows] + [_pending(name) for name in board.pending]


def _legend(board: Board) -> dict[str, str]:
    """Heading to what it means."""
    linear = len(board.card.cells("linear"))
    return {
        "Transfer": f"mean over {words.counted(linear, 'linear task')}, %.",
        "Gap to joint": "points behind the same objective trained on all chunks at once.",
        "Above untrained": "linear tasks beyond noise.",
        "Few-shot": "5-way 5-shot, %.",
        "AP50": "average precision of detection at an overlap of a half, %.",
        "Pre-training": "time measured where it ran.",
        "Cells": "evaluations that are there.",
        "Forgetting": "points of chunk 1 lost since the best earlier checkpoint; below 0 a gain.",
    }


def table_notes(board: Board, shown: Sequence[str] = COLUMNS) -> list[str]:
    """What must be said under the table with the columns that are shown, a sentence each."""
    legend = (f"{name}: {text}" for name, text in _legend(board).items() if name in shown)
    notes = [" ".join([f"{board.card.id}.", *legend]), words.seeds_note(board)]
    notes += filter(None, [machines_note(board.all_runs)])
    for row in board.rows:
        if row.missing:
            notes.append(f"{row.method} is incomplete: {words.missing(row, board)}.")
        notes += [f"{row.method}: {failure}" for failure in words.failures(row)]
    if board.stale:
        notes.append(
            f"{len(board.stale)} records of an earlier version of their method are left out."
        )
    return notes


class TerminalTable:
    """For rich's `Console.print`: the table and its notes, with the columns that fit."""

    def __init__(self, board: Board) -> None:
        self.board = board

    def __rich_console__(self, console: "Console", options: "ConsoleOptions") -> "RenderResult":
        from rich.measure import Measurement
        from rich.padding import Padding
        from rich.text import Text

        shown = list(COLUMNS)
        wide = options.update(width=1000)
        for heading in DISPENSABLE:
            if Measurement.get(console, wide, self._table(shown)).maximum <= options.max_width:
                break
            shown.remove(heading)
        yield self._table(shown)
        notes = table_notes(self.board, shown)
        if hidden := [heading for heading in COLUMNS if heading not in shown]:
            notes.append(f"Not shown for want of width: {words.joined(hidden)}; --json has all.")
        yield Padding(Text(plain_words("\n".join(notes)), style="dim"), (1, 0, 0, 0))

    def _table(self, shown: Sequence[str]) -> "Table":
        from rich.table import Table
        from rich.text import Text

        table = Table(header_style="bold", box=None, pad_edge=False, padding=(0, 2, 0, 0))
        for heading in shown:
            broken = heading.replace(" ", "\n").replace("Gap\nto", "Gap to")
            table.add_column(broken, justify="left" if heading in COLUMNS[:2] else "right")
        for cells in table_rows(self.board):
            # Text, not str: a method's name must not be read as markup.
            kept = (c for heading, c in zip(COLUMNS, cells, strict=True) if heading in shown)
            table.add_row(*(Text(plain_words(cell)) for cell in kept))
        return table


def markdown_table(board: Board) -> str:
    """The table and its notes in Markdown, for the README."""
    lines = [
        _line(COLUMNS),
        _line([":--"] * 2 + ["--:"] * (len(COLUMNS) - 2)),
        *(_line([escaped(cell) for cell in cells]) for cells in table_rows(board)),
    ]
    return "\n".join(lines) + "\n\n" + "\n".join(escaped(n) for n in table_notes(board)) + "\n"


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def escaped(text: str) -> str:
    """A stranger's text for Markdown; `_` stays: inside a word, as in moco_v2, it is no markup."""
    for character in "\\|<`*[":
        text = text.replace(character, f"\\{character}")
    return " ".join(text.split())


def write_between_markers(readme: Path, marker: str, text: str) -> None:
    """Replace what stands between `<!-- headwater:MARKER -->` and `<!-- /headwater:MARKER -->`.

    Args:
        readme: an existing file.
        marker: name of the place, which must be there exactly once.
        text: what goes there; written atomically, the rest of the file stays to the byte.

    Raises:
        UsageError: no such file, or the markers are not there exactly once in this order.
    """
    try:
        content = readme.read_bytes().decode()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"cannot read {readme}: {error}") from error
    start, end = f"<!-- headwater:{marker} -->", f"<!-- /headwater:{marker} -->"
    first, last = content.find(start), content.find(end)
    if content.count(start) != 1 or content.count(end) != 1 or last < first:
        raise UsageError(f"{readme} must hold {start} and, after it, {end}, once each")
    new = content[: first + len(start)] + f"\n{text.strip()}\n" + content[last:]
    write_whole(readme, new.encode())
