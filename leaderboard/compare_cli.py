"""`headwater compare`."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from benchmark.cli.output import DEFAULT_STORE, JsonOption, StoreOption, print_json
from benchmark.errors import UsageError, nearest
from benchmark.protocol import SELECTION
from leaderboard.submission.findings import plain, plain_words

if TYPE_CHECKING:
    from leaderboard.aggregate import Results
    from leaderboard.compare import Comparison


def compare(
    a: Annotated[str, typer.Argument(help="A method with records.")],
    b: Annotated[
        str | None,
        typer.Argument(help="Another. Default: the twins of the first, the best, the untrained."),
    ] = None,
    protocol: Annotated[
        str | None,
        typer.Option("-p", "--protocol", help="Default: the one that has records of them."),
    ] = None,
    store: StoreOption = DEFAULT_STORE,
    as_markdown: Annotated[bool, typer.Option("--markdown", help="Print Markdown.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Compare two methods: per task the difference with its interval, options and costs.

    Example: headwater compare moco_v2/sequential moco_v2/joint -p instance/nano --store results
    """
    from leaderboard.aggregate import read_results
    from leaderboard.board import Board
    from leaderboard.catalogue import find_card
    from leaderboard.cli import tell_problems
    from leaderboard.compare import compare as compared
    from leaderboard.compare import markdown, references_of
    from leaderboard.gather import gather

    results = read_results(store)
    chosen = _protocol(results, (a,) if b is None else (a, b), protocol, store)
    of_it = tuple(one for one in results.located if one.record.protocol.id == chosen)
    mine = replace(results, located=of_it)
    gather(mine)
    board = Board(mine, find_card(chosen, mine))
    others = [b] if b is not None else references_of(board, a)
    if not others:
        raise UsageError(f"there is nothing on {board.card.id} to compare {a} with; name a method")
    found = [compared(board, a, other) for other in others]
    tell_problems(results)
    if as_json:
        print_json(found[0].document() if b is not None else [one.document() for one in found])
    elif as_markdown:
        print(plain_words("\n".join(markdown(one) for one in found)))
    else:
        for one in found:
            _show(one)


def _protocol(
    results: "Results", methods: tuple[str, ...], protocol: str | None, store: Path
) -> str:
    """The protocol that is meant, found before anything is computed.

    Raises:
        UsageError: none has all the methods, or several have.
    """
    if protocol is not None and protocol.startswith(f"{SELECTION}/"):
        raise UsageError(
            f"{protocol} compares choices of images, on a page of its own: headwater site "
            f"build --store {store}; headwater aggregate has the numbers, too"
        )
    there = {
        name: {run.method for run in results.runs(name)}
        for name in results.protocols
        if not name.startswith(f"{SELECTION}/")
    }
    if not there and protocol is None:
        raise UsageError(f"{store} holds no records yet; headwater demo makes the first ones")
    named = [n for n in there if protocol in (None, n, n.partition("@")[0])]
    if not named:
        known = f"; it has {nearest(protocol or '', sorted(there))}" if there else ""
        raise UsageError(f"{store} has no records on {protocol}{known}")
    able = named
    for method in methods:
        before, able = able, [name for name in able if method in there[name]]
        if not able:
            known = nearest(method, sorted(set[str]().union(*(there[name] for name in before))))
            where = ", ".join(before)
            raise UsageError(f"{store} has no records of {method!r} on {where}; it has {known}")
    if len(able) > 1:
        raise UsageError(f"several protocols have them; say which by -p: {', '.join(able)}")
    return able[0]


def _show(one: "Comparison") -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from leaderboard import words
    from leaderboard.compare import cost_rows

    console = Console()
    console.print(Text(plain_words(f"{one.protocol}: {one.verdict}")))
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    # Text, not str: what records say must not be read as markup.
    table.add_column(Text(plain_words(f"{one.a} less {one.b}")))
    for heading in ("points", "95 % interval"):
        table.add_column(heading, justify="right")
    rows = [(f"{words.KINDS[kind]}, mean", a) for kind, a in one.averages.items() if a]
    rows += [(f"  {words.cell_name(cell)}", d) for cell, d in one.tasks.items()]
    for name, difference in rows:
        number = words.number(difference.value, sign=True)
        table.add_row(Text(plain_words(name)), number, words.ends(difference))
    console.print(table)
    other = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for heading in ("", one.a, one.b, "ratio"):
        other.add_column(Text(plain(heading)))
    for row in cost_rows(one):
        other.add_row(*map(Text, row))
    for name, values in one.config.items():
        shown = (words.BLANK if value is None else str(value) for value in values)
        other.add_row(Text(plain(name)), *(Text(plain(value)) for value in shown))
    console.print(other)
    console.print()
