"""Building the page: plain files that open from disk, with everything they need beside them."""

import hashlib
import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

from benchmark.canonical import write_whole
from benchmark.errors import DataError, HeadwaterError, UsageError
from benchmark.streams.picture import stream_rows
from leaderboard import words
from leaderboard.aggregate import Results, read_results
from leaderboard.board import Board, load_boards
from leaderboard.catalogue import ProtocolCard, find_card
from leaderboard.document import write_data_files
from leaderboard.site.charts import all_charts
from leaderboard.site.look import looks

#: In the head of every page that this module writes; what lacks it is not overwritten.
GENERATOR = '<meta name="generator" content="Headwater">'
_HASHED = re.compile(r"^[a-z0-9-]+\.[0-9a-f]{12}\.(js|css|png)$")


def build_site(
    store: Path,
    output: Path,
    *,
    planned: Sequence[str] = (),
    card_of: Callable[[str, Results], ProtocolCard] = find_card,
) -> Path:
    """Build the leaderboard of a store as a page that needs no network.

    It may be called while methods are still running: what is missing is shown as pending. Assets
    carry their hash in the name and the page is replaced last, in one step, so that a reader who
    reloads sees the old page or the new one, whole. The same records give the same bytes.

    Args:
        store: folder of records.
        output: folder of the page; made if need be. Other files in it are left alone.
        planned: methods to list as pending while they have no record.
        card_of: finds what is known of a protocol beside its records.

    Returns:
        Path of `index.html`.

    Raises:
        HeadwaterError: no store, a broken record, a folder that cannot be written to or that
            holds a page of someone else.
    """
    results = read_results(store)
    _refuse_strangers(output / "index.html")
    boards = load_boards(results, planned, card_of)
    try:
        site = _Site(output)
        pages = {"index.html": boards[0] if boards else None}
        pages |= {f"{_slug(board)}.html": board for board in boards[1:]}
        rendered = {
            name: _render(board, site, [(other, b.card.id) for other, b in pages.items() if b])
            for name, board in pages.items()
        }
        write_data_files(output / "data", results, boards)
        for name, text in reversed(rendered.items()):
            write_whole(output / name, text.encode())
        site.sweep()
    except OSError as error:
        raise HeadwaterError(f"cannot write the page to {output}: {error.strerror}") from error
    return output / "index.html"


@dataclass
class _Site:
    """The folder of the page, and which of its assets are in use."""

    output: Path

    def __post_init__(self) -> None:
        self.used: set[str] = set()

    def asset(self, name: str, content: bytes) -> str:
        """Write an asset under a name that holds its hash; its address relative to the page."""
        stem, _, ending = name.rpartition(".")
        hashed = f"{stem}.{hashlib.sha256(content).hexdigest()[:12]}.{ending}"
        self.used.add(hashed)
        path = self.output / "assets" / hashed
        if not path.is_file() or path.stat().st_size != len(content):
            write_whole(path, content)
        return f"assets/{hashed}"

    def sweep(self) -> None:
        """Remove assets of earlier builds that no page refers to."""
        for path in (self.output / "assets").iterdir():
            if _HASHED.match(path.name) and path.name not in self.used:
                path.unlink(missing_ok=True)


def _refuse_strangers(page: Path) -> None:
    if page.exists() and (not page.is_file() or GENERATOR.encode() not in page.read_bytes()):
        raise UsageError(f"{page} was not written by Headwater; choose another --output")


def _slug(board: Board) -> str:
    return re.sub(r"[^a-z0-9]+", "-", board.card.id.lower()).strip("-")


def _render(board: Board | None, site: _Site, pages: Sequence[tuple[str, str]]) -> str:
    from jinja2 import Environment, PackageLoader, StrictUndefined
    from plotly.offline import get_plotlyjs

    environment = Environment(
        loader=PackageLoader("leaderboard.site", "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "interval": words.interval,
        "number": words.number,
        "count": words.count,
        "counted": words.counted,
        "duration": words.duration,
        "ranks": words.ranks,
        "joined": words.joined,
    }
    ours = files("leaderboard.site") / "assets"
    assets = {
        "style": site.asset("style.css", (ours / "style.css").read_bytes()),
        "script": site.asset("page.js", (ours / "page.js").read_bytes()),
        "plotly": site.asset("plotly.js", get_plotlyjs().encode()),
    }
    common = {"assets": assets, "pages": pages, "generator": GENERATOR}
    if board is None:
        return environment.get_template("empty.html").render(**common)
    return environment.get_template("protocol.html").render(**common, **_context(board, site))


def _context(board: Board, site: _Site) -> dict[str, Any]:
    found = looks([*(row.method for row in board.rows), *board.pending])
    charts = all_charts(board, found)
    pictures, no_picture = _pictures(board, site)
    known = [row.transfer for row in board.rows if row.transfer]
    ends = [end for e in known for end in (e.low, e.high, e.value) if end is not None]
    return {
        "board": board,
        "card": board.card,
        "looks": found,
        "charts": charts,
        "charts_json": script_json(charts),
        "pictures": pictures,
        "no_picture": no_picture,
        "scale": (min(ends), max(ends)) if ends else (0.0, 1.0),
        "kinds": words.KINDS,
        "units": words.UNITS,
        "forgotten": words.forgotten,
        "answers": [
            (objective, words.verdict(board, sequential, joint), row)
            for objective, sequential, joint in board.twins()
            if (row := board.row(sequential))
        ],
        "missing": {row.method: words.missing(row, board) for row in board.rows},
        "failures": {row.method: words.failures(row) for row in board.rows},
        "seeds_note": words.seeds_note(board),
        "progress": words.progress(board),
        "steps": range(board.card.chunks + 1),
    }


def _pictures(board: Board, site: _Site) -> tuple[list[str], str]:
    """Addresses of the rows of the stream's images, or why there are none."""
    card = board.card
    if card.load_pool is None:
        return [], "This installation does not know the images of this stream."
    try:
        rows = stream_rows(card.chunk_ids, card.load_pool())
    except DataError:
        return [], (
            "No picture: the images are not prepared on the machine that built this page "
            "(headwater prepare does that)."
        )
    name = f"{_slug(board)}-chunk"
    return [site.asset(f"{name}{i}.png", row) for i, row in enumerate(rows, 1)], ""


def script_json(value: Any) -> str:
    """JSON that may stand inside a script element: nothing in it can end the element.

    Example:
        >>> script_json("</script>")
        '"\\\\u003c/script\\\\u003e"'
    """
    text = json.dumps(value, separators=(",", ":"), allow_nan=False)
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text
