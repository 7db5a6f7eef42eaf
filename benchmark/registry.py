"""The six registries, mmengine's, made strict: a misspelt or a doubled name is an error."""

import importlib
from collections.abc import Callable
from importlib.metadata import entry_points
from typing import Any, TypeVar

from mmengine.registry import Registry as MMRegistry

from benchmark.errors import UsageError, nearest

T = TypeVar("T")

#: Packages whose import registers what Headwater ships; others come by the entry point group.
SHIPPED = (
    "benchmark.protocols",
    "baselines.objectives",
    "baselines.strategies",
    "baselines.selections",
    "baselines.random_init",
    "tasks.full",
    "tasks.nano",
    "tasks.smoke",
    "tasks.stream",
)
ENTRY_POINT_GROUP = "headwater.methods"


class Registry:
    """Names to classes or objects of one kind.

    Example:
        >>> COLOURS = Registry("colour")
        >>> @COLOURS.register("red")
        ... class Red: ...
        >>> COLOURS.get("red").__name__
        'Red'
        >>> COLOURS.get("rad")
        Traceback (most recent call last):
        benchmark.errors.UsageError: no colour is called 'rad'; nearest: red
    """

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self._registry = MMRegistry(kind)

    def register(self, name: str) -> Callable[[T], T]:
        """Decorator that registers a class or an instance under `name`.

        Raises:
            UsageError: the name is taken.
        """

        def add(thing: T) -> T:
            if name in self._registry.module_dict:
                raise UsageError(f"a {self.kind} called {name!r} is registered already")
            self._registry.module_dict[name] = thing
            return thing

        return add

    def get(self, name: str) -> Any:
        """What is registered under `name`.

        Raises:
            UsageError: nothing is; the message lists the nearest names.
        """
        if name not in self._registry.module_dict:
            near = nearest(name, self.names())
            raise UsageError(f"no {self.kind} is called {name!r}; nearest: {near}")
        return self._registry.module_dict[name]

    def names(self) -> list[str]:
        """All names, in the order of registration."""
        return list(self._registry.module_dict)

    def __contains__(self, name: str) -> bool:
        return name in self._registry.module_dict


METHODS = Registry("method")
OBJECTIVES = Registry("objective")
STRATEGIES = Registry("strategy")
SELECTIONS = Registry("selection")
PROTOCOLS = Registry("protocol")
TASKS = Registry("task")


def load_shipped() -> None:
    """Import everything that registers itself: what Headwater ships, then installed plug-ins."""
    for package in SHIPPED:
        importlib.import_module(package)
    for plugin in entry_points(group=ENTRY_POINT_GROUP):
        plugin.load()
