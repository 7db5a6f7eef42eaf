"""The site in headless Chromium, over file:// and http, at two widths, light and dark."""

import csv
import io
import json
import math
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from leaderboard.aggregate import read_results
from leaderboard.board import Board
from leaderboard.compare import compare, cost_rows
from leaderboard.site import build_site
from leaderboard.site.folder import slug
from leaderboard.words import number
from tests.leaderboard.browser import Browser, serving
from tests.leaderboard.conftest import PROTOCOL, StoreWriter

pytestmark = pytest.mark.browser

SEQUENTIAL, JOINT = (f"instance-test-1/{slug(f'moco_v2/{s}')}" for s in ("sequential", "joint"))
PAGES = (
    *("index.html", "protocol-instance-test-1.html", "submit.html", "changelog.html"),
    *("compare.html", f"task-instance-test-1-{slug('flags')}.html", f"method.html?of={SEQUENTIAL}"),
    f"cell.html?of={SEQUENTIAL}&cell=linear.flags&seed=0&after=4",
    f"cell.html?of={SEQUENTIAL}&cell=pretrain&seed=0&after=2",
    "compare.html?p=instance-test-1&a={}&b={}".format(
        SEQUENTIAL.partition("/")[2], JOINT.partition("/")[2]
    ),
)


@pytest.fixture(scope="module")
def store(full_store: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo's methods; one evaluated after every chunk, one with three seeds, one unpaired."""
    root: Path = shutil.copytree(full_store, tmp_path_factory.mktemp("browser") / "runs")
    writer = StoreWriter(root)
    for seed in (1, 2):
        writer.whole("moco_v2/joint", seed=seed)
        writer.whole("moco_v2/sequential", seed=seed)
    writer.cpu = "another"
    writer.whole("simclr/joint", predictions=False)
    for seen in (1, 2, 3):
        for path in (root / "instance-test@1/moco_v2/sequential/seed0/after-chunk4").glob(
            "linear.*"
        ):
            text = path.read_bytes()
            if path.suffix == ".json":
                text = _without_hash(text.decode()).replace(
                    '"chunks_seen": 4', f'"chunks_seen": {seen}'
                ).encode()  # fmt: skip
            (path.parents[1] / f"after-chunk{seen}" / path.name).write_bytes(text)
    return root


def _without_hash(text: str) -> str:
    return text[: text.index(',\n "sha256": "', text.index('"trust"'))] + "\n}\n"


@pytest.fixture(scope="module")
def site(store: Path, tmp_path_factory: pytest.TempPathFactory, card) -> Path:
    output = tmp_path_factory.mktemp("site")
    page = build_site(store, output, planned=["byol/joint"], card_of=lambda *_: card)
    return page.parent


@pytest.fixture(scope="module")
def served(site: Path) -> Iterator[str]:
    """Address of the same files on a server."""
    with serving(site) as address:
        yield address


@pytest.fixture(params=["file", "http"])
def root(request: pytest.FixtureRequest, site: Path, served: str) -> str:
    """Address of the site, from the disk and from a server."""
    return site.as_uri() if request.param == "file" else served


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


@pytest.mark.parametrize("page", PAGES)
def test_every_page_is_drawn_and_fits(browser: Browser, site: Path, served: str, page: str) -> None:
    for root, width, dark in ((site.as_uri(), 1280, False), (served, 390, True)):
        browser.show(f"{root}/{page}", width=width, dark=dark)
        assert browser.evaluate("document.documentElement.scrollWidth") == width
        assert browser.evaluate("document.title").count("Headwater") == 1
        assert browser.evaluate(
            "[...document.querySelectorAll('.chart')].filter(c => !c.closest('[hidden]')).every(c "
            "=> c.getAttribute('role') === 'img' && c.getAttribute('aria-label').length > 20 && "
            "c.querySelector('.main-svg').getBoundingClientRect().width <= c.clientWidth + 1)"
        )
        ground = browser.evaluate("getComputedStyle(document.body).backgroundColor")
        assert (ground == "rgb(255, 255, 255)") is not dark
        assert browser.evaluate("[...document.querySelectorAll('h1')].length") == 1


def names(browser: Browser) -> list[str]:
    """Methods of the ranking as they are seen."""
    found: list[str] = browser.evaluate(
        "[...document.querySelectorAll('.view:not([hidden]) .ranking tbody tr')]"
        ".filter(r => !r.hidden).map(r => (r.querySelector('th a') || r.querySelector('th'))"
        ".textContent.trim())"
    )
    return found


def test_the_ranking_is_sorted_by_every_column_and_the_address_knows(
    browser: Browser, root: str, store: Path, card
) -> None:
    board = Board(read_results(store), card)
    ranked = [row.method for row in board.rows]
    browser.show(f"{root}/index.html")
    assert names(browser) == [*ranked, "byol/joint"]
    browser.evaluate("document.querySelector('[data-key=fewshot] .sort').click()")
    by_fewshot = sorted(board.rows, key=lambda row: -row.averages["fewshot"].value)
    assert names(browser)[:-1] == [row.method for row in by_fewshot]
    assert "sort=fewshot+down" in browser.evaluate("location.hash")
    assert browser.evaluate("document.querySelector('[aria-sort]').ariaSort") == "descending"
    browser.evaluate("document.querySelector('[data-key=fewshot] .sort').click()")
    assert names(browser)[:-1] == [row.method for row in by_fewshot[::-1]]
    browser.evaluate("history.back()")
    browser.wait("location.hash.includes('down')")
    browser.wait("document.querySelector('[aria-sort]').ariaSort === 'descending'")
    assert names(browser)[:-1] == [row.method for row in by_fewshot]
    # what is empty comes last, whichever way; a link to the view gives the view
    browser.show("about:blank")
    browser.show(f"{root}/index.html#sort=gap+up")
    known = [row.method for row in board.rows if row.gap]
    assert sorted(names(browser)[: len(known)]) == sorted(known)
    gaps = [board.row(name).gap.value for name in names(browser)[: len(known)]]
    assert gaps == sorted(gaps)


def test_a_link_within_the_page_keeps_the_view(browser: Browser, site: Path) -> None:
    browser.show(f"{site.as_uri()}/index.html#columns=transfer+memory&filter=moco")
    browser.evaluate("document.querySelector('.skip').click()")
    browser.wait("location.hash === '#main'")
    browser.evaluate("document.querySelector('[data-key=memory] .sort').click()")
    assert browser.evaluate("location.hash") == (
        "#columns=transfer+memory&filter=moco&sort=memory+down"
    )


def test_going_back_is_seen_in_the_filter_that_has_the_focus(browser: Browser, root: str) -> None:
    browser.show(f"{root}/index.html#filter=moco")
    browser.evaluate("document.querySelector('[data-key=fewshot] .sort').click()")
    field = "document.querySelector('.filter')"
    browser.evaluate(
        f"(f => {{ f.focus(); f.value = 'super '; f.dispatchEvent(new Event('input')); }})({field})"
    )
    assert browser.evaluate(f"{field}.value") == "super "  # a blank that is being typed stays
    browser.evaluate("history.back()")
    browser.wait(f"{field}.value === 'moco'")
    assert browser.evaluate(f"document.activeElement === {field}")


def test_the_cost_is_in_the_address(browser: Browser, site: Path) -> None:
    browser.show(f"{site.as_uri()}/index.html#cost=memory")
    seen = "[...document.querySelectorAll('[id*=-cost-]')].filter(c => !c.hidden).map(c => c.id)"
    assert browser.evaluate(seen) == ["instance-test-1-cost-memory"]
    browser.evaluate("document.querySelector('[data-cost=time]').click()")
    assert browser.evaluate(seen) == ["instance-test-1-cost-time"]
    assert browser.evaluate("location.hash") == "#cost=time"
    browser.wait("!!document.querySelector('#instance-test-1-cost-time .main-svg')")
    browser.evaluate("document.querySelector('[data-cost=arrivals]').click()")
    assert browser.evaluate(seen) == ["instance-test-1-cost-arrivals"]
    assert "cost" not in browser.evaluate("location.hash")
    assert (
        browser.evaluate("document.querySelectorAll('[data-cost][aria-pressed=true]').length") == 1
    )


def test_a_phone_sorts_by_a_menu(browser: Browser, site: Path, store: Path, card) -> None:
    board = Board(read_results(store), card)
    shown = "document.querySelector('.by').offsetWidth > 0"
    browser.show(f"{site.as_uri()}/index.html")
    assert not browser.evaluate(shown)
    browser.show("about:blank")
    browser.show(f"{site.as_uri()}/index.html", width=390)
    assert browser.evaluate(shown)
    assert browser.evaluate("document.querySelector('.by').labels[0].innerText.trim()").startswith(
        "Sort by"
    )
    # no heading is left that a keyboard would stop at unseen
    assert browser.evaluate(
        "[...document.querySelectorAll('.sort')].every(b => !b.getClientRects().length)"
    )
    browser.evaluate(
        "(s => { s.value = 'fewshot'; s.dispatchEvent(new Event('change')); })"
        "(document.querySelector('.by'))"
    )
    by_fewshot = sorted(board.rows, key=lambda row: -row.averages["fewshot"].value)
    assert names(browser)[:-1] == [row.method for row in by_fewshot]
    browser.evaluate("document.querySelector('.turn').click()")
    assert names(browser)[:-1] == [row.method for row in by_fewshot[::-1]]
    assert browser.evaluate("location.hash") == "#sort=fewshot+up"
    assert browser.evaluate("document.querySelector('.by').value") == "fewshot"
    assert browser.evaluate("document.querySelector('td[data-label]').dataset.label")
    browser.evaluate("document.querySelector('[data-export=csv]').click()")
    assert browser.evaluate("headwater.exported").startswith("Rank,Method,Transfer,")


def test_a_difference_of_one_seed_takes_its_spread_from_the_protocol(
    browser: Browser, site: Path
) -> None:
    a, b = slug("supervised/joint"), slug("moco_v2/joint")
    half = "(d => d.high - d.value)"
    told = (
        f"(c => [{half}(c.averages.linear), {half}(c.tasks['linear.flags'])])(headwater.compared)"
    )
    browser.show(f"{site.as_uri()}/compare.html?p=instance-test-1&a={a}&b={b}")
    found = []
    for spreads in ("undefined", "{linear: 3, 'linear.flags': 4}"):
        browser.evaluate(f"headwater.index().then(i => {{ i.protocols[0].spreads = {spreads}; }})")
        browser.evaluate("document.getElementById('swap').click()")
        browser.wait("headwater.compared")
        found.append(browser.evaluate(told))
    before, after = found
    assert after == pytest.approx([math.hypot(before[0], 3), math.hypot(before[1], 4)])


def test_methods_are_filtered_and_columns_chosen(browser: Browser, root: str) -> None:
    browser.show("about:blank")
    browser.show(f"{root}/index.html")
    browser.evaluate(
        "(f => { f.value = 'moco seq'; f.dispatchEvent(new Event('input')); })"
        "(document.querySelector('.filter'))"
    )
    assert names(browser) == ["moco_v2/sequential"]
    assert "1 of 7 methods" in browser.evaluate("document.querySelector('.found').textContent")
    browser.evaluate(
        "(t => { t.value = 'reproduced'; t.dispatchEvent(new Event('change')); })"
        "(document.querySelector('.trust'))"
    )
    assert names(browser) == []
    browser.show("about:blank")
    browser.show(f"{root}/index.html#columns=transfer+memory")
    seen = browser.evaluate(
        "[...document.querySelectorAll('.ranking thead th')].filter(h => h.offsetWidth)"
        ".map(h => h.dataset.key)"
    )
    assert seen == ["rank", "method", "transfer", "memory"]


def test_what_is_seen_is_taken_along(browser: Browser, site: Path, store: Path, card) -> None:
    board = Board(read_results(store), card)
    browser.show("about:blank")
    browser.show(
        f"{site.as_uri()}/index.html#columns=transfer+forgetting+coverage+trust&filter=sequential"
    )
    browser.evaluate("document.querySelector('[data-export=csv]').click()")
    rows = list(csv.DictReader(io.StringIO(browser.evaluate("headwater.exported"))))
    assert [row["Method"] for row in rows] == [
        row.method for row in board.rows if "sequential" in row.method
    ]
    for row in rows:
        mine = board.row(row["Method"])
        assert float(row["Transfer"]) == round(mine.transfer.value, 1)
        half = float(row["Transfer, half of the 95 % interval"])
        assert half == pytest.approx(mine.transfer.half, abs=0.051)
        assert float(row["Forgetting"]) == pytest.approx(mine.forgetting.value, abs=0.051)
        assert [row["Coverage"], row["Trust"]] == [f"{mine.done}/{mine.wanted}", mine.trust]
    browser.evaluate("document.querySelector('[data-export=latex]').click()")
    latex = browser.evaluate("headwater.exported")
    assert "moco\\_v2/sequential &" in latex
    assert "$\\pm$" in latex
    assert latex.count("\\\\") == len(rows) + 1


def test_the_theme_is_switched_and_kept(browser: Browser, served: str) -> None:
    address = f"{served}/protocol-instance-test-1.html"
    browser.show(address)
    marks = "[...document.querySelectorAll('#linear-score .points path')]"
    fills = f"[...new Set({marks}.map(p => p.style.fill))].sort()"
    light = browser.evaluate(fills)
    browser.evaluate("document.getElementById('theme').click()")
    browser.wait("document.documentElement.dataset.theme == 'dark'")
    browser.wait(f"{fills}.join() !== {light!r}.join()")
    browser.show(address)
    assert browser.evaluate("document.documentElement.dataset.theme") == "dark"
    browser.evaluate("localStorage.clear()")


def points(chart: str) -> str:
    """How many a chart has; charts are drawn one at a time, so that it is to be waited for."""
    return f"document.querySelectorAll('#{chart} .scatterlayer .trace .points path').length"


def test_methods_are_hidden_and_gains_shown_by_the_address(browser: Browser, site: Path) -> None:
    browser.show(f"{site.as_uri()}/protocol-instance-test-1.html")
    assert browser.evaluate(points("linear-score")) == 6 * 12
    browser.evaluate("document.querySelector('.chip[data-method=random_init]').click()")
    browser.wait("document.querySelectorAll('.chip[aria-pressed=false]').length == 2")
    browser.wait(f"{points('linear-score')} === 5 * 12")
    assert "hide=random_init" in browser.evaluate("location.hash")
    browser.evaluate("document.querySelector('[data-view=gain]').click()")
    browser.wait(f"{points('linear-gain')} === 5 * 12")  # the floor has no gain over itself
    assert browser.evaluate("document.getElementById('linear-score').hidden")


def test_the_slider_moves_bars_curve_and_matrix(
    browser: Browser, root: str, store: Path, card
) -> None:
    browser.show(f"{root}/protocol-instance-test-1.html#chunk=1.4")
    assert browser.evaluate("document.getElementById('chunk-now').textContent") == "after chunk 1"
    browser.show("about:blank")
    browser.show(f"{root}/protocol-instance-test-1.html#chunk=2")
    assert browser.evaluate("document.getElementById('chunk').value") == "2"
    assert browser.evaluate("document.getElementById('chunk-now').textContent") == "after chunk 2"
    bars = "document.getElementById('bars').data.map(t => t.x.length)"
    assert browser.evaluate(bars) == [12]
    marked = "document.getElementById('heat').layout.shapes[0].y0"
    assert browser.evaluate(marked) == 0.5
    browser.evaluate(
        "(s => { s.value = 4; s.dispatchEvent(new Event('input')); })"
        "(document.getElementById('chunk'))"
    )
    browser.wait(f"{marked} === 2.5")
    assert "chunk=4" in browser.evaluate("location.hash")
    # of the three seeds one was evaluated after every chunk: the last step is of that one, too
    first = Board(read_results(store), card)
    run = first.runs["moco_v2/sequential"][0]
    flags = first.scores.of(run, ("linear", "flags")).value
    x = "(t => t.x[t.customdata.findIndex(c => c[0] === 'flags')])"
    assert browser.evaluate(f"{x}(document.getElementById('bars').data[0])") == pytest.approx(
        flags, abs=1e-3
    )
    moved = "document.getElementById('curve').data.find(t => t.mode === 'markers').x[0]"
    assert browser.evaluate(moved) == 4


def test_the_keyboard_does_what_the_mouse_does(browser: Browser, site: Path) -> None:
    browser.show(f"{site.as_uri()}/protocol-instance-test-1.html")
    browser.evaluate("document.getElementById('chunk').focus()")
    browser.press("ArrowLeft")
    browser.wait("document.getElementById('chunk-now').textContent === 'after chunk 3'")
    assert "chunk=3" in browser.evaluate("location.hash")
    browser.show(f"{site.as_uri()}/index.html")
    focused = "document.activeElement"
    for _ in range(40):  # to the heading of a column, as a reader gets there
        if browser.evaluate(f"Boolean({focused}.closest('th[data-key=transfer]'))"):
            break
        browser.press("Tab")
    sorts = "document.querySelector('th[data-key=transfer]').getAttribute('aria-sort')"
    before = browser.evaluate(sorts)
    browser.press("Enter")
    browser.wait(f"{sorts} !== {json.dumps(before)}")
    assert browser.evaluate(f"getComputedStyle({focused}).outlineStyle") != "none"


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ("moco_v2/sequential", "moco_v2/joint"),  # three seeds, paired
        ("supervised/joint", "moco_v2/joint"),  # one seed is shared
        ("moco_v2/joint", "simclr/joint"),  # not paired, and no interval of some
    ],
)
def test_the_page_compares_as_the_command_does(
    browser: Browser, site: Path, store: Path, card, a: str, b: str
) -> None:
    found = compare(Board(read_results(store), card), a, b)
    browser.show(f"{site.as_uri()}/compare.html?p=instance-test-1&a={slug(a)}&b={slug(b)}")
    page: dict[str, Any] = browser.evaluate("headwater.compared")
    wanted = {".".join(cell): difference for cell, difference in found.tasks.items()}
    assert page["tasks"].keys() == wanted.keys()
    averages = {kind: average for kind, average in found.averages.items() if average}
    assert page["averages"].keys() == averages.keys()
    told = [(page["tasks"][name], wanted[name]) for name in wanted]
    told += [(page["averages"][kind], averages[kind]) for kind in averages]
    for mine, theirs in told:
        assert mine["seeds"] == theirs.seeds
        assert mine["value"] == pytest.approx(theirs.value)
        assert mine["high"] == (theirs.high and pytest.approx(theirs.high, abs=1e-3))
    assert browser.evaluate("document.querySelector('.headline').textContent") == found.verdict
    labels = browser.evaluate(
        "[...document.querySelectorAll('.pair tr')].map((row) => row.cells[0].textContent)"
    )
    timed = [label for label, *_ in cost_rows(found) if label.startswith("time")]
    assert timed == [label for label in labels if label.startswith("time")]
    assert timed[0].endswith(", on machines that may differ") == ("simclr/joint" in (a, b))


def test_methods_are_picked_and_swapped(browser: Browser, site: Path) -> None:
    a, b = (of.partition("/")[2] for of in (SEQUENTIAL, JOINT))
    browser.show(f"{site.as_uri()}/compare.html")
    browser.evaluate(
        f"(s => {{ s.value = '{a}'; s.dispatchEvent(new Event('change')); }})"
        "(document.getElementById('pick-a'))"
    )
    browser.wait(f"location.search.includes('{a}') && !!document.getElementById('pick-b')")
    browser.evaluate(
        f"(s => {{ s.value = '{b}'; s.dispatchEvent(new Event('change')); }})"
        "(document.getElementById('pick-b'))"
    )
    browser.wait("!!document.querySelector('.headline')")
    first = browser.evaluate("headwater.compared.averages.linear.value")
    browser.evaluate("document.getElementById('swap').click()")
    browser.wait(f"location.search.includes('a={b}') && headwater.compared")
    assert browser.evaluate("headwater.compared.averages.linear.value") == pytest.approx(-first)


def test_a_number_leads_to_its_record(browser: Browser, site: Path) -> None:
    browser.show(f"{site.as_uri()}/method.html?of={SEQUENTIAL}")
    browser.evaluate("document.querySelector('#content a[href*=\"cell=linear.flags\"]').click()")
    browser.wait("document.querySelector('h1')?.textContent === 'linear on flags'")
    text = browser.evaluate("document.body.textContent")
    for expected in (
        "headwater run -p instance/test@1 -m moco_v2/sequential --seed 0",
        "instance-test@1/moco_v2/sequential/seed0/after-chunk4/linear.flags.json",
        "2.14.1",
    ):
        assert expected in text


def test_the_tasks_after_every_chunk_are_of_the_seeds_that_have_all(
    browser: Browser, site: Path, store: Path, card
) -> None:
    board = Board(read_results(store), card)
    run = board.runs["moco_v2/sequential"][0]
    browser.show(f"{site.as_uri()}/method.html?of={SEQUENTIAL}")
    told = browser.evaluate(
        "[...document.querySelectorAll('details')].filter(d => /after every chunk/.test("
        "d.firstChild.textContent)).flatMap(d => [...d.querySelectorAll('tbody tr')])"
        ".filter(r => r.cells[0].textContent === 'linear on flags')"
        ".flatMap(r => [...r.cells].slice(1).map(c => c.textContent))"
    )
    assert told == [number(board.scores.of(run, ("linear", "flags")).value)] * 4


def test_only_the_cells_of_a_command_are_counted(
    browser: Browser, store: Path, tmp_path: Path, site: Path, card
) -> None:
    kept = Path("instance-test@1/moco_v2/sequential/seed1")
    shutil.copytree(store / kept, tmp_path / "runs" / kept)
    path = tmp_path / "runs" / kept / "after-chunk4" / "linear.flags.json"
    further = '"--seed",\n   "1",\n   "--evaluations",\n   "linear"'
    text = path.read_text()
    assert '"--seed",\n   "1"' in text
    path.write_text(_without_hash(text).replace('"--seed",\n   "1"', further))
    output = build_site(tmp_path / "runs", tmp_path / "site", card_of=lambda *_: card).parent
    cell = f"{output.as_uri()}/cell.html?of={SEQUENTIAL}&seed=1&after=4&cell="
    browser.show(f"{cell}linear.letters")
    records = len(list((tmp_path / "runs").rglob("*.json")))
    told = browser.evaluate("document.body.textContent")
    assert f"moco_v2/sequential: {records - 1} cells computed, 0 found, 0 failed" in told
    browser.show(f"{cell}linear.flags")
    told = browser.evaluate("document.body.textContent")
    assert "records of the other commands computes 1 cell." in told
    browser.requests.clear()


@pytest.mark.parametrize(
    "page",
    [
        *("method.html", "method.html?of=../../x", "method.html?of=instance-test-1/nobody"),
        f"cell.html?of={SEQUENTIAL}&cell=linear.nothing",
        "cell.html?of=%3Cimg%20src=x%20onerror=alert(1)%3E/a",
    ],
)
def test_a_wrong_address_is_told(browser: Browser, site: Path, page: str) -> None:
    browser.show(f"{site.as_uri()}/{page}")
    assert browser.evaluate("document.querySelector('h1').textContent") == "Nothing is here"
    assert browser.evaluate("document.querySelectorAll('#content img').length") == 0
    # the browser itself notes that a file is not there
    browser.problems[:] = [p for p in browser.problems if "ERR_FILE_NOT_FOUND" not in p]


def test_names_of_strangers_are_text(browser: Browser, tmp_path: Path, site: Path, card) -> None:
    wicked = "<img src=x onerror=document.title='owned'>/<b>joint"
    writer = StoreWriter(tmp_path / "runs")
    writer.whole("moco_v2/joint")
    writer.whole("moco_v2/sequential")
    for path in (tmp_path / "runs" / PROTOCOL.replace("/", "-") / "moco_v2/joint").rglob("*.json"):
        path.write_text(_without_hash(path.read_text()).replace('"moco_v2/joint"', f'"{wicked}"'))
    other = tmp_path / "site"
    build_site(tmp_path / "runs", other, card_of=lambda *_: card)
    of = f"instance-test-1/{slug(wicked)}"
    b = slug("moco_v2/sequential")
    for page in (
        *("index.html", "protocol-instance-test-1.html", f"method.html?of={of}"),
        f"cell.html?of={of}&cell=linear.flags&seed=0&after=4",
        f"compare.html?p=instance-test-1&a={slug(wicked)}&b={b}",
    ):
        browser.show(f"{other.as_uri()}/{page}")
        assert wicked in browser.evaluate("document.body.textContent")
        assert browser.evaluate("document.title") != "owned"
        assert browser.evaluate("document.querySelectorAll('main b, #content img').length") == 0
    browser.requests[:] = [u for u in browser.requests if not u.startswith(other.as_uri())]
