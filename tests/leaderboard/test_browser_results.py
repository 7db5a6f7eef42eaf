"""The pages of the committed results, in headless Chromium: every chart is drawn, all fits."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from leaderboard.site import build_site
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
