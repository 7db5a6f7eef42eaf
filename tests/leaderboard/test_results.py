"""The committed records: what their keeper put beside them goes with them."""

import json
from pathlib import Path

import pytest

from leaderboard.aggregate import read_results
from leaderboard.reproduction import FILE


@pytest.fixture
def results(own_results: Path, tmp_path: Path, monkeypatch):
    """As a machine reads them that has never seen them."""
    monkeypatch.setenv("HEADWATER_HOME", str(tmp_path))
    return read_results(own_results)


def test_none_is_damaged_outdated_or_unexamined(results) -> None:
    assert results.problems == []
    assert results.stale == ()
    runs = {(run.protocol, run.method) for p in results.protocols for run in results.runs(p)}
    assert {results.tier(*run) for run in runs} <= {"rescored", "reproduced"}


def test_what_was_computed_again_is_what_is_claimed(results) -> None:
    document = json.loads((results.store / FILE).read_text())
    claimed = {
        found.path.relative_to(results.store).as_posix(): found.headline
        for found in results.located
        if found.record.metrics
    }
    for way in ("as_recorded", "otherwise"):
        drawn = document[way]["drawn"]
        assert len(drawn) == 10
        for cell in drawn:
            name, metric = claimed[cell["path"]]
            assert (cell["metric"], cell["claimed"]) == (name, metric.value)
            assert cell["verdict"] in ("same bits", "agrees")
    alike = [cell for cell in document["as_recorded"]["drawn"] if cell["alike"]]
    assert alike and all(cell["verdict"] == "same bits" for cell in alike)


def test_their_evidence_is_there_and_what_the_predictions_say(results) -> None:
    assert results.unseen() == []
    known = [found for found in results.located if found.record.predictions and found.judged]
    assert len(known) > 1000
    for found in known[::17]:
        again = found.all_evidence()
        for metric in found.judged:
            kept = results.evidence(found, metric)
            assert kept.identity == again[metric].identity
            assert kept.parts == pytest.approx(again[metric].parts, abs=1e-5)
