"""The README's pictures of the page, taken by a browser: `python -m tests.leaderboard.pictures`."""

import tempfile
from pathlib import Path

from PIL import Image

from leaderboard.site import build_site
from leaderboard.site.folder import slug
from tests.leaderboard.browser import Browser

RESULTS = Path(__file__).resolve().parents[2] / "results"
WIDTH = 1240
METHODS = [f"supervised/{strategy}" for strategy in ("sequential", "joint")]
COMPARED = "&".join(f"{side}={slug(name)}" for side, name in zip("ab", METHODS, strict=True))
#: Of each picture the page's address, and what of it is shown: from the top of one thing, or of
#: the page, to the bottom of another.
PICTURES = {
    "page": ("index.html", "", ".view:not([hidden])"),
    "compare": (f"compare.html?p=instance-nano-1&{COMPARED}", "", "#details section"),
    "protocol": (
        "protocol-instance-nano-1.html#chunk=2",
        "[aria-labelledby=moving-title]",
        "[aria-labelledby=ranks-title]",
    ),
    "selection": ("selection-nano-1.html", "", "figure"),
}


def take(browser: Browser, address: str, start: str, end: str, path: Path) -> None:
    """Take one picture, of at most 250 colours."""
    browser.show(address, width=WIDTH)
    box = "document.querySelector({0!r}).getBoundingClientRect().{1} + scrollY"
    top = browser.evaluate(box.format(start, "top")) if start else 0
    bottom = browser.evaluate(box.format(end, "bottom"))
    browser.screenshot(path, top, bottom)
    picture = Image.open(path).convert("RGB")
    picture.quantize(250, Image.Quantize.MAXCOVERAGE).save(path, optimize=True)


def main() -> None:
    """Build the page of the committed records, and take all pictures."""
    with tempfile.TemporaryDirectory() as aside, Browser(Path(aside) / "profile") as browser:
        site = build_site(RESULTS, Path(aside) / "site").parent
        for name, (address, start, end) in PICTURES.items():
            take(browser, f"{site.as_uri()}/{address}", start, end, RESULTS / f"{name}.png")
            print(f"results/{name}.png")


if __name__ == "__main__":
    main()
