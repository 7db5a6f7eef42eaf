"""What a record says of where, when and from which source a cell was computed."""

import ast
import hashlib
import importlib.util
import inspect
import platform
import resource
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timezone
from functools import cache, lru_cache
from importlib.metadata import version
from pathlib import Path

import torch

from benchmark.accelerate import Acceleration
from benchmark.canonical import sha256_of
from benchmark.result import Environment

#: Modules whose code decides what a pre-training computes, whatever the method.
HARNESS = (
    "benchmark.accelerate",
    "benchmark.augment",
    "benchmark.batch",
    "benchmark.config",
    "benchmark.distributed",
    "benchmark.method",
    "benchmark.models",
    "benchmark.optim",
    "benchmark.phase",
    "benchmark.pretrain",
    "benchmark.streams.reader",
    "benchmark.streams.steps",
)

#: Modules whose code decides what a selection chooses, beside its own.
SELECTION_HARNESS = (
    "benchmark.data.few",
    "benchmark.selection",
    "benchmark.select",
    "benchmark.retrieval.clusters",
    "benchmark.retrieval.exact",
)

#: And how files become pixels, where images are files.
FILE_HARNESS = ("benchmark.data.files.decode",)


def source_sha256(things: Iterable[object | str], *, helpers: bool = False) -> str:
    """Hash of the files that define some classes or functions, or of modules given by name.

    Docstrings, comments and blank lines do not count, so that to explain is not to change.

    Args:
        things: classes, functions, or names of modules.
        helpers: whether the files that these import from beside them count, too, and so on.
    """
    files = {_file_of(thing) for thing in things}
    if helpers:
        files = {file for start in files for file in imported_files(start)}
    # In the order of the codes, since that of the paths differs from machine to machine.
    return sha256_of(sorted(_read(file).code for file in files))


def source_files(things: Iterable[object]) -> dict[str, Path]:
    """The files that `source_sha256(things, helpers=True)` covers.

    Returns:
        Path from the folder that a file is imported from, with /, to the file; in their order.

    Example:
        >>> list(source_files([importlib.import_module("baselines.strategies.mas").MAS]))
        ['baselines/strategies/_quadratic.py', 'baselines/strategies/mas.py']
    """
    files = {file for thing in things for file in imported_files(_file_of(thing))}
    named = {file.relative_to(_root(file)).as_posix(): file for file in files}
    return dict(sorted(named.items()))


@cache
def _file_of(thing: object | str) -> Path:
    if isinstance(thing, str):
        spec = importlib.util.find_spec(thing)
        assert spec is not None and spec.origin is not None
        return Path(spec.origin)
    return Path(inspect.getfile(thing))  # type: ignore[arg-type]


def imported_files(file: Path) -> set[Path]:
    """A file and those that it imports of its own package, or of its folder, and so on.

    What belongs to `benchmark` is left out: it is the harness, which has a hash of its own.

    Example:
        >>> sorted(file.name for file in imported_files(_file_of("baselines.strategies.mas")))
        ['_quadratic.py', 'mas.py']
    """
    root, known, todo = _root(file), set[Path](), [file]
    while todo:
        file = todo.pop()
        known.add(file)
        for name in _full_names(_read(file).imports, file, root):
            found = root.joinpath(*name.split(".")).with_suffix(".py")
            if name.partition(".")[0] != "benchmark" and found.is_file() and found not in known:
                todo.append(found)
    return known


def _root(file: Path) -> Path:
    """The folder that a file's imports are looked for in."""
    root = file.parent
    while (root / "__init__.py").is_file():
        root = root.parent
    return root


@dataclass(frozen=True)
class _Source:
    """What is asked of a file: its code, and its imports as (dots, module, names)."""

    code: str
    imports: tuple[tuple[int, str, tuple[str, ...]], ...]


def _read(file: Path) -> _Source:
    """The file as it is now; read again only if it has changed."""
    stat = file.stat()
    return _read_once(file, stat.st_mtime_ns, stat.st_size)


@lru_cache(maxsize=4096)
def _read_once(file: Path, changed: int, size: int) -> _Source:
    text, imports = file.read_text(encoding="utf-8"), []
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            imports.append((0, "", tuple(alias.name for alias in node.names)))
        elif isinstance(node, ast.ImportFrom):
            names = tuple(alias.name for alias in node.names)
            imports.append((node.level, node.module or "", ("", *names)))
    return _Source(code_of(text), tuple(imports))


def _full_names(
    imports: Iterable[tuple[int, str, tuple[str, ...]]], file: Path, root: Path
) -> Iterator[str]:
    """Full names of all that may be modules among what a file imports."""
    for dots, module, names in imports:
        above = file.relative_to(root).parts[:-dots] if dots else ()
        base = ".".join((*above, *filter(None, [module])))
        yield from (".".join(filter(None, [base, name])) for name in names)


def code_of(source: str) -> str:
    """Source text without docstrings, lines that are only a comment, and blank lines.

    Example:
        >>> code_of('def f():\\n    "Say one."\\n\\n    # one\\n    return 1\\n')
        'def f():\\n    return 1'
    """
    lines: list[str | None] = list(source.splitlines())
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef)) or not node.body:
            continue
        first = node.body[0]
        if ast.get_docstring(node) is not None and first.end_lineno is not None:
            lines[first.lineno - 1 : first.end_lineno] = [None] * (
                first.end_lineno - first.lineno + 1
            )
    kept = [line.rstrip() for line in lines if line is not None]
    return "\n".join(line for line in kept if line and not line.lstrip().startswith("#"))


def utc_now() -> str:
    """The time now, UTC, to the second, ISO 8601."""
    return datetime.now(timezone.utc).isoformat(timespec="seconds")


def peak_memory_bytes() -> int:
    """Most memory that this process has held so far."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


@cache
def _lock_sha256() -> str | None:
    """Hash of the lock, known where this process runs from a checkout."""
    lock = Path(__file__).parent.parent / "requirements.lock"
    return hashlib.sha256(lock.read_bytes()).hexdigest() if lock.is_file() else None


@cache
def cpu_kind() -> str:
    """Kind of processor, and the widest instructions that PyTorch's kernels use there."""
    try:
        name = _processor(Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace"))
    except (OSError, KeyError):
        name = platform.processor() or platform.machine()
    return f"{name}, {torch.backends.cpu.get_cpu_capability()}"


def _processor(cpuinfo: str) -> str:
    """Name and generation of the first processor that Linux tells of.

    Raises:
        KeyError: it tells nothing of them, as on ARM.

    Example:
        >>> _processor("processor: 0\\ncpu family: 25\\nmodel: 17\\nmodel name: AMD EPYC")
        'AMD EPYC (family 25, model 17)'
    """
    lines = (line.partition(":") for line in cpuinfo.partition("\n\n")[0].splitlines())
    told = {key.strip(): value.strip() for key, _, value in lines}
    return f"{told['model name']} (family {told['cpu family']}, model {told['model']})"


def environment(device: str, acceleration: Acceleration) -> Environment:
    """Where this process runs, and how."""
    return Environment(
        python=platform.python_version(),
        torch=torch.__version__,
        platform=f"{platform.system()} {platform.machine()}",
        cpu=cpu_kind(),
        device=torch.cuda.get_device_name() if device == "cuda" else "cpu",
        threads=torch.get_num_threads(),
        deterministic=True,
        precision=acceleration.precision,
        compiled=acceleration.backend is not None,
        lock_sha256=_lock_sha256(),
    )


def tool_version() -> str:
    """Version of the installed distribution."""
    return version("headwater")
