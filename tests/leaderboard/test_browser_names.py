"""The site of names with blanks and dots, and of no records, in headless Chromium."""

import csv
import io
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmark.result import Metric
from leaderboard.site import build_site
from leaderboard.site.folder import slug
from tests.leaderboard.browser import Browser
from tests.leaderboard.conftest import StoreWriter

pytestmark = pytest.mark.browser

SPACED = "my ± method"
LONG = "an_objective_of_a_long_name/some_strategy_of_a_longer_name+momentum=0.996"


@pytest.fixture(scope="module")
def strange(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Address of a site with names that have blanks and dots, and two protocols of one record."""
    folder = tmp_path_factory.mktemp("strange")
    writer = StoreWriter(folder / "runs")
    bare = Metric(value=50.0, unit="%", n=4)
    for protocol in ("strange/test@7", "strange/test@8"):
        writer.write(SPACED, 4, "linear.cifar10.1", {"top1": bare}, protocol=protocol)
        lower = bare.model_copy(update={"value": 20.0})
        writer.write("other", 4, "linear.cifar10.1", {"top1": lower}, protocol=protocol)
    known = bare.model_copy(update={"standard_error": 1.0})
    writer.write("third", 4, "linear.cifar10.1", {"top1": known}, protocol="strange/test@7")
    return build_site(folder / "runs", folder / "site").parent.as_uri()


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with Browser(tmp_path_factory.mktemp("profile")) as started:
        yield started


@pytest.fixture(autouse=True)
def _quiet(browser: Browser) -> Iterator[None]:
    """Nothing is logged as wrong."""
    browser.show("about:blank")
    browser.problems.clear()
    yield
    assert browser.problems == []


def test_a_name_stays_whole(browser: Browser, strange: str) -> None:
    browser.show(f"{strange}/index.html#protocol=strange-test-7")
    browser.evaluate("document.querySelector('.view:not([hidden]) [data-export=csv]').click()")
    rows = list(csv.DictReader(io.StringIO(browser.evaluate("headwater.exported"))))
    assert sorted(row["Method"] for row in rows) == [SPACED, "other", "third"]
    assert "Method, half of the 95 % interval" not in rows[0]
    page = f"{strange}/protocol-strange-test-7.html"
    chips = "[...document.querySelectorAll('.chip[aria-pressed=false]')].map(c => c.dataset.method)"
    browser.show(page)
    browser.evaluate(f"document.querySelector('.chip[data-method=\"{SPACED}\"]').click()")
    browser.evaluate("document.querySelector('.chip[data-method=other]').click()")
    assert set(browser.evaluate(chips)) == {SPACED, "other"}
    address = browser.evaluate("location.href")
    visible = "document.getElementById('linear-score').data.filter(t => t.visible).map(t => t.name)"
    for shown, hidden in (
        (address, {SPACED, "other"}),
        (f"{page}#hide=other", {"other"}),
        (f"{page}#hide=other+third", {"other", "third"}),  # as addresses were
    ):
        browser.show("about:blank")
        browser.show(shown)
        assert set(browser.evaluate(chips)) == hidden
        assert set(browser.evaluate(visible)) == {SPACED, "other", "third"} - hidden
    of = f"strange-test-7/{slug(SPACED)}"
    browser.show(f"{strange}/cell.html?of={of}&cell=linear.cifar10.1&seed=0&after=4")
    assert browser.evaluate("document.querySelector('h1').textContent") == "linear on cifar10.1"
    assert "--tasks cifar10.1 --evaluations linear" in browser.evaluate("document.body.textContent")


def test_long_names_fit_into_the_diagram_of_ranks(browser: Browser, tmp_path: Path) -> None:
    writer = StoreWriter(tmp_path / "runs")
    for place, name in enumerate((LONG, "an_objective/of_a_long_name+weight=0.125", "short")):
        for task in ("one", "two"):
            number = Metric(value=50.0 + place, unit="%", n=4, standard_error=1.0)
            writer.write(name, 4, f"linear.{task}", {"top1": number}, protocol="long/test@1")
    site = build_site(tmp_path / "runs", tmp_path / "site").parent.as_uri()
    browser.show(f"{site}/protocol-long-test-1.html")
    outside = (
        "[...document.querySelectorAll('.ranks text')].filter(t => { const b = t.getBBox(); "
        "return b.x < 0 || b.x + b.width > t.ownerSVGElement.viewBox.baseVal.width }).length"
    )
    assert browser.evaluate("document.querySelectorAll('.ranks .name').length") == 3
    assert browser.evaluate(outside) == 0


def test_two_methods_stay_when_the_protocol_is_changed(browser: Browser, strange: str) -> None:
    browser.show(f"{strange}/compare.html?p=strange-test-7&a={slug(SPACED)}&b={slug('other')}")
    headline = "document.querySelector('.headline').textContent"
    assert browser.evaluate(headline) == (
        f"{SPACED} is 30.0 points of linear transfer above other, over 1 shared seed; no interval "
        "is known."
    )
    change = (
        "(s => { s.value = '%s'; s.dispatchEvent(new Event('change')); })"
        "(document.getElementById('pick-protocol'))"
    )
    browser.evaluate(change % "strange-test-8")
    browser.wait("headwater.compared")
    assert browser.evaluate("location.search") == (
        f"?p=strange-test-8&a={slug(SPACED)}&b={slug('other')}"
    )
    browser.show(f"{strange}/compare.html?p=strange-test-7&a={slug(SPACED)}&b={slug('third')}")
    browser.evaluate(change % "strange-test-8")
    assert browser.evaluate("location.search") == f"?p=strange-test-8&a={slug(SPACED)}"
    assert "Choose the other method" in browser.evaluate("document.body.textContent")


def test_a_page_without_records_may_be_narrowed(browser: Browser, tmp_path: Path) -> None:
    (tmp_path / "runs").mkdir()
    page = build_site(tmp_path / "runs", tmp_path / "site")
    browser.show(page.as_uri())
    browser.call("Emulation.setDeviceMetricsOverride", width=390, height=900,
                 deviceScaleFactor=1, mobile=True)  # fmt: skip
    browser.wait("matchMedia('(max-width: 720px)').matches && innerWidth === 390")
    assert "There are no records yet" in browser.evaluate("document.body.textContent")
