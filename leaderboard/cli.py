"""`headwater aggregate` and `headwater site build|serve`."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from benchmark.cli.output import (
    DEFAULT_STORE,
    JsonOption,
    StoreOption,
    print_json,
    print_rows,
)
from benchmark.errors import HeadwaterError
from leaderboard.uncollected import uncollected

if TYPE_CHECKING:
    from http.server import ThreadingHTTPServer

    from leaderboard.aggregate import Results

#: What fits a terminal of what a choice of images is judged by; --json has all.
KINDS = ("linear probe", "fine-tuning", "few-shot")
OutputOption = Annotated[Path, typer.Option("--output", help="Folder of the page.")]
DEFAULT_SITE = Path("site")

site = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode=None,
    help="Build the leaderboard as a page of plain files, or serve it.",
)


def aggregate(
    store: StoreOption = DEFAULT_STORE,
    output: Annotated[
        Path | None, typer.Option("--output", help="Folder for CSV and JSON files as well.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Print the ranking of every protocol in a store; average no incomplete row.

    Example: headwater aggregate --store runs
    """
    from rich.console import Console

    from leaderboard.aggregate import read_results
    from leaderboard.board import load_boards
    from leaderboard.document import board_document, write_data_files
    from leaderboard.selection import tracks
    from leaderboard.selection_words import choices
    from leaderboard.table import TerminalTable
    from leaderboard.words import BLANK as DASH

    results = read_results(store)
    found = load_boards(results)
    tell_problems(results)
    if output is not None:
        write_data_files(output, results, found)
    chosen = {track.spec.id: choices(track) for track in tracks(results)}
    if as_json:
        selections = [{"protocol": name, "choices": rows} for name, rows in chosen.items()]
        return print_json([*(board_document(board) for board in found), *selections])
    console = Console()
    for board in found:
        console.print(TerminalTable(board))
    for name, rows in chosen.items():
        shown = [
            {
                "method": f"{row['method']}{' (reference)' * bool(row['remark'])}",
                "share": row["of_the_pool"],
                "labels": row["labels_a_class"],
                **{kind: row[kind] for kind in KINDS if kind in row},
            }
            for row in rows
        ]
        print_rows(shown, False, f"{name}: averages over all targets, {DASH} where one is missing")
    if not found and not chosen:
        print(f"{store} holds no records yet; headwater demo makes the first ones")


def tell_problems(results: "Results") -> None:
    """Say on standard error what of a store cannot be read; the rest counts without it."""
    for problem in sorted(set(results.problems)):
        tell_problem(problem)


def tell_problem(problem: str) -> None:
    """Say one of them."""
    print(f"left out: {problem}", file=sys.stderr)


@site.command()
def build(
    store: StoreOption = DEFAULT_STORE,
    output: OutputOption = DEFAULT_SITE,
    as_json: JsonOption = False,
) -> None:
    """Build the page: plain files that open from disk with no network.

    Example: headwater site build --store runs --output site
    """
    with uncollected():
        from leaderboard.site import build_site

    page = build_site(store, output, tell=tell_problem)
    if as_json:
        print_json({"page": str(page.resolve())})
    else:
        print(page.resolve())


@site.command()
def serve(
    store: StoreOption = DEFAULT_STORE,
    output: OutputOption = DEFAULT_SITE,
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes a free one.")] = 8000,
    as_json: JsonOption = False,
) -> None:
    """Build the page and serve it to this machine only, until Ctrl-C.

    Example: headwater site serve --port 8000
    """
    with uncollected():
        from leaderboard.site import build_site

    page = build_site(store, output, tell=tell_problem)
    with page_server(page.parent, port) as server:
        address = f"http://127.0.0.1:{server.server_address[1]}/"
        if as_json:
            print_json({"page": str(page.resolve()), "address": address})
        else:
            print(f"{address}  (Ctrl-C ends it)", flush=True)
        server.serve_forever()


def page_server(folder: Path, port: int) -> "ThreadingHTTPServer":
    """A server of a folder's files that only this machine can reach.

    Raises:
        HeadwaterError: the port is taken.
    """
    from functools import partial
    from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

    handler = partial(SimpleHTTPRequestHandler, directory=str(folder))
    try:
        return ThreadingHTTPServer(("127.0.0.1", port), handler)
    except OSError as error:
        raise HeadwaterError(
            f"cannot listen on port {port}: {error.strerror}; choose another --port"
        ) from error
