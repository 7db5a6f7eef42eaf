"""The charts, as plotly figures without colours: the page gives those of the reader's theme.

They are written as plotly's JSON, and the tests hold them against plotly's schema: to do so at each
build of a site with hundreds of charts would take a quarter of its time.
"""

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from leaderboard.board import Board
from leaderboard.catalogue import FLOOR
from leaderboard.row import Row
from leaderboard.site.look import Look
from leaderboard.statistics import Estimate
from leaderboard.words import KINDS, interval, joined

Figure = dict[str, Any]
#: Height of a task's band for each method, its padding, and of what is around the bands, pixels.
_LANE, _PAD, _FRAME = 8, 12, 50
_HOVER = "%{customdata[0]}: <b>%{customdata[1]}</b><extra>%{fullData.name}</extra>"
_AXES = {
    "linear": "top-1, mean per-class or 11-point mAP, %",
    "fewshot": "accuracy, %",
    "detection": "AP50",
}


#: How many methods a chart of tasks shows.
MOST = 12


def shown_rows(board: Board) -> Sequence[Row]:
    """The rows that charts of all tasks show: twins, the best others, and the untrained network."""
    twins, floor = _twins(board), board.row(FLOOR)
    names = sorted(
        (row.method for row in board.rows if row is not floor), key=lambda name: name not in twins
    )
    chosen = {*names[: MOST - (floor is not None)], FLOOR}
    return tuple(row for row in board.rows if row.method in chosen)


def shown_words(board: Board, rows: Sequence[Row]) -> str:
    """Which rows these are, as `shown_rows` chooses them, in words."""
    names = {row.method for row in rows}
    twins = _twins(board)
    others = names - twins - {FLOOR}
    told = []
    if twins and twins <= names:
        told.append("sequential and joint training of each objective that has both")
    elif twins:
        told.append("the best of sequential and joint training")
    if others:
        told.append("the best of the others" if twins else "the best")
    return joined([*told, *["the untrained network"] * (FLOOR in names)])


def _twins(board: Board) -> set[str]:
    """Sequential and joint training of each objective that has both."""
    return {name for _, *pair in board.twins() for name in pair}


def score_chart(
    board: Board, rows: Sequence[Row], kind: str, looks: Mapping[str, Look]
) -> Figure | None:
    """Score of some methods on every task of a kind, with its interval; None without any."""
    methods = {
        row.method: {task: e for (k, task), e in row.scores.items() if k == kind} for row in rows
    }
    return dots(_tasks(board, kind), {m: s for m, s in methods.items() if s}, looks, _AXES[kind])


def gain_chart(
    board: Board, rows: Sequence[Row], kind: str, looks: Mapping[str, Look]
) -> Figure | None:
    """Score less that of the untrained network, with its interval; None without any."""
    methods = {}
    for row in rows:
        if row.method != FLOOR and (found := board.compare(row.method, FLOOR, kind)):
            methods[row.method] = {task: e for (_, task), e in found.items()}
    unit = "points above untrained" if kind != "detection" else "AP50 above untrained"
    figure = dots(_tasks(board, kind), methods, looks, unit, sign=True)
    if figure:
        figure["layout"]["xaxis"].update(zeroline=True, zerolinewidth=1.5)
    return figure


def _tasks(board: Board, kind: str) -> list[str]:
    return [task for _, task in board.card.cells(kind)]


def dots(
    tasks: Sequence[str],
    methods: Mapping[str, Mapping[str, Estimate]],
    looks: Mapping[str, Look],
    unit: str,
    *,
    sign: bool = False,
) -> Figure | None:
    """Numbers with their intervals: a band for each task, a lane in it for each method.

    Args:
        tasks: from top to bottom.
        methods: name to task to number.
        looks: of the methods.
        unit: title of the axis.
        sign: whether numbers have a plus sign.

    Returns:
        The figure; None without methods or tasks.
    """
    if not methods or not tasks:
        return None
    alone = all(len(scores) == 1 for scores in methods.values()) and len(tasks) == len(methods)
    band = 26 if alone else _PAD + _LANE * max(len(methods), 3)
    traces = []
    for lane, (method, scores) in enumerate(methods.items()):
        shift = 0 if alone else (lane - (len(methods) - 1) / 2) * _LANE / band
        shown = [task for task in tasks if task in scores]
        traces.append(
            trace_of(
                method,
                looks[method],
                x=[round(scores[task].value, 3) for task in shown],
                y=[round(tasks.index(task) + shift, 4) for task in shown],
                error_x=bars_of([scores[task] for task in shown]),
                mode="markers",
                customdata=[[_plain(task), interval(scores[task], sign=sign)] for task in shown],
                hovertemplate=_HOVER,
            )
        )
    return figure_of(
        traces,
        height=band * len(tasks) + _FRAME,
        margin={"l": 8, "r": 12, "t": 6, "b": 44},
        xaxis={"title": {"text": unit, "standoff": 8}, "fixedrange": True, "nticks": 7},
        yaxis={
            "tickvals": list(range(len(tasks))),
            "ticktext": [_plain(task) for task in tasks],
            "range": [len(tasks) - 0.5, -0.5],
            "fixedrange": True,
            "automargin": True,
            "showgrid": False,
            "zeroline": False,
            "ticklabelstandoff": 8,
            "minor": {"tickvals": [i - 0.5 for i in range(len(tasks) + 1)], "showgrid": True},
        },
    )


def band_chart(board: Board, looks: Mapping[str, Look]) -> Figure | None:
    """Joint less sequential training of each objective on every linear task; None without twins."""
    methods = {
        sequential: {task: e for (_, task), e in board.compare(joint, sequential, "linear").items()}
        for _, sequential, joint in board.twins()
    }
    shown = {method: scores for method, scores in methods.items() if scores}
    figure = dots(
        _tasks(board, "linear"), shown, looks, "points that joint training is ahead", sign=True
    )
    if figure:
        figure["layout"]["xaxis"].update(zeroline=True, zerolinewidth=1.5)
    return figure


def stream_chart(board: Board, of: Sequence[Row], looks: Mapping[str, Look]) -> Figure | None:
    """Accuracy on the first chunk's held-out images after each chunk; None without any.

    A method that is seen once only, joint or untrained, is a level across the stream.
    """
    traces = []
    rows = [row for row in of if row.first_chunk]
    for lane, row in enumerate(rows):
        shift = 0.02 * (lane - (len(rows) - 1) / 2)  # so that intervals do not hide each other
        points = [point for _, point in row.first_chunk]
        steps = [max(1, step) for step, _ in row.first_chunk]
        level = len(points) == 1 and (row.strategy == "joint" or not row.first_chunk[0][0])
        if level:
            traces.append(
                trace_of(
                    row.method,
                    looks[row.method],
                    width=1.25,
                    dash="dot",
                    x=[1, board.card.chunks],
                    y=[round(points[0].value, 3)] * 2,
                    mode="lines",
                    hoverinfo="skip",
                )
            )
        traces.append(
            trace_of(
                row.method,
                looks[row.method],
                x=[round(x + shift, 3) for x in steps],
                y=[round(point.value, 3) for point in points],
                error_y=bars_of(points),
                mode="markers" if level else "lines+markers",
                customdata=[
                    [f"after chunk {step}" if step else "untrained", interval(point)]
                    for step, point in row.first_chunk
                ],
                hovertemplate=_HOVER,
            )
        )
    if not traces:
        return None
    chunks = board.card.chunks
    return figure_of(
        traces,
        height=380,
        margin={"l": 8, "r": 12, "t": 8, "b": 44},
        xaxis={
            "title": {"text": "chunks seen", "standoff": 8},
            "range": [0.85, chunks + 0.15],
            "tickvals": list(range(1, chunks + 1)),
            "fixedrange": True,
            "showgrid": False,
            "zeroline": False,
        },
        yaxis={
            "title": {"text": "accuracy on chunk 1, %", "standoff": 6},
            "fixedrange": True,
            "automargin": True,
            "zeroline": False,
            "nticks": 7,
        },
    )


def all_charts(board: Board, looks: Mapping[str, Look]) -> dict[str, Figure]:
    """Every chart that has something to show, by the id of its place in the page."""
    rows = shown_rows(board)
    found: dict[str, Figure | None] = {
        "stream": stream_chart(board, rows, looks),
        "band": band_chart(board, looks),
    }
    for kind in KINDS:
        found[f"{kind}-score"] = score_chart(board, rows, kind, looks)
        found[f"{kind}-gain"] = gain_chart(board, rows, kind, looks)
    return {name: figure for name, figure in found.items() if figure}


def bars_of(points: list[Estimate]) -> dict[str, Any]:
    known = any(point.half is not None for point in points)
    return {
        "type": "data",
        "array": [round(point.half or 0.0, 3) for point in points],
        "visible": known,
        "thickness": 1.25,
        "width": 0,
    }


def trace_of(
    method: str, look: Look, *, width: float = 2, dash: str | None = None, **told: Any
) -> Figure:
    return {
        "type": "scatter",
        "name": _plain(method),
        "meta": {"method": method, "hue": look.hue},
        "marker": {"symbol": look.marker, "size": 8, "line": {"width": 1.75 if look.open else 0}},
        "line": {"width": width, "dash": dash or look.dash},
        **told,
    }


def _plain(text: str) -> str:
    """Text in which plotly reads no markup."""
    return escape(text, quote=False)


def figure_of(traces: Sequence[Figure], **layout: Any) -> Figure:
    plain = {
        "showlegend": False,
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "hovermode": "closest",
        "dragmode": False,
    }
    return {"data": list(traces), "layout": layout | plain}
