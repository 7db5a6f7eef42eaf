"""A name that Headwater ships is of the method that it ships: its code, and its options."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from benchmark.canonical import sha256_of
from benchmark.engine.attempt import Attempt
from benchmark.execute import run
from benchmark.resolve import protocol_named, resolve
from benchmark.store import Store
from leaderboard.submission import bundle as module
from leaderboard.submission.examine import examine
from leaderboard.submission.pack import own_card, pack


class Quiet:
    """Says nothing."""

    def begin(self, cell: object) -> None: ...

    def end(self, cell: object, attempt: Attempt) -> None: ...

    def look(self) -> None: ...


def configured(forger, **options: object) -> None:
    """Other options in every record, and every hash that follows."""
    for path in sorted(forger.bundle.glob("results/**/after-chunk*/*.json")):
        fields = json.loads(path.read_text())
        fields["method"]["config"] |= options
        fields["method"]["config_sha256"] = sha256_of(fields["method"]["config"])
        forger.write(path, fields)


def test_a_shipped_name_is_not_given_to_other_options(forger, codes) -> None:
    configured(forger, lr=0.5)
    assert codes(forger.bundle) == {"X03"}
    (told,) = examine(forger.bundle).findings.of(["X03"])
    assert told.what == "its options are not those that supervised/replay stands for: lr"
    assert told.mend.startswith("run it with --set, ")


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"mine": 1}, "its options are not those that supervised/replay stands for: mine"),
        ({"batch_size": True}, "supervised/replay stands for: batch_size"),
        ({"lr": "a\x1bb"}, "its options are not those that supervised/replay stands for: lr"),
    ],
)
def test_nor_to_options_that_nobody_has(options, told: str, forger) -> None:
    configured(forger, **options)
    assert any(told in f.what for f in examine(forger.bundle).findings.of(["X03"]))


def test_one_record_of_many_is_enough(forger, codes) -> None:
    path = forger.path("after-chunk1/pretrain", seed=0)
    fields = json.loads(path.read_text())
    fields["method"]["config"]["lr"] = 0.5
    fields["method"]["config_sha256"] = sha256_of(fields["method"]["config"])
    forger.write(path, fields)
    assert codes(forger.bundle) == {"X03", "R06"}


@pytest.fixture(scope="module")
def optioned(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle of a shipped method with options, which its name tells."""
    folder = tmp_path_factory.mktemp("optioned")
    spec = protocol_named("instance/smoke")
    method = resolve("random_init", {"lr": 1e-4, "batch_size": 32}, spec.tier)
    assert not run(spec, method, Store(folder / "runs"), Quiet()).failed
    card = own_card(spec, resolve("supervised/replay"))
    card = card.model_copy(update={"method": method.folder, "labels": False})
    pack(spec, method, Store(folder / "runs"), card, folder / "bundle")
    return folder / "bundle"


def test_options_that_the_name_tells_are_its_own(
    optioned: Path, codes: Callable[[Path], set[str]]
) -> None:
    assert codes(optioned) == set()


@pytest.mark.parametrize(
    ("name", "lr", "told"),
    [
        ("random_init+batch_size=32+lr=0.0001", 0.5, "it is called random_init+batch_size=32+lr="),
        ("random_init+batch_size=32+lr=0.5", 1e-4, "called random_init+batch_size=32+lr=0.0001"),
        ("random_init+batch_size=32", 1e-4, "stands for: lr"),
        ("random_init+lr=0.0001+batch_size=32", 1e-4, "and not random_init+lr=0.0001+batch"),
        ("random_init+batch_size=32+lr=0.0001+x=1", 1e-4, "random_init cannot have its options"),
        ("random_init+batch_size=32+x.py:Mine", 1e-4, "called random_init+batch_size=32, and"),
        ("random_init+x.py:Mine", 1e-4, "options in its name are not told as +name=value"),
    ],
)
def test_other_options_than_the_name_tells(
    name: str, lr: float, told: str, optioned: Path, tmp_path: Path, monkeypatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "random_init+x.py").write_text("open('ran', 'w').close()\n")
    record = next(e.record for e in examine(optioned).entries if e.record.kind == "evaluation")
    config = {**record.method.config, "lr": lr}
    fields = {"name": name, "config": config, "config_sha256": sha256_of(config)}
    forged = record.model_copy(update={"method": record.method.model_copy(update=fields)})
    assert told in module._other_options(forged)
    assert not (tmp_path / "ran").exists()
