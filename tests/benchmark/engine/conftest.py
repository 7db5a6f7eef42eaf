"""What the engine's tests share: runs of the smoke tier in processes that can be killed."""

import multiprocessing
import os
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from benchmark.cells import Cell, plan
from benchmark.engine.attempt import Attempt
from benchmark.execute import Outcome, run
from benchmark.resolve import protocol_named, resolve
from benchmark.store import Store

SMOKE = "instance/smoke@1"


class Silent:
    """Says nothing, and counts."""

    def __init__(self) -> None:
        self.computed: list[str] = []

    def begin(self, cell: Cell) -> None: ...

    def end(self, cell: Cell, attempt: Attempt) -> None:
        if attempt.computed and attempt.status == "ok":
            self.computed.append(f"{cell.folder}/{cell.name}")

    def look(self) -> None: ...


@pytest.fixture
def silent() -> Silent:
    return Silent()


@pytest.fixture(scope="session")
def smoke_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A HEADWATER_HOME of its own."""
    return tmp_path_factory.mktemp("home")


@pytest.fixture
def home(smoke_home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HEADWATER_HOME", str(smoke_home))
    return smoke_home


@pytest.fixture
def go() -> Callable[..., Outcome]:
    """Runs a method on the smoke tier in this process."""

    def go(method: str, store: Path, **options: object) -> Outcome:
        spec = protocol_named(SMOKE)
        return run(spec, resolve(method), Store(store), Silent(), **options)

    return go


@pytest.fixture
def cells() -> Callable[[str], list[Cell]]:
    """The cells of a method on the smoke tier."""
    return lambda method: plan(protocol_named(SMOKE), resolve(method), 0)


@pytest.fixture
def forked() -> Iterator[Callable[[Callable[[], None]], multiprocessing.Process]]:
    """Starts a function in a copy of this process, which is killed in the end if it still runs."""
    started = []

    def start(target: Callable[[], None]) -> multiprocessing.Process:
        process = multiprocessing.get_context("fork").Process(target=_alone, args=(target,))
        process.start()
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.join()


def _alone(target: Callable[[], None]) -> None:
    """In a copy of the test's process: signals as at a start, and nothing printed."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    sys.stdout = sys.stderr = open(os.devnull, "w")  # noqa: SIM115 - as long as the process
    target()
