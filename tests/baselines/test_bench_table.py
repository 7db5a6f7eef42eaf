"""`headwater bench` makes one table of every benchmark's document, with ratios computed by hand."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from baselines.bench import WIDTH
from baselines.bench_table import FILES, engine_lines, read_document, rows, write_document
from benchmark.cli.main import main
from benchmark.errors import DataError

OBJECTIVE = {
    "forwards": "1 + 1",
    "batch_size": 256,
    "images_per_second": 1000,
    "bare_images_per_second": 1250,
    "over_bare": [0.7, 0.8, 0.9],
    "augmentation_share": [0.01, 0.02, 0.03],
    "share_of_peak": 0.65,
}
SWEEP = {"seconds": 2.0, "sklearn": 30.0, "ratio": 15.0}
DOCUMENTS: dict[str, dict[str, Any]] = {
    "steps": {
        "images_per_second": {"headwater": 1200.4, "bare": 1500.0, "lightly, 0 workers": 400.0},
        "headwater_over": {"bare": [0.75, 0.8, 0.85], "lightly, 0 workers": [2.5, 3.0, 3.25]},
    },
    "methods": {
        "device": "cpu",
        "peak": {"size": "4096 x 4096", "gflops": 200.0},
        "objectives": {"moco_v2": OBJECTIVE},
        "strategies": {
            "moco_v2/mas": {"slower_than_sequential": [0.0, 0.25, 0.6], "end_of_chunk_seconds": 1},
            "moco_v2/si": {"slower_than_sequential": [-0.2, -0.05, 0.0], "end_of_chunk_seconds": 0},
            "moco_v2/lump": {"forwards": "1 + 2", "over_bare": [0.5, 0.6, 0.7]},
        },
    },
    "tasks": {
        "sweep": {"digits": SWEEP},
        "sweep_total": SWEEP,
        "large": {"as it comes": SWEEP | {"ratio": 2.5}, "closer": SWEEP | {"ratio": 5.0}},
        "episodes": {
            "digits": {"prototypes": 0.05, "logistic": 0.3},
            "faces": {"prototypes": 0.15, "logistic": 0.2},
        },
        "checkpoint": {"linear": 30.0, "fewshot": 1.5, "detection": 40.0, "all": 71.5},
    },
    "loader": {
        "workers": 2,
        "images_per_second": {"headwater": 900.0, "torchvision": 600.0},
        "headwater_over": {"torchvision": [1.4, 1.5, 1.6]},
    },
    "engine": {
        "cells": 10_132,
        "plan_seconds": 4.0,
        "status_seconds": 2.5,
        "overhead_seconds": 0.02,
        "workers": {
            "one": 60.0,
            "two": 32.0,
            "one_with_two_threads": 40.0,
            "speedup": 1.85,
            "range": [1.8, 1.9],
        },
    },
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of all documents."""
    for name, document in DOCUMENTS.items():
        write_document(tmp_path, name, document)
    return tmp_path


@pytest.fixture
def headwater(capfd, monkeypatch) -> Callable[..., SimpleNamespace]:
    """Runs the command line in this process."""

    def call(*words: object) -> SimpleNamespace:
        monkeypatch.setattr(sys, "argv", ["headwater", *map(str, words)])
        with pytest.raises(SystemExit) as ended:
            main()
        out, err = capfd.readouterr()
        return SimpleNamespace(code=ended.value.code, out=out, err=err)

    return call


@pytest.mark.parametrize(
    ("name", "told"),
    [
        (
            "steps",
            [
                "moco_v2/sequential|1,200/s|bare: 1,500|0.80|0.75 to 0.85",
                "moco_v2/sequential|1,200/s|lightly, 0 workers: 400|3.00|2.50 to 3.25",
            ],
        ),
        (
            "methods",
            [
                "moco_v2|1,000/s|bare (1 + 1): 1,250|0.80|0.70 to 0.90",
                "moco_v2|130 GFLOP/s|matrix product: 200|0.65|",  # 0.65 * 200
                "moco_v2/mas|25.0 % slower|sequential, a visit|0.80|0.62 to 1.00",  # 1 / 1.6
                "moco_v2/si|5.0 % faster|sequential, a visit|1.05|1.00 to 1.25",  # 1 / 0.95
                "moco_v2/lump||bare (1 + 2)|0.60|0.50 to 0.70",
            ],
        ),
        (
            "tasks",
            [
                "45 weights, all twelve|2.00 s|scikit-learn: 30.0 s|15.0|",
                "45 weights, large|2.00 s|scikit-learn: 30.0 s|2.50|",
                "large, closer|2.00 s|scikit-learn: 30.0 s|5.00|",
                "episodes, prototypes|0.15 s|||",
                "episodes, logistic|0.30 s|||",
                "all of one checkpoint|71.5 s|||",
            ],
        ),
        ("loader", ["decoding, 2 workers|900/s|torchvision: 600|1.50|1.40 to 1.60"]),
        (
            "engine",
            [
                "planning 10,132 cells|4.00 s|limit: 5 s|1.25|",
                "states of 10,132 cells|2.50 s|limit: 2 s|0.80|",
                "beyond a cell's work|0.020 s|limit: 0.1 s|5.00|",
                "two workers evaluate|32.0 s|one worker: 60.0 s|1.85|1.80 to 1.90",
                "two workers evaluate|32.0 s|one, 2 threads: 40.0 s|1.25|",
            ],
        ),
    ],
)
def test_rows_are_those_computed_by_hand(name: str, told: list[str]) -> None:
    cells = [list(row.cells().values()) for row in rows({name: DOCUMENTS[name]})]
    assert {row[0] for row in cells} == {name}
    assert ["|".join(row[1:]) for row in cells] == told


def test_the_engine_is_told_with_its_limits() -> None:
    assert engine_lines(DOCUMENTS["engine"]) == [
        ("cells", "10,132", ""),
        ("planning them and making their graph", "4.00 s", "5 s"),
        ("their states, when all are done", "2.50 s", "2 s"),
        ("a cell beyond its own work", "0.020 s", "0.1 s"),
        ("evaluations by one worker", "60.0 s", ""),
        ("by one worker with two threads", "40.0 s", ""),
        ("by two workers", "32.0 s", ""),
        ("times faster by two workers than by one", "1.85 (1.80 to 1.90)", "at least 1.7"),
    ]


@pytest.mark.parametrize("name", FILES)
def test_a_document_that_lacks_something_is_named(name: str) -> None:
    with pytest.raises(DataError, match=f"no document of headwater bench {name}"):
        rows({name: {"threads": 2}})


@pytest.mark.parametrize(
    ("text", "told"),
    [(None, "cannot read"), ("{", "is no JSON"), ("[1]", "holds no JSON object")],
)
def test_a_file_that_cannot_be_read_says_how_to_write_it(
    tmp_path: Path, text: str | None, told: str
) -> None:
    if text is not None:
        (tmp_path / "bench-engine.json").write_text(text)
    with pytest.raises(DataError, match=f"{told}.*headwater bench engine --output {tmp_path}"):
        read_document(tmp_path, "engine")


def test_the_table_is_of_all_documents_and_fits_a_line(headwater, folder: Path) -> None:
    done = headwater("bench", "--from", folder)
    assert done.code == 0 and not done.err
    lines = done.out.splitlines()
    assert max(map(len, lines)) <= WIDTH
    firsts = [line.split(" ")[0] for line in lines[1 : lines.index("")]]
    assert firsts == [row.benchmark for row in rows(DOCUMENTS)]
    assert list(dict.fromkeys(firsts)) == list(FILES)


def test_one_document_holds_all(headwater, folder: Path) -> None:
    done = headwater("bench", "--from", folder, "--json")
    assert done.code == 0 and json.loads(done.out) == DOCUMENTS


@pytest.mark.parametrize("absent", [["engine"], ["steps", "loader"]])
def test_what_is_missing_is_said_in_a_sentence(headwater, folder: Path, absent: list[str]) -> None:
    for name in absent:
        (folder / FILES[name]).unlink()
    done = headwater("bench", "--from", folder, "--json")
    assert done.code == 1 and len(done.err.splitlines()) == 1
    assert f"has no {', '.join(FILES[name] for name in absent)};" in done.err
    assert all(f"headwater bench {name} " in done.err for name in absent)
    assert list(json.loads(done.out)) == [name for name in FILES if name not in absent]


def test_an_empty_folder_has_no_table(headwater, tmp_path: Path) -> None:
    done = headwater("bench", "--from", tmp_path)
    assert done.code == 1 and not done.out and all(file in done.err for file in FILES.values())


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("steps", "headwater is 3.00 times this (quartiles 2.50, 3.25)"),
        ("methods", "a matrix product of 4096 x 4096 reaches 200 GFLOP/s"),
        ("tasks", "one checkpoint: linear 30.00 s"),
        ("loader", "headwater is 1.50 times this"),
        ("engine", "1.85 (1.80 to 1.90)"),
    ],
)
def test_one_benchmark_is_told_from_its_file(headwater, folder: Path, name, told: str) -> None:
    done = headwater("bench", name, "--from", folder)
    assert done.code == 0 and told in done.out
    done = headwater("bench", name, "--from", folder, "--json")
    assert json.loads(done.out) == DOCUMENTS[name]


@pytest.mark.parametrize(
    ("row", "heading", "figure"),
    [
        ("moco_v2/lump", "forwards", "1 + 2"),
        ("moco_v2/mas", "end of chunk seconds", "1"),
        ("moco_v2 ", "over bare", "0.800 (0.700 to 0.900)"),
        ("moco_v2 ", "share of peak", "0.65"),
    ],
)
def test_figures_of_methods_stand_under_their_headings(
    headwater, folder: Path, row: str, heading: str, figure: str
) -> None:
    told = headwater("bench", "methods", "--from", folder).out
    tables = [table.splitlines() for table in told.split("\n\n")]
    headings, *lines = next(
        table
        for table in tables
        if heading in table[0] and any(line.startswith(row) for line in table)
    )
    (line,) = (line for line in lines if line.startswith(row))
    assert line[headings.index(heading) :].startswith(figure)


@pytest.mark.parametrize("option", [["--output", "x"], ["--rounds", "3"]])
def test_nothing_is_measured_from_files(headwater, folder: Path, option: list[str]) -> None:
    done = headwater("bench", "--from", folder, *option)
    assert done.code == 2 and "--from measures nothing" in done.err


@pytest.mark.parametrize("failing", [[], ["tasks"]])
def test_all_are_measured_one_after_the_other(
    headwater, monkeypatch, tmp_path: Path, failing: list[str]
) -> None:
    commands = []

    def run(command: list[str], **_: object) -> SimpleNamespace:
        words = command[command.index("bench") :]
        commands.append(words)
        if words[1] not in failing:
            write_document(Path(words[-1]), words[1], DOCUMENTS[words[1]])
        return SimpleNamespace(returncode=int(words[1] in failing))

    monkeypatch.setattr(subprocess, "run", run)
    output = tmp_path / "new" / "results"
    done = headwater("bench", "--rounds", 4, "--output", output, "--json")
    options = ["--workers", "2", "--rounds", "4", "--output", str(output)]
    assert commands == [["bench", name, *options] for name in FILES]
    assert done.code == int(bool(failing))
    kept = {name: DOCUMENTS[name] for name in FILES if name not in failing}
    assert json.loads(done.out) == kept
    assert {path.name for path in output.iterdir()} == {FILES[name] for name in kept}
    if failing:
        assert "there is no result of tasks; measure" in done.err


@pytest.mark.parametrize(("options", "rounds"), [([], 3), (["--rounds", "5"], 5)])
def test_the_engine_is_measured_alone(
    headwater, monkeypatch, tmp_path: Path, options: list[str], rounds: int
) -> None:
    asked = []

    def engine_rates(turns: int, tell: object) -> dict[str, Any]:
        asked.append(turns)
        return DOCUMENTS["engine"]

    monkeypatch.setattr("benchmark.engine.bench.engine_rates", engine_rates)
    done = headwater("bench", "engine", *options, "--output", tmp_path, "--json")
    assert done.code == 0 and asked == [rounds]
    assert json.loads(done.out) == DOCUMENTS["engine"] == read_document(tmp_path, "engine")


def test_a_process_that_fails_is_named(headwater, monkeypatch) -> None:
    monkeypatch.setattr("baselines.bench.FILES", {"loader": FILES["loader"]})
    monkeypatch.setattr("baselines.bench.sys.executable", "/bin/false")
    done = headwater("bench")
    assert done.code == 1 and "headwater bench loader ended with 1" in done.err
