"""Image sets of the Hugging Face hub, at a pinned revision; no script of a repository is run."""

import logging
import re
from collections.abc import Collection
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmark.data.home import home
from benchmark.data.listing import SPLITS
from benchmark.errors import DataError, UsageError

#: What repositories call their splits.
_SPLIT_NAMES = {"validation": "val", "valid": "val", "dev": "val"}


class HubTable:
    """The rows of all splits of a snapshot, one split after the other.

    Args:
        parts: split name (`train`, `val`, `test`) to a `datasets.Dataset` with an image column that
            is not decoded and a class column.
        image_column, label_column: names of the two.
        class_names: of the labels.
    """

    def __init__(
        self,
        parts: dict[str, Any],
        image_column: str,
        label_column: str,
        class_names: tuple[str, ...],
    ) -> None:
        self.parts = {split: parts[split] for split in SPLITS if split in parts}
        self.image_column, self.label_column = image_column, label_column
        self.class_names = class_names
        self._ends = np.cumsum([len(part) for part in self.parts.values()])

    def image(self, row: int) -> bytes:
        """The bytes of an image."""
        part = int(np.searchsorted(self._ends, row, side="right"))
        data = list(self.parts.values())[part]
        start = int(self._ends[part]) - len(data)
        content: bytes = data[row - start][self.image_column]["bytes"]
        return content

    def labels(self) -> NDArray[np.int64]:
        """(N,) of all splits.

        Raises:
            DataError: images without a label, as in splits whose labels are kept secret.
        """
        columns = []
        for split, part in self.parts.items():
            labels = np.array([-1 if n is None else n for n in part[self.label_column]], np.int64)
            if count := int(((labels < 0) | (labels >= len(self.class_names))).sum()):
                raise DataError(f"split {split} on the hub has {count:,} images without a class")
            columns.append(labels)
        return np.concatenate(columns)

    def paths(self) -> list[str]:
        """The file name that each image came from, "" where the repository does not tell."""
        return [
            cell["path"] or ""
            for part in self.parts.values()
            for cell in part.select_columns([self.image_column])[self.image_column]
        ]


def parse_hub(hub: str) -> tuple[str, str]:
    """Repository and revision of `OWNER/NAME@REVISION`.

    Raises:
        UsageError: not of that form, or the revision is no commit, which alone does not move.
    """
    repo, _, revision = hub.partition("@")
    if not re.fullmatch(r"[\w.-]+/[\w.-]+", repo) or not re.fullmatch(r"[0-9a-f]{40}", revision):
        raise UsageError(
            f"{hub!r} is not OWNER/NAME@REVISION with the 40 hexadecimal digits of a commit; a "
            "branch or a tag would not stay what it is"
        )
    return repo, revision


def open_snapshot(hub: str, splits: Collection[str] = SPLITS, label: str = "") -> HubTable:
    """The table of a repository at a revision, from the hub's cache or the network.

    Args:
        hub: `OWNER/NAME@REVISION`.
        splits: those to read.
        label: name of the class column; "" for the only one.

    Raises:
        UsageError: the revision is no commit.
        DataError: neither in the cache nor to be had, or without whole parquet files of images.
    """
    repo, revision = parse_hub(hub)
    folder = _snapshot(repo, revision)
    files: dict[str, list[str]] = {}
    for path in sorted(folder.rglob("*.parquet")):
        told = re.split(r"[-_.]", path.name)[0].lower()
        files.setdefault(_SPLIT_NAMES.get(told, told), []).append(str(path))
    files = {split: paths for split, paths in files.items() if split in splits}
    if "train" not in files:
        raise DataError(
            f"{hub} has no parquet file of a split called train; Headwater reads repositories that "
            "hold their images in files such as data/train-00000-of-00001.parquet"
        )
    import datasets

    cache = str(home() / "full" / "hub")
    try:
        parts = {
            split: datasets.Dataset.from_parquet(paths, cache_dir=cache)
            for split, paths in files.items()
        }
    except (OSError, ValueError, datasets.exceptions.DatasetsError) as error:
        raise DataError(
            f"{hub} cannot be read ({_first_line(error)}); if a file is damaged, delete "
            f"{folder.parent.parent} and prepare again"
        ) from error
    features = parts["train"].features
    images = [name for name, kind in features.items() if isinstance(kind, datasets.Image)]
    labels = [
        name
        for name, kind in features.items()
        if isinstance(kind, datasets.ClassLabel) and label in ("", name)
    ]
    if len(images) != 1 or len(labels) != 1:
        raise DataError(
            f"{hub} has columns {', '.join(features)}, of which {len(images)} are images and "
            f"{len(labels)} are classes; one of each is wanted"
        )
    plain = datasets.Image(decode=False)
    parts = {split: part.cast_column(images[0], plain) for split, part in parts.items()}
    return HubTable(parts, images[0], labels[0], tuple(features[labels[0]].names))


def _snapshot(repo: str, revision: str) -> Path:
    """Folder of a repository's parquet files; a download that was cut short goes on."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

    logging.getLogger("huggingface_hub").setLevel(logging.ERROR)  # it tells of each try
    options: dict[str, Any] = {"repo_type": "dataset", "revision": revision}
    options["allow_patterns"] = ["*.parquet"]
    try:
        return Path(snapshot_download(repo, local_files_only=True, **options))
    except LocalEntryNotFoundError:
        pass
    try:
        return Path(snapshot_download(repo, **options))
    except LocalEntryNotFoundError as error:
        raise DataError(
            f"{repo}@{revision} is {_cached(repo, revision)}, and the hub cannot be reached; "
            "connect to the network and prepare again, or use --images with a local copy"
        ) from error
    except (HfHubHTTPError, OSError) as error:
        raise DataError(f"the hub gives no {repo}@{revision}: {_first_line(error)}") from error


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]


def _cached(repo: str, revision: str) -> str:
    """What the cache holds of a repository, in words."""
    from huggingface_hub import constants

    folder = Path(constants.HF_HUB_CACHE, f"datasets--{repo.replace('/', '--')}", "snapshots")
    known = sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []
    if revision in known:
        return "only partly in the hub's cache"
    has = f" (which has revision {', '.join(known)})" if known else ""
    return f"not in the hub's cache{has}"
