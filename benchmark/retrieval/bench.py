"""What an index of millions costs, and finds: `python -m benchmark.retrieval.bench`.

The vectors are generated: 32 normal numbers, spread over 128 dimensions by a fixed matrix, with a
little noise in all 128, cut to length 1. Features of networks have few dimensions that matter, too;
vectors without any structure are harder to find, and nobody has them.
"""

import json
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from numpy.typing import NDArray

from benchmark.retrieval.exact import ExactIndex, unit
from benchmark.retrieval.pool import Layout, PoolIndex, build

SIZES = (1_000_000, 4_000_000)
#: A byte a dimension by scalar quantisation, and product quantisation.
CODES = ("SQ8", "PQ128")
#: SEPT's pool.
POOL = 155_000_000
DIMENSIONS, INNER, NOISE = 128, 32, 0.2
SHARD, QUERIES, K = 250_000, 1_000, 10
PROBES = (8, 16, 32, 64, 128, 256)
WANTED = 0.9

Features = NDArray[np.float32]


def generate(n: int, seed: int) -> Features:
    """Vectors (n, 128) as the module says."""
    spread = np.random.default_rng(0).normal(size=(INNER, DIMENSIONS)).astype(np.float32)
    draws = np.random.default_rng([1, seed])
    inner = draws.standard_normal((n, INNER), np.float32) @ (spread / INNER**0.5)
    return unit(inner + NOISE * draws.standard_normal((n, DIMENSIONS), np.float32))


def recall(found: NDArray[np.int64], exact: NDArray[np.int64]) -> float:
    """Share of the exact neighbours that were found.

    Example:
        >>> recall(np.array([[1, 2], [3, 4]]), np.array([[2, 5], [4, 3]]))
        0.75
    """
    hits = [len(np.intersect1d(a, b)) for a, b in zip(found, exact, strict=True)]
    return sum(hits) / exact.size


def nearest(shards: Sequence[Path], queries: Features) -> NDArray[np.int64]:
    """The K nearest of all shards by brute force, (Q, K)."""
    similarity, rows, start = [], [], 0
    for path in shards:
        index = ExactIndex(np.load(path))
        some, where = index.search(queries, K)
        similarity.append(some)
        rows.append(where + start)
        start += len(index)
    order = np.argsort(-np.concatenate(similarity, 1), axis=1)[:, :K]
    found: NDArray[np.int64] = np.take_along_axis(np.concatenate(rows, 1), order, 1)
    return found


def measured(n: int, folder: Path, layout: Layout, rounds: int) -> dict[str, Any]:
    """Build an index of n vectors and search it."""
    shards: list[Path] = []
    for number, first in enumerate(range(0, n, SHARD)):
        shards.append(folder / f"vectors-{number:04d}.npy")
        if not shards[-1].is_file():
            np.save(shards[-1], generate(min(SHARD, n - first), number))
    queries = generate(QUERIES, -1 % 2**32)
    start = time.perf_counter()
    index = build(shards, folder / f"index-{layout.code}-{n}", layout)
    seconds = time.perf_counter() - start
    exact = _exact(folder / f"exact-{n}.npy", shards, queries)
    tried = {probes: recall(index.search(queries, K, probes)[1], exact) for probes in PROBES}
    probes = next((p for p, found in tried.items() if found >= WANTED), PROBES[-1])
    target = [_seconds(lambda: index.search(queries, K, probes)) for _ in range(rounds)]
    opened = _seconds(lambda: PoolIndex(index.folder))
    return {
        "code": layout.code,
        "vectors": n,
        "build_seconds": round(seconds, 1),
        "bytes_per_vector": round(index.bytes / n, 1),
        "recall_at_10": {str(p): round(found, 4) for p, found in tried.items()},
        "probes": probes,
        "queries_per_second": round(QUERIES / statistics.median(target), 1),
        "one_more_target_seconds": round(statistics.median(target), 3),
        "open_seconds": round(opened, 3),
        "times_cheaper_than_indexing_again": round(seconds / statistics.median(target), 1),
    }


def _seconds(function: Callable[[], object]) -> float:
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def _exact(file: Path, shards: Sequence[Path], queries: Features) -> NDArray[np.int64]:
    """The K nearest, kept for the next layout."""
    if not file.is_file():
        np.save(file, nearest(shards, queries))
    found: NDArray[np.int64] = np.load(file)
    return found


def rates(sizes: Sequence[int] = SIZES, codes: Sequence[str] = CODES, rounds: int = 5) -> Any:
    """Figures of each layout and size, and what they come to for a pool of SEPT's size."""
    layouts = [Layout(code=code) for code in codes]
    with tempfile.TemporaryDirectory() as aside:
        found = [measured(n, Path(aside), one, rounds) for one in layouts for n in sizes]
    return {
        "dimensions": DIMENSIONS,
        "layout": {"lists": layouts[0].lists, "sample": layouts[0].sample},
        "queries": QUERIES,
        "sizes": found,
        "pools": [_projected([one for one in found if one["code"] == code]) for code in codes],
    }


def _projected(found: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The time of a build grows in step with the vectors, the centres being the same: what a
    million more take is told by the smallest and the largest size."""
    first, last = found[0], found[-1]
    apart = last["vectors"] - first["vectors"]
    slope = (last["build_seconds"] - first["build_seconds"]) / max(1, apart)
    hours = (last["build_seconds"] + slope * (POOL - last["vectors"])) / 3600
    return {
        "code": last["code"],
        "vectors": POOL,
        "gigabytes": round(last["bytes_per_vector"] * POOL / 1e9, 1),
        "build_hours": round(hours, 2),
    }


def main(
    output: Annotated[Path | None, typer.Option(help="Folder for bench-retrieval.json.")] = None,
) -> None:
    """Measure building and searching an index of one and of four million vectors."""
    if output is not None:
        output.mkdir(parents=True, exist_ok=True)  # not after it has measured
    text = json.dumps(rates(), indent=1) + "\n"
    print(text, end="")
    if output is not None:
        (output / "bench-retrieval.json").write_text(text)


if __name__ == "__main__":
    typer.run(main)
