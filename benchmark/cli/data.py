"""Preparing a tier's data with progress; what `prepare` and `demo` share."""

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmark.errors import UsageError


def prepare_tier(tier: str, *, verify: bool = False) -> list[str]:
    """Prepare a tier and tell on standard error how it goes; returns what was made.

    Raises:
        DataError: one sentence on what could not be had or made.
    """
    from rich.console import Console

    from benchmark.data.prepare import prepare_nano
    from benchmark.registry import TASKS, load_shipped

    load_shipped()
    started = time.monotonic()
    console = Console(stderr=True)
    with console.status(f"preparing the {tier} data") as status:

        def progress(what: str, done: int, total: int) -> None:
            text = f"preparing the {tier} data: {done}/{total} {what}"
            status.update(text)
            if not console.is_terminal:
                print(text, file=sys.stderr, flush=True)

        made = prepare_nano(TASKS, progress, verify=verify)
    seconds = time.monotonic() - started
    if made:
        console.print(f"{tier} data: {len(made)} image sets made in {seconds:.0f} s")
    return list(made)


def prepare_full_sets(
    name: str, images: Path | None, hub: str, workers: int
) -> list[dict[str, Any]]:
    """Prepare one set of the full tier, or all that a folder holds by name; a row for each.

    Raises:
        UsageError: no such set, or nothing in the folder that bears the name of one.
        DataError: one sentence on what is missing, damaged or not what was published.
    """
    from rich.console import Console
    from rich.progress import Progress

    from benchmark.data.files.pools import DOMAINNET, IMAGENET
    from benchmark.data.files.prepare import prepare_full
    from benchmark.registry import TASKS, load_shipped
    from benchmark.streams.draw import build_manifests

    load_shipped()
    tasks = [TASKS.get(task) for task in TASKS.names() if TASKS.get(task).spec.tier == "full"]
    sets = {known.name: known for known in (IMAGENET, DOMAINNET, *(task.files for task in tasks))}
    if images is not None and not images.is_dir():
        raise UsageError(f"there is no folder {images}; name one that holds the images")
    if name and name not in sets:
        raise UsageError(f"no set is called {name!r}; there are: {', '.join(sets)}")
    found = {name: images} if name else {}
    if not name and images is not None:
        found = {known: images / known for known in sets if (images / known).is_dir()}
    if not found:
        raise UsageError(
            f"{images or hub} does not say which set it is: add --set NAME, or name a folder that "
            f"holds folders called {', '.join(sets)}"
        )
    rows = []
    for known, folder in found.items():
        console = Console(stderr=True)
        with Progress(console=console, transient=True, disable=not console.is_terminal) as bar:
            task = bar.add_task(f"reading {known}")
            listing = prepare_full(
                sets[known],
                images=folder,
                hub=hub or None,
                workers=workers,
                progress=_updates(bar, task),
            )
        built = [spec.id for spec in build_manifests(known)]
        rows.append(
            {
                "set": known,
                "images": len(listing.ids),
                "classes": len(listing.class_names),
                "listing_sha256": listing.digest,
                "manifests": built,
            }
        )
    return rows


def _updates(bar: Any, task: Any) -> Callable[[str, int, int], None]:
    def update(what: str, done: int, total: int) -> None:
        bar.update(task, description=what, completed=done, total=total)

    return update
