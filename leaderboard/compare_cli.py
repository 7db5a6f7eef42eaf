"""`headwater compare`."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from benchmark.cli.output import DEFAULT_STORE, JsonOption, StoreOption, print_json
from benchmark.errors import UsageError, nearest
from benchmark.protocol import SELECTION
from leaderboard.submission.findings import plain

if TYPE_CHECKING:
    from leaderboard.board import Board
    from leaderboard.compare import Comparison


def compare(
    a: Annotated[str, typer.Argument(help="A method with records.")],
    b: Annotated[
        str | None,
        typer.Argument(help="Another. Default: the twins of the first, the best, the untrained."),
    ] = None,
    protocol: Annotated[
        str | None, typer.Option("-p", "--protocol", help="Default: the one that has records of A.")
    ] = None,
    store: StoreOption = DEFAULT_STORE,
    as_markdown: Annotated[bool, typer.Option("--markdown", help="Print Markdown.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Compare two methods: per task the difference with its interval, options and costs.

    Example: headwater compare moco_v2/sequential moco_v2/joint --store results
    """
    from leaderboard.aggregate import read_results
    from leaderboard.board import load_boards
    from leaderboard.cli import tell_problems
    from leaderboard.compare import compare as compared
    from leaderboard.compare import markdown, references_of

    results = read_results(store)
    board = _board(load_boards(results), a, protocol, store)
    others = [b] if b is not None else references_of(board, a)
    if not others:
        raise UsageError(f"there is nothing on {board.card.id} to compare {a} with; name a method")
    found = [compared(board, a, other) for other in others]
    tell_problems(results)
    if as_json:
        print_json(found[0].document() if b is not None else [one.document() for one in found])
    elif as_markdown:
        print(_plain("\n".join(markdown(one) for one in found)))
    else:
        for one in found:
            _show(one)


def _board(boards: "Sequence[Board]", a: str, protocol: str | None, store: Path) -> "Board":
    """The board that is meant.

    Raises:
        UsageError: there is none, or several have the method.
    """
    if protocol is not None:
        boards = [b for b in boards if protocol in (b.card.id, b.card.id.partition("@")[0])]
        if protocol.startswith(f"{SELECTION}/"):
            raise UsageError(
                f"{protocol} compares choices of images, on a page of its own: headwater site "
                f"build --store {store}; headwater aggregate has the numbers, too"
            )
        if not boards:
            raise UsageError(f"{store} has no records on {protocol}")
        return boards[0]
    if not boards:
        raise UsageError(f"{store} holds no records yet; headwater demo makes the first ones")
    able = [board for board in boards if board.row(a)]
    if not able:
        there = nearest(a, sorted({row.method for board in boards for row in board.rows}))
        raise UsageError(f"{store} has no records of {a!r}; it has {there}")
    if len(able) > 1:
        names = ", ".join(board.card.id for board in able)
        raise UsageError(f"say which protocol by -p: {names}")
    return able[0]


def _plain(text: str) -> str:
    """Text with what records say in it, word by word without what a terminal would obey.

    Example:
        >>> _plain("a is ahead of b" + chr(27) + "[2J.\\nBy 3 points.")
        'a is ahead of b?[2J.\\nBy 3 points.'
    """
    return "\n".join(" ".join(map(plain, line.split(" "))) for line in text.split("\n"))


def _show(one: "Comparison") -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from leaderboard import words
    from leaderboard.compare import cost_rows

    console = Console()
    console.print(Text(_plain(f"{one.protocol}: {one.verdict}")))
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    # Text, not str: what records say must not be read as markup.
    table.add_column(Text(_plain(f"{one.a} less {one.b}")))
    for heading in ("points", "95 % interval"):
        table.add_column(heading, justify="right")
    rows = [(f"{words.KINDS[kind]}, mean", a) for kind, a in one.averages.items() if a]
    rows += [(f"  {words.cell_name(cell)}", d) for cell, d in one.tasks.items()]
    for name, difference in rows:
        number = words.number(difference.value, sign=True)
        table.add_row(Text(_plain(name)), number, words.ends(difference))
    console.print(table)
    other = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for heading in ("", one.a, one.b, "ratio"):
        other.add_column(Text(plain(heading)))
    for name, *told in [*cost_rows(one), *((n, *v) for n, v in one.config.items())]:
        shown = (words.BLANK if value is None else str(value) for value in told)
        other.add_row(Text(plain(name)), *(Text(plain(value)) for value in shown))
    console.print(other)
    console.print()
