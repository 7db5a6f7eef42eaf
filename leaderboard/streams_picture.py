"""What the chunks of the nano streams consist of, as an SVG: shares of groups and of styles.

No image of the pool may be part of the project, so the README shows what streams consist of;
`headwater show protocols NAME --picture FILE.png` shows the images themselves.
"""

from collections.abc import Mapping, Sequence
from typing import Any
from xml.sax.saxutils import escape

from benchmark.data.styles import DOMAINS
from benchmark.protocol import ProtocolSpec

#: Okabe and Ito's colours, for the groups; a ramp that keeps its order without colour, for styles.
_GROUPS = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9")
_STYLES = ("#1b1b3a", "#4a4e8c", "#7d83b8", "#aeb4d6", "#dde0f0")
_WIDTH, _PANEL, _BAR, _LEFT, _COLUMNS = 900, 430, 300, 92, 2
_ROW, _HEAD, _LEGEND = 34, 40, 70


def streams_svg(specs: Sequence[ProtocolSpec]) -> str:
    """A panel for each protocol, a row for each chunk, two bars in it: kinds of things, and styles.

    Args:
        specs: protocols whose manifests tell `group` and `domain` of every chunk.

    Returns:
        The SVG document; the same specs give the same text.
    """
    lines: list[str] = []
    kinds: dict[str, list[str]] = {"group": [], "domain": []}
    for spec in specs:
        for facts in spec.manifest.about["chunks"]:
            for kind, names in kinds.items():
                names += sorted(facts[kind].keys() - set(names))
    kinds["domain"].sort(key=DOMAINS.index)
    colours = {
        kind: dict(zip(kinds[kind], palette, strict=True))
        for kind, palette in (("group", _GROUPS), ("domain", _STYLES))
    }
    top = 10
    for start in range(0, len(specs), _COLUMNS):
        row = specs[start : start + _COLUMNS]
        for column, spec in enumerate(row):
            lines += _panel(spec, 10 + column * (_PANEL + 20), top, colours)
        top += _HEAD + _ROW * max(spec.chunks for spec in row) + 14
    for number, kind in enumerate(("group", "domain")):
        lines += _legend(colours[kind], 10, top + 24 * number)
    height = top + _LEGEND
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" '
            f'width="{_WIDTH}" height="{height}" role="img" font-family="sans-serif" '
            'font-size="13" fill="#222">',
            "<title>What the chunks of each nano stream consist of</title>",
            f'<rect width="{_WIDTH}" height="{height}" fill="#fff"/>',
            *lines,
            "</svg>\n",
        ]
    )


def _panel(
    spec: ProtocolSpec, left: int, top: int, colours: Mapping[str, Mapping[str, str]]
) -> list[str]:
    told = "" if spec.boundaries else f", neighbours share {spec.overlap:.0%} of a chunk"
    lines = [f'<text x="{left}" y="{top + 20}" font-weight="bold">{spec.stream}{told}</text>']
    facts: list[Any] = spec.manifest.about["chunks"]
    for number, chunk in enumerate(facts):
        y = top + _HEAD + _ROW * number
        lines.append(f'<text x="{left}" y="{y + 11}">chunk {number + 1}</text>')
        size = f"{spec.manifest.sizes[number]:,} {''.join(spec.domains[number : number + 1])}"
        lines.append(f'<text x="{left}" y="{y + 25}" fill="#666" font-size="11">{size}</text>')
        for offset, kind in ((0, "group"), (14, "domain")):
            lines += _bar(chunk[kind], left + _LEFT, y + offset, colours[kind])
    return lines


def _bar(counts: Mapping[str, int], left: float, top: int, colours: Mapping[str, str]) -> list[str]:
    total, x, lines = sum(counts.values()), left, []
    for name, colour in colours.items():
        if not counts.get(name):
            continue
        width = _BAR * counts[name] / total
        lines.append(
            f'<rect x="{x:.1f}" y="{top}" width="{width:.1f}" height="12" fill="{colour}">'
            f"<title>{escape(name)}: {counts[name]} of {total}</title></rect>"
        )
        x += width
    return lines


def _legend(colours: Mapping[str, str], left: int, top: int) -> list[str]:
    lines, x = [], left
    for name, colour in colours.items():
        lines.append(f'<rect x="{x}" y="{top}" width="12" height="12" fill="{colour}"/>')
        lines.append(f'<text x="{x + 18}" y="{top + 11}">{escape(name)}</text>')
        x += 40 + 8 * len(name)
    return lines
