"""The tree of meanings over a pool's classes: what makes classes near or far."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from benchmark.protocol import ProtocolSpec
from benchmark.streams.tree import communities, mean_distances, tree_distances, tree_of_paths


@dataclass(frozen=True)
class Taxonomy:
    """Classes with the tree above them.

    Args:
        names: of the classes, in the order of the labels.
        parents: node to the nodes above it; classes are nodes.
    """

    names: tuple[str, ...]
    parents: Mapping[str, Sequence[str]]

    @cached_property
    def distances(self) -> NDArray[np.int16]:
        """Edges between each two classes, (C, C)."""
        return tree_distances(self.parents, self.names)

    def distant(self, n: int) -> list[list[str]]:
        """The classes in `n` communities of equal size that are far apart."""
        return [[self.names[row] for row in rows] for rows in communities(self.distances, n)]

    def mean_distances(self, classes: Sequence[Sequence[str]]) -> tuple[float, float]:
        """Mean distance between two classes of one chunk, and of different chunks, in edges."""
        number = {name: row for row, name in enumerate(self.names)}
        return mean_distances(self.distances, [[number[n] for n in chunk] for chunk in classes])


def taxonomy(spec: ProtocolSpec) -> Taxonomy:
    """The classes of a protocol's pool with their tree.

    WordNet 3.0's hypernyms at the full tier, Unicode's groups and subgroups at nano, a tree of
    shapes at smoke.

    Raises:
        DataError: the pool, or the package that holds WordNet, cannot be had.
    """
    if spec.tier == "full":
        from benchmark.data.source import Library
        from benchmark.streams.wordnet import imagenet_synsets, imagenet_tree

        library = Library()
        return Taxonomy(tuple(sorted(imagenet_synsets(library))), imagenet_tree(library))
    if spec.tier == "smoke":
        from benchmark.data.procedural import CLASSES, FAMILIES

        return Taxonomy(CLASSES, tree_of_paths({name: (FAMILIES[name],) for name in CLASSES}))
    from benchmark.pools import load_pool

    pool = load_pool(spec)
    first = {int(label): row for row, label in reversed(list(enumerate(pool.labels)))}
    paths = {
        name: (str(pool.extra["group"][row]), str(pool.extra["subgroup"][row]))
        for label, name in enumerate(pool.class_names)
        for row in (first[label],)
    }
    return Taxonomy(pool.class_names, tree_of_paths(paths))
