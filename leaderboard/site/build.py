"""Building the site: plain files that open from disk, with everything they need beside them."""

from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from benchmark.errors import HeadwaterError
from benchmark.registry import load_shipped
from leaderboard.aggregate import PROTOCOL_FOLDER, Results, record_paths
from leaderboard.beside import Lost, Pieces, processes
from leaderboard.catalogue import ProtocolCard, find_card
from leaderboard.document import data_files
from leaderboard.site.folder import SiteFolder
from leaderboard.site.home import home_context
from leaderboard.site.notes import changes
from leaderboard.site.pages import LOADED, Pages
from leaderboard.site.part import Found, Stream, Told, part
from leaderboard.site.submit import submit_context
from leaderboard.uncollected import uncollected

#: Records for which further processes are worth what each does anew, such as the tasks' pictures.
MANY = 20_000
#: A part of the site, to begin with.
Work = Callable[[], Generator[Found, Mapping[str, Any], Told]]


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
    bytes, by one process or by several, which share the protocols among them.

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
        paths = record_paths(store)
        site = SiteFolder(output)
        pages = Pages(site)
        load_shipped()  # the imports are done once, not in every process
        work = partial(part, pages, store, planned=planned, card_of=card_of)
        works: list[Work] = [partial(work, paths)]
        most = processes() if len(paths) >= MANY else 1
        if len(shares := shared_out(store, paths, most)) > 1:
            works = [
                partial(work, share, at_once=max(1, round(most * len(share) / len(paths))))
                for share in shares
            ]
        try:
            problems = _write(pages, store, works)
        except Lost:
            problems = _write(pages, store, [partial(work, paths)])
        site.sweep()
    except OSError as error:
        raise HeadwaterError(f"cannot write the page to {output}: {error.strerror}") from error
    for problem in problems:
        tell(problem)
    return output / "index.html"


def shared_out(store: Path, paths: Iterable[Path], most: int) -> list[list[Path]]:
    """The records in shares of about the same size, those of a protocol in one.

    Args:
        store: the folder that they lie in.
        paths: of records, in order.
        most: shares at the most.

    Example:
        >>> paths = [Path("runs", name) for name in ("a@1/x", "b@1/x", "b@1/y", "c@1/x")]
        >>> [[path.as_posix() for path in one] for one in shared_out(Path("runs"), paths, 2)]
        [['runs/b@1/x', 'runs/b@1/y'], ['runs/a@1/x', 'runs/c@1/x']]
    """
    protocols: dict[str, list[Path]] = {}
    above = len(store.parts)
    for path in paths:
        folder = next(filter(PROTOCOL_FOLDER.fullmatch, path.parts[above:]), "")
        protocols.setdefault(folder, []).append(path)
    shares: list[list[Path]] = [[] for _ in range(most)]
    for one in sorted(protocols.values(), key=len, reverse=True):
        min(shares, key=len).extend(one)
    return [sorted(share) for share in shares if share] or [[]]


def _write(pages: Pages, store: Path, works: Sequence[Work]) -> list[str]:
    """Write all pages and what they load, the first one last; returns what cannot be read.

    Raises:
        Lost: a process failed, or two have records of one protocol.
    """
    with Pieces(works) as pieces:
        return _write_all(pages, store, pieces)


def _write_all(
    pages: Pages, store: Path, pieces: Pieces[Found, Mapping[str, Any], Told]
) -> list[str]:
    site = pages.site
    found = pieces.found()
    known = [protocol for one in found for protocol in one.protocols]
    if len(known) > len(set(known)):  # a folder has the name of another protocol
        raise Lost
    streams = [stream for one in found for stream in one.streams]
    streams.sort(key=lambda stream: (-stream.runs, stream.view.id))
    selections = sorted((place for one in found for place in one.selections), reverse=True)
    common = {
        "selections": [(address, "Selection") for _, address in selections],
        "versions": sorted({version for stream in streams for version in stream.versions}),
        "newest": max((stream.newest["newest"] for stream in streams), default=""),
    }
    pieces.go_on(common)
    pages.show(common)
    site.script("index.js", "headwater.takeIndex", _index(streams))
    for name in LOADED:
        pages.write(f"{name}.html", f"{name}.html", {})
    pages.write("submit.html", "submit.html", submit_context())
    documents = [stream.document for stream in streams]
    numbers = (row for one in found for row in one.numbers)
    costs = (row for one in found for row in one.costs)
    for name, content in data_files(documents, numbers, costs).items():
        site.data(name, content)
    told = pieces.told()
    problems = sorted({problem for one in told for problem in one.problems})
    stale = (record for one in found for record in one.stale)
    noted = changes((stream.newest for stream in streams), stale, problems, store)
    pages.write("changelog.html", "changelog.html", noted)
    site.used.update(*(one.used for one in told))
    views, facts = [stream.view for stream in streams], [stream.facts for stream in streams]
    pages.write("index.html", "home.html", home_context(views, facts))
    return problems


def _index(streams: Iterable[Stream]) -> dict[str, Any]:
    """What pages that load methods need to know of all: names, and Student's t."""
    from scipy.special import stdtrit

    return {
        "t": [round(float(stdtrit(freedom, 0.975)), 6) for freedom in range(1, 101)],
        "protocols": [stream.index for stream in streams],
    }
