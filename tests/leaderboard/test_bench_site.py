"""The benchmark of the site: runs that are made from one, and are what they are taken for."""

import json
from pathlib import Path

import numpy as np
import pytest

from benchmark.errors import DataError
from leaderboard import bench
from leaderboard.aggregate import read_results
from leaderboard.bench import STREAMS, template_of, write_store
from leaderboard.board import load_boards

RESULTS = Path(__file__).parents[2] / "results"


def test_runs_are_complete_and_differ(tmp_path: Path) -> None:
    assert write_store(tmp_path, template_of(RESULTS), methods=2, seeds=1) == 2 * len(STREAMS)
    results = read_results(tmp_path)
    assert results.problems == []
    assert len(results.protocols) == len(STREAMS)
    assert sum(found.cell is not None for found in results.located) == 24 * 2 * len(STREAMS)
    values = set()
    for board in load_boards(results):
        assert [row.missing for row in board.rows] == [(), ()]
        values |= {row.transfer.value for row in board.rows}
    assert len(values) == 2 * len(STREAMS)


def test_metrics_follow_from_the_answers(tmp_path: Path) -> None:
    write_store(tmp_path, template_of(RESULTS), methods=1, seeds=1)
    found = [f for f in read_results(tmp_path).located if f.cell == ("linear", "flags")]
    assert len(found) == len(STREAMS)
    for one in found:
        with np.load(one.path.with_suffix(".npz")) as arrays:
            right = 100 * np.mean(arrays["prediction"] == arrays["label"])
        assert one.record.metrics["top1"].value == pytest.approx(right)


def test_there_must_be_a_run_to_copy(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="headwater demo"):
        template_of(tmp_path)


def test_what_other_machines_measured_is_kept(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(bench, "site_rates", lambda _: {"median": 3.0})
    for cpu in ("one", "two", "one"):
        monkeypatch.setattr(bench, "cpu_kind", lambda cpu=cpu: cpu)
        bench.main(RESULTS, tmp_path / "new")
    kept = json.loads((tmp_path / "new" / bench.FILE).read_text())
    assert kept == {"one": {"median": 3.0}, "two": {"median": 3.0}}
