"""The picture and the table of the streams in the README."""

from xml.etree import ElementTree

import pytest

from benchmark.registry import PROTOCOLS
from leaderboard.readme import protocols
from leaderboard.streams_picture import streams_svg

SVG = "{http://www.w3.org/2000/svg}"
STREAMS = ("instance", "distant-class", "domain", "blurred-class")


@pytest.fixture(scope="module")
def specs():
    return [PROTOCOLS.get(f"{stream}/nano@1") for stream in STREAMS]


def test_every_chunk_has_two_bars_that_add_up(specs) -> None:
    document = ElementTree.fromstring(streams_svg(specs))
    rows: dict[tuple[float, int], list[tuple[float, float, str]]] = {}
    for bar in document.iter(f"{SVG}rect"):
        if (title := bar.find(f"{SVG}title")) is None:
            continue
        x, width = float(bar.get("x")), float(bar.get("width"))
        rows.setdefault((float(bar.get("y")), int(x > 450)), []).append((x, width, title.text))
    assert len(rows) == 2 * sum(spec.chunks for spec in specs)
    for bars in rows.values():
        assert sum(width for _, width, _ in bars) == pytest.approx(300, abs=0.5)
        counts = [int(text.rpartition(": ")[2].split(" of ")[0]) for _, _, text in bars]
        (total,) = {int(text.rpartition(" of ")[2]) for _, _, text in bars}
        assert sum(counts) == total
    texts = [text.text for text in document.iter(f"{SVG}text")]
    assert "blurred-class, neighbours share 20% of a chunk" in texts
    assert "979 flat" in texts and "Food & Drink" in texts


def test_the_same_streams_give_the_same_text(specs) -> None:
    assert streams_svg(specs) == streams_svg(specs)


def test_the_table_has_sizes_budgets_and_digests() -> None:
    names = ("random-class", "distant-class")
    specs = [PROTOCOLS.get(f"{name}/{tier}@1") for tier in ("nano", "full") for name in names]
    table, _, *sentences = protocols(specs).rpartition("\n\n")
    rows = [line.split(" | ") for line in table.splitlines()[2:]]
    assert [row[0].strip("| `") for row in rows] == [spec.id for spec in specs]
    assert rows[0][2:4] == ["1,276 to 1,289", "163"]
    assert rows[3][3] == "250" and rows[3][6] == "640,583,500"
    for spec, row in zip(specs, rows, strict=True):
        assert row[-1].strip(" |`") == spec.digest[:12]
    assert "At nano, two classes of different chunks" in sentences[0]
