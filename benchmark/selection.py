"""The contract of selections: which images of a pool are worth pre-training on."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from benchmark.config import Options, option
from benchmark.data.imageset import Images
from benchmark.errors import HeadwaterError, UsageError
from benchmark.method import Objective, Strategy
from benchmark.retrieval.exact import ExactIndex

Rows = NDArray[np.int64]
Features = NDArray[np.float32]


@dataclass(frozen=True)
class SelectionOptions(Options):
    """What is selected for, and how much.

    Args:
        target: the downstream task; empty where no target is looked at.
        shots: training images of the target, with their labels, a class; 0 for all there are.
        share: of the pool's images that may be chosen.
    """

    target: str = ""
    shots: int = option(10, least=0)
    share: float = option(0.1, above=0, most=1)


class Side:
    """Images of the pool, or of the target, as a selection sees them; rows are counted from 0.

    Args:
        images: (N, 3, H, W) uint8, read by rows.
        extract: gives the features (n, D) of some rows.
        labels: (N,), or None where they are withheld.
        readable: (N,) bool, which rows may be looked at; None for all.
    """

    def __init__(
        self,
        images: Images,
        extract: Callable[[Rows], Features],
        labels: NDArray[np.integer] | None = None,
        readable: NDArray[np.bool_] | None = None,
    ) -> None:
        self._images, self._extract, self._labels = images, extract, labels
        self.readable = readable

    def __len__(self) -> int:
        return len(self._images)

    def images(self, rows: Sequence[int] | Rows) -> NDArray[np.uint8]:
        """(n, 3, H, W) uint8.

        Raises:
            HeadwaterError: a row that may not be looked at.
        """
        found: NDArray[np.uint8] = np.asarray(self._images[self._allowed(rows)])
        return found

    def features(self, rows: Sequence[int] | Rows | None = None) -> Features:
        """(n, D) float32 of length 1 each, of some rows, or of all.

        Raises:
            HeadwaterError: a row that may not be looked at.
        """
        return self._extract(self._allowed(np.arange(len(self)) if rows is None else rows))

    @property
    def labels(self) -> NDArray[np.integer]:
        """(N,) class numbers.

        Raises:
            HeadwaterError: of the pool, and the selection does not declare that it uses them.
        """
        if self._labels is None:
            raise HeadwaterError(
                "the selection asks for the pool's labels and does not declare it; do without "
                "them, or say uses_pool_labels = True in its class"
            )
        return self._labels

    def _allowed(self, rows: Sequence[int] | Rows) -> Rows:
        asked = np.asarray(rows, np.int64)
        if self.readable is not None and not self.readable[asked].all():
            closed = int(asked[~self.readable[asked]][0])
            raise HeadwaterError(
                f"the selection asks for image {closed} of the pool, which has passed, or has not "
                f"come yet; it may look at what arrives and at what it kept"
            )
        return asked


@dataclass(frozen=True)
class Given:
    """What a selection has to choose from, and for.

    Args:
        pool: the candidates.
        target: the target's training images, labels included; None if it declares none.
        budget: most images that it may choose.
        seed: for whatever it draws.
    """

    pool: Side
    target: Side | None
    budget: int
    seed: int

    @property
    def queries(self) -> Side:
        """The target, for a selection that declares that it uses one."""
        if self.target is None:
            raise HeadwaterError("the selection looks at a target and says uses_target = False")
        return self.target

    def draws(self) -> np.random.Generator:
        """A fresh generator, the same for the same seed."""
        return np.random.default_rng(self.seed)

    def index(self) -> ExactIndex:
        """An index of the whole pool."""
        return ExactIndex(self.pool.features())


class Selection(Strategy):
    """Chooses the images of a pool that a fresh model is pre-trained on.

    It takes the strategy's place in a method's name: `moco_v2/sept`. A subclass registers itself
    with `@SELECTIONS.register("name")` and defines `choose`; nothing else is needed.

    Attributes:
        uses_target: whether it looks at the target's training images.
        uses_features: whether it looks at features, for which an extractor is pre-trained.
        uses_pool_labels: whether it looks at the pool's labels; it is no entry then, but a
            reference.
        of_target: whether it trains on the target's images in place of the pool's.
    """

    config_class: ClassVar[type[Options]] = SelectionOptions
    uses_target: ClassVar[bool] = True
    uses_features: ClassVar[bool] = True
    uses_pool_labels: ClassVar[bool] = False
    of_target: ClassVar[bool] = False

    @classmethod
    def unsuited(cls, objective: type[Objective]) -> str | None:
        if objective.needs_labels:
            return "what is selected is unlabelled, and the objective needs labels"
        return None

    def choose(self, given: Given) -> Sequence[int] | Rows:
        """Rows of the pool, best first, none twice and at most `given.budget`."""
        raise UsageError(f"{type(self).__name__} defines no choose(given)")


class StreamingSelection(Selection):
    """Chooses while the pool arrives in chunks, and never has more than the budget in memory.

    A subclass defines `arrive` in place of `choose`, and perhaps `begin`. It may look at the chunk
    that arrives and at what it kept; an image that it lets go does not come again.
    """

    def begin(self, given: Given) -> None:
        """Called before the first chunk."""

    def arrive(self, given: Given, kept: Rows, arrived: Rows) -> Sequence[int] | Rows:
        """What to keep from now on, of what was kept and what arrives: at most the budget."""
        raise UsageError(f"{type(self).__name__} defines no arrive(given, kept, arrived)")


def chosen(selection: Selection, given: Given, arrivals: Sequence[Rows]) -> Rows:
    """Let a selection choose, and hold it to its budget.

    Args:
        selection: plain or streaming.
        given: what there is.
        arrivals: rows of the pool in the chunks in which they come, for a streaming selection.

    Returns:
        (k,) int64, in the order of choice.

    Raises:
        HeadwaterError: rows that are not there, one twice, none at all, or more than the budget.
    """
    if not isinstance(selection, StreamingSelection):
        return _checked(selection, selection.choose(given), given, np.arange(len(given.pool)))
    kept: Rows = np.empty(0, np.int64)
    given.pool.readable = np.zeros(len(given.pool), bool)
    selection.begin(given)
    for arrived in arrivals:
        given.pool.readable[:] = False
        given.pool.readable[kept] = given.pool.readable[arrived] = True
        wanted = selection.arrive(given, kept.copy(), arrived.copy())
        kept = _checked(selection, wanted, given, np.union1d(kept, arrived))
    return kept


def _checked(selection: Selection, wanted: Sequence[int] | Rows, given: Given, there: Rows) -> Rows:
    name, rows = type(selection).__name__, np.asarray(wanted)
    most = len(given.queries) if selection.of_target else given.budget
    if selection.of_target:
        there = np.arange(most)
    if rows.ndim != 1 or not len(rows) or rows.dtype.kind not in "iu":
        raise HeadwaterError(f"{name} chose no images: give rows of the pool, at least one")
    if len(rows) > most:
        raise HeadwaterError(f"{name} chose {len(rows):,} images, and may choose {most:,}")
    if len(np.unique(rows)) < len(rows):
        raise HeadwaterError(f"{name} chose an image twice; each counts once")
    if not np.isin(rows, there).all():
        raise HeadwaterError(
            f"{name} chose an image that it cannot have: {np.setdiff1d(rows, there)[0]}"
        )
    return rows.astype(np.int64)
