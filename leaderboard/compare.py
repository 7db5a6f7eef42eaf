"""Two methods side by side: what differs in numbers, in configuration and in cost."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from benchmark.errors import UsageError, nearest
from leaderboard import words
from leaderboard.aggregate import Cell
from leaderboard.board import Board
from leaderboard.catalogue import EVALUATIONS, FLOOR
from leaderboard.row import Cost
from leaderboard.statistics import Estimate
from leaderboard.submission.findings import plain

#: Options that Markdown tells, and characters of a name or a value.
_MOST, _LONGEST = 30, 60


@dataclass(frozen=True)
class Comparison:
    """Method `a` less method `b`.

    Args:
        a, b: names.
        protocol: id.
        tasks: per cell that both have, the difference with its interval, in points.
        averages: per kind of evaluation; None while either row is incomplete.
        config: option to its two values, where they differ; None where a method lacks it.
        costs: of each; None before the end of pre-training.
        verdict: one sentence.
    """

    a: str
    b: str
    protocol: str
    tasks: Mapping[Cell, Estimate]
    averages: Mapping[str, Estimate | None]
    config: Mapping[str, tuple[Any, Any]]
    costs: tuple[Cost | None, Cost | None]
    verdict: str

    def document(self) -> dict[str, Any]:
        """What `--json` prints."""
        return {
            "protocol": self.protocol,
            "a": self.a,
            "b": self.b,
            "verdict": self.verdict,
            "tasks": [
                {"task": ".".join(cell), **_numbers(difference), "unit": "points"}
                for cell, difference in self.tasks.items()
            ],
            "averages": [
                {"evaluation": kind, **_numbers(average), "unit": "points"}
                for kind, average in self.averages.items()
                if average
            ],
            "config": [{"option": name, "a": a, "b": b} for name, (a, b) in self.config.items()],
            "cost": [
                {"method": name, **(vars(cost) if cost else {})}
                for name, cost in zip((self.a, self.b), self.costs, strict=True)
            ],
        }


def _numbers(difference: Estimate) -> dict[str, Any]:
    return {
        "difference": difference.value,
        "low": difference.low,
        "high": difference.high,
        "seeds": difference.seeds,
    }


def compare(board: Board, a: str, b: str) -> Comparison:
    """Compare two methods of a board.

    Args:
        board: with the records of both.
        a, b: names of the methods.

    Raises:
        UsageError: one has no records there, or both are the same.
    """
    for name in (a, b):
        if board.row(name) is None:
            there = nearest(name, [row.method for row in board.rows])
            raise UsageError(f"{board.card.id} has no records of {name!r}; it has {there}")
    if a == b:
        raise UsageError(f"{a} is compared with itself; name another method")
    rows = board.row(a), board.row(b)
    return Comparison(
        a=a,
        b=b,
        protocol=board.card.id,
        tasks=board.compare(a, b),
        averages={kind: board.gap(a, b, kind) for kind in EVALUATIONS},
        config=config_difference(config_of(board, a), config_of(board, b)),
        costs=tuple(row.cost if row else None for row in rows),  # type: ignore[arg-type]
        verdict=verdict(board, a, b),
    )


def verdict(board: Board, a: str, b: str) -> str:
    """Whether two methods can be told apart by their linear transfer, in one sentence."""
    average = board.gap(a, b)
    if average is None:
        lacking = [name for name in (a, b) if (row := board.row(name)) and row.transfer is None]
        why = f"{words.joined(lacking)} has not all linear evaluations" if lacking else ""
        return f"{a} and {b} cannot be compared on average: {why or 'they share no seed'}."
    seeds = words.counted(average.seeds, "shared seed")
    told = f"{words.interval(Estimate(abs(average.value), average.half))} points of linear transfer"
    side = "above" if average.value > 0 else "below"
    seeds += ", trained on machines that may differ" * _elsewhere(board, a, b)
    if average.half is None:
        return f"{a} is {told} {side} {b}, over {seeds}; no interval is known."
    if average.seeds == 1 and board.known_spread("linear") is None:
        seeds += ", which leaves other trainings out"
    if not average.beyond_noise:
        return f"{a} and {b} cannot be told apart: {told} between them, over {seeds}."
    single = board.compare(a, b, "linear").values()
    up = sum(d.above for d in single)
    down = sum(d.below for d in single)
    return (
        f"{a} is {told} {side} {b}, over {seeds}; taken singly, beyond noise, it is ahead on {up} "
        f"and behind on {down} of {words.counted(len(single), 'task')}."
    )


def _elsewhere(board: Board, a: str, b: str) -> bool:
    """Whether two methods that were trained may not have been on the same kinds of machine."""
    costs = [row.cost for name in (a, b) if (row := board.row(name)) and row.cost]
    return len(costs) == 2 and all(c.visits for c in costs) and not costs[0].timed_like(costs[1])


def references_of(board: Board, method: str) -> list[str]:
    """What a method is to be held against: its twins, the floor, and the best of the others."""
    objective, _, strategy = method.partition("/")
    wanted = [f"{objective}/{s}" for s in ("sequential", "joint")] if strategy else []
    best = next((r.method for r in board.rows if r.ranks and r.method != method), None)
    names = dict.fromkeys([*wanted, best, FLOOR])
    return [name for name in names if name and name != method and board.row(name)]


def config_of(board: Board, method: str) -> dict[str, Any]:
    """The resolved configuration in a method's records."""
    for run in board.runs.get(method, ()):
        return dict(run.all_located[0].record.method.config)
    return {}


def config_difference(a: Mapping[str, Any], b: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    """Options whose values differ, in the order of the first configuration.

    Example:
        >>> config_difference({"lr": 0.1, "dim": 128}, {"lr": 0.2, "dim": 128, "queue": 9})
        {'lr': (0.1, 0.2), 'queue': (None, 9)}
    """
    names = dict.fromkeys([*a, *b])
    return {n: (a.get(n), b.get(n)) for n in names if a.get(n) != b.get(n)}


def cost_rows(comparison: Comparison) -> list[tuple[str, str, str, str]]:
    """What each method used, in words, and the first in times of the second; nothing before both.

    Times of machines that may differ are put side by side, and not divided.
    """
    a, b = comparison.costs
    if a is None or b is None:
        return []
    alike = a.timed_like(b)
    return [
        _cost_row("image visits", words.count, a.visits, b.visits),
        _cost_row(
            "visits to be up to date at every arrival",
            words.count,
            a.cumulative_visits,
            b.cumulative_visits,
        ),
        _cost_row("time of pre-training", words.duration, a.seconds, b.seconds)
        if alike
        else (
            "time of pre-training, on machines that may differ",
            words.duration(a.seconds),
            words.duration(b.seconds),
            words.BLANK,
        ),
        _cost_row("images kept", words.size, a.stored_bytes, b.stored_bytes),
        _cost_row("peak memory", words.size, a.peak_memory_bytes, b.peak_memory_bytes),
    ]


def _cost_row(
    name: str, told: Callable[[Any], str], a: float | None, b: float | None
) -> tuple[str, str, str, str]:
    """A cost of both, and how many times that of the second the first is.

    Example:
        >>> _cost_row("image visits", words.count, 300, 200)
        ('image visits', '300', '200', '1.50')
    """
    return name, told(a), told(b), f"{a / b:.2f}" if a is not None and b else words.BLANK


def markdown(comparison: Comparison) -> str:
    """A comparison as Markdown: the verdict, and tables of differences, costs and options.

    Names and values are strangers': nothing in them is read as markup, and they are shortened.
    """
    lines = [
        f"**{_plain(comparison.verdict)}**",
        "",
        "| | difference, points | 95 % interval |",
        "|:--|--:|:--|",
    ]
    rows = [
        (f"{words.KINDS[kind]}, mean", average)
        for kind, average in comparison.averages.items()
        if average
    ]
    rows += [(words.cell_name(cell), difference) for cell, difference in comparison.tasks.items()]
    for name, difference in rows:
        number = words.number(difference.value, sign=True)
        lines.append(f"| {_plain(name)} | {number} | {words.ends(difference)} |")
    names = _told(comparison.a), _told(comparison.b)
    if costs := cost_rows(comparison):
        lines += ["", _line("", *names, "ratio"), "|:--|--:|--:|--:|"]
        lines += [_line(*row) for row in costs]
    options = list(comparison.config.items())
    if options:
        lines += ["", _line("option", *names), "|:--|:--|:--|"]
        lines += [_line(*map(_told, (name, *values))) for name, values in options[:_MOST]]
    if len(options) > _MOST:
        more = words.counted(len(options) - _MOST, "further option")
        lines += ["", f"There is a difference in {more}."]
    return "\n".join(lines) + "\n"


def _line(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def _told(value: object) -> str:
    """A name or a value as `_plain` has it, on one line and not without end.

    Example:
        >>> _told("a|b"), _told(0.5), _told(None), _told("c" * 99) == "c" * 60 + "..."
        ('a\\\\|b', '0.5', '\u2013', True)
    """
    text = plain(words.BLANK if value is None else str(value))
    return _plain(text if len(text) <= _LONGEST else f"{text[:_LONGEST]}...")


def _plain(text: str) -> str:
    """Text without anything that Markdown or GitHub would act on.

    Example:
        >>> _plain("a*b <img> @someone")
        'a\\\\*b \\\\<img\\\\> \\\\@someone'
    """
    escaped = "".join(f"\\{c}" if c in "\\`*_{}[]<>()#+!|@~&" else c for c in text)
    return escaped.replace("://", ":\\//").replace("www.", "www\\.")
