"""Distances between classes in a tree of meanings, and balanced communities that are far apart."""

from collections import deque
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from benchmark.errors import DataError, UsageError

_FAR = 10_000  # more edges than any tree of meanings is deep


def tree_of_paths(paths: Mapping[str, Sequence[str]]) -> dict[str, tuple[str, ...]]:
    """The tree of classes that are given by the nodes above them, from the root down.

    Example:
        >>> tree = tree_of_paths({"dog": ("animal", "mammal"), "pie": ("food",)})
        >>> tree["dog"], tree["/animal/mammal"], tree["/food"]
        (('/animal/mammal',), ('/animal',), ('',))
    """
    parents: dict[str, tuple[str, ...]] = {}
    for name, path in paths.items():
        above = ""
        for part in path:
            node = f"{above}/{part}"
            parents[node] = (above,)
            above = node
        parents[name] = (above,)
    return parents


def tree_distances(
    parents: Mapping[str, Sequence[str]], classes: Sequence[str]
) -> NDArray[np.int16]:
    """Edges between each two classes on the shortest way over a common ancestor.

    Args:
        parents: node to the nodes right above it: one in a tree, sometimes several in WordNet,
            where the shortest way counts. A node that is missing has none.
        classes: C nodes.

    Returns:
        (C, C), symmetric, zeros on the diagonal.

    Raises:
        DataError: two classes have no common ancestor; names them.

    Example:
        >>> tree = tree_of_paths({"dog": ("animal", "mammal"), "cat": ("animal", "mammal"),
        ...                       "pie": ("food",)})
        >>> tree_distances(tree, ["dog", "cat", "pie"]).tolist()
        [[0, 2, 5], [2, 0, 5], [5, 5, 0]]
    """
    ways = [_ways_up(parents, name) for name in classes]
    nodes = {node: row for row, node in enumerate(sorted({node for way in ways for node in way}))}
    up = np.full((len(classes), len(nodes)), _FAR, np.int16)
    for row, way in enumerate(ways):
        up[row, [nodes[node] for node in way]] = list(way.values())
    distances = np.stack([(up + up[row]).min(axis=1) for row in range(len(classes))])
    if (distances >= _FAR).any():
        one, other = np.argwhere(distances >= _FAR)[0]
        raise DataError(f"classes {classes[one]!r} and {classes[other]!r} have no common ancestor")
    return distances


def _ways_up(parents: Mapping[str, Sequence[str]], name: str) -> dict[str, int]:
    """Edges up to every ancestor, the node itself included."""
    found, queue = {name: 0}, deque([name])
    while queue:
        node = queue.popleft()
        for above in parents.get(node, ()):
            if above not in found:
                found[above] = found[node] + 1
                queue.append(above)
    return found


def communities(distances: NDArray[np.int16], n: int, *, seed: int = 0) -> list[list[int]]:
    """Classes split into communities of equal size that are far apart.

    The classes are the nodes of a complete graph whose edges weigh the largest distance minus the
    distance. It is halved again and again by Kernighan and Lin's algorithm as networkx has it,
    which looks for the two equal halves with the least weight between them: those with the largest
    mean distance. It starts from the halves of the order of an average-linkage clustering.

    Args:
        distances: (C, C), as `tree_distances` gives them.
        n: number of communities, a power of two.
        seed: of the order in which the algorithm tries nodes.

    Returns:
        Rows of each community, sorted; communities in the order of the clustering. Sizes differ by
        one at the most.

    Raises:
        UsageError: `n` is not a power of two, or above the number of classes.

    Source: Kernighan and Lin, An efficient heuristic procedure for partitioning graphs, 1970. The
        graph of shortest paths in WordNet, split into communities, is Hu et al.'s, ICLR 2022;
        weight and algorithm are our choice.

    Example:
        >>> near, far = np.full((2, 2), 2), np.full((2, 2), 6)
        >>> distances = np.block([[near, far], [far, near]]) * (1 - np.eye(4, dtype=int))
        >>> communities(distances[:, [0, 2, 1, 3]][[0, 2, 1, 3]], 2)
        [[0, 2], [1, 3]]
    """
    if n < 1 or n & (n - 1) or n > len(distances):
        raise UsageError(f"{len(distances)} classes cannot be halved into {n} communities")
    from scipy.cluster.hierarchy import leaves_list, linkage
    from scipy.spatial.distance import squareform

    order = np.arange(len(distances))
    if len(distances) > 1:
        order = leaves_list(linkage(squareform(distances.astype(float)), "average"))
    parts = [order.tolist()]
    while len(parts) < n:
        parts = [half for part in parts for half in _halves(distances, part, seed)]
    return [sorted(part) for part in parts]


def _halves(distances: NDArray[np.int16], part: list[int], seed: int) -> list[list[int]]:
    """Two halves of some rows, each in the order in which they came."""
    import networkx as nx
    from networkx.algorithms.community import kernighan_lin_bisection

    middle = len(part) // 2
    weight = int(distances.max()) - distances.astype(np.int64)
    graph = nx.Graph()
    graph.add_nodes_from(part)
    graph.add_weighted_edges_from(
        (one, other, int(weight[one, other])) for k, one in enumerate(part) for other in part[:k]
    )
    start = (set(part[:middle]), set(part[middle:]))
    first, _ = kernighan_lin_bisection(graph, start, max_iter=20, seed=seed)
    ahead = first if part[0] in first else set(part) - first
    return [[row for row in part if row in ahead], [row for row in part if row not in ahead]]


def mean_distances(
    distances: NDArray[np.int16], chunks: Sequence[Sequence[int]]
) -> tuple[float, float]:
    """Mean distance between two different classes of one chunk, and of different chunks.

    Example:
        >>> mean_distances(np.array([[0, 2, 6], [2, 0, 4], [6, 4, 0]]), [[0, 1], [2]])
        (2.0, 5.0)
    """
    chunk_of = np.zeros(len(distances), np.int64)
    for number, rows in enumerate(chunks):
        chunk_of[list(rows)] = number
    one, other = np.triu_indices(len(distances), 1)
    same = chunk_of[one] == chunk_of[other]
    between = distances[one, other]
    return float(between[same].mean()), float(between[~same].mean())
