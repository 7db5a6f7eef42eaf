"""Retrieval from pools that do not fit in memory: an index in files, built shard by shard.

Vectors are sorted into lists by the nearest of some centres, and kept in few bytes each. What is
searched is mapped from disk, so that memory holds the centres and the lists that are looked at.
"""

import json
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmark.canonical import write_whole
from benchmark.errors import DataError, UsageError

Features = NDArray[np.float32]
Rows = NDArray[np.int64]

#: Vectors that are read, sorted and written together.
_BLOCK = 100_000


@dataclass(frozen=True)
class Layout:
    """How an index is laid out.

    Args:
        lists: centres, and so lists; some 4 to 16 times the root of the number of vectors.
        code: how a vector is kept, as faiss names it: `SQ8`, a byte a dimension; `PQ64`, 64 bytes
            of product quantisation; `Flat`, as it is.
        sample: vectors that the centres are computed from, drawn from all shards.
        seed: of that draw.
    """

    lists: int = 4096
    code: str = "SQ8"
    sample: int = 200_000
    seed: int = 0


def build(shards: Sequence[Path], folder: Path, layout: Layout | None = None) -> "PoolIndex":
    """Build an index of vectors in files, or go on where a build was stopped.

    Each shard is indexed on its own and written when it is done; then the lists of all shards are
    put together on disk. Memory holds a block of vectors and one shard's codes.

    Args:
        shards: `.npy` files (n, D) float32 of unit vectors, which are mapped; rows are numbered
            through, in this order.
        folder: where the index is written.
        layout: None for the default.

    Raises:
        UsageError: no shards, or the folder has an index of others, or of another layout.
        DataError: a shard is no such file.

    Example:
        >>> import tempfile
        >>> vectors = np.eye(64, dtype=np.float32)
        >>> with tempfile.TemporaryDirectory() as aside:
        ...     np.save(f"{aside}/a.npy", vectors)
        ...     index = build([Path(aside, "a.npy")], Path(aside, "index"), Layout(2, "Flat"))
        ...     index.search(vectors[[5]], k=1, probes=2)[1].tolist()
        [[5]]
    """
    import faiss

    layout = layout or Layout()
    vectors = [_mapped(path) for path in shards]
    if not vectors:
        raise UsageError("an index needs at least one shard")
    told = {
        "layout": asdict(layout),
        "shards": [
            [path.name, *map(int, v.shape)] for path, v in zip(shards, vectors, strict=True)
        ],
    }
    _declare(folder, told)
    if (folder / "index.faiss").is_file():
        return PoolIndex(folder)
    trained = folder / "trained.faiss"
    if not trained.is_file():
        _written(_train(vectors, layout), trained)
    starts = np.cumsum([0, *(len(v) for v in vectors)])
    parts = [folder / f"shard-{number:05d}.faiss" for number in range(len(vectors))]
    for part, start, rows in zip(parts, starts.tolist(), vectors, strict=False):
        if part.is_file():
            continue
        index = faiss.read_index(str(trained))
        for first in range(0, len(rows), _BLOCK):
            block = np.ascontiguousarray(rows[first : first + _BLOCK])
            index.add_with_ids(block, np.arange(start + first, start + first + len(block)))
        _written(index, part)
    _merge(trained, parts, folder)
    return PoolIndex(folder)


class PoolIndex:
    """An index that was built in a folder, mapped from disk.

    Args:
        folder: that `build` wrote.

    Raises:
        DataError: it holds no finished index.
    """

    def __init__(self, folder: Path) -> None:
        import faiss

        path = folder / "index.faiss"
        if not path.is_file():
            raise DataError(f"there is no finished index in {folder}; build it")
        self.folder = folder
        self._index = faiss.read_index(str(path), faiss.IO_FLAG_ONDISK_SAME_DIR)

    def __len__(self) -> int:
        return int(self._index.ntotal)

    @property
    def bytes(self) -> int:
        """Size of the files that are searched."""
        return sum((self.folder / name).stat().st_size for name in ("index.faiss", "lists.ivfdata"))

    def search(self, queries: Features, k: int, probes: int = 32) -> tuple[Features, Rows]:
        """Similarity and row of the k nearest that are found, (Q, k) each; row -1 for none.

        Args:
            queries: (Q, D) float32.
            k: of each.
            probes: lists that are looked through; more find more, and take longer.
        """
        import faiss

        parameters: Any = faiss.SearchParametersIVF()
        parameters.nprobe = probes
        similarity, rows = self._index.search(
            np.ascontiguousarray(queries, np.float32), k, params=parameters
        )
        return similarity, rows


def _train(vectors: Sequence[Features], layout: Layout) -> Any:
    import faiss

    starts = np.cumsum([0, *(len(v) for v in vectors)])
    count = min(layout.sample, int(starts[-1]))
    drawn = np.random.default_rng(layout.seed).choice(starts[-1], count, replace=False)
    drawn.sort()
    which = np.searchsorted(starts, drawn, side="right") - 1
    sample = np.concatenate([v[drawn[which == k] - starts[k]] for k, v in enumerate(vectors)])
    dimensions, lists = sample.shape[1], min(layout.lists, count)
    index: Any = faiss.index_factory(
        dimensions, f"IVF{lists},{layout.code}", faiss.METRIC_INNER_PRODUCT
    )
    index.cp.seed = layout.seed + 1
    index.cp.min_points_per_centroid = 1
    if hasattr(index, "pq"):  # a codebook for each part of a vector: less is enough, and shorter
        index.pq.cp.niter, index.pq.cp.max_points_per_centroid = 10, 40
    index.train(np.ascontiguousarray(sample))
    return index


def _merge(trained: Path, parts: Sequence[Path], folder: Path) -> None:
    """Put the lists of all shards together on disk, and the shards away."""
    import faiss
    from faiss.contrib.ondisk import merge_ondisk

    index = faiss.read_index(str(trained))
    lists = folder / "lists.ivfdata"
    lists.unlink(missing_ok=True)  # of a merge that was stopped
    merge_ondisk(index, [str(part) for part in parts], str(lists))
    _written(index, folder / "index.faiss")
    for part in parts:
        part.unlink()


def _written(index: Any, path: Path) -> None:
    """Write an index, whole or not at all."""
    import faiss

    unfinished = path.with_suffix(".part")
    faiss.write_index(index, str(unfinished))
    os.replace(unfinished, path)


def _declare(folder: Path, told: dict[str, Any]) -> None:
    """Say what the folder is an index of, or see that it is that already."""
    path = folder / "index.json"
    try:
        known = json.loads(path.read_text())
    except FileNotFoundError:
        folder.mkdir(parents=True, exist_ok=True)
        write_whole(path, (json.dumps(told, indent=1) + os.linesep).encode())
        return
    except ValueError:
        known = None
    if known != told:
        raise UsageError(f"{folder} has an index of other vectors, or another layout; choose a new")


def _mapped(path: Path) -> Features:
    try:
        vectors = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise DataError(f"{path} is no file of vectors: {error}") from error
    if vectors.ndim != 2 or vectors.dtype != np.float32 or not len(vectors):
        raise DataError(
            f"{path} holds no float32 vectors (n, D), but {vectors.dtype} {vectors.shape}"
        )
    found: Features = vectors
    return found
