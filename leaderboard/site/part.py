"""A part of a site: what its records say for the pages of all, and the pages of its protocols."""

from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from leaderboard import words
from leaderboard.aggregate import Results, read_results
from leaderboard.board import Board, load_boards
from leaderboard.catalogue import ProtocolCard
from leaderboard.document import board_document
from leaderboard.facts import Facts, facts_of
from leaderboard.frames import Line, cost_rows, number_rows
from leaderboard.selection import tracks
from leaderboard.site.folder import slug
from leaderboard.site.home import View, ranking_context
from leaderboard.site.look import Look, looks
from leaderboard.site.notes import newest_records, stale_records
from leaderboard.site.pages import Pages
from leaderboard.site.protocol import protocol_context
from leaderboard.site.selection import selection_context
from leaderboard.site.shards import write_shards, write_track_shards
from leaderboard.site.task import task_address, task_contexts


@dataclass(frozen=True)
class Stream:
    """What the pages of all show of a stream.

    Args:
        runs: how many it has.
        versions: of Headwater that computed its records.
        facts: what the questions need.
        view: its ranking.
        index: what pages that load methods need.
        document: for download.
        newest: of the page of changes.
    """

    runs: int
    versions: Sequence[str]
    facts: Facts
    view: View
    index: dict[str, Any]
    document: dict[str, Any]
    newest: dict[str, Any]


@dataclass(frozen=True)
class Found:
    """What a part found: streams, and the place and address of each page of selections.

    Args:
        protocols: all ids that its records have.
        streams: those that have a board.
        selections: place in the order of protocols, and address.
        stale: of the page of changes.
        numbers, costs: rows of the tables for download.
    """

    protocols: Sequence[str]
    streams: Sequence[Stream]
    selections: Sequence[tuple[tuple[int, int, str], str]]
    stale: Sequence[dict[str, Any]]
    numbers: Sequence[Line]
    costs: Sequence[Line]


@dataclass(frozen=True)
class Told:
    """What a part tells at its end: the files of the site that it knows; what it could not read."""

    used: set[Path]
    problems: Sequence[str]


def part(
    pages: Pages,
    store: Path,
    paths: Sequence[Path],
    *,
    planned: Sequence[str],
    card_of: Callable[[str, Results], ProtocolCard],
    at_once: int | None = None,
) -> Generator[Found, Mapping[str, Any], Told]:
    """Read some records, and write the pages of their protocols.

    Args:
        pages: for rendering.
        store: folder of records.
        paths: the records of some of its protocols.
        planned, card_of: as `build_site` has them.
        at_once: processes that look at predictions, as `gather` has it.

    Yields:
        What it found; it is to be sent what all pages show.
    """
    results = read_results(store, paths)
    boards = load_boards(results, planned, card_of, at_once)
    seen = {board.card.id: looks([*_names(board), *board.pending]) for board in boards}
    chosen = tracks(results)
    found = Found(
        protocols=results.protocols,
        streams=[_stream(board, pages, seen[board.card.id]) for board in boards],
        selections=[(track.spec.place, f"{slug(track.spec.id)}.html") for track in chosen],
        stale=stale_records(results),
        numbers=number_rows(results),
        costs=cost_rows(results),
    )
    pages.show((yield found))
    for board in boards:
        own = seen[board.card.id]
        write_shards(board, pages.site, own)
        name = f"protocol-{slug(board.card.id)}.html"
        pages.write(name, "protocol.html", protocol_context(board, pages.site, own))
        for address, context in task_contexts(board, pages.site, own):
            pages.write(address, "task.html", context)
    for track in chosen:
        context = selection_context(track, pages.site)
        write_track_shards(track, pages.site, context["looks"])
        pages.write(f"{context['id']}.html", "selection.html", context)
    results.cache.flush()  # a process that ends does not
    return Told(pages.site.used, results.problems)


def _names(board: Board) -> list[str]:
    return [row.method for row in board.rows]


def _stream(board: Board, pages: Pages, own: Mapping[str, Look]) -> Stream:
    context = ranking_context(board, own)
    html = pages.rendered("ranking.html", context)
    return Stream(
        runs=len(board.results.runs(board.card.id)),
        versions=board.versions,
        facts=facts_of(board),
        view=View(board.card.id, slug(board.card.id), html, context["charts"]),
        index=_index(board),
        document=board_document(board),
        newest=newest_records(board),
    )


def _index(board: Board) -> dict[str, Any]:
    """What pages that load methods need to know of a protocol: mostly names."""
    tasks = {kind: [task for _, task in board.card.cells(kind)] for kind in words.KINDS}
    return {
        "id": board.card.id,
        "slug": slug(board.card.id),
        "tasks": tasks,
        "task_pages": {task.name: task_address(board, task) for task in board.card.tasks},
        "methods": [{"name": name, "slug": slug(name)} for name in _names(board)],
        "spreads": board.known_spreads(),
    }
