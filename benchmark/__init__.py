"""Headwater's public names: all that a file with a new method, task or protocol imports.

They are loaded when they are first used, so that `import benchmark` costs nothing.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from benchmark.augment import Augmentation
    from benchmark.batch import Batch, ChunkContext, Memory, Setting, Views
    from benchmark.config import Config, Options, option
    from benchmark.encoder import Encoder
    from benchmark.errors import DataError, HeadwaterError, UsageError
    from benchmark.method import About, Method, Objective, Strategy, build_backbone
    from benchmark.protocol import Budget, ProtocolSpec
    from benchmark.registry import METHODS, OBJECTIVES, PROTOCOLS, SELECTIONS, STRATEGIES, TASKS
    from benchmark.result import Metric, Record
    from benchmark.selection import Given, Selection, SelectionOptions, StreamingSelection

_HOMES = {
    "augment": ("Augmentation",),
    "batch": ("Batch", "ChunkContext", "Memory", "Setting", "Views"),
    "config": ("Config", "Options", "option"),
    "encoder": ("Encoder",),
    "errors": ("DataError", "HeadwaterError", "UsageError"),
    "method": ("About", "Method", "Objective", "Strategy", "build_backbone"),
    "protocol": ("Budget", "ProtocolSpec"),
    "registry": ("METHODS", "OBJECTIVES", "PROTOCOLS", "SELECTIONS", "STRATEGIES", "TASKS"),
    "result": ("Metric", "Record"),
    "selection": ("Given", "Selection", "SelectionOptions", "StreamingSelection"),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__all__ = [
    "METHODS",
    "OBJECTIVES",
    "PROTOCOLS",
    "SELECTIONS",
    "STRATEGIES",
    "TASKS",
    "About",
    "Augmentation",
    "Batch",
    "Budget",
    "ChunkContext",
    "Config",
    "DataError",
    "Encoder",
    "Given",
    "HeadwaterError",
    "Memory",
    "Method",
    "Metric",
    "Objective",
    "Options",
    "ProtocolSpec",
    "Record",
    "Selection",
    "SelectionOptions",
    "Setting",
    "Strategy",
    "StreamingSelection",
    "UsageError",
    "Views",
    "build_backbone",
    "option",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME_OF:
        raise AttributeError(f"module 'benchmark' has no attribute {name!r}")
    module = importlib.import_module(f"benchmark.{_HOME_OF[name]}")
    globals()[name] = getattr(module, name)
    return globals()[name]
