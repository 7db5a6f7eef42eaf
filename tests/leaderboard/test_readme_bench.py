"""The README's tables of the benchmarks say what the documents say."""

from pathlib import Path

import pytest

from baselines.bench_table import FILES, write_document
from benchmark.errors import DataError
from leaderboard.readme_bench import benchmarks, engine, site

ENGINE = {
    "cells": 10_132,
    "plan_seconds": 4.0,
    "status_seconds": 1.0,
    "overhead_seconds": 0.02,
    "workers": {
        "one": 60.0,
        "two": 32.0,
        "one_with_two_threads": 40.0,
        "speedup": 1.85,
        "range": [1.8, 1.9],
    },
}
RATES = {
    "workers": 2,
    "images_per_second": {"headwater": 900.0, "torchvision": 600.0},
    "headwater_over": {"torchvision": [1.4, 1.5, 1.6]},
}


def test_the_engine_s_table_has_its_limits() -> None:
    lines = engine(ENGINE).splitlines()
    assert lines[0] == "| Engine | Measured | Limit |"
    assert "| planning them and making their graph | 4.00 s | 5 s |" in lines
    assert lines[9] == (
        "| times faster by two workers than by one | 1.85 (1.80 to 1.90) | at least 1.7 |"
    )


def test_the_one_table_is_that_of_the_terminal(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(
        "leaderboard.readme_bench.FILES", {name: FILES[name] for name in ("loader", "engine")}
    )
    write_document(tmp_path, "loader", RATES)
    write_document(tmp_path, "engine", ENGINE)
    lines = benchmarks(tmp_path).splitlines()
    assert lines[0] == "| Benchmark | What | Here | Against | Ratio | Quartiles |"
    assert lines[2] == (
        "| loader | decoding, 2 workers | 900/s | torchvision: 600 | 1.50 | 1.40 to 1.60 |"
    )
    assert lines[4] == "| engine | states of 10,132 cells | 1.00 s | limit: 2 s | 2.00 |  |"
    assert {line.count("|") for line in lines[:8]} == {7}


def test_the_site_s_table_has_a_line_a_machine_the_fastest_first() -> None:
    one = {
        "runs": 2000,
        "records": 56_000,
        "evaluations": 48_000,
        "seconds": [31.0, 40.26, 30.0],
        "median": 31.0,
        "without_evidence_seconds": 154.6,
        "bare_median": 17.35,
        "home_with_scripts_bytes": 1_048_919,
        "ready_milliseconds": [1700, 1920],
    }
    other = {**one, "seconds": [16.0], "median": 16.0, "ready_milliseconds": []}
    lines = site({"slow": one, "fast": other}).splitlines()
    assert lines[0].startswith("2,000 runs with 48,000 evaluations (56,000 records), ")
    assert lines[4:7] == [
        "| (limits) | 20 s | | | 3 MB | 2 s |",
        "| fast | 16.0 s (16.0 to 16.0) | 17.4 s | 155 s | 1.05 MB | no Chromium |",
        "| slow | 31.0 s (30.0 to 40.3) | 17.4 s | 155 s | 1.05 MB | 1.9 s |",
    ]


def test_a_missing_document_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"cannot read .*bench\.json: .*headwater bench steps"):
        benchmarks(tmp_path)
