"""What every test and doctest finds: the registries filled, and how to have a cache of its own."""

from pathlib import Path

import pytest


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
