"""The rules of selections, tried on made-up features of every awkward kind."""

from collections.abc import Callable
from functools import cached_property

import numpy as np

from benchmark.errors import UsageError
from benchmark.method import Composed
from benchmark.resolve import ResolvedMethod, protocol_named
from benchmark.retrieval.exact import Features, unit
from benchmark.rules import Broken
from benchmark.selection import Given, Rows, Selection, SelectionOptions, Side, chosen

_POOL, _TARGET, _WIDTH = 48, 6, 8


class Choosing:
    """A selection, and pools for it to choose from."""

    def __init__(self, method: ResolvedMethod) -> None:
        self.method = method

    @cached_property
    def selection(self) -> Selection:
        """As it is built for the smoke tier."""
        built = self.method.build(protocol_named("selection/smoke"), 0)
        assert isinstance(built, Composed) and isinstance(built.strategy, Selection)
        return built.strategy

    def given(self, kind: str, budget: int) -> Given:
        """A pool of some kind of features, with labels, and a target where one is looked at."""
        draws = np.random.default_rng(0)
        pool, target = POOLS[kind](draws), _normal(draws, _TARGET)
        labels = np.arange(len(pool)) % 3 if self.selection.uses_pool_labels else None
        theirs = None
        if self.selection.uses_target:
            theirs = _side(target, np.arange(_TARGET) % 2)
        return Given(_side(pool, labels), theirs, budget, seed=1)

    def choose(self, kind: str, budget: int) -> Rows:
        """What it chooses while the pool comes in three chunks."""
        given = self.given(kind, budget)
        return chosen(self.selection, given, np.array_split(np.arange(len(given.pool)), 3))


def _side(features: Features, labels: Rows | None) -> Side:
    draws = np.random.default_rng(2)
    images = draws.integers(0, 256, (len(features), 3, 8, 8), np.uint8)
    return Side(images, lambda rows: features[rows], labels)


def _normal(draws: np.random.Generator, n: int = _POOL) -> Features:
    return unit(draws.normal(size=(n, _WIDTH)).astype(np.float32))


POOLS: dict[str, Callable[[np.random.Generator], Features]] = {
    "different images": _normal,
    "equal images": lambda draws: np.repeat(_normal(draws, 1), _POOL, axis=0),
    "images in pairs": lambda draws: np.repeat(_normal(draws, _POOL // 2), 2, axis=0),
    "features of 0": lambda _: np.zeros((_POOL, _WIDTH), np.float32),
    "one image": lambda draws: _normal(draws, 1),
}


def declares_what_it_looks_at(subject: Choosing) -> None:
    """It chooses for a target, or for none, and reads labels of the pool only if it says so."""
    subject.choose("different images", _budgets(subject)[-1])


def keeps_its_budget(subject: Choosing) -> None:
    """Rows of the pool, none twice, at least one and at most the budget, whatever the pool."""
    for kind in POOLS:
        for budget in _budgets(subject):
            try:
                subject.choose(kind, budget)
            except Exception as error:
                raise Broken(f"{kind}, a budget of {budget}", error) from error


def repeats_its_choice(subject: Choosing) -> None:
    """The same pool, target and seed give the same choice."""
    budget = _budgets(subject)[0]
    one, other = (subject.choose("different images", budget) for _ in range(2))
    if not np.array_equal(one, other):
        raise Broken(f"chose {one.tolist()}", f"{other.tolist()}")


def has_its_options(subject: Choosing) -> None:
    """Its options are `SelectionOptions`, or more."""
    if not isinstance(subject.selection.config, SelectionOptions):
        raise UsageError("config_class is no subclass of SelectionOptions")


def _budgets(subject: Choosing) -> tuple[int, ...]:
    whole = subject.method.config.get("share") == 1.0
    return (_POOL,) if whole else (5, 1, _POOL, _POOL + 9)


RULES_SELECTION = (
    has_its_options,
    declares_what_it_looks_at,
    keeps_its_budget,
    repeats_its_choice,
)
