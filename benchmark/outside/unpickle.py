"""Reading a stranger's checkpoint file without running anything that is in it."""

import importlib
import pickletools
import re
import warnings
import zipfile
from _compat_pickle import IMPORT_MAPPING, NAME_MAPPING
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
from torch import serialization

from benchmark.errors import DataError, UsageError

#: How a file of torch's older format starts: its magic number, pickled by protocol 2.
_LEGACY = b"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19."
#: Packages that no settings are written with. Nothing of them would run, for everything is
#: replaced by a placeholder; but who asks for them means harm, and is told so.
_DANGEROUS = frozenset(
    {
        *("__builtin__", "importlib", "imp", "pkgutil", "runpy", "inspect", "operator", "code"),
        *("codeop", "marshal", "pickle", "os", "nt", "posix", "ntpath", "posixpath", "sys"),
        *("subprocess", "multiprocessing", "commands", "popen2", "pty", "signal", "shutil"),
        *("socket", "asyncio", "webbrowser", "ctypes", "cffi", "bdb", "pdb", "pip", "io", "_io"),
    }
)
_HARMLESS = frozenset(
    {
        *("bool", "bytearray", "bytes", "complex", "dict", "float", "frozenset", "int", "list"),
        *("object", "range", "set", "slice", "str", "tuple"),
    }
)


class _Inert:
    """What stands for a class or a function that a file names: takes anything, does nothing."""

    def __new__(cls, *_args: object, **_kwargs: object) -> Any:
        return object.__new__(cls)

    def __init__(self, *args: object, **kwargs: object) -> None: ...

    def __setstate__(self, state: object) -> None: ...

    def __setitem__(self, key: object, value: object) -> None: ...


class _InertMapping(_Inert):
    """The same for a kind of dictionary: torch fills no other class than these of its own."""

    def __new__(cls, *_args: object, **_kwargs: object) -> Any:
        return OrderedDict()


class _InertSequence(_Inert):
    """The same for a kind of list."""

    def __new__(cls, *_args: object, **_kwargs: object) -> Any:
        return []


def is_placeholder(thing: object) -> bool:
    """Whether something read stands for an object of a class that was not loaded."""
    return isinstance(thing, _Inert) or (isinstance(thing, type) and issubclass(thing, _Inert))


def read_checkpoint(path: Path) -> Any:
    """What a checkpoint file holds: tensors and plain values; objects are empty placeholders.

    Args:
        path: a file written by `torch.save`, in either of its formats, or `.safetensors`.

    Raises:
        UsageError: there is no such file, or a library is missing.
        DataError: it is damaged, no checkpoint, or asks for what no weights need.
    """
    if not path.is_file():
        raise UsageError(f"there is no file {path}")
    with path.open("rb") as file:
        start = file.read(len(_LEGACY))
    if not start:
        raise DataError(f"{path} is empty")
    if path.suffix == ".safetensors":
        return _read_safetensors(path)
    if start[:4] != b"PK\x03\x04" and start != _LEGACY:
        raise DataError(
            f"{path} is no checkpoint: it is neither of the formats that torch.save writes; "
            "save the state dict by torch.save, or as .safetensors"
        )
    with _nothing_allowed(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of torch, about old formats
        return _read_torch(path, zipped=start != _LEGACY)


def _read_safetensors(path: Path) -> Any:
    try:
        library: Any = importlib.import_module("safetensors.torch")
    except ImportError as error:
        raise UsageError(f"{path} needs safetensors: pip install safetensors") from error
    try:
        return library.load_file(path, device="cpu")
    except Exception as error:
        raise DataError(f"{path} is damaged, or no file of safetensors: {error}") from error


def _read_torch(path: Path, zipped: bool) -> Any:
    names = _names_in_zip(path) if zipped else _names_in_pickles(path)
    for name in sorted(names):
        package, _, rest = name.partition(".")
        if package in _DANGEROUS or (package == "builtins" and rest not in _HARMLESS):
            raise DataError(
                f"refused {path}: it asks for {name}, which no weights need, and nothing of it "
                "was run; ask its author for the state dict alone"
            )
    kinds: dict[str, type[_Inert]] = dict.fromkeys(sorted(names), _Inert)
    while True:
        placeholders = [
            (type(name, (kind,), {"__module__": "inert"}), name) for name, kind in kinds.items()
        ]
        try:
            with serialization.safe_globals(placeholders):  # type: ignore[arg-type]
                return torch.load(path, map_location="cpu", weights_only=True, mmap=zipped)
        except UnpicklingError as error:
            # torch names the placeholder that was to be filled like a dictionary or a list.
            found = re.search(
                r"(SETITEM|append|extend).*got <class 'inert\.(.+)'>", str(error), re.I
            )
            if found is None or kinds.get(found[2]) is not _Inert:
                raise DataError(
                    f"refused {path}: it is damaged, or holds more than torch reads with "
                    "weights_only; save its state dict alone by torch.save"
                ) from error
            kinds[found[2]] = _InertMapping if "SETITEM" in found[1].upper() else _InertSequence
        except Exception as error:  # a damaged file raises almost anything
            raise DataError(f"{path} is damaged or cut short: torch cannot read it") from error


def _names_in_zip(path: Path) -> set[str]:
    """The classes and functions that a file of torch's newer format names, but for torch's."""
    try:
        with zipfile.ZipFile(path) as archive:
            members = {name.partition("/")[2] for name in archive.namelist()}
    except Exception as error:
        raise DataError(f"{path} is damaged or cut short: its zip archive has no end") from error
    if "data.pkl" not in members:
        raise DataError(f"{path} is a zip archive but no checkpoint: torch.save wrote none of it")
    if "constants.pkl" in members:
        raise DataError(
            f"refused {path}: it is a TorchScript program; save its state dict by torch.save"
        )
    try:
        return set(serialization.get_unsafe_globals_in_checkpoint(path))
    except Exception as error:
        raise DataError(
            f"refused {path}: its pickle is damaged, or of another protocol than 2, which "
            "torch.save writes by default"
        ) from error


def _names_in_pickles(path: Path) -> set[str]:
    """The same for the older format: five pickles in a row, then the numbers."""
    names = set()
    try:
        with path.open("rb") as file:
            for _ in range(5):
                for code, argument, _ in pickletools.genops(file):
                    if code.name in ("GLOBAL", "INST"):
                        names.add(_todays_name(*str(argument).split(" ", 1)))
    except Exception as error:
        raise DataError(f"{path} is damaged or cut short: its pickles have no end") from error
    return names


def _todays_name(module: str, name: str) -> str:
    """What Python 3 calls what a pickle of protocol 2 calls by its name in Python 2."""
    if (module, name) in NAME_MAPPING:
        module, name = NAME_MAPPING[module, name]
    return f"{IMPORT_MAPPING.get(module, module)}.{name}"


@contextmanager
def _nothing_allowed() -> Iterator[None]:
    """Nothing but torch's own names, whatever else this program lets torch read elsewhere."""
    allowed = serialization.get_safe_globals()
    serialization.clear_safe_globals()
    try:
        yield
    finally:
        serialization.clear_safe_globals()
        serialization.add_safe_globals(allowed)
