"""Work in a second process: what it writes, where it fails, and where there is none."""

import os
from pathlib import Path

import pytest

from leaderboard import beside as module
from leaderboard.beside import beside
from leaderboard.site import build
from tests.leaderboard.test_site import build as build_page
from tests.leaderboard.test_site import digests


@pytest.mark.parametrize(("cores", "elsewhere"), [(2.0, True), (1.0, False)])
def test_it_is_done_once_elsewhere_if_there_is_a_core(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cores: float, elsewhere: bool
) -> None:
    monkeypatch.setattr(module, "cores", lambda: cores)
    monkeypatch.setattr(module.sys, "platform", "linux")
    wait = beside(lambda: (tmp_path / str(os.getpid())).touch())
    wait()
    (name,) = os.listdir(tmp_path)
    assert (int(name) != os.getpid()) is elsewhere


def test_what_fails_elsewhere_is_done_again_here_and_tells_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(module, "cores", lambda: 2.0)

    def work() -> None:
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space"):
        beside(work)()
    assert capfd.readouterr().err == ""


def test_a_page_built_by_two_processes_is_the_same_and_swept_alike(
    full_store: Path, tmp_path: Path, card, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    build_page(full_store, one, card)
    monkeypatch.setattr(module, "cores", lambda: 2.0)
    monkeypatch.setattr(build, "MANY", 0)
    for _ in range(2):  # the second time there is something to sweep away
        (two / "data" / "methods" / "gone").mkdir(parents=True, exist_ok=True)
        (two / "data" / "methods" / "gone" / "one.js").touch()
        build_page(full_store, two, card)
    assert digests(one) == digests(two)
