"""`headwater plan` as a user meets it."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from benchmark.cli.main import main
from benchmark.cost.words import facts, summary, told_bytes, told_time


class Done(NamedTuple):
    """What a command ended with."""

    code: int
    out: str
    err: str


@pytest.fixture
def planned(capsys, monkeypatch, tmp_path: Path) -> Callable[..., Done]:
    """Runs `headwater plan` in this process, on a store that is not there."""

    def call(*words: str) -> Done:
        argv = ["headwater", "plan", *words]
        if "--help" not in words:
            argv += ["--store", str(tmp_path / "runs")]
        monkeypatch.setattr(sys, "argv", argv)
        with pytest.raises(SystemExit) as ended:
            main()
        return Done(ended.value.code, *capsys.readouterr())

    return call


QUICK = ("-p", "instance/nano", "-m", "moco_v2/sequential", "--no-measure")
FULL = ("-p", "instance/full", "-m", "moco_v2/sequential", "--no-measure")
KEYS = {
    *("protocols", "methods", "seeds", "store", "machine", "cells", "models", "image_visits"),
    *("steps", "lines", "time", "declared_gpu", "disk", "downloads", "bases", "notes", "warnings"),
    "summary",
}


def test_the_document_has_stable_keys_and_counts_by_kind(planned) -> None:
    done = planned(*QUICK, "--seeds", "3", "--json")
    document = json.loads(done.out)
    assert done.code == 0 and document.keys() == KEYS
    cells = document["cells"]
    assert (cells["total"], cells["pretrain"], cells["left"], cells["done"]) == (96, 12, 96, 0)
    assert {line["name"]: line["cells"] for line in document["lines"]} == {
        "moco_v2/sequential": 12,
        "stream": 12,
        "linear": 36,
        "fewshot": 33,
        "detection": 3,
    }
    assert document["image_visits"] == 3 * 98_304 and document["steps"] == 3 * 384
    assert document["declared_gpu"] is None
    assert document["time"]["core_hours"] == pytest.approx(
        document["time"]["seconds"] * document["machine"]["threads"] / 3600, abs=0.001
    )


def test_the_tasks_after_every_chunk_are_counted(planned) -> None:
    done = planned(*QUICK, "--every-chunk", "--evaluations", "linear,stream", "--json")
    lines = {line["name"]: line for line in json.loads(done.out)["lines"]}
    assert {name: line["cells"] for name, line in lines.items()} == {
        "moco_v2/sequential": 4,
        "stream": 4,
        "linear": 4 * 12,
    }
    once = json.loads(planned(*QUICK, "--evaluations", "linear", "--json").out)
    (linear,) = [line for line in once["lines"] if line["name"] == "linear"]
    assert lines["linear"]["seconds"] == pytest.approx(4 * linear["seconds"], rel=0.01)


def test_a_plan_measures_this_machine(planned, own_home: Path) -> None:
    done = planned("-p", "instance/smoke", "-m", "supervised/mas", "--json")
    document = json.loads(done.out)
    assert "measuring supervised/mas at smoke" in done.err
    assert document["lines"][0]["basis"] == ["measured"]
    assert "images a second" in document["notes"][0]
    assert document["downloads"] == []


@pytest.mark.parametrize("words", [QUICK, FULL, ("--grid", "paper", "--no-measure")])
def test_the_text_fits_80_columns_and_ends_with_a_sentence(
    planned, own_home: Path, words: tuple[str, ...]
) -> None:
    done = planned(*words)
    assert done.code == 0, done.err
    lines = done.out.rstrip().splitlines()
    assert max(map(len, lines)) <= 80
    last = done.out.rstrip().rpartition("\n\n")[2].replace("\n", " ")
    assert "cells are left: about" in last and last.endswith("to fetch.")
    for heading in ("Cells", "Time here", "Disk", "Downloads", "Rests on"):
        assert any(line.startswith(f"{heading:<11}") for line in lines)


def test_the_full_tier_is_planned_without_images_by_declared_gpu_hours(
    planned, own_home: Path
) -> None:
    document = json.loads(planned(*FULL, "--json").out)
    assert document["image_visits"] == 200 * 1_281_167 // 4 * 4
    gpu = document["declared_gpu"]
    assert gpu["gpu_hours_training"] == pytest.approx(424, abs=0.1)
    assert "facebookresearch/moco" in gpu["source"]
    assert not document["cells"]["keyed"] and "not prepared" in document["warnings"][0]
    names = [each["name"] for each in document["downloads"]]
    assert names[0] == "imagenet" and len(names) == 13
    told = dict(facts(document))["GPU-hours"]
    assert "Declared, not measured here" in told and "168 images a second" in told


def test_the_grid_says_how_its_models_come_about(planned, own_home: Path) -> None:
    done = planned("--grid", "paper", "--seeds", "1", "--no-measure", "--json")
    document = json.loads(done.out)
    assert document.keys() == KEYS | {"grid"}
    assert document["grid"]["models"] == 170 and document["seeds"] == 1
    assert document["grid"]["as_many_as_the_paper"]["models"] == 500


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ((), "say -p PROTOCOL and -m METHOD, or --grid paper"),
        (("-p", "instance/nano"), "say -p PROTOCOL and -m METHOD"),
        (("--grid", "paper", "-p", "instance/nano"), "--grid says what is planned"),
        (("--grid", "papers"), "'papers' is not"),
        (("-p", "instance/nan", "-m", "random_init"), "nearest: instance/nano@1"),
        (("-p", "instance/smoke", "-m", "random"), "nearest: random_init"),
        (("-p", "instance/smoke", "-m", "random_init", "--tasks", "flag"), "has no task"),
        (("-p", "blurred-class/smoke", "-m", "moco_v2/mas"), "does not tell where"),
        (("-p", "instance/smoke", "-m", "random_init", "--seeds", "0"), "--seeds"),
    ],
)
def test_wrong_usage_is_one_sentence_and_exit_2(planned, words: tuple[str, ...], told: str) -> None:
    done = planned(*words)
    assert done.code == 2
    assert told in done.err and "Traceback" not in done.err


def test_help_has_an_example(planned) -> None:
    done = planned("--help")
    assert done.code == 0 and "Example: headwater plan" in done.out


def test_nothing_left_is_said(planned) -> None:
    document = json.loads(planned(*QUICK, "--json").out)
    document["cells"] |= {"left": 0, "done": 32}
    assert summary(document) == "Nothing is left of 32 cells."


def test_times_and_bytes_are_told_in_people_s_units() -> None:
    assert [told_time(s) for s in (0, 5, 119, 7_000, 259_200)] == [
        *("0.0 s", "5 s", "2.0 min", "1.9 h", "3.0 days"),
    ]
    assert told_bytes(999.6e6) == "1,000 MB" or told_bytes(999.6e6) == "1.0 GB"
