"""Work in other processes: what it finds and tells, where it fails, and where there is but one."""

import multiprocessing
import os
import shutil
from collections.abc import Generator
from dataclasses import replace
from pathlib import Path

import pytest

from benchmark.errors import HeadwaterError
from benchmark.result import Metric
from leaderboard import beside as module
from leaderboard.aggregate import record_paths
from leaderboard.beside import Lost, Pieces, processes
from leaderboard.site import build
from leaderboard.site.pages import Pages
from tests.leaderboard.conftest import StoreWriter, make_card
from tests.leaderboard.test_site import digests

NUMBER = {"top1": Metric(value=50.0, unit="%", n=100)}


def work(own: int) -> Generator[tuple[int, int], int, tuple[int, int]]:
    most = yield own, os.getpid()
    return most - own, os.getpid()


@pytest.mark.parametrize("count", [1, 3])
def test_pieces_hear_of_each_other_once_and_one_alone_is_done_here(count: int) -> None:
    with Pieces([lambda own=own: work(own) for own in range(count)]) as pieces:
        found = pieces.found()
        pieces.go_on(max(own for own, _ in found))
        told = pieces.told()
    assert multiprocessing.active_children() == []
    assert [own for own, _ in found] == [*range(count)]
    assert [less for less, _ in told] == [*reversed(range(count))]
    where = [process for _, process in found]
    assert where == [process for _, process in told]
    assert len(set(where)) == count
    assert (os.getpid() in where) is (count == 1)


@pytest.mark.parametrize("fails", ["first", "then", "killed", "unsendable"])
def test_what_fails_elsewhere_is_lost_and_says_nothing_there(
    fails: str, capfd: pytest.CaptureFixture[str]
) -> None:
    def failing() -> Generator[object, None, None]:
        if fails == "first":
            raise OSError(28, "No space left on device")
        yield (lambda: None) if fails == "unsendable" else None
        if fails == "killed":
            os._exit(9)
        raise OSError(28, "No space left on device")

    with pytest.raises(Lost), Pieces([failing, failing]) as pieces:  # noqa: PT012
        pieces.found()
        pieces.go_on(None)
        pieces.told()
    assert multiprocessing.active_children() == []
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("until", ["found", "go_on"])
def test_nobody_waits_for_who_does_not_go_on(until: str, capfd: pytest.CaptureFixture[str]) -> None:
    with Pieces([lambda: work(0), lambda: work(1), lambda: work(2)]) as pieces:
        pieces.found()
        if until == "go_on":
            pieces.go_on(2)
    assert multiprocessing.active_children() == []
    assert capfd.readouterr().err == ""


def test_where_no_process_can_be_had_it_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    def fork() -> int:
        raise BlockingIOError(11, "Resource temporarily unavailable")

    monkeypatch.setattr(os, "fork", fork)
    with pytest.raises(Lost):
        Pieces([lambda: work(0), lambda: work(1)])


@pytest.mark.parametrize(
    ("platform", "cores", "most"),
    [("linux", 2.5, 2), ("linux", 1.0, 1), ("linux", 0.5, 1), ("darwin", 8.0, 1)],
)
def test_only_linux_forks_as_many_as_there_are_cores(
    monkeypatch: pytest.MonkeyPatch, platform: str, cores: float, most: int
) -> None:
    monkeypatch.setattr(module, "cores", lambda: cores)
    monkeypatch.setattr(module.sys, "platform", platform)
    assert processes() == most


@pytest.fixture
def store(full_store: Path, tmp_path: Path) -> Path:
    """Two protocols, and a bundle with records of one of them."""
    store = tmp_path / "store"
    shutil.copytree(full_store, store)
    other, bundle = StoreWriter(store), StoreWriter(store / "mine" / "results")
    for method in ("moco_v2/joint", "moco_v2/sequential"):
        other.write(method, 4, "linear.flags", NUMBER, protocol="domain/test@1")
    other.write("moco_v2/joint", 4, "linear.digits", NUMBER, protocol="domain/test@1", source="new")
    next(store.glob("domain*/**/linear.digits.json")).with_name("linear.mnist.json").write_text("{")
    bundle.write("mine", 4, "linear.flags", NUMBER)
    return store


@pytest.mark.parametrize("misnamed", [False, True])
def test_a_site_built_by_several_processes_is_the_same_and_swept_alike(
    store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, misnamed: bool
) -> None:
    if misnamed:  # then two processes have records of one protocol
        folder = store / "mine" / "results" / "instance-test@1"
        folder.rename(folder.with_name("distant-test@1"))
    one, two = tmp_path / "one", tmp_path / "two"
    told = build_page(store, one)
    monkeypatch.setattr(module, "cores", lambda: 3.0)
    monkeypatch.setattr(build, "MANY", 0)
    shares = build.shared_out(store, record_paths(store), 3)
    assert len(shares) == 2 + misnamed
    begun: list[int] = []
    write = build._write

    def counted(pages: Pages, store: Path, works: list[build.Work]) -> list[str]:
        begun.append(len(works))
        return write(pages, store, works)

    monkeypatch.setattr(build, "_write", counted)
    for _ in range(2):  # the second time there is something to sweep away
        (two / "data" / "methods" / "gone").mkdir(parents=True, exist_ok=True)
        (two / "data" / "methods" / "gone" / "one.js").touch()
        begun.clear()
        assert build_page(store, two) == told
        assert begun == ([3, 1] if misnamed else [2])
    assert digests(one) == digests(two)
    assert len(told) == 1


def test_what_cannot_be_written_elsewhere_is_told(
    store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "cores", lambda: 2.0)
    monkeypatch.setattr(build, "MANY", 0)
    (tmp_path / "site" / "protocol-domain-test-1.html").mkdir(parents=True)
    with pytest.raises(HeadwaterError, match=r"cannot write the page to .*site: Is a directory"):
        build_page(store, tmp_path / "site")


def build_page(store: Path, output: Path) -> list[str]:
    """Build a site; returns what is told of it."""
    told: list[str] = []
    build.build_site(
        store, output, card_of=lambda name, _: replace(make_card(), id=name), tell=told.append
    )
    return told
