"""What verbs share: options, and printing a table for people or one JSON document for programs."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from rich.table import Table

JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]
StoreOption = Annotated[Path, typer.Option("--store", help="Folder of the records.")]
DEFAULT_STORE = Path("runs")

Rows = Sequence[Mapping[str, Any]]


def print_json(document: Any) -> None:
    """One JSON document on standard output."""
    print(json.dumps(document, indent=1))


def print_rows(rows: Rows, as_json: bool, title: str = "", *, names: bool = False) -> None:
    """Rows as JSON, or as a table whose columns are the keys of the first row.

    Keys are told with spaces for underscores, unless they are `names`.
    """
    if as_json:
        return print_json(list(rows))
    from rich.console import Console

    Console().print(table_of(rows, title, names=names))


def table_of(rows: Rows, title: str = "", *, names: bool = False) -> "Table":
    """The table that `print_rows` prints."""
    from rich.table import Table

    table = Table(title=title or None, title_justify="left", box=None, pad_edge=False)
    for number, column in enumerate(rows[0] if rows else ()):
        told = [_text(list(row.values())[number]) for row in rows]
        short = number == 0 or max(map(len, told)) <= 13
        heading = column if names else column.replace("_", " ")
        table.add_column(heading, no_wrap=short, overflow="fold")
    for row in rows:
        table.add_row(*(_text(value) for value in row.values()))
    return table


def _text(value: Any) -> str:
    if isinstance(value, (list, tuple)):
        return ", ".join(map(str, value))
    return "" if value is None else str(value)
