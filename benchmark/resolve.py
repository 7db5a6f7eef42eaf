"""From names to what they stand for: methods with their configuration, and protocols."""

import dataclasses
import importlib.util
import json
import sys
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from benchmark.batch import Setting
from benchmark.canonical import sha256_of
from benchmark.errors import UsageError
from benchmark.method import Composed, Config, Method, resolve_config
from benchmark.protocol import ProtocolSpec
from benchmark.provenance import source_sha256
from benchmark.registry import METHODS, OBJECTIVES, PROTOCOLS, STRATEGIES
from benchmark.result import MethodRef
from benchmark.seeds import seed_for


@dataclass(frozen=True)
class ResolvedMethod:
    """A method by name, with the classes and the configuration that the name stands for.

    Args:
        name: `moco_v2/replay`, a registered method, or `path/to/file.py:Class`.
        parts: (objective, strategy), or (method,).
        config: the resolved configuration.
        options: what was set away from the defaults.
    """

    name: str
    parts: tuple[Any, ...]
    config: Config
    options: tuple[tuple[str, Any], ...] = ()

    @property
    def needs_labels(self) -> bool:
        """Whether the method declares that it uses labels."""
        return bool(self.parts[0].needs_labels)

    @property
    def folder(self) -> str:
        """The name as a path in a store; a file's method goes by its class, options follow."""
        options = [f"{name}={value}" for name, value in self.options]
        return "+".join([self.name.rpartition(":")[2], *options])

    def reference(self) -> MethodRef:
        """What identifies the method in records and keys."""
        config = dataclasses.asdict(self.config)
        return MethodRef(
            name=self.folder,
            version=max(part.version for part in self.parts),
            config=config,
            config_sha256=sha256_of(config),
            source_sha256=source_sha256(self.parts),
        )

    def build(self, protocol: ProtocolSpec, replicate: int) -> Method:
        """A fresh method, its weights drawn from the replicate's training seed.

        Raises:
            UsageError: it has no backbone.
        """
        setting = Setting(
            arch=protocol.arch,
            view_size=protocol.view_size,
            n_classes=protocol.classes if self.needs_labels else None,
        )
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed_for("train", protocol.id, self.folder, replicate, "weights"))
            first = self.parts[0](setting, self.config)
            if not isinstance(getattr(first, "backbone", None), torch.nn.Module):
                raise UsageError(f"{self.name} sets no self.backbone; build_backbone gives one")
            method: Method = first if len(self.parts) == 1 else Composed(first, self.parts[1]())
        return method


def resolve(name: str, options: Mapping[str, Any] | None = None) -> ResolvedMethod:
    """Find a method by its name.

    Args:
        name: `objective/strategy`, a registered method, or `path/to/file.py:Class`.
        options: replacements for fields of its configuration.

    Raises:
        UsageError: unknown name (with the nearest), unreadable file, an option that is unknown,
            mistyped or out of its range.

    Example:
        >>> from benchmark.registry import load_shipped
        >>> load_shipped()
        >>> resolve("moco_v2/joint", {"temperature": 0.1}).config.temperature
        0.1
    """
    parts: tuple[Any, ...]
    if name.endswith(".py"):
        raise UsageError(f"{name} does not say which class: give {name}:Class")
    if ".py:" in name:
        parts = (_from_file(name),)
    elif name in METHODS:
        parts = (METHODS.get(name),)
    elif "/" in name:
        objective, _, strategy = name.partition("/")
        parts = (OBJECTIVES.get(objective), STRATEGIES.get(strategy))
    elif name in OBJECTIVES:
        full = " or ".join(f"{name}/{strategy}" for strategy in STRATEGIES.names())
        raise UsageError(f"{name} is an objective, and a method has a strategy too: say {full}")
    else:
        parts = (METHODS.get(name),)
    options = options or {}
    config = resolve_config(parts[0].config_class, options)
    return ResolvedMethod(name, parts, config, tuple(sorted(options.items())))


def parse_options(texts: Sequence[str]) -> dict[str, Any]:
    """Options as given on the command line, `name=value`; values are read as JSON.

    Raises:
        UsageError: no `=`, or no name.

    Example:
        >>> parse_options(["lr=0.1", "queue_size=512"])
        {'lr': 0.1, 'queue_size': 512}
    """
    options = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise UsageError(f"an option is given as name=value, not {text!r}")
        try:
            options[name] = json.loads(value)
        except ValueError:
            options[name] = value
    return options


def grid() -> list[str]:
    """Names of all pairs of a registered objective and a registered strategy."""
    return [f"{first}/{second}" for first in OBJECTIVES.names() for second in STRATEGIES.names()]


def protocol_named(name: str) -> ProtocolSpec:
    """The protocol of that id; without a version, the newest.

    Raises:
        UsageError: there is none; the message has the nearest.
    """
    versions = [known for known in PROTOCOLS.names() if known.partition("@")[0] == name]
    newest = max(versions, key=lambda known: int(known.partition("@")[2]), default=name)
    protocol: ProtocolSpec = PROTOCOLS.get(newest)
    return protocol


def _from_file(name: str) -> type[Method]:
    path_text, _, class_name = name.rpartition(":")
    path = Path(path_text)
    if not path.is_file():
        raise UsageError(f"there is no file {path}; give path/to/file.py:Class")
    module_name = f"headwater_user_{path.stem}"
    spec = importlib.util.spec_from_file_location(module_name, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[module_name] = module
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        last = traceback.extract_tb(error.__traceback__)[-1]
        where = "" if isinstance(error, SyntaxError) else f" ({last.filename}, line {last.lineno})"
        cause = f"{type(error).__name__}: {error}{where}"
        raise UsageError(f"{path} cannot be imported: {cause}") from error
    found = getattr(module, class_name, None)
    if not (isinstance(found, type) and issubclass(found, Method)):
        raise UsageError(f"{path} has no class {class_name} that is a benchmark Method")
    return found
