"""What every test and doctest finds: the registries filled, and how to have a cache of its own."""

import os
from pathlib import Path

import pytest

os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # as the command line does


@pytest.fixture(scope="session", autouse=True)
def _shipped() -> None:
    """Fill the registries."""
    from benchmark.registry import load_shipped

    load_shipped()


@pytest.fixture
def own_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty HEADWATER_HOME."""
    monkeypatch.setenv("HEADWATER_HOME", str(tmp_path / "home"))
    return tmp_path / "home"
