"""The page of a track of selections, in headless Chromium."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from leaderboard.site import build_site
from leaderboard.site.folder import slug
from tests.leaderboard.browser import Browser, serving
from tests.leaderboard.conftest import StoreWriter
from tests.leaderboard.test_selection import RANDOM, SEPT, SMOKE, WHOLE, Choice, add

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("selection")
    writer = StoreWriter(folder / "runs")
    for choice, right in ((SEPT, 60), (RANDOM, 50), (WHOLE, 62)):
        add(writer, choice, right, target="shapes" if choice == SEPT else "")
    add(writer, Choice("moco_v2/sept", 10, 0.25), 61, target="shapes")
    site = build_site(folder / "runs", folder / "site").parent
    return (site / "selection-smoke-1.html").as_uri()


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with Browser(tmp_path_factory.mktemp("profile")) as started:
        yield started


@pytest.mark.parametrize(("width", "dark"), [(1280, False), (390, True)])
def test_it_is_drawn_and_fits(browser: Browser, page: str, width: int, dark: bool) -> None:
    browser.problems.clear()
    browser.show(page, width=width, dark=dark)
    assert browser.evaluate("document.documentElement.scrollWidth") == width
    assert "better than chance" in browser.evaluate("document.querySelector('main').innerText")
    assert browser.evaluate("document.querySelectorAll('#linear-average .scatterlayer .trace')"
                            ".length") == 3  # fmt: skip
    assert browser.problems == []


def test_over_http_it_asks_for_nothing_outside(browser: Browser, page: str) -> None:
    folder = Path(page.removeprefix("file://")).parent
    with serving(folder) as address:
        browser.show("about:blank")
        browser.requests.clear()
        browser.problems.clear()
        browser.show(f"{address}/selection-smoke-1.html")
    asked = [url for url in browser.requests if not url.startswith(("data:", "blob:"))]
    assert len(asked) > 3 and all(url.startswith(address) for url in asked)
    assert browser.problems == []


def follow(browser: Browser, selector: str, text: str) -> str:
    """Click the link of a text, and read the page that it leads to."""
    links = f'[...document.querySelectorAll("{selector}")]'
    browser.evaluate(f'window.left = 1, {links}.find(a => a.textContent === "{text}").click()')
    browser.wait("!window.left && document.querySelector('#content .commands')")
    told: str = browser.evaluate("document.getElementById('content').innerText")
    return told


def test_a_number_leads_to_its_record(browser: Browser, page: str) -> None:
    browser.problems.clear()
    for width in (1280, 390):
        browser.show(page, width=width)
        told = follow(browser, "a[href*='cell=linear_10shot.shapes']", "60.0 ± 9.7")
        assert browser.evaluate("document.title").startswith("10-shot linear on shapes")
        assert browser.evaluate("document.documentElement.scrollWidth") == width
        command = f"headwater run -p {SMOKE} -m moco_v2/sept+target=shapes --seed 0 --threads 2"
        for expected in (command, f"{command} --tasks shapes --evaluations linear_10shot"):
            assert expected in told.splitlines()
        folder = "selection-smoke@1/moco_v2/sept+target=shapes/seed0/after-chunk1"
        for expected in (f"{folder}/linear_10shot.shapes.json", "2.14.1", "batch_size", "60.00"):
            assert expected in told
        told = follow(browser, ".choice a", "Selection")  # of the same run
        assert "choice, seconds\t0.500" in told
        told = follow(browser, ".choice a", "Pre-training")
        assert "1\u202f024" in told
        browser.evaluate(
            f"[...document.querySelectorAll('a')].find(a => a.textContent === '{SMOKE}').click()"
        )
        browser.wait("location.pathname.endsWith('/selection-smoke-1.html')")
    assert browser.problems == []


def test_a_cost_leads_to_what_was_chosen(browser: Browser, page: str) -> None:
    browser.show(page)
    told = follow(browser, "a[href*='cell=selection&']", "0.250")
    assert "images chosen\t26" in told and "index, seconds\t0.250" in told


def test_a_record_that_is_not_there_is_told(browser: Browser, page: str) -> None:
    of = f"selection-smoke-1/{slug('moco_v2/all')}"
    browser.show(f"{page.rpartition('/')[0]}/cell.html?of={of}&cell=linear.none&seed=0&after=1")
    assert browser.evaluate("document.querySelector('h1').textContent") == "Nothing is here"
    assert browser.evaluate("document.querySelector('#content a').textContent") == "To the ranking"


def test_a_method_is_hidden_in_every_chart_and_the_address_knows(
    browser: Browser, page: str
) -> None:
    browser.show(page)
    shown = "document.querySelectorAll('#{} .scatterlayer .trace').length"
    browser.evaluate("document.querySelector('details').open = true")
    browser.wait(f"{shown.format('linear-shapes')} === 3")
    browser.evaluate("document.querySelector('.chip[data-method=\"moco_v2/sept\"]').click()")
    for chart in ("linear-average", "linear-shapes"):
        browser.wait(f"{shown.format(chart)} === 2")
    assert "hide=moco_v2" in browser.evaluate("location.href")
