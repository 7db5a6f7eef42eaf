"""The paper's questions, each answered from the records by the numbers of a chart and a sentence.

A tier's streams are put side by side, and never averaged: all are judged on the same test images,
so that their errors are not independent.
"""

import math
import statistics
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from benchmark.registry import PROTOCOLS
from leaderboard import words
from leaderboard.board import Board
from leaderboard.catalogue import EVALUATIONS
from leaderboard.facts import HELPERS, Facts
from leaderboard.statistics import Estimate

Asked = Board | Facts
AnyAsked = TypeVar("AnyAsked", Board, Facts)
Numbers = Mapping[str, Mapping[str, Estimate]]


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


def stream_of(board: Asked) -> str:
    """Name of a board's stream, such as `instance`."""
    return board.card.id.partition("/")[0]


def _collected(found: Iterator[tuple[str, str, Estimate | None]]) -> dict[str, dict[str, Estimate]]:
    """Series, line and number, those left out that are not known."""
    numbers: dict[str, dict[str, Estimate]] = {}
    for series, line, value in found:
        if value is not None:
            numbers.setdefault(series, {})[line] = value
    return numbers


def sides(numbers: Numbers, below: str, above: str) -> str:
    """In how many cases a number is below and above nought beyond its interval.

    Example:
        >>> sides({"a": {"x": Estimate(-2.0, 1.0), "y": Estimate(0.5, 1.0)}}, "behind", "ahead")
        'beyond the interval behind in 1 of 2 cases and ahead in 0, all from one seed'
    """
    every = [value for series in numbers.values() for value in series.values()]
    low = sum(one.beyond_noise and one.value < 0 for one in every)
    high = sum(one.beyond_noise and one.value > 0 for one in every)
    cases = words.counted(len(every), "case")
    single = sum(one.beyond_noise and one.seeds == 1 for one in every)
    told = f"{single} of these {low + high}" if single < low + high else "all"
    return (
        f"beyond the interval {below} in {low} of {cases} and {above} in {high}"
        f"{f', {told} from one seed' if single else ''}"
    )


def listed(series: Mapping[str, Estimate]) -> str:
    """Numbers with their lines, in a sentence.

    Example:
        >>> listed({"instance": Estimate(1.0, 0.5), "domain": Estimate(2.0, 0.5)})
        '+1.0 ± 0.5 (instance) and +2.0 ± 0.5 (domain)'
    """
    return words.joined([f"{words.interval(e, sign=True)} ({line})" for line, e in series.items()])


def _gap(boards: Sequence[Asked]) -> Answer:
    numbers = _collected(
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
        f"{sides(numbers, 'it is behind', 'ahead')}, a case being an objective on a stream.",
    )


def _helpers(boards: Sequence[Asked]) -> Answer:
    def found() -> Iterator[tuple[str, str, Estimate | None]]:
        for board in boards:
            for objective, sequential, joint in board.twins():
                line = f"{objective}, {stream_of(board)}"
                yield "sequential", line, board.gap(sequential, joint)
                for strategy in HELPERS:
                    if (name := f"{objective}/{strategy}") in board.runs:
                        yield strategy, line, board.gap(name, joint)

    gained = _collected(
        (strategy, f"{objective}, {stream_of(board)}", board.gap(name, sequential))
        for strategy in HELPERS
        for board in boards
        for objective, sequential, _ in board.twins()
        if (name := f"{objective}/{strategy}") in board.runs
    )
    numbers = _collected(found()) if gained else {}
    each = "; ".join(
        f"{strategy} changes transfer by {_range(list(series.values()))} against sequential "
        f"training, {sides({strategy: series}, 'below it', 'above')}"
        for strategy, series in gained.items()
    )
    return Answer(
        "helpers",
        "Do replay and regularisation close the gap?",
        "less joint, points",
        numbers,
        f"{each[:1].upper()}{each[1:]}.",
    )


def _range(found: Sequence[Estimate]) -> str:
    """The least and the most, with their intervals."""
    low, high = (words.interval(f(found, key=lambda e: e.value), sign=True) for f in (min, max))
    return f"{low} points" if len(found) == 1 else f"{low} to {high} points"


def _forgetting(boards: Sequence[Asked]) -> Answer:
    numbers = _collected(
        (objective, stream_of(board), row.forgetting if (row := board.row(sequential)) else None)
        for board in boards
        for objective, sequential, _ in board.twins()
    )
    apart = {
        stream: less(lost, numbers["moco_v2"][stream])
        for stream, lost in numbers.get("supervised", {}).items()
        if stream in numbers.get("moco_v2", {})
    }
    told = "Which forgets more is not known yet."
    if apart:
        told = (
            "Forgetting of chunk 1 under supervised less that under MoCo v2 training, in points: "
            f"{listed(apart)}, more than 0 where supervised training forgets more; "
            f"{sides({'': apart}, 'it forgets less', 'more')}."
        )
    return Answer(
        "forgetting",
        "Does self-supervised training forget the first chunk less than supervised training?",
        "forgotten of chunk 1, points",
        numbers,
        told,
    )


def less(a: Estimate, b: Estimate) -> Estimate:
    """A difference, taken for one of independent numbers: the interval is rather too wide.

    Example:
        >>> less(Estimate(5.0, 3.0), Estimate(1.0, 4.0))
        Estimate(value=4.0, half=5.0, seeds=1)
    """
    half = None if a.half is None or b.half is None else math.hypot(a.half, b.half)
    return Estimate(a.value - b.value, half, min(a.seeds, b.seeds))


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

    numbers = _collected(ratios())
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
    for names, title in (
        (("joint",), "joint training at every arrival takes"),
        (HELPERS, ""),
    ):
        if times := _times(boards, names):
            known = [name for name in names if any(name == strategy for strategy, _ in times)]
            takes = title or f"{words.joined(known)} {'take' if len(known) > 1 else 'takes'}"
            long = statistics.median(ratio for _, ratio in times)
            sentence += (
                f" By the time measured, {takes} {long:.1f} times as long (median of "
                f"{words.counted(len(times), 'case')} timed on the same kind of machine)."
            )
    return Answer(
        "cost",
        "What does each cost, and what would joint training at every arrival cost?",
        "visits, sequential = 1",
        numbers,
        sentence,
    )


def _times(boards: Sequence[Asked], strategies: Sequence[str]) -> list[tuple[str, float]]:
    """Strategy, and seconds to be up to date at every arrival relative to the sequential twin's.

    Only where both ran on the same kinds of machine.
    """
    return [
        (
            row.strategy,
            row.cost.seconds / twin.cost.seconds * row.cost.cumulative_visits / row.cost.visits,
        )
        for board in boards
        for row in board.rows
        if row.strategy in strategies and row.cost and row.cost.visits
        if row.cost.cumulative_visits
        if (twin := board.row(f"{row.objective}/sequential")) and twin.cost
        if row.cost.timed_like(twin.cost)
    ]


def _kinds(boards: Sequence[Asked]) -> Answer:
    numbers = _collected(
        (
            objective,
            f"{words.KINDS[kind].lower()}, {stream_of(board)}",
            board.gap(sequential, joint, kind),
        )
        for kind in EVALUATIONS
        for board in boards
        for objective, sequential, joint in board.twins()
    )
    told = []
    for kind in EVALUATIONS:
        name = words.KINDS[kind].lower()
        own = {
            objective: {line: e for line, e in series.items() if line.startswith(f"{name},")}
            for objective, series in numbers.items()
        }
        if any(own.values()):
            every = [value for series in own.values() for value in series.values()]
            told.append(
                f"{name}: sequential less joint training is {_range(every)}, "
                f"{sides(own, 'behind', 'ahead')}"
            )
    return Answer(
        "kinds",
        "Does the answer depend on the kind of downstream task?",
        "sequential less joint, points",
        numbers,
        f"{'; '.join(told)[:1].upper()}{'; '.join(told)[1:]}.",
    )
