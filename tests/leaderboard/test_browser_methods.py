"""The pages of methods, cells and comparisons in headless Chromium: over file:// and http."""

import html
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from leaderboard.aggregate import read_results
from leaderboard.board import Board
from leaderboard.compare import compare
from leaderboard.site import build_site
from leaderboard.site.folder import slug
from leaderboard.words import interval, number
from tests.leaderboard.browser import Browser, serving
from tests.leaderboard.conftest import StoreWriter

pytestmark = pytest.mark.browser

P = "instance-test-1"
WICKED = "<img src=x onerror=document.title='owned'>/<b>joint"
SEQUENTIAL, JOINT, FLOOR = "moco_v2/sequential", "moco_v2/joint", "random_init"
ONE_SEED, UNPAIRED = "supervised/joint", "simclr/joint"


def method_page(method: str) -> str:
    return f"method.html?of={P}/{slug(method)}"


def cell_page(method: str, cell: str, after: int = 4, seed: int = 0) -> str:
    return f"cell.html?of={P}/{slug(method)}&cell={cell}&seed={seed}&after={after}"


def compare_page(a: str, b: str) -> str:
    return f"compare.html?p={P}&a={slug(a)}&b={slug(b)}"


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Methods of three seeds and of one, without predictions, unfinished, and of a wicked name."""
    root = tmp_path_factory.mktemp("methods") / "runs"
    writer = StoreWriter(root)
    for method, seeds in {SEQUENTIAL: 3, JOINT: 3, ONE_SEED: 1, FLOOR: 1}.items():
        for seed in range(seeds):
            writer.whole(method, seed=seed)
    writer.whole(UNPAIRED, predictions=False)
    writer.pretrain("supervised/sequential")
    writer.linear("supervised/sequential", "flags")
    writer.linear("supervised/sequential", "faces")
    writer.detection("supervised/sequential", error="ValueError: <b>no boxes</b>")
    writer.whole("wicked/joint")
    for path in (root / "instance-test@1/wicked").rglob("*.json"):
        text = path.read_text()
        unsealed = text[: text.index(',\n "sha256": "', text.index('"trust"'))] + "\n}\n"
        path.write_text(unsealed.replace('"wicked/joint"', f'"{WICKED}"'))
    return root


@pytest.fixture(scope="module")
def board(store: Path, card) -> Board:
    return Board(read_results(store), card)


@pytest.fixture(scope="module")
def site(store: Path, tmp_path_factory: pytest.TempPathFactory, card) -> Path:
    output = tmp_path_factory.mktemp("site")
    return build_site(store, output, card_of=lambda *_: card).parent


@pytest.fixture(scope="module")
def served(site: Path) -> Iterator[str]:
    """Address of the same files on a server."""
    with serving(site) as address:
        yield address


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with Browser(tmp_path_factory.mktemp("profile")) as started:
        yield started


@pytest.fixture(autouse=True)
def _quiet(browser: Browser, site: Path, served: str) -> Iterator[None]:
    """Nothing is logged as wrong, and nothing outside the folder is asked for."""
    browser.show("about:blank")
    browser.problems.clear()
    browser.requests.clear()
    yield
    assert browser.problems == []
    inside = (site.as_uri(), served, "data:", "blob:", "about:")
    assert [url for url in browser.requests if not url.startswith(inside)] == []


def text(browser: Browser, selector: str = "#content") -> str:
    found: str = browser.evaluate(f"document.querySelector('{selector}').textContent")
    return found


def links(browser: Browser, part: str) -> list[str]:
    """Texts of the links whose address holds a text."""
    found: list[str] = browser.evaluate(
        f"[...document.querySelectorAll('#content a[href*=\"{part}\"]')].map(a => a.textContent)"
    )
    return found


@pytest.mark.parametrize(
    "page",
    [
        *(method_page(m) for m in (SEQUENTIAL, ONE_SEED, FLOOR, "supervised/sequential", WICKED)),
        *(cell_page(SEQUENTIAL, c) for c in ("linear.flags", "stream.chunks", "detection.scenes")),
        cell_page(SEQUENTIAL, "pretrain", after=2),
        cell_page("supervised/sequential", "detection.scenes"),
        compare_page(SEQUENTIAL, JOINT),
        compare_page(WICKED, ONE_SEED),
        "compare.html",
        f"compare.html?p={P}&a={slug(FLOOR)}",
    ],
)
def test_pages_are_drawn_and_fit(browser: Browser, site: Path, served: str, page: str) -> None:
    for root, width, dark in (
        *((site.as_uri(), 1280, False), (site.as_uri(), 390, True)),
        *((served, 1280, True), (served, 390, False)),
    ):
        browser.show(f"{root}/{page}", width=width, dark=dark)
        assert browser.evaluate("document.documentElement.scrollWidth") == width
        assert browser.evaluate("document.querySelectorAll('h1').length") == 1
        assert browser.evaluate("document.title").endswith("Headwater")
        ground = browser.evaluate("getComputedStyle(document.body).backgroundColor")
        assert (ground == "rgb(255, 255, 255)") is not dark
        assert browser.evaluate(
            "[...document.querySelectorAll('.chart')].every(c => c.getAttribute('role') === 'img' "
            "&& /numbers are|points are/.test(c.ariaLabel) && c.querySelector('.main-svg')"
            ".getBoundingClientRect().width <= c.clientWidth + 1)"
        )
        assert browser.evaluate("[...document.querySelectorAll('select')].every(s => s.labels[0])")


def test_a_method_shows_what_the_board_has(browser: Browser, site: Path, board: Board) -> None:
    row = board.row(SEQUENTIAL)
    browser.show(f"{site.as_uri()}/{method_page(SEQUENTIAL)}")
    shown = text(browser, ".groups")
    for value in (row.transfer, row.gap, row.forgetting, row.course.forward):
        assert interval(value) in shown
    assert "Nobody but its authors" in text(browser)
    assert interval(row.scores["linear", "flags"]) in links(browser, "cell=linear.flags&")
    singly = [
        number(board.scores.of(run, ("linear", "flags")).value) for run in board.runs[SEQUENTIAL]
    ]
    assert len(singly) == 3
    assert links(browser, "cell=linear.flags&")[1:] == singly
    first = browser.evaluate("[...document.querySelector('.chart').data].map(t => t.x)")
    assert [len(x) for x in first] == [12, 36, 12]  # the floor, the seeds, the mean
    assert first[2] == pytest.approx([row.scores["linear", t].value for t in board_tasks(board)])
    assert first[0] == pytest.approx(
        [board.row(FLOOR).scores["linear", t].value for t in board_tasks(board)]
    )
    assert f"task-{P}-{slug('flags')}.html" in browser.evaluate(
        "document.querySelector('.beside').innerHTML"
    )
    assert links(browser, "compare.html")[0] == JOINT


def board_tasks(board: Board) -> list[str]:
    return [task for _, task in board.card.cells("linear")]


def test_the_lines_of_tables_are_level_with_those_of_charts(browser: Browser, site: Path) -> None:
    browser.show(f"{site.as_uri()}/{method_page(ONE_SEED)}")
    rows, ticks = (
        browser.evaluate(
            f"[...document.querySelector('.beside').querySelectorAll('{selector}')]"
            ".map(e => e.getBoundingClientRect()).map(r => (r.top + r.bottom) / 2)"
        )
        for selector in ("tbody tr", ".ytick text")
    )
    assert sorted(ticks) == pytest.approx(rows, abs=3)


def test_what_is_missing_or_failed_is_said(browser: Browser, site: Path) -> None:
    browser.show(f"{site.as_uri()}/{method_page('supervised/sequential')}")
    note = text(browser, ".note")
    assert note.startswith("Missing: linear on objects, ")
    assert "few-shot (all 11)" in note
    assert "detection on scenes failed: ValueError: <b>no boxes</b>." in note
    browser.show(f"{site.as_uri()}/{cell_page('supervised/sequential', 'detection.scenes')}")
    assert text(browser, ".failed") == "It failed: ValueError: <b>no boxes</b>"


def test_a_cell_leads_on(browser: Browser, site: Path, board: Board) -> None:
    browser.show(f"{site.as_uri()}/{cell_page(SEQUENTIAL, 'linear.flags', seed=1)}")
    assert links(browser, "seed=0&after=4") == ["0"]
    assert links(browser, "seed=2&after=4") == ["2"]
    assert links(browser, "method.html") == [SEQUENTIAL]
    assert links(browser, "task-") == ["flags"]
    run = next(run for run in board.runs[SEQUENTIAL] if run.seed == 1)
    record = run.evaluations[4, ("linear", "flags")].record
    shown = text(browser)
    error = record.metrics["top1"].standard_error
    for expected in (
        f"{record.metrics['top1'].value:.2f}",
        f"± {number(1.96 * error)}",
        *(record.sha256, record.key, record.predictions.sha256, record.task.data_sha256),
        "instance-test@1/moco_v2/sequential/seed1/after-chunk4/linear.flags.json",
        "headwater run -p instance/test@1 -m moco_v2/sequential --seed 1 --threads 2 --tasks flags",
        *("headwater validate", "headwater verify", "2.14.1", record.provenance.started),
    ):
        assert expected in shown
    browser.show(f"{site.as_uri()}/{cell_page(SEQUENTIAL, 'stream.chunks', after=2)}")
    assert links(browser, "after=1") == ["after chunk 1"]
    value = board.scores.of(board.runs[SEQUENTIAL][0], ("stream", "chunks"), 2, "chunk3")
    assert f"{number(value.value)} ± " in text(browser, ".numbers")


def test_a_command_is_copied(browser: Browser, site: Path) -> None:
    browser.show(f"{site.as_uri()}/{cell_page(SEQUENTIAL, 'linear.flags')}")
    browser.evaluate("document.querySelector('.copy').click()")
    browser.wait("/Copied|Selected/.test(document.querySelector('.copy').textContent)")


@pytest.mark.parametrize(
    ("a", "b"),
    [
        (SEQUENTIAL, JOINT),  # three seeds, paired
        (ONE_SEED, FLOOR),  # one seed, paired
        (JOINT, ONE_SEED),  # one of the seeds is shared
        (ONE_SEED, UNPAIRED),  # without predictions: in quadrature, or no interval
        (JOINT, "supervised/sequential"),  # unfinished
    ],
)
def test_differences_are_those_of_the_board(
    browser: Browser, site: Path, board: Board, a: str, b: str
) -> None:
    browser.show(f"{site.as_uri()}/{compare_page(a, b)}")
    page: dict[str, Any] = browser.evaluate("headwater.compared")
    gaps = {k: board.gap(a, b, k) for k in ("linear", "fewshot", "detection")}
    wanted = {".".join(cell): found for cell, found in board.compare(a, b).items()}
    assert page["tasks"].keys() == wanted.keys()
    assert page["averages"].keys() == {kind for kind, gap in gaps.items() if gap}
    pairs = [(page["tasks"][name], wanted[name]) for name in wanted]
    pairs += [(found, gaps[kind]) for kind, found in page["averages"].items()]
    for mine, theirs in pairs:
        assert mine["value"] == pytest.approx(theirs.value, abs=1e-6)
        assert mine["seeds"] == theirs.seeds
        if theirs.half is None:
            assert mine["high"] is None
        else:
            assert mine["high"] - mine["value"] == pytest.approx(theirs.half, abs=1e-3)
    assert text(browser, ".headline") == compare(board, a, b).verdict
    drawn = browser.evaluate(
        "[...document.querySelectorAll('.chart')].flatMap(c => c.data.flatMap(t => t.x)).length"
    )
    means = sum(1 for kind in page["averages"] if kind != "detection")
    assert drawn == len(wanted) + means


def choose(browser: Browser, picker: str, value: str) -> None:
    browser.evaluate(
        f"(s => {{ s.value = '{value}'; s.dispatchEvent(new Event('change')); }})"
        f"(document.getElementById('pick-{picker}'))"
    )


def test_choices_are_in_the_address_and_can_be_taken_back(
    browser: Browser, site: Path, served: str, board: Board
) -> None:
    for root in (site.as_uri(), served):
        browser.show(f"{root}/compare.html")
        assert "Choose two methods" in text(browser)
        assert f"{SEQUENTIAL} against {JOINT}" in text(browser)
        choose(browser, "a", slug(SEQUENTIAL))
        assert "Choose the other method" in text(browser)
        browser.evaluate("document.getElementById('pick-b').focus()")
        choose(browser, "b", slug(JOINT))
        browser.wait("headwater.compared")
        assert browser.evaluate("document.activeElement.id") == "pick-b"  # a keyboard can go on
        gap = board.gap(SEQUENTIAL, JOINT).value
        assert browser.evaluate("headwater.compared.averages.linear.value") == pytest.approx(gap)
        browser.evaluate("document.getElementById('swap').click()")
        browser.wait(f"location.search.includes('a={slug(JOINT)}') && headwater.compared")
        assert browser.evaluate("headwater.compared.averages.linear.value") == pytest.approx(-gap)
        browser.evaluate("history.back()")
        browser.wait(f"location.search.includes('a={slug(SEQUENTIAL)}') && headwater.compared")
        assert browser.evaluate("headwater.compared.averages.linear.value") == pytest.approx(gap)
        assert browser.evaluate("document.getElementById('pick-a').value") == slug(SEQUENTIAL)


@pytest.mark.parametrize(
    "page",
    [
        method_page(WICKED),
        cell_page(WICKED, "linear.flags"),
        cell_page(WICKED, "pretrain"),
        compare_page(WICKED, SEQUENTIAL),
        compare_page(SEQUENTIAL, WICKED),
    ],
)
def test_a_strangers_name_is_text(browser: Browser, site: Path, page: str) -> None:
    browser.show(f"{site.as_uri()}/{page}")
    assert WICKED in text(browser)
    assert "owned" not in browser.evaluate("document.title").replace(WICKED, "")
    assert browser.evaluate("document.querySelectorAll('#content img, #content b').length") == 0
    assert html.escape(WICKED, quote=False) in browser.evaluate(
        "document.getElementById('content').innerHTML"
    )


@pytest.mark.parametrize(
    "page",
    [
        *("method.html", "method.html?of=../../x", "method.html?of=%00", "method.html?of=a/b/c"),
        "method.html?of=%3Cscript%3Ealert(1)%3C/script%3E",
        *("cell.html", f"cell.html?of={P}/{slug(JOINT)}&cell=linear.flags&seed=9&after=4"),
        f"cell.html?of={P}/{slug(JOINT)}&cell=%3Cimg src=x%3E&seed=x&after=-1",
        "cell.html?of=javascript:alert(1)&cell=pretrain",
    ],
)
def test_a_wrong_address_is_told(browser: Browser, site: Path, page: str) -> None:
    browser.show(f"{site.as_uri()}/{page}")
    assert text(browser, "h1") == "Nothing is here"
    assert text(browser, ".lead").count(".") >= 1
    assert browser.evaluate("document.querySelectorAll('#content img').length") == 0


def test_a_method_that_is_not_there_is_told(browser: Browser, site: Path, served: str) -> None:
    for root in (site.as_uri(), served):
        browser.show(f"{root}/method.html?of={P}/nobody")
        assert "nobody" in text(browser, ".lead")
    # the browser itself notes that a file is not there
    kept = [p for p in browser.problems if "ERR_FILE_NOT_FOUND" not in p and "404" not in p]
    browser.problems[:] = kept


@pytest.mark.parametrize(
    ("query", "told"),
    [
        (f"p=nothing&a={slug(JOINT)}", "The protocol of the address has no records here"),
        (f"p={P}&a=nobody&b={slug(JOINT)}", "no records of a method of the address"),
        (f"p={P}&a=__proto__&b=../../x", "no records of a method of the address"),
        (f"p={P}&a={slug(JOINT)}&b={slug(JOINT)}", "not compared with itself"),
    ],
)
def test_a_wrong_choice_is_told(browser: Browser, site: Path, query: str, told: str) -> None:
    browser.show(f"{site.as_uri()}/compare.html?{query}")
    assert told in text(browser, "#answer")
    assert browser.evaluate("document.querySelectorAll('#content select').length") == 3
