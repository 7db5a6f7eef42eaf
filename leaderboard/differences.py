"""Differences by objective and stream, and how a sentence tells of many of them."""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence

from leaderboard import words
from leaderboard.board import Board
from leaderboard.facts import Facts
from leaderboard.statistics import Estimate

Asked = Board | Facts
#: Series, such as an objective, to line, such as a stream, to number.
Numbers = Mapping[str, Mapping[str, Estimate]]


def stream_of(board: Asked) -> str:
    """Name of a board's stream, such as `instance`."""
    return board.card.id.partition("/")[0]


def collected(found: Iterator[tuple[str, str, Estimate | None]]) -> dict[str, dict[str, Estimate]]:
    """Series, line and number, those left out that are not known."""
    numbers: dict[str, dict[str, Estimate]] = {}
    for series, line, value in found:
        if value is not None:
            numbers.setdefault(series, {})[line] = value
    return numbers


def every(numbers: Numbers) -> list[Estimate]:
    """All numbers, series by series."""
    return [one for series in numbers.values() for one in series.values()]


def listed(series: Mapping[str, Estimate]) -> str:
    """Numbers with their lines, in a sentence.

    Example:
        >>> listed({"instance": Estimate(1.0, 0.5), "domain": Estimate(2.0, 0.5)})
        '+1.0 ± 0.5 (instance) and +2.0 ± 0.5 (domain)'
    """
    return words.joined([f"{words.interval(e, sign=True)} ({line})" for line, e in series.items()])


def between(found: Sequence[Estimate]) -> str:
    """The least and the most, with their intervals."""
    low, high = (words.interval(f(found, key=lambda e: e.value), sign=True) for f in (min, max))
    return low if len(found) == 1 else f"{low} to {high}"


def sides(numbers: Numbers, below: str, above: str) -> str:
    """In how many cases a number is below and above nought beyond its interval.

    Example:
        >>> sides({"a": {"x": Estimate(-2.0, 1.0), "y": Estimate(0.5, 1.0)}}, "behind", "ahead")
        'beyond the interval behind in 1 of 2 cases and ahead in 0, all from one seed'
    """
    found = every(numbers)
    low = sum(one.below for one in found)
    high = sum(one.above for one in found)
    cases = words.counted(len(found), "case")
    single = sum(one.beyond_noise and one.seeds == 1 for one in found)
    told = f"{single} of these {low + high}" if single < low + high else "all"
    return (
        f"beyond the interval {below} in {low} of {cases} and {above} in {high}"
        f"{f', {told} from one seed' if single else ''}"
    )


def lower_in(series: Numbers) -> str:
    """In how many cases a number is below nought, whatever its interval."""
    each = [
        f"{sum(one.value < 0 for one in own.values())} of {len(own)} with {objective}"
        for objective, own in series.items()
    ]
    return f"by its sign alone below in {words.joined(each)}"


def less(a: Estimate, b: Estimate) -> Estimate:
    """A difference, taken for one of independent numbers: the interval is rather too wide.

    Example:
        >>> less(Estimate(5.0, 3.0), Estimate(1.0, 4.0))
        Estimate(value=4.0, half=5.0, seeds=1)
    """
    half = None if a.half is None or b.half is None else math.hypot(a.half, b.half)
    return Estimate(a.value - b.value, half, min(a.seeds, b.seeds))


def machines(boards: Sequence[Asked], pairs: Iterable[tuple[str, str]]) -> str:
    """How many differences are of methods that may have been trained on two kinds of machine.

    Two kinds of processor, and two numbers of threads, round differently, so that training goes
    its own way from the last bit on, as it would with another seed.
    """
    known = [
        a.cost.timed_like(b.cost)
        for one, other in pairs
        for board in boards
        if (a := board.row(one)) and (b := board.row(other)) and a.cost and b.cost
    ]
    return f"{len(known) - sum(known)} of {len(known)} on machines that may differ"
