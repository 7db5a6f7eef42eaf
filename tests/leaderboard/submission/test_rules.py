"""Rules that no forged bundle shows: of stores, of what is told only, and of what is kept."""

import shutil
from pathlib import Path

import pytest

from leaderboard.submission import predictions
from leaderboard.submission.bundle import declares_labels
from leaderboard.submission.examine import examine
from leaderboard.submission.findings import Findings
from leaderboard.submission.folder import open_folder, parsed
from leaderboard.submission.predictions import Rescoring
from leaderboard.submission.records import Entry, read_records
from leaderboard.submission.runs import examine_runs


def test_a_record_in_a_hidden_folder_of_a_store_is_examined(smoke_store: Path, tmp_path) -> None:
    keep = shutil.ignore_patterns("*.pth")
    store = shutil.copytree(smoke_store, tmp_path / "store", ignore=keep)
    whole = store / "instance-smoke@1"
    shutil.copytree(whole / "supervised", whole / ".hidden" / "supervised")
    assert {"S03"} <= {finding.code for finding in examine(store).findings.found}


def test_what_read_nothing_of_the_stream_is_told(untouched: Path) -> None:
    entries, nothing = examine(untouched).entries, {"chunks": (), "chunks_seen": 0}
    idle = [
        Entry(
            e.path,
            e.root,
            e.record.model_copy(update={"stream": e.record.stream.model_copy(update=nothing)}),
        )
        for e in entries
    ]
    for given, seeds in ((entries, 0), (idle, 2)):
        findings = Findings()
        examine_runs(given, findings)
        assert [found.level for found in findings.of(["B05"])] == ["warning"] * seeds


def test_whatever_a_metric_makes_of_predictions_is_a_finding(bundle, codes, monkeypatch) -> None:
    def fails(*_: object) -> None:
        raise OverflowError("of numbers that nobody thought of")

    monkeypatch.setattr(predictions, "rescore", fails)
    assert codes(bundle) == {"P03"}


def test_what_methods_share_is_not_kept_without_end(untouched: Path, monkeypatch) -> None:
    for most, kept in ((1, 0), (2**20, 2)):
        monkeypatch.setattr(predictions, "_HELD", most)
        findings = Findings()
        folder = open_folder(untouched, findings)
        rescoring = Rescoring(folder, findings)
        for entry in read_records(folder, findings):
            if entry.record.shared:
                rescoring.examine(entry)
        assert len(rescoring.rescored) == 2 and len(rescoring._shared) == kept


@pytest.mark.parametrize(
    ("line", "declared"),
    [
        ("needs_labels = True", True),
        ("uses_pool_labels = True", True),
        ("uses_pool_labels: bool = True", True),
        ("x, (uses_pool_labels, y) = 1, (True, 2)", True),
        ("needs_labels = uses_pool_labels = False", False),
        ("uses_labels = True", False),
    ],
)
def test_labels_that_a_class_declares(line: str, declared: bool) -> None:
    assert declares_labels(parsed(f"class Mine:\n    {line}\n".encode())) == declared
