"""What a run read, kept and left out cannot be made less than it was, hashes mended or not."""

import json
import shutil
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from benchmark.canonical import sha256_of
from benchmark.execute import run
from benchmark.resolve import protocol_named, resolve
from benchmark.result import parse_record
from benchmark.store import Store
from leaderboard.submission.bundle import tables
from leaderboard.submission.examine import examine
from leaderboard.submission.findings import Findings
from leaderboard.submission.folder import open_folder
from leaderboard.submission.records import read_records
from leaderboard.submission.runs import examine_runs
from tests.leaderboard.submission.conftest import METHOD, Forger, Silent

LAST = "after-chunk2"
#: Of replay on the smoke tier: visits of a phase, and those of a step.
VISITS, BATCH = 1024, 64


def tabulate(forger: Forger) -> None:
    """Make the tables those of the records again, as `headwater pack` would."""
    paths = sorted((forger.bundle / "results").rglob("pretrain.json"))
    for name, content in tables([parse_record(path.read_bytes()) for path in paths]).items():
        (forger.bundle / name).write_bytes(content)
    forger.seal()


def reconfigure(forger: Forger, options: Mapping[str, Any]) -> None:
    """Other options in all records; those that are None are left out."""
    for path in sorted((forger.bundle / "results").rglob("*.json")):
        fields = json.loads(path.read_text())
        config = fields["method"]["config"] | options
        config = {name: value for name, value in config.items() if value is not None}
        fields["method"] |= {"config": config, "config_sha256": sha256_of(config)}
        forger.write(path, fields)


def spend(forger: Forger, less: int) -> None:
    with forger.record("after-chunk1/pretrain") as fields:
        assert fields["cost"]["image_visits"] == VISITS
        assert fields["method"]["config"]["batch_size"] == BATCH
        fields["ledger"]["served"][0]["images"] -= less
        fields["ledger"]["served"][0]["repeats"] -= less
        fields["cost"]["image_visits"] -= less


def fewer_visits(forger: Forger) -> None:
    spend(forger, 100)


def one_visit_fewer(forger: Forger) -> None:
    spend(forger, 1)


def nothing_read(forger: Forger, cell: str = "after-chunk1/pretrain") -> None:
    with forger.record(cell) as fields:
        fields["ledger"]["served"] = []
        fields["cost"]["image_visits"] = 0


def no_size_of_a_batch(forger: Forger) -> None:
    reconfigure(forger, {"batch_size": None})


def nothing_at_all(forger: Forger) -> None:
    reconfigure(forger, {"batch_size": None})
    for cell in ("after-chunk1/pretrain", f"{LAST}/pretrain"):
        for seed in (0, 1):
            with forger.record(cell, seed) as fields:
                fields["ledger"] |= {"served": [], "stored_bytes": 0}
                fields["cost"] |= {"image_visits": 0, "optimiser_steps": 0, "stored_bytes": 0}
                fields["curve"] = []


def batch_that_no_budget_fills(forger: Forger) -> None:
    nothing_at_all(forger)
    reconfigure(forger, {"batch_size": 10 * VISITS})


def batch_of_no_number(forger: Forger) -> None:
    reconfigure(forger, {"batch_size": True})


def batch_without_end(forger: Forger) -> None:
    reconfigure(forger, {"batch_size": 10**4299})


def steps_of_what_reads_nothing(forger: Forger) -> None:
    with forger.record("after-chunk1/pretrain") as fields:
        fields["stream"]["chunks"] = []
        fields["ledger"]["served"] = []
        fields["cost"]["image_visits"] = 0


def of_runs(folder: Path) -> set[str]:
    """Codes of what the rules of whole runs find."""
    findings = Findings()
    examine_runs(read_records(open_folder(folder, findings), findings), findings)
    return {found.code for found in findings.found}


@pytest.mark.parametrize(
    ("forge", "found"),
    [
        (fewer_visits, {"B01"}),
        (one_visit_fewer, {"B01"}),
        (nothing_read, {"B01"}),
        (no_size_of_a_batch, {"B01"}),
        (nothing_at_all, {"B01"}),
        (batch_that_no_budget_fills, {"B01"}),
        (batch_of_no_number, {"B01"}),
        (batch_without_end, {"B01"}),
        (steps_of_what_reads_nothing, {"B01", "B02", "B03", "K01"}),
    ],
)
def test_less_than_was_read_is_found(forge, found: set[str], forger: Forger) -> None:
    assert of_runs(forger.bundle) == set()
    forge(forger)
    assert of_runs(forger.bundle) == found


@pytest.mark.parametrize("forge", [fewer_visits, nothing_at_all])
def test_a_bundle_that_read_less_is_refused_though_all_of_it_agrees(forge, forger, codes) -> None:
    forge(forger)
    tabulate(forger)
    # whose options are changed is no method that is shipped, either
    assert codes(forger.bundle) - {"X03"} == {"B01"}


def test_more_than_its_steps_read_may_be_read(forger: Forger) -> None:
    spend(forger, -1)  # as for the importance of weights
    assert of_runs(forger.bundle) == set()


@pytest.mark.parametrize(("stored", "found"), [(0, True), (1, True), (3 * 32 * 32, False)])
def test_what_was_served_of_a_closed_chunk_was_stored(stored, found, forger: Forger) -> None:
    with forger.record(f"{LAST}/pretrain") as fields:
        (line,) = (one for one in fields["ledger"]["served"] if one["chunk"] == 1)
        told = stored * line["distinct"] if stored > 1 else stored
        assert told < fields["ledger"]["stored_bytes"]
        fields["ledger"]["stored_bytes"] = fields["cost"]["stored_bytes"] = told
    assert of_runs(forger.bundle) == ({"B03"} if found else set())


def test_chunks_that_are_open_again_were_stored(tmp_path: Path) -> None:
    spec, method = protocol_named("instance/smoke"), resolve("supervised/joint")
    store = Store(tmp_path / "runs")
    assert not run(spec, method, store, Silent(), tasks=[]).failed
    (last,) = (e for e in examine(store.root).entries if e.record.kind == "pretrain")
    assert last.record.stream.chunks == (1, 2)
    whole = spec.manifest.sizes[0] * 3 * 40 * 40
    assert last.record.cost.stored_bytes == whole
    for stored, seen in ((whole, 0), (1, 1), (0, 1)):
        told = {
            "ledger": last.record.ledger.model_copy(update={"stored_bytes": stored}),
            "cost": last.record.cost.model_copy(update={"stored_bytes": stored}),
        }
        forged = replace(last, record=last.record.model_copy(update=told))
        findings = Findings()
        examine_runs([forged], findings)
        assert len(findings.of(["B03"])) == seen


@pytest.fixture
def along(smoke_store: Path, packed: Callable[..., Path], tmp_path: Path) -> Forger:
    """A bundle with all tasks after every chunk."""
    store = shutil.copytree(smoke_store, tmp_path / "runs")
    spec, method = protocol_named("instance/smoke"), resolve(METHOD)
    for seed in (0, 1):
        assert run(spec, method, Store(store), Silent(), replicate=seed, every=True).computed == 2
    return Forger(packed(store, tmp_path / "along"))


def test_a_run_that_ends_early_is_refused(along: Forger, codes) -> None:
    assert codes(along.bundle) == set()
    for seed in (0, 1):
        shutil.rmtree(along.path(f"{LAST}/pretrain", seed).parent)
    tabulate(along)
    assert codes(along.bundle) == {"K01"}
    (told, _) = examine(along.bundle).findings.of(["K01"])
    assert "its training ends after chunk 1, and has to after chunk 2" in told.what


@pytest.mark.parametrize(("chunks", "found"), [(1, []), (2, ["K01", "K01"])])
def test_what_ends_after_the_first_chunk_has_to(chunks, found, untouched: Path) -> None:
    name = {"name": "supervised/first_chunk"}
    entries = [
        replace(e, record=e.record.model_copy(update={"method": renamed}))
        for e in examine(untouched).entries
        if e.record.stream.chunks_seen <= chunks
        and (renamed := e.record.method.model_copy(update=name))
    ]
    findings = Findings()
    examine_runs(entries, findings)
    assert [one.code for one in findings.of(["K01"])] == found
