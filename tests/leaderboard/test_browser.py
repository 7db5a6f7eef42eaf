"""The page in headless Chromium, over file://, at two widths, light and dark."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from browser import Browser

from leaderboard.site import build_site

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def page(full_store: Path, tmp_path_factory: pytest.TempPathFactory, card) -> Path:
    output = tmp_path_factory.mktemp("site")
    return build_site(full_store, output, planned=["simclr/joint"], card_of=lambda *_: card)


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with Browser(tmp_path_factory.mktemp("profile")) as started:
        yield started


@pytest.fixture(autouse=True)
def _quiet(browser: Browser, page: Path) -> Iterator[None]:
    """Nothing is logged as wrong, and nothing outside the folder is asked for."""
    browser.problems.clear()
    browser.requests.clear()
    yield
    assert browser.problems == []
    inside = (page.parent.as_uri(), "data:", "blob:")
    assert [url for url in browser.requests if not url.startswith(inside)] == []


@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("dark", [False, True])
def test_it_is_drawn_and_fits(browser: Browser, page: Path, width: int, dark: bool) -> None:
    browser.show(page.as_uri(), width=width, dark=dark)
    assert browser.evaluate("document.documentElement.scrollWidth") == width
    assert browser.evaluate("document.querySelectorAll('.chart .main-svg').length") >= 4
    # a chart is not wider than its place, and every task has its label
    assert browser.evaluate(
        "[...document.querySelectorAll('.chart:not([hidden])')].every(c => "
        "c.querySelector('.main-svg').getBoundingClientRect().width <= c.clientWidth + 1)"
    )
    labels = "[...document.querySelectorAll('#linear-score .ytick text')].map(t => t.textContent)"
    assert len(browser.evaluate(labels)) == 12
    ground = browser.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (ground == "rgb(255, 255, 255)") is not dark


def points(browser: Browser, chart: str) -> list[str]:
    found: list[str] = browser.evaluate(
        f"[...document.querySelectorAll('#{chart} .scatterlayer .trace .points path')]"
        ".map(p => p.style.fill)"
    )
    return found


def test_the_theme_is_switched_and_kept(browser: Browser, page: Path) -> None:
    browser.show(page.as_uri())
    light = set(points(browser, "linear-score"))
    browser.evaluate("document.getElementById('theme').click()")
    browser.wait("document.documentElement.dataset.theme == 'dark'")
    dark = set(points(browser, "linear-score"))
    assert len(light) >= 3 and len(dark) >= 3 and light != dark
    browser.show(page.as_uri())
    assert browser.evaluate("document.documentElement.dataset.theme") == "dark"
    browser.evaluate("localStorage.clear()")


def test_a_method_is_hidden_in_every_chart(browser: Browser, page: Path) -> None:
    browser.show(page.as_uri())
    assert len(points(browser, "linear-score")) == 5 * 12
    browser.evaluate("document.querySelector('.chip[data-method=random_init]').click()")
    browser.wait("document.querySelectorAll('.chip[aria-pressed=false]').length == 2")
    assert len(points(browser, "linear-score")) == 4 * 12
    assert len(points(browser, "fewshot-score")) == 4 * 11


def test_scores_and_gains_are_switched(browser: Browser, page: Path) -> None:
    browser.show(page.as_uri())
    browser.evaluate("document.querySelector('[data-view=gain]').click()")
    browser.wait("document.querySelector('#linear-gain .main-svg')")
    assert len(points(browser, "linear-gain")) == 4 * 12  # the floor has no gain over itself
    assert browser.evaluate("document.getElementById('linear-score').hidden")
    assert not browser.evaluate("document.getElementById('linear-gain').hidden")
