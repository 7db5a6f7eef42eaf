"""The first page: the ranking of every protocol, and what it says."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from leaderboard import words
from leaderboard.board import Board
from leaderboard.facts import Facts
from leaderboard.machines import machines_note
from leaderboard.questions import answers, nano_boards
from leaderboard.row import Row
from leaderboard.site.charts import Figure
from leaderboard.site.folder import slug
from leaderboard.site.leads import leads
from leaderboard.site.look import Look, plain_looks
from leaderboard.site.overview import answer_chart, overview_charts
from leaderboard.statistics import Estimate

#: What a cell of the table holds: an estimate, or a text with the number that it is sorted by.
Shown = Estimate | tuple[str, float] | None


@dataclass(frozen=True)
class Column:
    """A column of the ranking.

    Args:
        key: its name in the address.
        title, unit: heading.
        of: what it shows of a row.
        shown: whether it is there before the reader chooses.
        blank: what stands where there is nothing to show.
    """

    key: str
    title: str
    unit: str
    of: Callable[[Row], Shown]
    shown: bool = True
    blank: Callable[[Row], str] = lambda _: words.BLANK


def _watched(row: Row) -> str:
    """Whether what is blank along the stream was not measured, or cannot be."""
    return "not measured" if row.forgets else words.BLANK


def _cost(text: Callable[[Any], str], of: Callable[[Any], float | None]) -> Callable[[Row], Shown]:
    def shown(row: Row) -> Shown:
        value = of(row.cost) if row.cost and row.cost.visits else None
        return None if value is None else (text(value), value)

    return shown


def _seeds(row: Row) -> Shown:
    count = row.transfer.seeds if row.transfer else 0
    return str(count), count


def _group(row: Row) -> Shown:
    return (row.group, row.ranks[0]) if row.ranks else None


def _recovered(row: Row) -> Shown:
    """The share in per cent, as on the page of a method."""
    if row.recovered is None:
        return None
    share, half, seeds = row.recovered.value, row.recovered.half, row.recovered.seeds
    return Estimate(100 * share, None if half is None else 100 * half, seeds)


def columns(board: Board) -> list[Column]:
    """The columns of a protocol's ranking, after rank and method."""
    linear = len(board.card.cells("linear"))

    def above(row: Row) -> Shown:
        if row.above_floor is None:
            return None
        return f"{row.above_floor} of {linear}", row.above_floor

    def average(kind: str, key: str, title: str, unit: str) -> Column:
        blank = "incomplete" if board.card.cells(kind) else words.BLANK
        return Column(key, title, unit, lambda r: r.averages[kind], blank=lambda _: blank)

    def along(key: str, title: str, unit: str, of: Callable[[Row], Shown]) -> Column:
        return Column(key, title, unit, of, key == "forgetting", _watched)

    first, every = "of chunk 1, points", "all chunks, points"
    return [
        average("linear", "transfer", "Transfer", f"mean of {linear}, %"),
        Column("group", "Group", "by letter", _group),
        Column("gap", "Gap to joint", "points behind", lambda r: r.gap),
        Column("recovered", "Gap recovered", "% of the gap", _recovered, False),
        Column("above", "Above untrained", "tasks beyond noise", above, False),
        average("fewshot", "fewshot", "Few-shot", "5-way 5-shot, %"),
        average("detection", "detection", "Detection", "AP50"),
        along("forgetting", "Forgetting", first, lambda r: r.forgetting),
        along("pooled", "Forgetting, pooled", first, lambda r: r.course.first_forgetting["pooled"]),
        along("mean-forgetting", "Mean forgetting", every, lambda r: r.course.forgetting["aware"]),
        along(
            "mean-pooled", "Mean forgetting, pooled", every, lambda r: r.course.forgetting["pooled"]
        ),
        along("forward", "Forward transfer", "points", lambda r: r.course.forward),
        along("final", "Final accuracy", "all chunks, %", lambda r: r.course.final["aware"]),
        Column("visits", "Visits", "images read", _cost(words.count, lambda c: c.visits), False),
        Column(
            "arrivals",
            "Visits, all arrivals",
            "always up to date",
            _cost(words.count, lambda c: c.cumulative_visits),
        ),
        Column("time", "Time", "where it ran", _cost(words.duration, lambda c: c.seconds), False),
        Column("kept", "Images kept", "bytes", _cost(words.size, lambda c: c.stored_bytes), False),
        Column(
            "memory",
            "Peak memory",
            "bytes",
            _cost(words.size, lambda c: c.peak_memory_bytes),
            False,
        ),
        Column("seeds", "Seeds", "of transfer", _seeds),
        Column(
            "coverage",
            "Coverage",
            "cells done",
            lambda r: (f"{r.done}/{r.wanted}", r.done / max(r.wanted, 1)),
        ),
        Column("trust", "Trust", "how far examined", lambda r: (r.trust, _TRUST[r.trust])),
    ]


_TRUST = {"self-reported": 0, "rescored": 1, "reproduced": 2}


@dataclass(frozen=True)
class View:
    """The ranking of a protocol, ready for the page: its id, its slug, HTML, charts by name."""

    id: str
    slug: str
    html: str
    charts: Mapping[str, Figure]


def home_context(views: Sequence[View], facts: Sequence[Facts]) -> dict[str, Any]:
    """What the template `home.html` shows."""
    nano = nano_boards(facts)
    asked = [(one, plain_looks(one.numbers), leads(one, nano)) for one in answers(nano)]
    return {
        "views": views,
        "asked": asked,
        "charts": {f"answer-{answer.key}": answer_chart(answer, own) for answer, own, _ in asked}
        | {f"{view.slug}-{name}": figure for view in views for name, figure in view.charts.items()},
    }


def ranking_context(board: Board, looks: Mapping[str, Look]) -> dict[str, Any]:
    """What the template `ranking.html`, a protocol's part of the first page, shows."""
    known = [row.transfer for row in board.rows if row.transfer]
    ends = [end for e in known for end in (e.low, e.high, e.value) if end is not None]
    return {
        "board": board,
        "card": board.card,
        "id": slug(board.card.id),
        "looks": looks,
        "columns": columns(board),
        "charts": overview_charts(board, looks),
        "scale": (min(ends), max(ends)) if ends else (0.0, 1.0),
        "answers": [
            (objective, words.verdict(board, sequential, joint), row, words.forgotten(row))
            for objective, sequential, joint in board.twins()
            if (row := board.row(sequential))
        ],
        "missing": {row.method: words.missing(row, board) for row in board.rows},
        "failures": {row.method: words.failures(row) for row in board.rows},
        "seeds_note": words.seeds_note(board),
        "machines": machines_note(board.all_runs),
        "progress": words.progress(board),
    }
