"""Distant-class-incremental: classes split so that chunks are far apart in meaning.

Distance is the number of edges between two classes in a tree: WordNet's hypernyms over ImageNet's
synsets, Unicode's groups and subgroups over emoji. Chunks are balanced communities of the graph of
the classes, see `benchmark.streams.tree.communities`.

Source: Hu et al., ICLR 2022; the distance and the algorithm are our choice.
"""

from benchmark.protocols._tiers import FULL, NANO, SMOKE, register

register("distant-class", SMOKE, NANO, FULL)
