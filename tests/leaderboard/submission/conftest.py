"""A bundle of two real seeds of the smoke tier, and a forger who knows how bundles are made."""

import hashlib
import io
import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmark.engine.attempt import Attempt
from benchmark.errors import DataError
from benchmark.execute import run
from benchmark.resolve import protocol_named, resolve
from benchmark.result import parse_record
from benchmark.store import Store
from leaderboard.submission.bundle import environment_document
from leaderboard.submission.examine import Examined, examine
from leaderboard.submission.pack import own_card, pack

METHOD, FOLDER = "supervised/replay", "results/instance-smoke@1/supervised/replay"


class Silent:
    """Says nothing."""

    def begin(self, cell: object) -> None: ...

    def end(self, cell: object, attempt: Attempt) -> None: ...

    def look(self) -> None: ...


@pytest.fixture(scope="session")
def smoke_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two seeds of a method on the smoke tier, computed here."""
    folder = tmp_path_factory.mktemp("submission")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HEADWATER_HOME", str(folder / "home"))
        for seed in (0, 1):
            spec = protocol_named("instance/smoke")
            outcome = run(spec, resolve(METHOD), Store(folder / "runs"), Silent(), replicate=seed)
            assert outcome.computed == 6 and not outcome.failed
    return folder / "runs"


def _packed(store: Path, output: Path, **options: Any) -> Path:
    spec, method = protocol_named("instance/smoke"), resolve(METHOD)
    pack(spec, method, Store(store), own_card(spec, method), output, **options)
    return output


@pytest.fixture
def packed() -> Callable[..., Path]:
    """Packs what there is in a store."""
    return _packed


@pytest.fixture(scope="session")
def untouched(smoke_store: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return _packed(smoke_store, tmp_path_factory.mktemp("packed") / "bundle")


@pytest.fixture
def bundle(untouched: Path, tmp_path: Path) -> Path:
    """A copy that may be forged."""
    copy: Path = shutil.copytree(untouched, tmp_path / "bundle")
    return copy


class Forger:
    """Changes a bundle and mends every hash that gives it away, as somebody who cheats would."""

    def __init__(self, bundle: Path) -> None:
        self.bundle = bundle

    def path(self, cell: str, seed: int = 0) -> Path:
        """`after-chunk2/linear.shapes`, for instance."""
        return self.bundle / FOLDER / f"seed{seed}" / f"{cell}.json"

    @contextmanager
    def record(self, cell: str, seed: int = 0) -> Iterator[dict[str, Any]]:
        """A record's fields, to be changed."""
        path = self.path(cell, seed)
        fields = json.loads(path.read_text())
        yield fields
        self.write(path, fields)

    def write(self, path: Path, fields: dict[str, Any]) -> None:
        fields.pop("sha256", None)
        text = json.dumps(fields, indent=1).removesuffix("\n}")
        digest = hashlib.sha256(text.encode()).hexdigest()
        path.write_text(f'{text},\n "sha256": "{digest}"\n}}\n')
        self._tell_environments()
        self.seal()

    def _tell_environments(self) -> None:
        """Let environment.json say what the records say, as far as they are some."""
        path, records = self.bundle / "environment.json", []
        if not path.is_file():  # it is a store
            return
        for one in filter(Path.is_file, sorted((self.bundle / "results").rglob("*.json"))):
            with suppress(DataError):
                records.append(parse_record(one.read_bytes()))
        path.write_bytes(environment_document(records, json.loads(path.read_text())["packages"]))

    @contextmanager
    def predictions(self, cell: str, seed: int = 0) -> Iterator[dict[str, np.ndarray]]:
        """A record's arrays, to be changed; the record names the new file."""
        path = self.path(cell, seed).with_suffix(".npz")
        with np.load(path) as file:
            arrays = dict(file)
        yield arrays
        buffer = io.BytesIO()
        np.savez_compressed(buffer, **arrays)
        self.replace(cell, buffer.getvalue(), seed)

    def replace(self, cell: str, content: bytes, seed: int = 0) -> None:
        """Other content for the file of predictions; the record names it."""
        self.path(cell, seed).with_suffix(".npz").write_bytes(content)
        with self.record(cell, seed) as fields:
            digest = hashlib.sha256(content).hexdigest()
            fields["predictions"] |= {"sha256": digest, "size": len(content)}

    def seal(self) -> None:
        """The manifest again, of what is there."""
        path = self.bundle / "manifest.json"
        manifest = json.loads(path.read_text())
        files = [p for p in sorted(self.bundle.rglob("*")) if p.is_file() and p != path]
        manifest["files"] = {
            p.relative_to(self.bundle).as_posix(): hashlib.sha256(p.read_bytes()).hexdigest()
            for p in files
        }
        path.write_text(json.dumps(manifest))


@pytest.fixture
def forger(bundle: Path) -> Forger:
    return Forger(bundle)


@pytest.fixture
def codes() -> Callable[[Path], set[str]]:
    """Examines a folder; the codes of the errors."""

    def codes(folder: Path) -> set[str]:
        examined: Examined = examine(folder)
        found = {f.code for f in examined.findings.found if f.level == "error"}
        assert examined.accepted == (not found)
        return found

    return codes
