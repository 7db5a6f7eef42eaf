"""Distances in trees of meanings, communities, and WordNet's file."""

import io
import tarfile
from pathlib import Path

import networkx as nx
import numpy as np
import pytest

from benchmark.data.source import Library
from benchmark.errors import DataError, UsageError
from benchmark.streams import wordnet
from benchmark.streams.tree import communities, mean_distances, tree_distances, tree_of_paths
from benchmark.streams.wordnet import imagenet_synsets, imagenet_tree, noun_parents


@pytest.mark.parametrize("seed", range(4))
def test_distances_are_networkx_s_shortest_paths_in_a_tree(seed: int) -> None:
    rng = np.random.default_rng(seed)
    parents = {str(node): (str(rng.integers(0, node)),) for node in range(1, 60)}
    graph = nx.Graph((node, above[0]) for node, above in parents.items())
    classes = [str(node) for node in rng.choice(60, 20, replace=False)]
    wanted = [[nx.shortest_path_length(graph, a, b) for b in classes] for a in classes]
    np.testing.assert_array_equal(tree_distances(parents, classes), wanted)


def test_of_several_ways_up_the_shortest_counts() -> None:
    # a hangs from the root by x and y, and from z, right under it; b from y; never through a child
    parents = {"a": ("x", "z"), "x": ("y",), "y": ("root",), "z": ("root",), "b": ("y",)}
    parents |= {"child": ("a", "b")}
    assert tree_distances(parents, ["a", "b"]).tolist() == [[0, 3], [3, 0]]
    assert tree_distances(parents, ["a", "z"])[0, 1] == 1


def test_classes_without_a_common_ancestor_are_named() -> None:
    with pytest.raises(DataError, match="'a' and 'b' have no common ancestor"):
        tree_distances({"a": ("x",), "b": ("y",)}, ["a", "b"])


def test_nodes_of_the_same_name_under_different_groups_are_different() -> None:
    tree = tree_of_paths({"a": ("one", "other"), "b": ("two", "other")})
    assert tree_distances(tree, ["a", "b"])[0, 1] == 6


def families(n: int, seed: int) -> tuple[list[str], np.ndarray, list[set[str]]]:
    """Four families of classes in a random order: names, distances, the families."""
    paths = {f"{family}{member}": (family,) for family in "wxyz" for member in range(n)}
    names = np.random.default_rng(seed).permutation(list(paths)).tolist()
    wanted = [{name for name in names if name[0] == family} for family in "wxyz"]
    return names, tree_distances(tree_of_paths(paths), names), wanted


@pytest.mark.parametrize("seed", range(3))
def test_communities_find_families_whatever_the_order(seed: int) -> None:
    names, distances, wanted = families(6, seed)
    found = communities(distances, 4)
    assert found == communities(distances, 4)
    assert sorted(map(sorted, wanted)) == sorted(sorted(names[r] for r in rows) for rows in found)


@pytest.mark.parametrize(("classes", "n"), [(37, 4), (40, 4), (23, 2), (8, 1)])
def test_communities_are_balanced_and_further_apart_than_chance(classes: int, n: int) -> None:
    rng = np.random.default_rng(0)
    parents = {str(node): (str(rng.integers(0, node)),) for node in range(1, 2 * classes)}
    names = [str(node) for node in rng.permutation(2 * classes)[:classes]]
    distances = tree_distances(parents, names)
    found = communities(distances, n)
    assert sorted(row for rows in found for row in rows) == list(range(classes))
    assert max(map(len, found)) - min(map(len, found)) <= 1
    if n == 1:
        return
    apart = mean_distances(distances, found)[1]
    for _ in range(20):
        chance = np.array_split(rng.permutation(classes), n)
        assert mean_distances(distances, chance)[1] < apart


@pytest.mark.parametrize("n", [0, 3, 16])
def test_what_cannot_be_halved_is_refused(n: int) -> None:
    with pytest.raises(UsageError, match="8 classes cannot be halved"):
        communities(np.zeros((8, 8), np.int16), n)


NOUNS = b"""  1 some licence
00000001 03 n 01 thing 0 001 ~ 00000002 n 0000 | whatever there is
00000002 05 n 0a dot 0 a 0 b 0 c 0 d 0 e 0 f 0 g 0 h 0 i 0 002 @ 00000001 n 0000 + 7 v 0101 | small
00000003 15 n 01 Spot 0 002 @i 00000002 n 0000 @ 00000001 n 0000 | a dog | of ours
"""


def test_hypernyms_are_read_from_wordnet_s_lines() -> None:
    assert noun_parents(NOUNS) == {
        "n00000001": (),
        "n00000002": ("n00000001",),
        "n00000003": ("n00000002", "n00000001"),
    }


@pytest.mark.parametrize(
    "line", [b"00000009 03 n zz dot 0 000 | x", b"00000009 03 n 01 dot 0 002 @ 1 n 0 | x", b"word"]
)
def test_a_line_that_is_no_synset_is_told(line: bytes) -> None:
    with pytest.raises(DataError, match=r"line 5 of dict/data\.noun is not a synset"):
        noun_parents(NOUNS + line)


def archive(members: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


class Shelf:
    """A library that holds one text."""

    def __init__(self, content: bytes) -> None:
        self.content = content

    def read(self, source: object, member: str) -> bytes:
        return self.content


def test_packages_that_hold_something_else_are_told() -> None:
    assert imagenet_tree(Shelf(archive({"dict/data.noun": NOUNS})))["n00000001"] == ()
    with pytest.raises(DataError, match=r"holds no dict/data\.noun"):
        imagenet_tree(Shelf(archive({"dict/data.verb": NOUNS})))
    with pytest.raises(DataError, match="holds 2 synsets, not 1,000"):
        imagenet_synsets(Shelf(b"n00000001\nn00000002\n"))


@pytest.mark.network
def test_imagenet_s_classes_in_wordnet(tmp_path: Path) -> None:
    library = Library(tmp_path)
    library.ensure([wordnet.WORDNET, wordnet.SYNSETS])
    names = imagenet_synsets(library)
    distances = tree_distances(imagenet_tree(library), names)
    found = communities(distances, 4)
    within, between = mean_distances(distances, found)
    assert [len(rows) for rows in found] == [250] * 4
    assert between > within + 3
    rng = np.random.default_rng(0)
    for _ in range(100):
        chance = np.array_split(rng.permutation(1000), 4)
        assert mean_distances(distances, chance)[1] < between - 0.5
