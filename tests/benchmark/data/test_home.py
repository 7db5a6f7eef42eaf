"""Where the data are, and that nothing half-written is left there."""

import errno
import hashlib
from pathlib import Path

import pytest

from benchmark.data.home import aside, explained, home, sha256_file
from benchmark.errors import DataError


def test_home_follows_the_environment(monkeypatch, tmp_path):
    monkeypatch.setenv("HEADWATER_HOME", str(tmp_path))
    assert home() == tmp_path
    monkeypatch.delenv("HEADWATER_HOME")
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setenv("XDG_CACHE_HOME", "/caches")
    assert home() == Path("/caches/headwater")
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert home() == Path.home() / ".cache" / "headwater"


@pytest.mark.parametrize(
    ("number", "told"),
    [
        (errno.ENOSPC, "the disk is full"),
        (errno.EACCES, "a folder that you may write to"),
        (errno.EROFS, "a folder that you may write to"),
        (errno.EIO, "check HEADWATER_HOME"),
    ],
)
def test_errors_of_the_system_become_a_sentence(number, told, tmp_path):
    with pytest.raises(DataError, match=told), explained(tmp_path):
        raise OSError(number, "what the system says")


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError, OSError(errno.ENOSPC, "full")])
def test_an_interrupted_write_leaves_what_was_there(error, tmp_path):
    target = tmp_path / "set"
    with aside(target) as folder:
        (folder / "file").write_text("old")

    def interrupted():
        with aside(target) as folder:
            (folder / "file").write_text("new")
            raise error

    with pytest.raises((KeyboardInterrupt, ValueError, DataError)):
        interrupted()
    assert [path.name for path in tmp_path.iterdir()] == ["set"]
    assert (target / "file").read_text() == "old"
    with aside(target) as folder:
        (folder / "other").write_text("new")
    assert [path.name for path in target.iterdir()] == ["other"]
    assert [path.name for path in tmp_path.iterdir()] == ["set"]


def test_sha256_of_a_file_longer_than_a_block(tmp_path):
    content = bytes(range(256)) * 8192
    (tmp_path / "file").write_bytes(content)
    assert sha256_file(tmp_path / "file") == hashlib.sha256(content).hexdigest()
