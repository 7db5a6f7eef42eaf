"""The page of a track of selections, in headless Chromium."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from leaderboard.site import build_site
from tests.leaderboard.browser import Browser, serving
from tests.leaderboard.conftest import StoreWriter
from tests.leaderboard.test_selection import RANDOM, SEPT, WHOLE, Choice, add

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
