"""Charts of the first page: transfer against forgetting, and against cost."""

from collections.abc import Callable, Mapping, Sequence
from html import escape
from typing import Any

from leaderboard import words
from leaderboard.board import Board
from leaderboard.questions import Answer
from leaderboard.row import Row
from leaderboard.site.charts import Figure, dots
from leaderboard.site.folder import slug
from leaderboard.site.look import Look
from leaderboard.statistics import Estimate

#: A row, where it lies across, and that with its interval, if it has one.
Point = tuple[Row, float, Estimate | None]
#: What a method costs: title of the axis, and value of a row.
COSTS: dict[str, tuple[str, Callable[[Row], float | None], Callable[[float], str]]] = {
    "arrivals": (
        "image visits to be up to date at every arrival",
        lambda row: row.cost.cumulative_visits if row.cost else None,
        lambda visits: f"{words.count(round(visits))} visits",
    ),
    "time": (
        "seconds of pre-training, as measured where it ran",
        lambda row: row.cost.seconds if row.cost else None,
        words.duration,
    ),
    "memory": (
        "peak memory of pre-training, GB",
        lambda row: row.cost.peak_memory_bytes / 1e9 if row.cost else None,
        lambda gigabytes: words.size(round(gigabytes * 1e9)),
    ),
}


def overview_charts(board: Board, looks: Mapping[str, Look]) -> dict[str, Figure]:
    """Every chart of a protocol's ranking that has something to show."""
    found = {"forgetting": forgetting_chart(board, looks)}
    found |= {f"cost-{name}": cost_chart(board, looks, name) for name in COSTS}
    return {name: figure for name, figure in found.items() if figure}


def forgetting_chart(board: Board, looks: Mapping[str, Look]) -> Figure | None:
    """Transfer against forgetting of the first chunk, with the front; None without any."""
    rows = [row for row in board.rows if row.transfer and row.forgetting]
    points = [(row, row.forgetting.value, row.forgetting) for row in rows if row.forgetting]
    figure = _scatter(board, points, looks, "forgetting of chunk 1, points")
    if figure:
        figure["layout"]["xaxis"] |= {"zeroline": True, "zerolinewidth": 1.5}
        figure["data"].insert(0, _front(points))
    return figure


def cost_chart(board: Board, looks: Mapping[str, Look], name: str) -> Figure | None:
    """Transfer against a cost, with the front of those that none beats; None without any.

    Times of machines that differ have no front.
    """
    title, of, shown = COSTS[name]
    points: list[Point] = [
        (row, cost, None) for row in board.rows if row.transfer and (cost := of(row)) is not None
    ]
    figure = _scatter(board, points, looks, title, shown)
    if figure is None:
        return None
    trained = [row.cost for row, *_ in points if row.cost and row.cost.visits]
    if name == "time" and not all(cost.timed_like(trained[0]) for cost in trained):
        return figure
    figure["data"].insert(0, _front(points))
    return figure


def _front(points: Sequence[Point]) -> Figure:
    """The line of the front; it lies behind the points."""
    front = pareto_front([(x, row.transfer.value) for row, x, _ in points if row.transfer])
    x, y = zip(*front, strict=True)
    return {
        "type": "scatter",
        "mode": "lines",
        "x": [round(value, 4) for value in x],
        "y": [round(value, 3) for value in y],
        "line": {"shape": "hv", "width": 1.25, "dash": "dot"},
        "hoverinfo": "skip",
        "meta": {"hue": "hue-plain"},
    }


def answer_chart(answer: Answer, looks: Mapping[str, Look]) -> Figure:
    """The numbers of an answer: a band for each line, a lane for each series."""
    figure = dots(answer.lines, answer.numbers, looks, answer.unit, sign=answer.signed)
    assert figure is not None
    figure["layout"]["xaxis"] |= {"zeroline": True, "zerolinewidth": 1.5}
    return figure


def pareto_front(points: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """The (cost, score) of which none is cheaper and better at once, the cheapest first.

    What is forgotten is a cost, too.

    Example:
        >>> pareto_front([(2.0, 50.0), (1.0, 40.0), (3.0, 45.0), (1.0, 38.0)])
        [(1.0, 40.0), (2.0, 50.0)]
    """
    front: list[tuple[float, float]] = []
    for cost, score in sorted(points, key=lambda point: (point[0], -point[1])):
        if not front or score > front[-1][1]:
            front.append((cost, score))
    return front


def _scatter(
    board: Board,
    points: Sequence[Point],
    looks: Mapping[str, Look],
    title: str,
    shown: Callable[[float], str] = words.number,
) -> Figure | None:
    """A point a method, one trace a hue: hundreds of methods must be drawn at once."""
    if not points:
        return None
    traces: dict[str, dict[str, Any]] = {}
    known = any(across and across.half is not None for _, _, across in points)
    for row, x, across in points:
        look, transfer = looks[row.method], row.transfer
        assert transfer is not None
        trace = traces.setdefault(
            look.hue,
            {
                "type": "scatter",
                "mode": "markers",
                "x": [],
                "y": [],
                "error_y": {"type": "data", "array": [], "thickness": 1, "width": 0},
                **(
                    {"error_x": {"type": "data", "array": [], "thickness": 1, "width": 0}}
                    if known
                    else {}
                ),
                "customdata": [],
                "hovertemplate": "<b>%{customdata[0]}</b><br>transfer %{customdata[1]}"
                "<br>%{customdata[2]}<extra></extra>",
                "marker": {"symbol": [], "size": 9},
                "meta": {"hue": look.hue},
            },
        )
        trace["x"].append(round(x, 4))
        trace["y"].append(round(transfer.value, 3))
        trace["error_y"]["array"].append(round(transfer.half or 0, 3))
        if known:
            trace["error_x"]["array"].append(round((across and across.half) or 0, 3))
        told = f"forgetting {words.interval(across, sign=True)}" if across else shown(x)
        address = f"{slug(board.card.id)}/{slug(row.method)}"
        name = escape(row.method, quote=False)
        trace["customdata"].append([name, words.interval(transfer), told, address])
        trace["marker"]["symbol"].append(look.marker)
    return {
        "data": list(traces.values()),
        "layout": {
            "height": 340,
            "margin": {"l": 8, "r": 12, "t": 8, "b": 44},
            "xaxis": {
                "title": {"text": title, "standoff": 8},
                "zeroline": False,
                "fixedrange": True,
                "nticks": 6,
            },
            "yaxis": {
                "title": {"text": "transfer, %", "standoff": 6},
                "fixedrange": True,
                "automargin": True,
                "zeroline": False,
                "nticks": 7,
            },
        },
    }
