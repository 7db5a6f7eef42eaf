"""`headwater prepare nano`: everything downloaded, checked, rendered and kept, once."""

import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from benchmark.data.emoji import emoji_book
from benchmark.data.home import explained, home
from benchmark.data.imageset import check_image_set, write_image_set
from benchmark.data.pool import POOL, POOL_SHA256, build_pool
from benchmark.data.source import Library, Progress, Source
from benchmark.data.styles import EMOJI_SOURCES, POOL_SOURCES
from benchmark.errors import DataError
from benchmark.registry import Registry


def prepare_nano(
    tasks: Registry, progress: Progress | None = None, *, verify: bool = False
) -> tuple[str, ...]:
    """Make the pool and the data of every nano task, as far as they are not there.

    Only what is missing, damaged or of another version is made. Nothing half-made is ever in its
    place; two calls at once do the work once.

    Args:
        tasks: the registry of tasks, filled.
        progress: told what is going on, how much is done, and of how much.
        verify: hash archives and images again instead of trusting their size and time.

    Returns:
        Names of the image sets that were made; empty if all was there.

    Raises:
        DataError: one sentence: no network, no npm, disk full, folder not writable, or a package
            that is not what was pinned.
    """
    nano = _nano_tasks(tasks)
    if not _missing(nano, verify):
        return ()
    root = home()
    lock = FileLock(root / "prepare.lock")
    with explained(root):
        root.mkdir(parents=True, exist_ok=True)
        try:
            lock.acquire(timeout=0)
        except Timeout:
            if progress:
                progress("waiting for another headwater that prepares", 0, 1)
            lock.acquire()
    try:
        _sweep(root)
        return _make(nano, _missing(nano, verify), progress, verify)
    finally:
        emoji_book.cache_clear()  # some 300 MB that nobody needs any more
        lock.release()


def licences(specs: Iterable[Any]) -> list[dict[str, Any]]:
    """Every package that images come from, with who made the content and what they allow.

    Args:
        specs: declarations of tasks, with a name and sources; the pool's packages come by
            themselves.

    Returns:
        A row for each package, in the order of first use: package, version, licence (SPDX),
        attribution, used_by (names of sets), note.

    Example:
        >>> licences([])[0]["licence"]
        'MIT'
    """
    users: dict[Source, list[str]] = {source: [POOL] for source in POOL_SOURCES}
    for spec in specs:
        for source in spec.sources:
            users.setdefault(source, []).append(spec.name)
    return [
        {
            "package": source.package,
            "version": source.version,
            "licence": source.licence,
            "attribution": source.attribution,
            "used_by": names,
            "note": source.note,
        }
        for source, names in users.items()
    ]


def _nano_tasks(tasks: Registry) -> dict[str, Any]:
    registered = {name: tasks.get(name) for name in tasks.names()}
    return {
        name: task() if isinstance(task, type) else task
        for name, task in registered.items()
        if task.spec.tier == "nano" and task.spec.evaluations != ("stream",)
    }


def _missing(nano: dict[str, Any], verify: bool) -> list[str]:
    """Sets to make: pool or tasks. A task whose hash is not declared yet is always made."""
    wanted = {POOL: POOL_SHA256}
    wanted |= {f"tasks/{name}": task.spec.data_sha256 for name, task in nano.items()}
    missing = []
    for name, digest in wanted.items():
        try:
            if digest is None:
                raise DataError(f"the hash of {name} is not declared")
            check_image_set(name, expected_sha256=digest, verify=verify)
        except DataError:
            missing.append(name)
    return missing


def _make(
    nano: dict[str, Any], missing: list[str], progress: Progress | None, verify: bool
) -> tuple[str, ...]:
    library = Library()
    sources: list[Source] = []
    for name in missing:
        sources += EMOJI_SOURCES if name == POOL else nano[name.removeprefix("tasks/")].spec.sources
    library.ensure(sources, progress, verify=verify)
    for done, name in enumerate(missing):
        if progress:
            progress(f"making {name}", done, len(missing))
        if name == POOL:
            samples, classes = build_pool(library)
            write_image_set(name, samples, class_names=classes, expected_sha256=POOL_SHA256)
        else:
            task = nano[name.removeprefix("tasks/")]
            write_image_set(
                name,
                task.build(library),
                class_names=task.spec.classes,
                expected_sha256=task.spec.data_sha256,
            )
    if progress and missing:
        progress("prepared", len(missing), len(missing))
    return tuple(missing)


def _sweep(root: Path) -> None:
    """Remove what runs that were killed left aside; the lock says that nobody else is at work."""
    left: Iterable[Path] = [
        path
        for folder in (root / "packages", root / "nano", root / "nano" / "tasks")
        if folder.is_dir()
        for path in folder.iterdir()
        if path.name.startswith(".")
    ]
    for path in left:
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
