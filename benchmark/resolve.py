"""From names to what they stand for: methods with their configuration, and protocols."""

import importlib.util
import json
import sys
import traceback
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from types import ModuleType
from typing import Any, cast

import torch
from torch.overrides import TorchFunctionMode

from benchmark.batch import Setting
from benchmark.canonical import sha256_of
from benchmark.config import Options, resolve_config
from benchmark.errors import UsageError, nearest
from benchmark.method import Composed, Method
from benchmark.protocol import ProtocolSpec
from benchmark.provenance import source_sha256
from benchmark.registry import METHODS, OBJECTIVES, PROTOCOLS, SELECTIONS, STRATEGIES
from benchmark.result import MethodRef
from benchmark.seeds import seed_for
from benchmark.selection import Selection


@dataclass(frozen=True)
class ResolvedMethod:
    """A method by name, with the classes and the configuration that the name stands for.

    Args:
        name: `moco_v2/replay`, a registered method, or `path/to/file.py:` and a class or a name.
        parts: (objective, strategy), or (method,).
        configs: the resolved configuration of each part.
        options: what was set away from the defaults.
    """

    name: str
    parts: tuple[Any, ...]
    configs: tuple[Options, ...]
    options: tuple[tuple[str, Any], ...] = ()

    @property
    def needs_labels(self) -> bool:
        """Whether the method declares that it uses labels."""
        return bool(self.parts[0].needs_labels)

    @property
    def selects(self) -> bool:
        """Whether it chooses the images that it is trained on."""
        return len(self.parts) == 2 and issubclass(self.parts[1], Selection)

    @property
    def extractor(self) -> str:
        """Name of the method whose features a selection looks at: the first chunk's."""
        return f"{self.name.rpartition('/')[0]}/first_chunk"

    @property
    def folder(self) -> str:
        """The name as a path in a store; a file's method goes by its class, options follow."""
        options = [f"{name}={value}" for name, value in self.options]
        return "+".join([self.name.rpartition(":")[2], *options])

    @property
    def config(self) -> dict[str, Any]:
        """The resolved options of all parts."""
        return {name: value for part in self.configs for name, value in asdict(part).items()}

    @property
    def papers(self) -> str:
        """What its parts follow, each paper once; empty where they name none."""
        told = (part.about.paper for part in self.parts)
        return "; ".join(dict.fromkeys(paper for paper in told if paper))

    def reference(self) -> MethodRef:
        """What identifies the method in records and keys."""
        config = self.config
        return MethodRef(
            name=self.folder,
            version=max(part.version for part in self.parts),
            config=config,
            config_sha256=sha256_of(config),
            source_sha256=source_sha256(self.parts, helpers=True),
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
            first = self._made(0, setting, self.configs[0])
            if not isinstance(getattr(first, "backbone", None), torch.nn.Module):
                raise UsageError(f"{self.name} sets no self.backbone; build_backbone gives one")
            if len(self.parts) == 1:
                return cast(Method, first)
            return Composed(first, self._made(1, first, self.configs[1]))

    def outline(self, protocol: ProtocolSpec) -> Method:
        """A method as fresh, without values in its weights where it can be built so, in no time.

        Raises:
            UsageError: it has no backbone.
        """
        try:
            with warnings.catch_warnings(), torch.device("meta"), _NoDraws():
                warnings.simplefilter("ignore")
                return self.build(protocol, 0)
        except Exception:  # it looks at its weights when it is built, as few do
            return self.build(protocol, 0)

    def _made(self, part: int, *given: Any) -> Any:
        """A part's object; what goes wrong in its __init__ is told with the line."""
        try:
            return self.parts[part](*given)
        except UsageError:
            raise
        except Exception as error:
            last = traceback.extract_tb(error.__traceback__)[-1]
            names = ("setting", "config") if part == 0 else ("objective", "config")
            raise UsageError(
                f"{self.parts[part].__name__}({', '.join(names)}) cannot be built: "
                f"{type(error).__name__}: {error} ({last.filename}, line {last.lineno})"
            ) from error


class _NoDraws(TorchFunctionMode):
    """Leaves weights as they are, since on the meta device there is nothing to draw."""

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        kwargs = kwargs or {}
        if getattr(func, "__name__", "").endswith(("normal_", "uniform_")):
            return args[0] if args else kwargs["tensor"]
        return func(*args, **kwargs)


def resolve(
    name: str, options: Mapping[str, Any] | None = None, tier: str = "nano"
) -> ResolvedMethod:
    """Find a method by its name.

    Args:
        name: `objective/strategy`, a registered method, `path/to/file.py:Class`, or
            `path/to/file.py:NAME`, a name that may have parts which the file registers. Options may
            follow as in records: `moco_v2/joint+lr=0.1`.
        options: replacements for fields of its configuration.
        tier: whose defaults are meant: at `full` the paper's, else ours for nano.

    Raises:
        UsageError: unknown name (with the nearest), unreadable file, a strategy that makes no sense
            with the objective (with the reason), an option that is unknown, mistyped or out of its
            range.

    Example:
        >>> from benchmark.registry import load_shipped
        >>> load_shipped()
        >>> resolve("moco_v2/joint", {"temperature": 0.1}).config["temperature"]
        0.1
        >>> resolve("moco_v2/joint", tier="full").config["queue_size"]
        65536
    """
    options = dict(options or {})
    if ".py" not in name:
        name, *told = name.split("+")
        options = parse_options(told) | options
    parts = _parts(name)
    defaults = dict(parts[0].full) if tier == "full" else {}
    return ResolvedMethod(
        name, parts, _configs(parts, defaults | options), tuple(sorted(options.items()))
    )


def _parts(name: str) -> tuple[Any, ...]:
    """The classes that a name stands for."""
    if name.endswith(".py"):
        raise UsageError(f"{name} does not say which class: give {name}:Class")
    if ".py:" in name:
        path, _, inside = name.rpartition(":")
        found = getattr(_imported(Path(path)), inside, None)
        if isinstance(found, type) and issubclass(found, Method):
            return (found,)
        if "/" in inside or inside in METHODS:
            return _parts(inside)
        raise UsageError(
            f"{path} has no class {inside} that is a benchmark Method; an objective or a strategy "
            f"goes by the name that it registers, as in {path}:moco_v2/mine"
        )
    if name in METHODS:
        return (METHODS.get(name),)
    if "/" in name:
        objective, _, strategy = name.partition("/")
        parts = OBJECTIVES.get(objective), _second(strategy)
        if reason := parts[1].unsuited(parts[0]):
            raise UsageError(f"{name} makes no sense: {reason}")
        return parts
    if name in OBJECTIVES:
        full = " or ".join(f"{name}/{strategy}" for strategy in STRATEGIES.names())
        raise UsageError(f"{name} is an objective, and a method has a strategy too: say {full}")
    return (METHODS.get(name),)


def _second(name: str) -> Any:
    """The strategy or the selection of that name, which no two of them share."""
    for registry in (STRATEGIES, SELECTIONS):
        if name in registry:
            return registry.get(name)
    near = nearest(name, [*STRATEGIES.names(), *SELECTIONS.names()])
    raise UsageError(f"no strategy or selection is called {name!r}; nearest: {near}")


def _configs(parts: Sequence[Any], options: Mapping[str, Any]) -> tuple[Options, ...]:
    """Each part's configuration; each option goes to the part that has it, unknown ones nowhere."""
    names = [{field.name for field in fields(part.config_class)} for part in parts]
    known = set().union(*names)
    if sum(map(len, names)) > len(known):
        both = ", ".join(sorted(names[0] & names[1]))
        raise UsageError(f"options belong to objective and strategy: {both}; rename the strategy's")
    for name in options:
        if name not in known:
            every = [field.name for part in parts for field in fields(part.config_class)]
            raise UsageError(f"no option {name!r}; there are: {', '.join(every)}")
    return tuple(
        resolve_config(part.config_class, {n: v for n, v in options.items() if n in own})
        for part, own in zip(parts, names, strict=True)
    )


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
    """Names of all pairs of a registered objective and a registered strategy that make sense."""
    return [
        f"{objective}/{strategy}"
        for objective in OBJECTIVES.names()
        for strategy in STRATEGIES.names()
        if STRATEGIES.get(strategy).unsuited(OBJECTIVES.get(objective)) is None
    ]


def protocol_named(name: str) -> ProtocolSpec:
    """The protocol of that id; without a version, the newest.

    Raises:
        UsageError: there is none; the message has the nearest.
    """
    versions = [known for known in PROTOCOLS.names() if known.partition("@")[0] == name]
    newest = max(versions, key=lambda known: int(known.partition("@")[2]), default=name)
    protocol: ProtocolSpec = PROTOCOLS.get(newest)
    return protocol


def _imported(path: Path) -> ModuleType:
    """The module that a file is; imported once, since a name can be registered once."""
    if not path.is_file():
        raise UsageError(f"there is no file {path}; give path/to/file.py:Class")
    module_name = f"headwater_user_{path.stem}_{sha256_of(str(path.resolve()))[:8]}"
    if module_name in sys.modules:
        return sys.modules[module_name]
    spec = importlib.util.spec_from_file_location(module_name, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[module_name] = module
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        del sys.modules[module_name]
        last = traceback.extract_tb(error.__traceback__)[-1]
        where = "" if isinstance(error, SyntaxError) else f" ({last.filename}, line {last.lineno})"
        cause = f"{type(error).__name__}: {error}{where}"
        raise UsageError(f"{path} cannot be imported: {cause}") from error
    return module
