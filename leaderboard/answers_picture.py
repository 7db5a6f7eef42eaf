"""An answer's numbers as an SVG for the README: a band for each line, a mark for each series."""

import math
from collections.abc import Iterator
from xml.sax.saxutils import escape, quoteattr

from leaderboard import words
from leaderboard.questions import Answer
from leaderboard.statistics import Estimate

#: Okabe and Ito's colours, and marks that differ without them.
_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#444444")
_MARKS = (
    *("M-4,0a4,4 0 1,0 8,0a4,4 0 1,0 -8,0Z", "M-4,-4H4V4H-4Z"),
    *("M0,-5L5,4H-5Z", "M0,-5L5,0L0,5L-5,0Z"),
)
_WIDTH, _LEFT, _RIGHT, _LANE, _PAD, _TOP, _FOOT = 760, 210, 24, 13, 12, 34, 46


def answer_svg(answer: Answer) -> str:
    """A chart of numbers with their 95 % intervals.

    Args:
        answer: with at least one number.

    Returns:
        The SVG document; the same answer gives the same text.
    """
    series = list(answer.numbers)
    band = _PAD + _LANE * len(series)
    bottom = _TOP + band * len(answer.lines)
    size = {"width": _WIDTH, "height": bottom + _FOOT}
    scale = _Scale(answer)
    lines = [_tag("rect", **size, fill="#fff"), *_legend(series), *scale.axis(bottom)]
    middle = (_LEFT + _WIDTH - _RIGHT) / 2
    lines.append(_text(answer.unit, middle, bottom + 36, anchor="middle", fill="#555"))
    for place, line in enumerate(answer.lines):
        top = _TOP + place * band
        lines.append(_text(line, _LEFT - 14, top + band / 2 + 4, anchor="end"))
        for lane, name in enumerate(series):
            if value := answer.numbers[name].get(line):
                y = top + _PAD / 2 + _LANE * (lane + 0.5)
                told = f"<title>{escape(f'{name}, {line}: {words.interval(value)}')}</title>"
                lines.append(f"<g>{told}{scale.mark(value, y, lane)}</g>")
    view = f"0 0 {size['width']} {size['height']}"
    font = {"font-family": "sans-serif", "font-size": 13, "fill": "#222"}
    head = _tag("svg", xmlns="http://www.w3.org/2000/svg", viewBox=view, **size, role="img", **font)
    title = f"<title>{escape(answer.question)}</title>"
    return "\n".join([head.replace("/>", ">"), title, *lines, "</svg>\n"])


class _Scale:
    """From numbers to pixels, with round numbers around all intervals and around 0."""

    def __init__(self, answer: Answer) -> None:
        every = [one for series in answer.numbers.values() for one in series.values()]
        ends = [e for one in every for e in (one.value, one.low, one.high) if e is not None]
        low, high = min(0.0, *ends), max(0.0, *ends)
        rough = max(high - low, 1e-9) / 6
        unit = 10.0 ** math.floor(math.log10(rough))
        step = next(unit * factor for factor in (1, 2, 5, 10) if unit * factor >= rough)
        first, last = math.floor(low / step), math.ceil(high / step)
        self.ticks = [round(step * n, 10) for n in range(first, max(last, first + 1) + 1)]

    def x(self, value: float) -> float:
        low, high = self.ticks[0], self.ticks[-1]
        return round(_LEFT + (value - low) / (high - low) * (_WIDTH - _LEFT - _RIGHT), 1)

    def axis(self, bottom: int) -> Iterator[str]:
        for tick in self.ticks:
            stroke, width = ("#888", 1.5) if tick == 0 else ("#ddd", 1)
            path = f"M{self.x(tick)},{_TOP}V{bottom}"
            yield _tag("path", d=path, stroke=stroke, **{"stroke-width": width})
            label = f"{tick:g}".replace("-", words.MINUS)
            yield _text(label, self.x(tick), bottom + 16, anchor="middle")

    def mark(self, value: Estimate, y: float, lane: int) -> str:
        bar = ""
        if value.low is not None and value.high is not None:
            path = f"M{self.x(value.low)},{y}H{self.x(value.high)}"
            bar = _tag("path", d=path, stroke=_colour(lane), **{"stroke-width": 1.75})
        return bar + _shape(lane, self.x(value.value), y)


def _legend(series: list[str]) -> Iterator[str]:
    x = float(_LEFT)
    for lane, name in enumerate(series):
        yield _shape(lane, x, 16)
        yield _text(name, x + 10, 20)
        x += 30 + 7.5 * len(name)


def _colour(lane: int) -> str:
    return _COLOURS[lane % len(_COLOURS)]


def _shape(lane: int, x: float, y: float) -> str:
    path = _MARKS[lane % len(_MARKS)]
    return _tag("path", d=path, fill=_colour(lane), transform=f"translate({x},{y})")


def _text(text: str, x: float, y: float, anchor: str = "start", **more: object) -> str:
    return f"{_tag('text', x=x, y=y, **{'text-anchor': anchor}, **more)[:-2]}>{escape(text)}</text>"


def _tag(name: str, **attributes: object) -> str:
    told = " ".join(f"{key}={quoteattr(str(value))}" for key, value in attributes.items())
    return f"<{name} {told}/>"
