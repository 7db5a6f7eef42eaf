"""Whatever a bundle holds, what looks at it ends with findings and never with a traceback."""

import contextlib
import io
import json
import shutil
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from benchmark.cli.main import main
from benchmark.errors import DataError, HeadwaterError
from benchmark.result import read_record
from leaderboard.arrays import read_arrays
from leaderboard.site.build import build_site
from leaderboard.submission.examine import examine
from leaderboard.submission.folder import parsed
from tests.leaderboard.submission.conftest import FOLDER, Forger

CELLS = ["after-chunk1/pretrain", "after-chunk2/linear.shapes", "after-chunk2/fewshot.shapes"]

scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=True)
    | st.text(max_size=20)
    | st.sampled_from(["../../etc/passwd", "0" * 64, "instance/smoke@1", "NaN", -1, 1e308])
    | st.sampled_from([10**400, 9 * 10**4299])
)
values = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=6,
)


def places(document: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Paths of everything in a document."""
    found = [path] if path else []
    if isinstance(document, dict):
        parts: Any = document.items()
    else:
        parts = enumerate(document) if isinstance(document, list) else ()
    for key, value in parts:
        found += places(value, (*path, key))
    return found


def put(document: Any, path: tuple[Any, ...], value: Any) -> None:
    for key in path[:-1]:
        document = document[key]
    document[path[-1]] = value


@pytest.fixture(scope="module")
def worn(untouched: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy that every example changes anew."""
    copy: Path = shutil.copytree(untouched, tmp_path_factory.mktemp("fuzzed") / "bundle")
    return copy


slow = settings(
    max_examples=40,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)


@slow
@given(data=st.data())
def test_any_field_of_any_document(data: st.DataObject, worn: Path) -> None:
    names = ["card.json", "manifest.json", "environment.json"]
    names += [f"results/instance-smoke@1/supervised/replay/seed0/{cell}.json" for cell in CELLS]
    path = worn / data.draw(st.sampled_from(names))
    before = path.read_text()
    try:
        document = json.loads(before)
        for _ in range(data.draw(st.integers(1, 3))):
            found = places(document)
            if found:
                put(document, data.draw(st.sampled_from(found)), data.draw(values))
        path.write_text(json.dumps(document))
        assert not examine(worn).accepted or json.loads(before) == document
    finally:
        path.write_text(before)


@contextlib.contextmanager
def restored(*paths: Path) -> Iterator[None]:
    """Files as they were, afterwards."""
    before = {path: path.read_bytes() for path in paths}
    try:
        yield
    finally:
        for path, content in before.items():
            path.write_bytes(content)


@slow
@given(data=st.data())
def test_any_field_of_a_document_whose_hashes_are_mended(data: st.DataObject, worn: Path) -> None:
    forger = Forger(worn)
    paths = [worn / "card.json", *map(forger.path, CELLS)]
    path = data.draw(st.sampled_from(paths))
    with restored(path, worn / "manifest.json"):
        document = json.loads(path.read_text())
        for _ in range(data.draw(st.integers(1, 3))):
            put(document, data.draw(st.sampled_from(places(document))), data.draw(values))
        if path.name == "card.json":
            path.write_text(json.dumps(document))
            forger.seal()
        else:
            forger.write(path, document)
        examine(worn)


dtypes = st.sampled_from(["?", "i1", "u8", "<i8", ">i4", "f2", "f4", "f8", "U3"])
shapes = st.sampled_from([(), (0,), (1,), (3, 4), (2, 0, 5), (600, 5, 15)])
fills = st.sampled_from([0, 1, -1, 1e308, float("nan"), float("inf")])
ways = st.sampled_from([zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2])


@st.composite
def arrays(draw: st.DrawFn) -> np.ndarray:
    with np.errstate(all="ignore"):
        filled = np.full(draw(shapes), draw(fills))
        if draw(st.booleans()) and filled.ndim > 1:
            filled = np.asfortranarray(filled)
        return np.nan_to_num(filled).astype(draw(dtypes)) if draw(st.booleans()) else filled


@slow
@given(data=st.data())
def test_any_arrays_in_predictions_that_a_record_names(data: st.DataObject, worn: Path) -> None:
    forger = Forger(worn)
    cell = data.draw(st.sampled_from([*CELLS[1:], "after-chunk2/stream.chunks"]))
    path = forger.path(cell)
    with np.load(path.with_suffix(".npz")) as file:
        known = dict(file)
    changed = data.draw(st.lists(st.sampled_from(sorted(known)), max_size=2, unique=True))
    added = data.draw(st.lists(st.sampled_from(["more", "score", "../a", "x y"]), max_size=1))
    for name in [*changed, *added]:
        kept = known.get(name)
        if kept is not None and kept.ndim and data.draw(st.booleans()):
            known[name] = kept[:-1] if data.draw(st.booleans()) else kept.astype(np.float16)
        else:
            known[name] = data.draw(arrays())
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", data.draw(ways)) as archive:
        for name, array in known.items():
            content = io.BytesIO()
            np.save(content, array)
            archive.writestr(f"{name}.npy", content.getvalue())
    with restored(path, path.with_suffix(".npz"), worn / "manifest.json"):
        forger.replace(cell, buffer.getvalue())
        examine(worn)


@slow
@given(data=st.data())
def test_any_bytes_in_any_file(data: st.DataObject, worn: Path) -> None:
    files = sorted(p for p in worn.rglob("*") if p.is_file())
    path = data.draw(st.sampled_from(files))
    before = path.read_bytes()
    try:
        start = data.draw(st.integers(0, len(before) - 1))
        end = data.draw(st.integers(start, min(len(before), start + 64)))
        path.write_bytes(before[:start] + data.draw(st.binary(max_size=64)) + before[end:])
        assert not examine(worn).accepted or path.read_bytes() == before
    finally:
        path.write_bytes(before)


@given(content=st.binary(max_size=400))
@settings(derandomize=True, deadline=None)
def test_any_bytes_as_arrays_and_as_source(content: bytes) -> None:
    for read in (read_arrays, parsed):
        with contextlib.suppress(DataError):
            read(content)


numbers = st.sampled_from([0, 1, -1, 7, 2**31, 0.5, 1e-308, 1e9, 2**63, 10**400, 1e308, 1e999])


def at(document: Any, path: tuple[Any, ...]) -> Any:
    for key in path:
        document = document[key]
    return document


def wear(data: st.DataObject, bundle: Path) -> None:
    """Do one to three things to a bundle: to a field, with its hashes mended, or to a file."""
    forger = Forger(bundle)
    for _ in range(data.draw(st.integers(1, 3))):
        files = sorted(p for p in bundle.rglob("*") if p.is_file())
        path = data.draw(st.sampled_from(files))
        ways = ["field", "number", "bytes", "cut", "gone", "folder", "link"]
        what = data.draw(st.sampled_from(ways))
        if what in ("field", "number"):
            records = [p for p in files if "seed" in str(p) and p.suffix == ".json"]
            path = data.draw(st.sampled_from(records))
            # it, the manifest or the environment may be worn already
            with contextlib.suppress(OSError, ValueError, LookupError, TypeError):
                document = json.loads(path.read_text())
                found = places(document)
                if what == "number":  # so that it is a record still, with a number like no other
                    found = [one for one in found if type(at(document, one)) in (int, float)]
                new = data.draw(numbers if what == "number" else values)
                put(document, data.draw(st.sampled_from(found)), new)
                forger.write(path, document)
        elif what == "bytes":
            path.write_bytes(data.draw(st.binary(max_size=64)))
        elif what == "cut":
            path.write_bytes(path.read_bytes()[: data.draw(st.integers(0, 2000))])
        else:
            path.unlink()
            if what == "folder":
                path.mkdir()
            elif what == "link":
                path.symlink_to(bundle)


@settings(slow, max_examples=12)
@given(data=st.data())
def test_the_command_ends_with_a_status(data: st.DataObject, untouched: Path) -> None:
    with tempfile.TemporaryDirectory() as aside:
        bundle = shutil.copytree(untouched, Path(aside) / "bundle")
        wear(data, bundle)
        further = data.draw(st.sampled_from([[], ["--json"], ["--trust", f"{aside}/trust.json"]]))
        words = ["headwater", "validate", str(bundle), *further]
        with mock.patch.object(sys, "argv", words), pytest.raises(SystemExit) as stopped:
            main()
        assert stopped.value.code in (0, 1)


OTHER = "supervised/other"


@pytest.fixture(scope="module")
def beside(untouched: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same runs under another name, to be held against."""
    folder: Path = tmp_path_factory.mktemp("beside") / OTHER
    for path in (untouched / FOLDER).rglob("*.*"):
        copy = folder / path.relative_to(untouched / FOLDER)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes(path.read_bytes())
        if path.suffix == ".json":
            record = read_record(path)
            method = record.method.model_copy(update={"name": OTHER})
            copy.write_text(record.model_copy(update={"method": method}).to_json())
    return folder.parents[1]


@pytest.mark.parametrize(
    "words",
    [
        ["verify", "{bundle}", "--cells", "1", "--trust", "{aside}/trust.json"],
        ["aggregate", "--store", "{store}", "--json"],
        ["aggregate", "--store", "{store}", "--output", "{aside}/data"],
        ["compare", "supervised/replay", OTHER, "-p", "instance/smoke", "--store", "{store}"],
        ["site", "build", "--store", "{store}", "--output", "{aside}/site"],
    ],
    ids=lambda words: "-".join([words[0], words[-1].strip("-").rpartition("/")[2]]),
)
@settings(slow, max_examples=10)
@given(data=st.data())
def test_what_reads_it_ends_with_a_status(
    words: list[str], data: st.DataObject, untouched: Path, beside: Path
) -> None:
    with tempfile.TemporaryDirectory() as aside:
        store = Path(aside) / "store"
        shutil.copytree(beside, store / "instance-smoke@1")
        bundle = shutil.copytree(untouched, store / "mine")
        wear(data, bundle)
        told = [one.format(bundle=bundle, store=store, aside=aside) for one in words]
        with mock.patch.object(sys, "argv", ["headwater", *told]), pytest.raises(SystemExit) as end:
            main()
        assert end.value.code in (0, 1, 2, 3)


@settings(slow, max_examples=8)
@given(data=st.data())
def test_the_site_of_a_store_that_holds_it_is_built(data: st.DataObject, untouched: Path) -> None:
    with tempfile.TemporaryDirectory() as aside:
        store = Path(aside) / "store"
        bundle = shutil.copytree(untouched, store / "mine")
        wear(data, bundle)
        with contextlib.suppress(HeadwaterError):
            assert build_site(store, Path(aside) / "site").is_file()
