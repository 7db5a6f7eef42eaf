"""`headwater status`: what of a run is done, running, failed, missing or stale."""

import sys
import time
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from benchmark.cli.output import DEFAULT_STORE, JsonOption, StoreOption, print_json, table_of

if TYPE_CHECKING:
    from benchmark.store import Store

STATES = ("done", "running", "failed", "missing", "stale")
#: Seconds between two looks of --watch.
WATCH_SECONDS = 2.0


def status(
    protocol: Annotated[str, typer.Option("-p", "--protocol")] = "instance/nano",
    method: Annotated[
        list[str] | None,
        typer.Option(
            "-m",
            "--method",
            help="Default: the shipped methods that were begun, with all options they had.",
        ),
    ] = None,
    seed: Annotated[int, typer.Option(min=0)] = 0,
    seeds: Annotated[
        int | None, typer.Option(min=1, help="That many replicates, from 0, in place of one.")
    ] = None,
    store: StoreOption = DEFAULT_STORE,
    watch: Annotated[
        bool, typer.Option("--watch", help="Look again every two seconds, until Ctrl-C.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Count the cells of each method by their state; failed and stale ones with the reason.

    A phase whose weights are not kept, as in the results of the repository, counts as done.

    Example: headwater status -p instance/nano
    """
    from rich.console import Console, Group
    from rich.live import Live
    from rich.text import Text

    from benchmark.cells import Planner
    from benchmark.engine.job import Job
    from benchmark.registry import METHODS, load_shipped
    from benchmark.resolve import grid, protocol_named
    from benchmark.store import Store

    load_shipped()
    spec, records, planner = protocol_named(protocol), Store(store), Planner()
    if not store.exists():
        print(f"there is no store at {store} yet: nothing has been run", file=sys.stderr)
    shipped = [*METHODS.names(), *grid()]
    rows, foreign = {}, dict[str, None]()
    for replicate in [seed] if seeds is None else range(seeds):
        there = _runs(store / spec.folder, replicate)
        variants = [name for name in there if "+" in name and name.partition("+")[0] in shipped]
        foreign |= dict.fromkeys(n for n in there if n.partition("+")[0] not in shipped)
        # of a selection there are as many runs as targets: those are shown that have been begun
        named = method or (there if spec.selects else [*shipped, *variants])
        for name in named:
            job = Job(spec.id, name, (), replicate)
            title = name if seeds is None else f"{name}, seed {replicate}"
            rows[title] = job.plan_of(job.method_itself, planner=planner)

    def look() -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        counted = [count(title, cells, records) for title, cells in rows.items()]
        return [row for row, _ in counted], [cell for _, cells in counted for cell in cells]

    if as_json:
        print_json(look()[0])
        return
    with Live(console=Console(), auto_refresh=False, transient=False) as live:
        while True:
            counted, running = look()
            begun = counted if method else [row for row in counted if _begun(row)]
            left = len(counted) - len(begun)
            rest = f"not begun: {left} shipped methods, see headwater list methods" if left else ""
            own = "" if method or spec.selects else _of_files(foreign)
            notes = [Text(note) for note in (own, rest) if note]
            shown = Group(f"{spec.id}:", table_of(begun), *notes, table_of(running))
            live.update(shown, refresh=True)
            if not watch:
                return
            time.sleep(WATCH_SECONDS)


def count(
    title: str, cells: "list[Any]", store: "Store"
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """A method's cells by state, and those that run now.

    Args:
        title: of the row.
        cells: planned.
        store: where their records are.

    Returns:
        A row with the counts and the reasons of what is failed or stale; and a row for each running
        cell, with how far it is.
    """
    from benchmark.cli.progress import details
    from benchmark.engine.running import is_claimed, read_running

    counts: Counter[str] = Counter()
    reasons: dict[str, None] = {}
    running = []
    for cell in cells:
        told = store.state(cell, thorough=False)
        state, _, reason = told.partition(": ")
        state = "done" if state == "pruned" else state
        path = store.path(cell)
        if state != "done" and is_claimed(path):
            state, far = "running", read_running(path)
            where = f"{far.host}, process {far.pid}" if far else ""
            told_far = details(far) if far else ""
            running.append({"running": cell.title, "where": where, "how_far": told_far})
        elif state == "failed":
            reasons[f"{cell.name}: {store.record(cell).cause}"] = None
        elif reason:
            reasons[reason] = None
        counts[state] += 1
    row = {"method": title, **{state: counts[state] for state in STATES}}
    return row | {"why": "; ".join(reasons)}, running


def _begun(row: dict[str, Any]) -> bool:
    return any(row[state] for state in STATES if state != "missing")


def _of_files(names: Iterable[str]) -> str:
    """What to type to see runs of methods that are not shipped.

    Example:
        >>> _of_files(["Mine", "Other"])
        'begun too: Mine, Other, of files of your own; see one with -m path/to/file.py:Mine'
    """
    told = list(names)
    if not told:
        return ""
    see = f"see one with -m path/to/file.py:{told[0]}"
    return f"begun too: {', '.join(told)}, of files of your own; {see}"


def _runs(folder: Path, seed: int) -> list[str]:
    """The methods that a store has runs of, as `method+option=value`."""
    found = (path.parent.relative_to(folder) for path in folder.rglob(f"seed{seed}"))
    return sorted(path.as_posix() for path in found if path != Path("shared"))
