"""k-means by faiss, the same for the same seed."""

import numpy as np
from numpy.typing import NDArray

Features = NDArray[np.float32]

#: Clusters whose starts are chosen with care; of more, faiss draws the starts at random.
_CAREFUL = 1000


def centres(features: Features, count: int, seed: int, rounds: int = 20) -> Features:
    """Centres of k-means clusters (k, D), k being at most the number of different features.

    Args:
        features: (N, D) float32.
        count: clusters that are wanted; at least one is made.
        seed: of the start.
        rounds: of Lloyd's algorithm.

    Example:
        >>> two = np.array([[0, 0], [0, 1], [9, 0], [9, 1]], np.float32)
        >>> sorted(centres(two, 2, seed=0).tolist())
        [[0.0, 0.5], [9.0, 0.5]]
    """
    import faiss

    different = np.unique(features, axis=0)
    count = max(1, min(count, len(different)))
    if count == len(different):
        return different
    kmeans = faiss.Kmeans(
        features.shape[1],
        count,
        niter=rounds,
        seed=seed % 2**31,
        min_points_per_centroid=1,
        max_points_per_centroid=2**31 - 1,
    )
    vectors = np.ascontiguousarray(features, np.float32)
    draws = np.random.default_rng(seed)
    few = count <= _CAREFUL
    kmeans.train(vectors, init_centroids=_starts(vectors, count, draws) if few else None)
    assert kmeans.centroids is not None
    return kmeans.centroids


def _starts(features: Features, count: int, draws: np.random.Generator) -> Features:
    """Rows drawn one by one, far ones likelier: k-means++ (Arthur and Vassilvitskii, 2007)."""
    taken = [int(draws.integers(len(features)))]
    far = np.full(len(features), np.inf)
    while len(taken) < count:
        away = features - features[taken[-1]]
        far = np.minimum(far, np.einsum("ij,ij->i", away, away))
        far[taken] = 0.0
        taken.append(int(np.searchsorted(np.cumsum(far), draws.random() * far.sum(), side="right")))
    return features[taken]


def assigned(features: Features, of: Features) -> NDArray[np.int64]:
    """The nearest centre of each feature, (N,)."""
    import faiss

    index = faiss.IndexFlatL2(of.shape[1])
    index.add(np.ascontiguousarray(of, np.float32))
    _, nearest = index.search(np.ascontiguousarray(features, np.float32), 1)
    found: NDArray[np.int64] = nearest[:, 0]
    return found
