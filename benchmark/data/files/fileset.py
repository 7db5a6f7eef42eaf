"""Declarations of image sets that users have on disk, and what their layouts have in common."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from benchmark.data.imageset import Split
from benchmark.errors import DataError

#: Files that count as images where a layout does not list them by name.
IMAGE_ENDINGS = (".jpg", ".jpeg", ".png")


@dataclass(frozen=True)
class Found:
    """One sample of a layout.

    Args:
        id: path relative to the root, with "/"; for batches `FILE/00012`.
        label: class name, or several of them for multi-label sets.
        split: "train", "val" or "test".
        domain: of sets that have any.
    """

    id: str
    label: str | tuple[str, ...]
    split: Split
    domain: str = ""


@dataclass(frozen=True)
class Contents:
    """What a layout finds: the samples, and the classes in the order of the labels."""

    samples: Sequence[Found]
    class_names: Sequence[str]

    @classmethod
    def by_name(cls, samples: Sequence[Found]) -> "Contents":
        """Classes in the order of their names."""
        return cls(samples, sorted({str(found.label) for found in samples}))


#: From the root folder to what is there; DataError if it is not laid out so.
Layout = Callable[[Path], Contents]


@dataclass(frozen=True)
class FileSet:
    """An image set in its original layout.

    Args:
        name: as in `headwater prepare full --set NAME`, and of the folder it is looked for in.
        layout: finds its samples.
        classes: how many it has.
        images: published number by split; a split that is not listed is not counted.
        homepage: where to get it.
        terms: licence or terms of use, in a few words.
        citation: in a line.
        validation: whether a fifth of every class's training images becomes "val", chosen by a hash
            of the id; for sets that come without a validation split.
        batches: whether samples lie in CIFAR's pickled batches instead of files.
        hub_id: id and class name of a sample from its split and the path that a hub tells, where
            the ids of both origins can be made the same.
        hub_label: name of the class column on a hub, where there are several.
    """

    name: str
    layout: Layout
    classes: int
    images: dict[Split, int] = field(hash=False)
    homepage: str
    terms: str
    citation: str
    validation: bool = False
    batches: bool = False
    hub_id: Callable[[str, str], tuple[str, str]] | None = None
    hub_label: str = ""


def lines_of(path: Path) -> list[str]:
    """The lines of a list that belongs to a layout, without blank ones.

    Raises:
        DataError: it is missing; names it.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise DataError(
            f"cannot read {path}: {error.strerror}; the folder is not laid out as published"
        ) from error
    except UnicodeDecodeError as error:
        raise DataError(f"{path} is no text ({error.reason}); fetch it again") from error
    return [line.strip() for line in text.splitlines() if line.strip()]


def listed(path: Path, split: Split, start: str = "", end: str = "") -> Iterator[Found]:
    """Samples of a list whose lines are paths with the class as their folder: `banded/1.jpg`.

    Args:
        path: of the list.
        split: of all its samples.
        start, end: what an id has before and after the line.
    """
    for line in lines_of(path):
        name = line.strip("/")
        yield Found(f"{start}{name}{end}", name.rpartition("/")[0], split)


def class_name(names: Sequence[str], number: int, path: Path) -> str:
    """The name of a class by its number from 0, which a negative one must not be told by.

    Raises:
        DataError: there is no such class; names the file that the number comes from.
    """
    if not 0 <= number < len(names):
        raise DataError(f"{path} has class {number} of {len(names)} from 0; fetch it again")
    return names[number]


def folders_in(path: Path) -> list[Path]:
    """The folders right under one, by name.

    Raises:
        DataError: there is no such folder.
    """
    if not path.is_dir():
        raise DataError(f"there is no folder {path}; the set is not laid out as published")
    return sorted(entry for entry in path.iterdir() if entry.is_dir())


def images_in(folder: Path, root: Path) -> Iterator[str]:
    """Ids of the image files right under a folder, by name."""
    for path in sorted(folder.iterdir()):
        # macOS leaves `._x.jpg` beside `x.jpg`
        if path.suffix.lower() in IMAGE_ENDINGS and not path.name.startswith("."):
            yield path.relative_to(root).as_posix()


def class_folders(root: Path, folder: Path, split: Split) -> Iterable[Found]:
    """Samples of a folder that has a folder for each class.

    Raises:
        DataError: there is no such folder, or the images lie right in it.
    """
    folders = folders_in(folder)
    if not folders and any(images_in(folder, root)):
        raise DataError(f"{folder} holds images, not folders of classes; move each to its class's")
    for entry in folders:
        for name in images_in(entry, root):
            yield Found(name, entry.name, split)
