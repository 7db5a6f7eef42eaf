"""The paper's questions, each answered from the records by the numbers of a chart and a sentence.

A tier's streams are put side by side, and never averaged: all are judged on the same test images,
so that their errors are not independent.
"""

import statistics
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from benchmark.registry import PROTOCOLS
from leaderboard import words
from leaderboard.board import Board
from leaderboard.differences import (
    Asked,
    Numbers,
    between,
    collected,
    every,
    less,
    listed,
    lower_in,
    machines,
    sides,
    stream_of,
)
from leaderboard.facts import ASKED, FORGETS, HELPERS, Facts
from leaderboard.statistics import Estimate

#: How the kinds of evaluation are called in a sentence.
_KINDS = {kind: words.KINDS.get(kind, "Nearest neighbours").lower() for kind in ASKED}
#: And beside a chart.
_LABELS = _KINDS | {"knn": "kNN"}
#: Cases from which a median of times is told: a machine's speed changes by the hour.
_SEVERAL = 3
AnyAsked = TypeVar("AnyAsked", Board, Facts)


@dataclass(frozen=True)
class Answer:
    """What the records say to a question.

    Args:
        key: for addresses and file names.
        question: as a reader would ask it.
        unit: of the numbers.
        numbers: series, such as an objective, to line, such as a stream, to number.
        sentence: the answer, with intervals.
    """

    key: str
    question: str
    unit: str
    numbers: Numbers
    sentence: str

    @property
    def signed(self) -> bool:
        """Whether the numbers are differences."""
        return self.unit.endswith("points")

    @property
    def lines(self) -> list[str]:
        """The lines of the chart, in the order in which they first occur."""
        return list(dict.fromkeys(line for series in self.numbers.values() for line in series))


def answers(boards: Sequence[Asked]) -> list[Answer]:
    """The questions that the records of a tier's streams answer.

    Args:
        boards: of the streams, in the order in which they are shown; or facts, which have the
            differences that are asked for below.

    Returns:
        An answer each, those left out of which there is no number yet.
    """
    found = [_gap(boards), _helpers(boards), _forgetting(boards), _cost(boards), _kinds(boards)]
    return [answer for answer in found if answer.numbers]


def nano_boards(boards: Iterable[AnyAsked]) -> list[AnyAsked]:
    """The streams of the nano tier with its budget, in the order in which they are listed."""
    known = [(PROTOCOLS.get(board.card.id), board) for board in boards if _known(board)]
    nano = [(s.place, board) for s, board in known if s.tier == "nano" and not s.longer]
    return [board for _, board in sorted(nano, key=lambda pair: pair[0])]


def _known(board: Asked) -> bool:
    return board.card.id in PROTOCOLS


def _gap(boards: Sequence[Asked]) -> Answer:
    numbers = collected(
        (objective, stream_of(board), board.gap(sequential, joint))
        for board in boards
        for objective, sequential, joint in board.twins()
    )
    each = "; ".join(f"{objective} {listed(series)}" for objective, series in numbers.items())
    return Answer(
        "gap",
        "How far is sequential from joint training?",
        "sequential less joint, points",
        numbers,
        f"Sequential less joint training, in points, mean over the linear tasks: {each}; "
        f"{sides(numbers, 'it is behind', 'ahead')}, a case being an objective on a stream, "
        f"{machines(boards, _twins(numbers))}.",
    )


def _twins(objectives: Iterable[str]) -> list[tuple[str, str]]:
    return [(f"{objective}/sequential", f"{objective}/joint") for objective in objectives]


def _helpers(boards: Sequence[Asked]) -> Answer:
    def found() -> Iterator[tuple[str, str, Estimate | None]]:
        for board in boards:
            for objective, sequential, joint in board.twins():
                line = f"{objective}, {stream_of(board)}"
                yield "sequential", line, board.gap(sequential, joint)
                for strategy in HELPERS:
                    if (name := f"{objective}/{strategy}") in board.runs:
                        yield strategy, line, board.gap(name, joint)

    gained = {
        strategy: collected(
            (objective, stream_of(board), board.gap(name, sequential))
            for board in boards
            for objective, sequential, _ in board.twins()
            if (name := f"{objective}/{strategy}") in board.runs
        )
        for strategy in HELPERS
    }
    gained = {strategy: series for strategy, series in gained.items() if series}
    numbers = collected(found()) if gained else {}
    each = "; ".join(
        f"{strategy} changes transfer by {between(every(series))} points, "
        f"{sides(series, 'below it', 'above')} ({lower_in(series)}; "
        f"{machines(boards, [(f'{o}/{strategy}', f'{o}/sequential') for o in series])})"
        for strategy, series in gained.items()
    )
    return Answer(
        "helpers",
        "Do replay and regularisation close the gap?",
        "less joint, points",
        numbers,
        f"{_open(numbers)} Against sequential training, {each}.",
    )


def _open(numbers: Numbers) -> str:
    """Where there is a gap beyond the interval at all, and what of it is left."""
    gaps = numbers.get("sequential", {})
    there = [line for line, gap in gaps.items() if gap.below]
    where = f" ({'; '.join(there)})" if there else ""
    cases = words.counted(len(gaps), "case")
    left = [
        f"{sum(gap.below for gap in those)} of {len(those)} with {strategy}"
        for strategy in HELPERS
        if (those := [gap for line, gap in numbers.get(strategy, {}).items() if line in there])
    ]
    still = f" It is still beyond the interval in {words.joined(left)}." if left else ""
    return (
        f"There is a gap beyond the interval, that could be closed, in {len(there)} of {cases}"
        f"{where}.{still}"
    )


def _forgetting(boards: Sequence[Asked]) -> Answer:
    numbers = collected(
        (objective, stream_of(board), row.forgetting if (row := board.row(sequential)) else None)
        for board in boards
        for objective, sequential, _ in board.twins()
    )
    apart = {
        stream_of(board): known
        for board in boards
        if (known := board.forgetting_difference(*FORGETS))
    }
    told = "Which forgets more is not known yet."
    if apart:
        told = (
            "Task-aware forgetting of chunk 1 under supervised less that under MoCo v2 training, "
            f"in points: {listed(apart)}, more than 0 where supervised training forgets more; "
            f"{sides({'': apart}, 'it forgets less', 'more')}, "
            f"{machines(boards, [FORGETS])}."
        )
    return Answer(
        "forgetting",
        "Does self-supervised training forget the first chunk less than supervised training?",
        "forgotten of chunk 1, points",
        numbers,
        told,
    )


def _cost(boards: Sequence[Asked]) -> Answer:
    """Visits are counted, not estimated: these numbers have no interval."""

    def ratios() -> Iterator[tuple[str, str, Estimate | None]]:
        for board in boards:
            for row in board.rows:
                twin = board.row(f"{row.objective}/sequential")
                if not (row.strategy and row.cost and twin and twin.cost):
                    continue
                if row.cost.cumulative_visits and twin.cost.cumulative_visits:
                    ratio = row.cost.cumulative_visits / twin.cost.cumulative_visits
                    yield stream_of(board), row.strategy, Estimate(ratio, None, len(row.seeds))

    numbers = collected(ratios())
    dear: dict[str, dict[str, list[str]]] = {}
    for stream, series in numbers.items():
        for name, ratio in series.items():
            if round(ratio.value, 1) > 1:
                dear.setdefault(name, {}).setdefault(f"{ratio.value:.1f}", []).append(stream)
    each = [
        f"{name} {words.joined([f'{n} times ({words.joined(on)})' for n, on in by.items()])}"
        for name, by in dear.items()
    ]
    sentence = "To have an up-to-date model after every arrival takes, against the image visits "
    sentence += f"of sequential training, {'; '.join(each) if each else 'as many'}."
    sentence += _told_times(_times(boards))
    return Answer(
        "cost",
        "What does each cost, and what would joint training at every arrival cost?",
        "visits, sequential = 1",
        numbers,
        sentence,
    )


def _times(boards: Sequence[Asked]) -> dict[str, list[tuple[str, float]]]:
    """Of each strategy, objective and seconds to be up to date, sequential training's being 1.

    A case is a seed on a stream, trained by both on one kind of machine.
    """
    found: dict[str, list[tuple[str, float]]] = {}
    for board in boards:
        for row in board.rows:
            twin = board.row(f"{row.objective}/sequential")
            if row.strategy in ("", "sequential") or not (row.cost and twin and twin.cost):
                continue
            if row.cost.visits and row.cost.cumulative_visits:
                more = row.cost.cumulative_visits / row.cost.visits
                each = [(row.objective, more * t) for t in row.cost.times_as_long(twin.cost)]
                found.setdefault(row.strategy, []).extend(each)
    return {name: found[name] for name in sorted(found)}


def _told_times(times: Mapping[str, Sequence[tuple[str, float]]]) -> str:
    """Medians, with the least and the most, of several cases; one or two say nothing."""
    told, few = [], []
    for name, cases in times.items():
        if len(cases) < _SEVERAL:
            few.append(name)
            continue
        long = [ratio for _, ratio in cases]
        between = f"{min(long):.1f} to {max(long):.1f} in {words.counted(len(long), 'case')}"
        of = words.joined(sorted({objective for objective, _ in cases}))
        told.append(f"{name} {statistics.median(long):.1f} times as long ({between}, {of})")
    if not told:
        return ""
    rest = f"; of {words.joined(few)} there are fewer than {_SEVERAL} such cases" if few else ""
    return (
        f" By the time measured, where the same seed ran on one known kind of machine, it takes "
        f"{'; '.join(told)}{rest}."
    )


def _kinds(boards: Sequence[Asked]) -> Answer:
    def line(kind: str, board: Asked) -> str:
        return f"{_LABELS[kind]}, {stream_of(board)}"

    numbers = collected(
        (objective, line(kind, board), board.gap(sequential, joint, kind))
        for kind in ASKED
        for board in boards
        for objective, sequential, joint in board.twins()
    )
    told, other = [], []
    for kind in ASKED:
        own = {
            objective: {at: series[at] for board in boards if (at := line(kind, board)) in series}
            for objective, series in numbers.items()
        }
        own = {objective: series for objective, series in own.items() if series}
        if own:
            each = [
                f"{objective} {between([*series.values()])}" for objective, series in own.items()
            ]
            told.append(f"{_KINDS[kind]}: {'; '.join(each)}; {sides(own, 'behind', 'ahead')}")
        if kind != "linear" and own:
            other.append(_unlike(boards, numbers, kind))
    return Answer(
        "kinds",
        "Does the answer depend on the kind of downstream task?",
        "sequential less joint, points",
        numbers,
        "Sequential less joint training, least to most over the streams, in points, "
        f"{machines(boards, _twins(numbers))}. "
        + "".join(f"{one[:1].upper()}{one[1:]}. " for one in told)
        + f"The difference is another than by the linear probe, beyond the interval of the two, "
        f"{words.joined(other)}.",
    )


def _unlike(boards: Sequence[Asked], numbers: Numbers, kind: str) -> str:
    """In how many cases one kind's difference is not the linear probe's."""
    apart = [
        (f"{objective} on {stream_of(board)}", less(a, b))
        for objective, series in numbers.items()
        for board in boards
        if (a := series.get(f"{_LABELS[kind]}, {stream_of(board)}"))
        and (b := series.get(f"{_LABELS['linear']}, {stream_of(board)}"))
    ]
    beyond = [name for name, one in apart if one.beyond_noise]
    where = f" ({words.joined(beyond)})" if beyond else ""
    return f"by {_KINDS[kind]} in {len(beyond)} of {len(apart)} cases{where}"
