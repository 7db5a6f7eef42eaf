"""What a stranger's folder may try: it is refused, nothing outside is touched, nothing is run."""

import io
import json
import os
import pickle
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from benchmark.errors import DataError
from leaderboard.arrays import read_arrays
from leaderboard.submission import examine as examine_module
from leaderboard.submission.examine import examine
from leaderboard.submission.findings import RULES, Findings, plain
from leaderboard.submission.folder import OF_BUNDLE, OF_STORE, open_folder, parsed

CELL = "after-chunk2/linear.shapes"


class Bomb:
    """Leaves a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[str, str]]:
        return os.system, (f"touch {self.path}", "")[:1]


def link_to_a_file(bundle: Path) -> None:
    secret = bundle.parent / "secret.json"
    secret.write_text("{}")
    (bundle / "stolen.json").symlink_to(secret)


def link_to_a_folder(bundle: Path) -> None:
    (bundle / "results/outside").symlink_to(bundle.parent)


def pipe(bundle: Path) -> None:
    os.mkfifo(bundle / "pipe.json")


def bad_name(bundle: Path) -> None:
    (bundle / "a\x1b[2Jb.json").write_text("{}")


def hidden(bundle: Path) -> None:
    (bundle / ".git").mkdir()


def too_deep(bundle: Path) -> None:
    (bundle / "/".join("d" * 20)).mkdir(parents=True)


def pickled(bundle: Path) -> None:
    (bundle / "model.pth").write_bytes(pickle.dumps(Bomb(bundle.parent / "ran")))


def compiled(bundle: Path) -> None:
    (bundle / "source/mine.so").write_bytes(b"\x7fELF")


def config_of_a_tool(bundle: Path) -> None:
    (bundle / "source/conftest.json").write_text("{}")


def large(bundle: Path) -> None:
    with (bundle / "large.json").open("wb") as file:
        file.truncate(2**32)


@pytest.mark.parametrize(
    ("add", "code"),
    [
        (link_to_a_file, "S02"),
        (link_to_a_folder, "S02"),
        (pipe, "S02"),
        (bad_name, "S03"),
        (hidden, "S03"),
        (too_deep, "S03"),
        (pickled, "S06"),
        (compiled, "S06"),
        (config_of_a_tool, "S06"),
        (large, "S05"),
    ],
)
def test_it_is_refused(add: Callable[[Path], None], code: str, bundle: Path, codes) -> None:
    add(bundle)
    assert code in codes(bundle)
    assert not (bundle.parent / "ran").exists()


@pytest.mark.parametrize(
    ("add", "what"), [(Path.touch, "files"), (Path.mkdir, "folders")], ids=["files", "folders"]
)
def test_a_million_are_not_counted_to_the_end(add, what: str, bundle: Path, monkeypatch) -> None:
    monkeypatch.setattr(examine_module, "OF_BUNDLE", 100)
    for number in range(200):
        add(bundle / f"{number}.csv")
    examined = examine(bundle)
    (found,) = examined.findings.found  # and nothing is said of what was not looked at
    assert str(found).startswith(f"error S04 .: there are more than 100 {what}, and none was")
    assert not examined.accepted and not examined.entries


def test_folders_are_no_files(tmp_path: Path) -> None:
    for number in range(6):
        (tmp_path / "some" / f"{number}").mkdir(parents=True)
        (tmp_path / "some" / f"{number}.json").touch()
    for most, codes in ((6, []), (5, ["S04"])):
        open_folder(tmp_path / "some", found := Findings(), most=most)
        assert [finding.code for finding in found.found] == codes
    assert f"{OF_BUNDLE:,} files" in RULES["S04"] and f"{OF_STORE:,} of each" in RULES["S04"]


def test_a_store_is_allowed_more_than_a_bundle(smoke_store: Path, bundle, monkeypatch) -> None:
    monkeypatch.setattr(examine_module, "OF_BUNDLE", 5)
    assert not examine(smoke_store).findings.of(["S04"])
    assert examine(bundle).findings.of(["S04"])
    monkeypatch.setattr(examine_module, "OF_STORE", 5)
    assert examine(smoke_store).findings.of(["S04"])


def npz(**arrays: object) -> bytes:
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)  # type: ignore[arg-type]
    return buffer.getvalue()


def member(content: bytes, name: str = "prediction.npy", kind: int = zipfile.ZIP_DEFLATED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", kind) as archive:
        archive.writestr(name, content)
    return buffer.getvalue()


def header(dtype: str, shape: tuple[int, ...]) -> bytes:
    text = repr({"descr": dtype, "fortran_order": False, "shape": shape}).encode() + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text


def text(shown: str) -> bytes:
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(shown)) + shown.encode()


def unfolds(monkeypatch: pytest.MonkeyPatch) -> bytes:
    monkeypatch.setattr("leaderboard.arrays._UNFOLDED", 2**20)
    return npz(prediction=np.zeros(2**18))


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"PK\x03\x04 and no more",
        npz(prediction=np.array([{"a": 1}], dtype=object)),
        npz(prediction=np.array(["2020-01-01"], dtype="datetime64[D]")),
        member(header("|O", (1,)) + pickle.dumps([1])),
        member(header("<f8", (10**12,))),
        member(header("<f8", (-1,)) + b"\0" * 8),
        member(header("<f8", (2**62, 4)) + b"\0" * 8),
        member(header("<f8", (1,)) + b"\0" * 80),
        member(header("<V999999999", (1,))),
        member(b"\x93NUMPY\x09\x00" + b"\0" * 80),
        member(b"\x93NUMPY\x01\x00\xff\xff" + b"{" * 65535),
        member(b"no array"),
        member(header("<f8", (1,)) + b"\0" * 8, name="../../outside.npy"),
        member(header("<f8", (1,)) + b"\0" * 8, kind=zipfile.ZIP_LZMA)[:-30],
        member(header("<f8", (1,)) + b"\0" * 8, kind=zipfile.ZIP_LZMA),
        member(header("<f8", (1,)) + b"\0" * 8, kind=zipfile.ZIP_BZIP2),
        member(text("{'descr': '<f8', 'shape': (1,")),
        member(text("{'descr': (), 'fortran_order': False, 'shape': (1,)}\n")),
        *(npz(**{f"a{i}": np.zeros(1) for i in range(100)}) for _ in range(1)),
    ],
)
def test_predictions_that_are_no_plain_arrays(content: bytes, forger, codes) -> None:
    forger.replace(CELL, content)
    assert "P02" in codes(forger.bundle)


def test_arrays_that_unfold_to_gigabytes(forger, codes, monkeypatch) -> None:
    forger.replace(CELL, unfolds(monkeypatch))
    assert "P02" in codes(forger.bundle)


def test_a_directory_of_very_many_arrays_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    entries = b"".join(b"PK\1\2" + bytes(42) for _ in range(1000))
    end = struct.pack("<4s4H2LH", b"PK\5\6", 0, 0, 1000, 1000, len(entries), 0, 0)
    assert len(zipfile.ZipFile(io.BytesIO(entries + end)).infolist()) == 1000
    monkeypatch.setattr(zipfile, "ZipFile", None)
    with pytest.raises(DataError, match="it holds 1,000 arrays, and may hold 64"):
        read_arrays(entries + end)


def test_arrays_are_those_that_numpy_wrote() -> None:
    arrays = {
        "a": np.arange(6, dtype=np.int16).reshape(2, 3),
        "b": np.asfortranarray(np.random.default_rng(0).normal(size=(3, 4))),
        "c": np.array(0.5),
        "d": np.array(["x", "yz"]),
        "e": np.zeros((0, 4), np.float32),
    }
    found = read_arrays(npz(**arrays))
    assert found.keys() == arrays.keys()
    for name, array in arrays.items():
        assert found[name].dtype == array.dtype and found[name].shape == array.shape
        np.testing.assert_array_equal(found[name], array)


@pytest.mark.parametrize(
    "source",
    [b"import os; os.system('touch ran')(", b"\xff\xfe", b"(" * 100_000, b"x = " + b"-" * 200_000],
)
def test_source_that_is_no_python(source: bytes) -> None:
    with pytest.raises(DataError, match="no Python"):
        parsed(source)


def test_source_is_not_run(forger, codes) -> None:
    ran = forger.bundle.parent / "ran"
    mine = forger.bundle / "source/baselines/__init__.py"
    mine.write_text(f"open({str(ran)!r}, 'w').close()\n")
    forger.seal()
    assert "X02" in codes(forger.bundle)
    assert not ran.exists()


def test_a_file_that_grows_is_noticed(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text("{}")
    opened = open_folder(tmp_path, Findings())
    (tmp_path / "a.json").write_text("{} and more")
    with pytest.raises(DataError, match="changes while it is read"):
        opened.read("a.json")
    (tmp_path / "a.json").unlink()
    (tmp_path / "a.json").symlink_to("/etc/hostname")
    with pytest.raises(DataError, match="cannot be read"):
        opened.read("a.json")


def test_findings_are_short_and_printable() -> None:
    findings = Findings()
    for _ in range(1000):
        findings.add("R01", "a\x1b]0;b\x07", "x" * 10_000, "mend it")
    assert findings.errors == 1000 and len(findings.found) == 50
    assert list(findings.left_out()) == ["R01: 950 more of the same kind"]
    assert len(findings.places) == 1
    assert max(len(str(finding)) for finding in findings.found) < 300
    assert "\x1b" not in str(findings.found[0]) and plain("a\u202eb") == "a?b"


def test_numbers_in_json_that_python_refuses(bundle: Path, codes) -> None:
    path = next(bundle.rglob("linear.shapes.json"))
    fields = json.loads(path.read_text())
    fields["metrics"]["top1"]["value"] = 0
    text = json.dumps(fields).replace('"value": 0', '"value": 1e999')
    path.write_text(text)
    assert "R01" in codes(bundle)
    path.write_text("[" * 100_000)
    assert "R01" in codes(bundle)
    path.write_text(json.dumps(fields).replace('"value": 0', '"value": ' + "9" * 6000))
    assert "R01" in codes(bundle)
