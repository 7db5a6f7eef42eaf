"""As many images, drawn at random: what every selection has to beat."""

from benchmark.method import About
from benchmark.registry import SELECTIONS
from benchmark.selection import Given, Rows, Selection


@SELECTIONS.register("random_k")
class RandomK(Selection):
    """A uniform sample of the pool, without replacement."""

    about = About(paper="a floor that every selection needs")
    uses_target = uses_features = False

    def choose(self, given: Given) -> Rows:
        return given.draws().permutation(len(given.pool))[: given.budget]
