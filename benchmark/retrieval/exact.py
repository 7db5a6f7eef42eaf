"""Exact retrieval, for pools whose features fit in memory."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from benchmark.errors import HeadwaterError

Features = NDArray[np.float32]
Rows = NDArray[np.int64]


class ExactIndex:
    """The rows of a pool by inner product, the greatest first; the cosine, for vectors of length 1.

    Args:
        features: (N, D) float32, at least one row.

    Raises:
        HeadwaterError: no rows, or a number that is not finite.

    Example:
        >>> index = ExactIndex(np.eye(3, dtype=np.float32))
        >>> similarity, rows = index.search(np.array([[0.1, 0.9, 0.2]], np.float32), 2)
        >>> rows.tolist()
        [[1, 2]]
    """

    def __init__(self, features: Features) -> None:
        import faiss

        self.features = _vectors(features)
        if not len(self.features):
            raise HeadwaterError("an index needs at least one vector")
        self._index = faiss.IndexFlatIP(self.features.shape[1])
        self._index.add(self.features)

    def __len__(self) -> int:
        return int(self._index.ntotal)

    def search(self, queries: Features, k: int) -> tuple[Features, Rows]:
        """Similarity and row of the k nearest of each query, (Q, min(k, N)) each.

        Raises:
            HeadwaterError: a number that is not finite.
        """
        similarity, rows = self._index.search(_vectors(queries), min(k, len(self)))
        return similarity, rows

    def by_rank(self, queries: Features) -> Iterator[Rows]:
        """The nearest rows of all queries, then their second nearest, and so on to the last.

        Within a rank, the most similar pair comes first. Rows come again if several queries have
        them.
        """
        done, k = 0, 64
        while done < len(self):
            similarity, rows = self.search(queries, k)
            for rank in range(done, rows.shape[1]):
                yield rows[np.argsort(-similarity[:, rank], kind="stable"), rank]
            done, k = rows.shape[1], 4 * k


def unit(vectors: Features) -> Features:
    """Vectors (N, D) cut to length 1; a vector of zeros stays one.

    Example:
        >>> unit(np.array([[3, 4], [0, 0]], np.float32)).tolist()
        [[0.6000000238418579, 0.800000011920929], [0.0, 0.0]]
    """
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    cut: Features = (vectors / np.where(length > 0, length, 1)).astype(np.float32)
    return cut


def _vectors(features: Features) -> Features:
    vectors = np.ascontiguousarray(features, np.float32)
    if not np.isfinite(vectors).all():
        raise HeadwaterError("features that are not finite cannot be compared")
    return vectors
