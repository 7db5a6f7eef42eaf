"""Where the numbers of the first page lead."""

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from leaderboard.questions import answers
from leaderboard.site.folder import slug
from leaderboard.site.home import columns
from leaderboard.site.leads import address, leads
from tests.leaderboard.test_questions import GAPS, fake
from tests.leaderboard.test_site import build

STREAMS = ("instance", "distant-class")


class Cells(HTMLParser):
    """The cells of the tables of a page: text, and where it leads."""

    def __init__(self, page: Path) -> None:
        super().__init__()
        self.rows: list[list[tuple[str, str]]] = []
        self.inside = False
        self.feed(page.read_text())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "tr":
            self.rows.append([])
        elif tag in ("td", "th"):
            self.inside = True
            self.rows[-1].append(("", ""))
        elif tag == "a" and self.inside:
            self.rows[-1][-1] = (self.rows[-1][-1][0], dict(attrs)["href"] or "")

    def handle_endtag(self, tag: str) -> None:
        self.inside = self.inside and tag not in ("td", "th")

    def handle_data(self, data: str) -> None:
        if self.inside:
            text, href = self.rows[-1][-1]
            self.rows[-1][-1] = (text + data, href)


def test_every_number_of_a_ranking_leads_to_its_method(
    full_store: Path, tmp_path: Path, card, board
) -> None:
    found = board(full_store)
    page = build(full_store, tmp_path / "site", card)
    rows = {row[1][0]: row for row in Cells(page).rows if len(row) == len(columns(found)) + 3}
    for row in found.rows:
        _, _, transfer, _, *others = rows[row.method]
        own = f"method.html?of=instance-test-1/{slug(row.method)}"
        for column, (text, href) in zip(columns(found), [transfer, *others], strict=True):
            assert bool(href) is (column.of(row) is not None), (row.method, column.key)
            assert column.key == "gap" or href in ("", own)
            if isinstance(shown := column.of(row), tuple):
                assert text == shown[0]
    assert rows["moco_v2/joint"][-1][0] == "self-reported"


@pytest.fixture
def asked() -> list:
    return [fake(stream) for stream in STREAMS]


def test_every_number_of_an_answer_leads_to_its_methods(asked: list) -> None:
    for answer in answers(asked):
        found = leads(answer, asked)
        numbers = {(s, line): e for s, own in answer.numbers.items() for line, e in own.items()}
        assert found.keys() == numbers.keys(), answer.key
        for (series, line), number in numbers.items():
            page, protocol, *methods = re.fullmatch(
                r"(\w+)\.html\?(?:of|p)=([\w-]+)(?:/([\w-]+)|&a=([\w-]+)&b=([\w-]+))",
                found[series, line],
            ).groups()
            stream = protocol.removesuffix("-nano-1")
            assert stream in (series, line, line.rpartition(", ")[2])
            names = [name for name in asked[0].runs if slug(name) in methods]
            if page == "compare" and answer.key != "cost":
                a, b = sorted(names, key=lambda name: methods.index(slug(name)))
                kind = (
                    line.partition(",")[0].replace("-", "") if answer.key == "kinds" else "linear"
                )
                assert GAPS[a, b][kind] == (number.value, number.half)
            elif answer.key == "forgetting":
                assert names == [f"{series}/sequential"]
            else:
                assert line in {name.partition("/")[2] for name in names}


def test_a_method_is_not_compared_with_itself(asked: list) -> None:
    own = f"method.html?of=instance-nano-1/{slug('simclr/joint')}"
    assert address(asked[0], "simclr/joint", "simclr/joint") == own
    assert address(asked[0], "simclr/joint") == own
