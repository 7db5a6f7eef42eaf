"""A selection packed, validated, and caught where it spends more than its budget of images."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from benchmark.errors import UsageError
from benchmark.evaluations import spread
from benchmark.execute import run
from benchmark.resolve import protocol_named, resolve
from benchmark.result import parse_record
from benchmark.store import Store
from leaderboard.submission.examine import examine
from leaderboard.submission.pack import choose, own_card, pack
from leaderboard.submission.verify import able, rerun, threads_of
from tests.leaderboard.submission.conftest import Forger, Silent

SEPT = {"target": "shapes"}


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    folder = tmp_path_factory.mktemp("selection")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HEADWATER_HOME", str(folder / "home"))
        found = Store(folder / "runs")
        for name, options in (("sept", SEPT), ("target_only", SEPT), ("random_k", {})):
            method = resolve(f"moco_v2/{name}", options)
            assert not run(protocol_named("selection/smoke"), method, found, Silent()).failed
    return found


@pytest.fixture
def bundle(store: Store, tmp_path: Path) -> Callable[..., Path]:
    def packed(name: str, options: dict[str, Any]) -> Path:
        spec, method = protocol_named("selection/smoke"), resolve(f"moco_v2/{name}", options)
        pack(spec, method, store, own_card(spec, method), tmp_path / name)
        return tmp_path / name

    return packed


@pytest.mark.parametrize(
    ("name", "options"), [("sept", SEPT), ("target_only", SEPT), ("random_k", {})]
)
def test_a_selection_is_packed_and_accepted(bundle, name, options) -> None:
    folder = bundle(name, options)
    assert list(folder.rglob("selection.npz"))
    assert (folder / f"source/baselines/selections/{name}.py").is_file()
    examined = examine(folder)
    assert examined.accepted, [str(one) for one in examined.findings.found]
    ways = {entry.record.task.evaluation for entry in able(examined.entries)}
    assert ways == {"linear_10shot", "finetune_10shot", "fewshot"}


def test_a_name_as_records_have_it_and_what_to_add_to_one_without_a_target(store: Store) -> None:
    spec, named = protocol_named("selection/smoke"), resolve("moco_v2/sept+target=shapes")
    assert named.folder == resolve("moco_v2/sept", SEPT).folder
    nano = protocol_named("selection/nano")
    (one,) = spread(nano, "moco_v2/sept+target=digits", {})
    assert one.folder == "moco_v2/sept+target=digits"
    assert len(choose(spec, named, store).records) == 5
    with pytest.raises(UsageError, match=r"it has sept\+target=shapes: add --set NAME=VALUE"):
        choose(spec, resolve("moco_v2/sept"), store)


def test_its_extractor_is_computed_again_as_it_was(store: Store, tmp_path: Path) -> None:
    entries = examine(store.root).entries
    sept = [e for e in able(entries) if "sept" in e.path and "fewshot" in e.path]
    (again,) = rerun(sept, tmp_path, threads=threads_of(entries))
    assert again.verdict == "same bits"
    weights = {
        record.checkpoint.sha256
        for root in (store.root, tmp_path)
        for path in root.rglob("first_chunk/seed0/after-chunk1/pretrain.json")
        if (record := parse_record(path.read_bytes())).checkpoint
    }
    assert len(weights) == 1


def test_the_whole_store_is_accepted_with_its_extractor(store: Store) -> None:
    examined = examine(store.root)
    assert examined.accepted, [str(one) for one in examined.findings.found]
    assert any(entry.run[1] == "moco_v2/first_chunk" for entry in examined.entries)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"images": 30}, "30 images were chosen, and 26 may be"),
        ({"images": 30, "budget": 30}, "a budget of 30 images, which is 26 here"),
        ({"images": 20}, "26 different images, and 20 were chosen"),
        ({"share": 10**400}, "a budget of 26 images, which is 0 here"),
        ({"share": 1e308}, "a budget of 26 images, which is 0 here"),
    ],
)
def test_more_images_than_the_budget(bundle, changes: dict[str, Any], told: str) -> None:
    folder = bundle("sept", SEPT)
    (path,) = folder.rglob("selection.json")
    fields = json.loads(path.read_text())
    part = fields["method"]["config"] if "share" in changes else fields["selection"]
    part |= changes
    Forger(folder).write(path, fields)
    findings = examine(folder).findings
    assert told in [one.what for one in findings.of(["B03"])]


def test_what_was_chosen_is_the_file_that_the_record_names(bundle) -> None:
    folder = bundle("sept", SEPT)
    (path,) = folder.rglob("selection.npz")
    path.write_bytes(path.read_bytes() + b"x")
    Forger(folder).seal()
    (found,) = examine(folder).findings.of(["P01"])
    assert found.where.endswith("selection.npz") and "is not the file that" in found.what
