"""Letting a selection choose, and measuring what each part of that takes."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmark.data.few import few_images
from benchmark.data.imageset import ImageSet
from benchmark.encoder import Encoder
from benchmark.protocol import SelectionSpec
from benchmark.registry import TASKS
from benchmark.result import Chosen
from benchmark.retrieval.exact import ExactIndex, unit
from benchmark.selection import Given, Rows, Selection, SelectionOptions, Side, chosen
from benchmark.streams.manifest import Manifest

#: Splits of a target that may be looked at.
_TRAINING = ("train", "val")


@dataclass
class Clock:
    """Seconds of the parts of a selection."""

    seconds: dict[str, float] = field(default_factory=lambda: {"extraction": 0.0, "index": 0.0})

    def timed(self, part: str, function: Callable[[], Any]) -> Any:
        """What a function gives; the time that it takes counts for a part."""
        start = time.perf_counter()
        result = function()
        self.seconds[part] += time.perf_counter() - start
        return result


@dataclass(frozen=True)
class TimedGiven(Given):
    """The same, the building of indices being measured."""

    clock: Clock = field(default_factory=Clock)

    def index(self) -> ExactIndex:
        features = self.pool.features()
        index: ExactIndex = self.clock.timed("index", lambda: ExactIndex(features))
        return index


class Features:
    """Unit features of an image set's rows, all computed when the first is asked for.

    Args:
        encoder: None where there is no extractor.
        images: the set.
        rows: of it that are seen.
        clock: told how long it takes.
        memo: of features, by what they are of; shared by the targets of a process.
    """

    def __init__(
        self,
        encoder: Encoder | None,
        images: ImageSet,
        rows: Rows,
        clock: Clock,
        memo: dict[str, NDArray[np.float32]],
    ) -> None:
        self.encoder, self.images, self.rows = encoder, images, rows
        self.clock, self.memo = clock, memo

    def __call__(self, wanted: Rows) -> NDArray[np.float32]:
        if self.images.name not in self.memo:
            assert self.encoder is not None, "the selection says uses_features = False"
            extract = partial(self.encoder.features_of, self.images.images, self.rows)
            self.memo[self.images.name] = unit(self.clock.timed("extraction", extract))
        return self.memo[self.images.name][wanted]


class _Rows:
    """Some rows of a set's images, counted from 0."""

    def __init__(self, images: ImageSet, rows: Rows) -> None:
        self._images, self._rows = images.images, rows
        self.shape = (len(rows), *images.images.shape[1:])

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, rows: Any) -> Any:
        return self._images[self._rows[rows]]


def target_set(options: SelectionOptions) -> tuple[ImageSet, Rows]:
    """A target's images, and the rows of those that may be trained on."""
    images = few_images(TASKS.get(options.target)().data(), options.shots)
    return images, np.concatenate([images.indices(split) for split in _TRAINING])


def select(
    protocol: SelectionSpec,
    selection: Selection,
    pool: ImageSet,
    encoder: Encoder | None,
    seed: int,
    memo: dict[str, NDArray[np.float32]],
) -> tuple[Chosen, dict[str, NDArray[Any]]]:
    """Let a selection choose.

    Args:
        protocol: whose pool it is, and the budgets.
        selection: with its options.
        pool: the images.
        encoder: the extractor; None for a selection that looks at no features.
        seed: for what it draws.
        memo: of the pool's features.

    Returns:
        What it chose from and what that took; `chosen` (k,) rows of the pool, or of the target
        where it trains on that, in the order of choice, with `nearest` (k,), the row of the target
        that is nearest to each, and `similarity` (k,), where there are features and a target.

    Raises:
        HeadwaterError: it looks at what it may not see, or chooses what it may not have.
    """
    options, clock = selection.config, Clock()
    assert isinstance(options, SelectionOptions)
    rows = protocol.manifest.rows_in(pool.ids)[protocol.manifest.chunks[0]].astype(np.int64)
    labels = pool.labels[rows] if selection.uses_pool_labels else None
    candidates = Side(_Rows(pool, rows), Features(encoder, pool, rows, clock, memo), labels)
    target: Side | None = None
    theirs: Rows = np.empty(0, np.int64)
    if options.target:
        images, theirs = target_set(options)
        given_labels = images.labels[theirs]
        own = Features(encoder, images, theirs, clock, {})
        target = Side(_Rows(images, theirs), own, given_labels)
    budget = protocol.budget_images(options.share)
    given = TimedGiven(candidates, target, budget, seed, clock)
    sizes = np.cumsum(protocol.arrivals.manifest.sizes)[:-1]
    start = time.perf_counter()
    taken = chosen(selection, given, np.split(np.arange(len(rows)), sizes))
    spent = time.perf_counter() - start - sum(clock.seconds.values())
    told = Chosen(
        target=options.target,
        pool=len(rows),
        budget=budget,
        images=len(taken),
        extraction_seconds=clock.seconds["extraction"],
        index_seconds=clock.seconds["index"],
        retrieval_seconds=max(0.0, spent),
    )
    arrays: dict[str, NDArray[Any]] = {"chosen": (theirs if selection.of_target else rows)[taken]}
    if target is not None and selection.uses_features:
        candidates.readable = None
        index = ExactIndex(target.features())
        similarity, nearest = index.search(candidates.features(taken), 1)
        arrays |= {"nearest": theirs[nearest[:, 0]], "similarity": similarity[:, 0]}
    return told, arrays


def material(selection: Selection, pool: ImageSet, rows: Rows) -> tuple[ImageSet, Manifest]:
    """The images that a model is pre-trained on, and a stream of one chunk that has them alone."""
    options = selection.config
    assert isinstance(options, SelectionOptions)
    images = target_set(options)[0] if selection.of_target else pool
    manifest = Manifest(
        ids=images.ids,  # type: ignore[arg-type]
        sha256=np.empty((0, 32), np.uint8),
        chunks=(np.sort(rows).astype(np.int32),),
        held_out=(np.empty(0, np.int32),),
    )
    return images, manifest
