"""`headwater prepare full`: what is there is found, checked, hashed and listed."""

from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmark.data.files.decode import ByteSource, pixels
from benchmark.data.files.fileset import Contents, FileSet, Found
from benchmark.data.files.hub import open_snapshot
from benchmark.data.files.sources import FolderBytes, source_of
from benchmark.data.home import explained, home, sha256_text
from benchmark.data.imageset import Split
from benchmark.data.listing import SPLITS, IdTable, Listing, listing_path, write_listing
from benchmark.errors import DataError

#: Called with what is going on, how much is done, and of how much.
Progress = Callable[[str, int, int], None]

_SHARE = 512  # samples that a process reads in one go
_TOLD = 5  # findings that are told in full
#: What a layout meets in lists that lack a column, a class or a variable.
_MALFORMED = (LookupError, ValueError, TypeError, AttributeError)
_VALIDATION = 5  # one training image in so many becomes "val"


def prepare_full(
    fileset: FileSet,
    *,
    images: Path | None = None,
    hub: str | None = None,
    workers: int = 1,
    progress: Progress | None = None,
) -> Listing:
    """Find, check and hash a set's images, and write its listing, whole or not at all.

    The same files give the same listing, whatever the number of workers and the file system.

    Args:
        fileset: what should be there.
        images: root of a local copy in the original layout, or
        hub: `OWNER/NAME@REVISION` of the Hugging Face hub.
        workers: threads that read, decode and hash.
        progress: told now and then.

    Raises:
        UsageError: the hub's revision is no commit.
        DataError: what is missing, damaged, or not what was published; all findings at once, the
            first few by name.
    """
    if hub is not None:
        contents, about = _on_hub(fileset, hub)
    else:
        assert images is not None
        root = images.expanduser().absolute()
        contents = _on_disk(fileset, root)
        about = {"root": str(root), "batches": fileset.batches}
    _check_counts(fileset, contents)
    samples = contents.samples
    if hub is None:  # by id, since file systems have orders of their own
        samples = sorted(samples, key=lambda found: found.id)
    ids = IdTable.of(found.id for found in samples)
    source = source_of(about, ids)
    if isinstance(source, FolderBytes):
        source.require()  # in seconds, and reading all takes hours
    digests = _read_all(source, workers, progress, fileset.name)
    domains = sorted({found.domain for found in samples} - {""})
    listing = Listing(
        ids=ids,
        sha256=digests,
        labels=_labels(samples, contents.class_names),
        splits=_splits(fileset, samples),
        class_names=tuple(contents.class_names),
        domains=np.array([domains.index(f.domain) for f in samples], np.uint8) if domains else None,
        domain_names=tuple(domains),
        about=about,
    )
    with explained(home()):
        write_listing(listing, listing_path(fileset.name))
    return listing


def _on_disk(fileset: FileSet, root: Path) -> Contents:
    try:
        return fileset.layout(root)
    except _MALFORMED as error:
        raise DataError(
            f"{root} is not laid out as {fileset.name} was published ({type(error).__name__}: "
            f"{error}); fetch its lists again from {fileset.homepage}"
        ) from error


def _on_hub(fileset: FileSet, hub: str) -> tuple[Contents, dict[str, Any]]:
    splits = [split for split in SPLITS if split in fileset.images or not fileset.images]
    about = {"hub": hub, "splits": splits, "label": fileset.hub_label}
    table = open_snapshot(hub, splits, fileset.hub_label)
    labels, names = table.labels(), list(table.class_names)
    samples, row, renamed = [], 0, dict[str, str]()
    paths = table.paths() if fileset.hub_id else []
    for split in SPLITS:
        for number in range(len(table.parts.get(split, ()))):
            label, name = names[labels[row]], f"{split}/{number:07d}"
            if fileset.hub_id:
                name, known = fileset.hub_id(split, paths[row])
                renamed[label] = known or label
            samples.append(Found(name, renamed.get(label, label), split))
            row += 1
    return Contents(samples, [renamed.get(name, name) for name in names]), about


def _check_counts(fileset: FileSet, contents: Contents) -> None:
    """Raise DataError with all that the counts say is wrong."""
    wrong = []
    seen: dict[Split, set[str]] = {"train": set(), **{split: set() for split in fileset.images}}
    for found in contents.samples:
        labels = found.label if isinstance(found.label, tuple) else (found.label,)
        seen.setdefault(found.split, set()).update(labels)
    classes = len(contents.class_names)
    if classes != fileset.classes:
        wrong.append(f"{classes} classes, published are {fileset.classes}")
    for split in dict.fromkeys(("train", *fileset.images)):
        empty = [name for name in contents.class_names if name not in seen[split]]
        if empty and seen[split]:  # that a split is not there at all, the counts say
            wrong.append(f"no image of split {split} has class {_some(empty)}")
    if unknown := sorted(set().union(*seen.values()) - set(contents.class_names)):
        wrong.append(f"images of unknown class {_some(unknown)}")
    if not contents.samples:
        wrong.append("no images")
    splits = Counter(found.split for found in contents.samples)
    for split, published in fileset.images.items():
        if splits[split] != published:
            wrong.append(f"{splits[split]:,} images of split {split}, published are {published:,}")
    doubled = [name for name, n in Counter(f.id for f in contents.samples).items() if n > 1]
    if doubled:
        wrong.append(f"listed twice: {_some(doubled)}")
    if wrong:
        raise DataError(f"{fileset.name} is not what was published: {'; '.join(wrong)}")


def _some(names: Sequence[str]) -> str:
    told = ", ".join(names[:_TOLD])
    return told + (f" and {len(names) - _TOLD} more" if len(names) > _TOLD else "")


def _read_all(
    source: ByteSource, workers: int, progress: Progress | None, name: str
) -> NDArray[np.uint8]:
    """Hashes of all samples, each of which has been decoded; all that are damaged told at once."""
    total = len(source)
    shares = [range(start, min(start + _SHARE, total)) for start in range(0, total, _SHARE)]
    digests = np.empty((total, 32), np.uint8)
    damaged: list[str] = []

    def read(rows: range) -> list[str]:
        errors = []
        for row in rows:
            try:
                content = source.read(row)
                if source.raw is None:
                    pixels(content, source.name(row))
                digests[row] = np.frombuffer(sha256(content).digest(), np.uint8)
            except DataError as error:
                errors.append(str(error))
        return errors

    with ThreadPoolExecutor(workers) as pool:  # reading, decoding and hashing all let go of the GIL
        for rows, errors in zip(shares, pool.map(read, shares), strict=True):
            damaged += errors
            if progress:
                progress(f"reading {name}", rows.stop, total)
    if damaged:
        more = f"; and {len(damaged) - _TOLD} more" if len(damaged) > _TOLD else ""
        raise DataError("; ".join(damaged[:_TOLD]) + more)
    return digests


def _labels(samples: Sequence[Found], class_names: Sequence[str]) -> NDArray[np.integer[Any]]:
    number = {name: row for row, name in enumerate(class_names)}
    if not isinstance(samples[0].label, tuple):
        return np.array([number[str(found.label)] for found in samples], np.int64)
    labels = np.zeros((len(samples), len(number)), np.uint8)
    for row, found in zip(labels, samples, strict=True):
        row[[number[name] for name in found.label]] = 1
    return labels


def _splits(fileset: FileSet, samples: Sequence[Found]) -> NDArray[np.uint8]:
    """Splits as found, a fifth of each class's training images moved to "val" if that is wanted."""
    splits: list[Split] = [found.split for found in samples]
    if fileset.validation:
        classes: dict[object, list[int]] = defaultdict(list)
        for row, found in enumerate(samples):
            if found.split == "train":
                classes[found.label].append(row)
        for rows in classes.values():
            rows.sort(key=lambda row: sha256_text("validation", fileset.name, samples[row].id))
            for row in rows[: round(len(rows) / _VALIDATION)]:
                splits[row] = "val"
    return np.array([SPLITS.index(split) for split in splits], np.uint8)
