"""What the doctor says of the folders that Headwater writes to."""

import errno
import fcntl
import os
from pathlib import Path
from types import SimpleNamespace

import pytest

from benchmark.doctor import disks


@pytest.mark.parametrize(("free", "state"), [(4_900_000_000, "warning"), (5_100_000_000, "ok")])
def test_space(told, monkeypatch, tmp_path: Path, free: int, state: str) -> None:
    def usage(path: Path) -> SimpleNamespace:
        assert path == tmp_path  # the nearest folder that is there
        return SimpleNamespace(free=free)

    monkeypatch.setattr("shutil.disk_usage", usage)
    finding = disks.space("store disk", tmp_path / "not" / "yet", "--store DIR")
    told(finding, state, f"{free / 1e9} GB")
    assert ("--store DIR" in finding.remedy) == (state == "warning")


def test_a_store_is_tried_where_it_would_be_and_not_made(told, tmp_path: Path) -> None:
    told(disks.store(tmp_path / "not" / "yet"), "ok", "flock works")
    assert [*tmp_path.iterdir()] == []


def test_a_store_that_cannot_be_written(told, tmp_path: Path, monkeypatch) -> None:
    (tmp_path / "file").touch()
    told(disks.store(tmp_path / "file"), "problem", "Not a directory", "--store DIR")

    def replace(*_: object) -> None:
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "replace", replace)
    told(disks.store(tmp_path), "problem", "Operation not permitted", "--store DIR")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize("code", [errno.ENOLCK, errno.ENOSYS, None])
def test_a_store_without_locks(told, tmp_path: Path, monkeypatch, code: int | None) -> None:
    def flock(*_: object) -> None:  # granted to everyone, or to nobody
        if code:
            raise OSError(code, "no locks")

    monkeypatch.setattr(fcntl, "flock", flock)
    told(disks.store(tmp_path), "problem", "flock", "--store DIR")
