"""The pages of the committed results, in headless Chromium: every chart is drawn, all fits."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from leaderboard.site import build_site
from leaderboard.site.folder import slug
from leaderboard.words import number
from tests.leaderboard.browser import Browser

pytestmark = pytest.mark.browser

RESULTS = Path(__file__).parents[2] / "results"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_site(RESULTS, tmp_path_factory.mktemp("results") / "site").parent


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with Browser(tmp_path_factory.mktemp("profile")) as started:
        yield started


@pytest.mark.parametrize(("width", "dark"), [(1280, False), (390, True)])
def test_every_chart_is_drawn_and_every_page_fits(
    browser: Browser, site: Path, width: int, dark: bool
) -> None:
    patterns = ("index", "submit", "changelog", "protocol-*", "selection-*", "task-instance-*")
    pages = [sorted(site.glob(f"{pattern}.html")) for pattern in patterns]
    assert [len(found) > 0 for found in pages] == [True] * len(patterns)
    for page in (page for found in pages for page in found):
        browser.problems.clear()
        browser.show(page.as_uri(), width=width, dark=dark)
        assert browser.evaluate("document.documentElement.scrollWidth") == width, page.name
        assert browser.problems == [], page.name


VIEW = "document.querySelector('.view:not([hidden])').id"


def test_a_link_within_the_page_leaves_the_view_as_it_is(browser: Browser, site: Path) -> None:
    browser.show("about:blank")
    browser.show(f"{(site / 'index.html').as_uri()}#protocol=domain-nano-1")
    assert browser.evaluate(VIEW) == "view-domain-nano-1"
    browser.evaluate("document.querySelector('.skip').click()")
    browser.wait("location.hash === '#main'")
    assert browser.evaluate(VIEW) == "view-domain-nano-1"


def test_a_theme_that_is_switched_reaches_what_is_hidden(browser: Browser, site: Path) -> None:
    browser.show("about:blank")
    browser.show((site / "index.html").as_uri())
    ink = "getComputedStyle(document.querySelector('{} .main-svg .xtick text')).fill"
    light = browser.evaluate(ink.format("#view-instance-nano-1"))
    for step in ("domain-nano-1", "instance-nano-1"):
        if step == "instance-nano-1":
            browser.evaluate("document.getElementById('theme').click()")
        browser.evaluate(f"document.querySelector('[data-tab={step}]').click()")
        browser.wait(
            f"{VIEW} === 'view-{step}' && document.querySelector('#view-{step} .main-svg')"
        )
    assert browser.evaluate(ink.format("#view-instance-nano-1")) != light
    browser.evaluate("localStorage.clear()")


def test_a_window_that_is_narrowed_has_headings(browser: Browser, site: Path) -> None:
    browser.show("about:blank")
    browser.show((site / "index.html").as_uri(), width=1280)
    browser.call("Emulation.setDeviceMetricsOverride", width=390, height=900,
                 deviceScaleFactor=1, mobile=True)  # fmt: skip
    browser.wait("document.querySelector('.view td[data-label]')")


def test_numbers_are_rounded_as_python_does(browser: Browser, site: Path) -> None:
    browser.show((site / "submit.html").as_uri())
    values = [92.25, 92.75, 0.25, -0.25, 1.75, -0.04, 0.15, 61.05]
    assert browser.evaluate(f"{values}.map((v) => headwater.number(v))") == [
        number(value) for value in values
    ]


def test_every_number_of_a_protocol_leads_to_a_record(site: Path) -> None:
    pages = [
        site / "protocol-instance-nano-1.html",
        *site.glob(f"task-instance-nano-1-{slug('digits')}.html"),
    ]
    links = [
        link
        for page in pages
        for link in re.findall(
            r'cell\.html\?of=([^/"]+/[^&"]+)&amp;cell=([^&]+)&amp;seed=(\d+)&amp;after=(\d+)',
            page.read_text(),
        )
    ]
    early = [link for link in links if link[3] == "1" and link[1] != "stream.chunks"]
    watched = {(of, after) for of, cell, _, after in links if cell == "stream.chunks"}
    sequential = f"instance-nano-1/{slug('moco_v2/sequential')}"
    assert {(sequential, str(after)) for after in range(1, 5)} <= watched
    stopping = {f"instance-nano-1/{slug(f'{o}/first_chunk')}" for o in ("supervised", "moco_v2")}
    assert len(pages) == 2 and {of for of, *_ in early} == stopping
    shards = {of: (site / "data" / "methods" / f"{of}.js").read_text() for of, *_ in links}
    for of, cell, seed, after in links:
        runs = json.loads(shards[of].removeprefix("headwater.take(").removesuffix(");\n"))["runs"]
        (run,) = [run for run in runs if str(run["seed"]) == seed]
        assert [one for one in run["cells"] if (one["cell"], str(one["after"])) == (cell, after)]
