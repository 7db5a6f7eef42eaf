"""The README's pictures of the page, taken by a browser: `python -m tests.leaderboard.pictures`.

Beside them it writes down, in pictures.json, of which records they are; whether these are still the
committed ones is tested without a browser.
"""

import json
import tempfile
from pathlib import Path

from PIL import Image

from benchmark.canonical import sha256_of, write_whole
from leaderboard.aggregate import Results, read_results
from leaderboard.site import build_site
from leaderboard.site.folder import slug
from leaderboard.site.shards import bundle_of
from tests.leaderboard.browser import Browser

RESULTS = Path(__file__).resolve().parents[2] / "results"
#: Name of the file in the folder of the records that says of which records the pictures are.
FILE = "pictures.json"
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


def records_sha256(results: Results) -> str:
    """One hash of all of Headwater's own records, whatever their order.

    A submission, which lies in a folder of its own, makes the pictures no older.

    Args:
        results: of a store that they were read from.
    """
    records = [found.record for found in results.located if not bundle_of(found, results.store)]
    return sha256_of(sorted([r.protocol.id, r.method.name, r.sha256 or ""] for r in records))


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
    seen = records_sha256(read_results(RESULTS))  # first: what comes later is not on the page
    with tempfile.TemporaryDirectory() as aside, Browser(Path(aside) / "profile") as browser:
        site = build_site(RESULTS, Path(aside) / "site").parent
        for name, (address, start, end) in PICTURES.items():
            take(browser, f"{site.as_uri()}/{address}", start, end, RESULTS / f"{name}.png")
            print(f"results/{name}.png")
    document = json.dumps({"records_sha256": seen}, indent=1) + "\n"
    write_whole(RESULTS / FILE, document.encode())
    print(f"results/{FILE}")


if __name__ == "__main__":
    main()
