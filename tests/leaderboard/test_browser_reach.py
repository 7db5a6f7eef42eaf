"""On paper and by the keyboard, in headless Chromium."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from leaderboard.site import build_site
from tests.leaderboard.browser import Browser

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def site(full_store: Path, tmp_path_factory: pytest.TempPathFactory, card) -> Path:
    return build_site(full_store, tmp_path_factory.mktemp("site"), card_of=lambda *_: card).parent


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with Browser(tmp_path_factory.mktemp("profile")) as opened:
        yield opened


def test_paper_is_light(browser: Browser, site: Path) -> None:
    browser.show(f"{site.as_uri()}/index.html", dark=True)
    ink = "getComputedStyle(document.querySelector('.main-svg .xtick text')).fill"
    dark = browser.evaluate(ink)
    browser.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert browser.evaluate(ink) == "rgb(85, 98, 110)" != dark
    browser.evaluate("dispatchEvent(new Event('afterprint'))")
    assert browser.evaluate(ink) == dark
    style = "getComputedStyle(document.{}).{}"
    for theme in ("", "dark"):
        browser.evaluate(f"document.documentElement.dataset.theme = '{theme}'")
        scheme = {"name": "prefers-color-scheme", "value": "dark"}
        browser.call("Emulation.setEmulatedMedia", media="print", features=[scheme])
        hue = style.format("documentElement", "getPropertyValue('--hue-0').trim()")
        assert browser.evaluate(hue) == "#206cff"
        assert browser.evaluate(style.format("body", "color")) == "rgb(0, 0, 0)"
        scroll = "querySelector('.scroll')"
        assert browser.evaluate(style.format(scroll, "overflow")) == "visible"
        assert browser.evaluate(style.format(scroll, "maskImage")) == "none"
        browser.call("Emulation.setEmulatedMedia", media="", features=[scheme])
        assert browser.evaluate(hue) == "#1b73ff"


def test_paper_has_the_numbers_and_no_buttons(browser: Browser, site: Path) -> None:
    browser.show(f"{site.as_uri()}/protocol-instance-test-1.html")
    closed = "document.querySelectorAll('details:not([open])').length"
    before = browser.evaluate(closed)
    assert before
    browser.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert browser.evaluate(closed) == 0
    browser.evaluate("dispatchEvent(new Event('afterprint'))")
    assert browser.evaluate(closed) == before
    browser.show(f"{site.as_uri()}/index.html")
    browser.call("Emulation.setEmulatedMedia", media="print")
    for selector in (".bar nav", ".tools"):
        shown = f"document.querySelector('{selector}').getClientRects().length"
        assert browser.evaluate(shown) == 0
    assert browser.call("Page.printToPDF")["data"].startswith("JVBERi")  # %PDF
    browser.call("Emulation.setEmulatedMedia", media="")


def test_what_is_wider_than_the_screen_is_reached_by_keyboard(browser: Browser, site: Path) -> None:
    wide = (
        "[...document.querySelectorAll('.scroll')].filter("
        "s => !s.closest('details:not([open])') && s.scrollWidth > s.clientWidth + 1)"
    )
    browser.show(f"{site.as_uri()}/protocol-instance-test-1.html", width=390)
    assert browser.evaluate(f"{wide}.length")
    assert browser.evaluate(f"{wide}.every(s => s.tabIndex === 0 && s.ariaLabel)")
    browser.evaluate(f"{wide}[0].focus()")
    assert browser.evaluate(f"{wide}[0] === document.activeElement")
    browser.press("ArrowRight")
    browser.wait("document.activeElement.scrollLeft > 0")
    browser.show(f"{site.as_uri()}/protocol-instance-test-1.html", width=1280)
    assert browser.evaluate("[...document.querySelectorAll('.scroll')].some(s => s.tabIndex < 0)")


def test_escape_closes_the_choice_of_columns(browser: Browser, site: Path) -> None:
    browser.show(f"{site.as_uri()}/index.html")
    browser.evaluate("document.querySelector('.choose summary').click()")
    assert browser.evaluate("document.querySelector('.choose').open")
    browser.press("Escape")
    assert not browser.evaluate("document.querySelector('.choose').open")
    assert browser.evaluate("document.activeElement.textContent") == "Columns"
