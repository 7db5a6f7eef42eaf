"""The command line as a user meets it."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from benchmark.cli.main import main

VERBS = ("aggregate", "bench", "demo", "list", "prepare", "run", "show", "site", "status")


class Done(NamedTuple):
    """What a command ended with."""

    code: int
    out: str
    err: str


@pytest.fixture
def headwater(capsys, monkeypatch) -> Callable[..., Done]:
    """Runs the command line in this process."""

    def call(*words: str) -> Done:
        monkeypatch.setattr(sys, "argv", ["headwater", *words])
        with pytest.raises(SystemExit) as ended:
            main()
        return Done(ended.value.code, *capsys.readouterr())

    return call


def test_help_names_every_verb_and_imports_no_torch() -> None:
    code = (
        "import sys; sys.argv = ['headwater', '--help'];"
        "from benchmark.cli.main import main;"
        "import atexit; atexit.register(lambda: print('torch' in sys.modules));"
        "main()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0
    assert done.stdout.strip().endswith("False")
    assert all(f" {verb} " in done.stdout for verb in VERBS)


@pytest.mark.parametrize("verb", [verb for verb in VERBS if verb != "site"])
def test_every_verb_has_an_example(headwater, verb: str) -> None:
    done = headwater(verb, "--help")
    assert done.code == 0
    assert f"Example: headwater {verb}" in done.out


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("lst",), "No such command 'lst'"),
        (("list", "nothing"), "'nothing' is not one of"),
        (("run", "-p", "instance/nan", "-m", "random_init"), "nearest: instance/nano@1"),
        (("run", "-p", "instance/smoke", "-m", "random"), "nearest: random_init"),
        (("run", "-p", "instance/smoke", "-m", "moco_v2/joint", "--set", "lrr=1"), "no option"),
        (("run", "-p", "instance/smoke", "-m", "random_init", "--tasks", "flag"), "has no task"),
        (("show", "tasks", "digit"), "nearest: digits"),
    ],
)
def test_wrong_usage_is_one_sentence_and_exit_2(
    headwater, words: tuple[str, ...], told: str
) -> None:
    done = headwater(*words)
    assert done.code == 2
    assert told in done.err and "Traceback" not in done.err


def test_data_that_are_not_prepared_are_named_before_anything_runs(
    headwater, own_home: Path, tmp_path: Path
) -> None:
    store = tmp_path / "runs"
    words = ("run", "-p", "instance/nano", "-m", "random_init", "--store", str(store))
    done = headwater(*words)
    assert done.code == 1
    assert "run: headwater prepare nano" in done.err and "Traceback" not in done.err
    assert not store.exists()


@pytest.mark.parametrize("kind", ["protocols", "methods", "tasks", "data"])
def test_lists_are_one_json_document(headwater, kind: str) -> None:
    done = headwater("list", kind, "--json")
    rows = json.loads(done.out)
    assert done.code == 0 and rows
    assert len({tuple(row) for row in rows}) == 1  # the same keys in every row


def test_run_then_again_then_status(headwater, own_home: Path, tmp_path: Path) -> None:
    words = ("-p", "instance/smoke", "-m", "random_init", "--store", str(tmp_path / "runs"))
    first = headwater("run", *words, "--json")
    again = headwater("run", *words, "--json")
    assert first.code == again.code == 0, first.err
    counts = [json.loads(done.out)["methods"]["random_init"] for done in (first, again)]
    assert counts[0] == {"computed": 4, "found": 0, "failed": 0}
    assert counts[1] == {"computed": 0, "found": 4, "failed": 0}
    (row,) = json.loads(headwater("status", *words, "--json").out)
    assert (row["done"], row["missing"], row["stale"]) == (4, 0, 0)


def test_status_lists_what_was_run_with_other_options(headwater, own_home, tmp_path: Path) -> None:
    where = ("-p", "instance/smoke", "--store", str(tmp_path / "runs"))
    assert headwater("run", "-m", "random_init", "--set", "lr=0.5", *where).code == 0
    rows = {row["method"]: row for row in json.loads(headwater("status", "--json", *where).out)}
    assert rows["random_init"]["done"] == 0
    varied = rows["random_init+lr=0.5"]
    assert varied["done"] > 0
    assert varied["missing"] == varied["failed"] == 0
