"""Building the site: plain files that open from disk, with everything they need beside them."""

from collections.abc import Callable, Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmark.errors import HeadwaterError
from leaderboard import words
from leaderboard.aggregate import Results, read_results
from leaderboard.beside import beside
from leaderboard.board import Board, load_boards
from leaderboard.catalogue import ProtocolCard, find_card
from leaderboard.document import data_files
from leaderboard.selection import tracks
from leaderboard.site.folder import GENERATOR, SiteFolder, script_json, slug
from leaderboard.site.home import home_context
from leaderboard.site.look import Look, looks
from leaderboard.site.notes import changes
from leaderboard.site.protocol import protocol_context
from leaderboard.site.selection import selection_context
from leaderboard.site.shards import shard_files, write_shards
from leaderboard.site.submit import submit_context
from leaderboard.site.task import task_contexts
from leaderboard.uncollected import uncollected

if TYPE_CHECKING:
    from jinja2 import Environment

#: The pages that are linked from every page.
PAGES = (
    ("index.html", "Ranking"),
    ("compare.html", "Compare"),
    ("submit.html", "Submit"),
    ("changelog.html", "Changes"),
)
#: Pages whose content is loaded by the address: of a method, of a cell, of two methods.
LOADED = ("method", "cell", "compare")
SCRIPTS = ("page", "table", "protocol", *LOADED)
#: Records for which a second process is worth its start.
MANY = 5000


@uncollected()  # it halves the time
def build_site(
    store: Path,
    output: Path,
    *,
    planned: Sequence[str] = (),
    card_of: Callable[[str, Results], ProtocolCard] = find_card,
    tell: Callable[[str], object] = lambda _: None,
) -> Path:
    """Build the leaderboard of a store as a site that needs no network.

    It may be called while methods are still running: what is missing is shown as pending. Assets
    carry their hash in the name, each file is replaced in one step and the first page last, so that
    a reader who reloads sees the old page or the new one, whole. The same records give the same
    bytes.

    Args:
        store: folder of records.
        output: folder of the site; made if need be. Other files in it are left alone.
        planned: methods to list as pending while they have no record.
        card_of: finds what is known of a protocol beside its records.
        tell: is told what of the store cannot be read.

    Returns:
        Path of `index.html`.

    Raises:
        HeadwaterError: no store, a folder that cannot be written to or that holds a page of
            someone else.
    """
    try:
        results = read_results(store)
        site = SiteFolder(output)
        boards = load_boards(results, planned, card_of)
        _Pages(site, boards, results, store).write()
        site.sweep()
    except OSError as error:
        raise HeadwaterError(f"cannot write the page to {output}: {error.strerror}") from error
    for problem in sorted(set(results.problems)):
        tell(problem)
    return output / "index.html"


class _Pages:
    """Renders pages from templates."""

    def __init__(
        self, site: SiteFolder, boards: Sequence[Board], results: Results, store: Path
    ) -> None:
        from plotly.offline import get_plotlyjs

        self.site, self.boards, self.results, self.store = site, boards, results, store
        self.environment = _environment()
        ours = files("leaderboard.site") / "assets"
        self.assets = {
            "style": site.asset("style.css", (ours / "style.css").read_bytes()),
            "plotly": site.asset("plotly.js", get_plotlyjs().encode()),
            **{
                name: site.asset(f"{name}.js", (ours / f"{name}.js").read_bytes())
                for name in SCRIPTS
            },
        }
        newest = [board.newest for board in boards if board.newest]
        self.tracks = tracks(results)
        selections = [(f"{slug(track.spec.id)}.html", "Selection") for track in self.tracks]
        self.common = {
            "assets": self.assets,
            "pages": (*PAGES[:1], *selections[:1], *PAGES[1:]),
            "generator": GENERATOR,
            "versions": sorted({version for board in boards for version in board.versions}),
            "newest": max(newest, default=None),
            "kinds": words.KINDS,
            "units": words.UNITS,
        }

    def write(self) -> None:
        """Write all pages and what they load, the first one last."""
        found = {
            board.card.id: looks([*(row.method for row in board.rows), *board.pending])
            for board in self.boards
        }
        wait = self._shards(found)
        tasks: dict[str, dict[str, str]] = {}
        for board in self.boards:
            own = found[board.card.id]
            name = f"protocol-{slug(board.card.id)}.html"
            self._page(name, "protocol.html", protocol_context(board, self.site, own))
            for address, context in task_contexts(board, self.site, own):
                self._page(address, "task.html", context)
                tasks.setdefault(board.card.id, {})[context["name"]] = address
        for track in self.tracks:
            context = selection_context(track, self.site)
            self._page(f"{context['id']}.html", "selection.html", context)
        self.site.script("index.js", "headwater.takeIndex", self._index(tasks))
        for name in LOADED:
            self._page(f"{name}.html", f"{name}.html", {})
        self._page("submit.html", "submit.html", submit_context())
        self._page(
            "changelog.html", "changelog.html", changes(self.results, self.boards, self.store)
        )
        for name, content in data_files(self.results, self.boards).items():
            self.site.data(name, content)
        wait()
        self._page("index.html", "home.html", home_context(self.boards, found))

    def _shards(self, found: Mapping[str, Mapping[str, Look]]) -> Callable[[], None]:
        """Begin to write what is loaded of each method; returns what waits for the end."""
        for board in self.boards:
            for row in board.rows:
                self.site.keep(shard_files(board, row.method))

        def work() -> None:
            for board in self.boards:
                write_shards(board, self.site, found[board.card.id])

        if len(self.results.located) >= MANY:
            return beside(work)
        work()
        return lambda: None

    def _page(self, name: str, template: str, context: dict[str, Any]) -> None:
        text = self.environment.get_template(template).render(**self.common, page=name, **context)
        self.site.page(name, text)

    def _index(self, tasks: dict[str, dict[str, str]]) -> dict[str, Any]:
        """What pages that load methods need to know of all: names, and Student's t."""
        from scipy.special import stdtrit

        return {
            "t": [round(float(stdtrit(freedom, 0.975)), 6) for freedom in range(1, 101)],
            "protocols": [
                {
                    "id": board.card.id,
                    "slug": slug(board.card.id),
                    "tasks": {
                        kind: [task for _, task in board.card.cells(kind)] for kind in words.KINDS
                    },
                    "task_pages": tasks.get(board.card.id, {}),
                    "methods": [
                        {"name": row.method, "slug": slug(row.method)} for row in board.rows
                    ],
                    "spreads": board.known_spreads(),
                }
                for board in self.boards
            ],
        }


def _environment() -> "Environment":
    from jinja2 import Environment, PackageLoader, StrictUndefined

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
        "size": words.size,
        "ranks": words.ranks,
        "joined": words.joined,
        "slug": slug,
        "script_json": script_json,
    }
    return environment
