"""`headwater doctor` as a user meets it."""

import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from benchmark import doctor
from benchmark.cli.main import main
from benchmark.doctor import Finding


@pytest.fixture
def headwater(capsys, monkeypatch) -> Callable[..., tuple[int, str]]:
    """Runs the command line in this process, at 80 columns."""

    def call(*words: str) -> tuple[int, str]:
        monkeypatch.setattr(sys, "argv", ["headwater", *words])
        monkeypatch.setenv("COLUMNS", "80")
        with pytest.raises(SystemExit) as ended:
            main()
        return ended.value.code, capsys.readouterr().out

    return call


PROBLEM = Finding.of("store", "no " * 40, problem="Choose another: --store DIR " * 5)
WARNING = Finding.of("threads", "too many", warning="export OMP_NUM_THREADS=2")


@pytest.mark.parametrize(
    ("findings", "code", "last"),
    [
        ([Finding.of("python", "3.12.1")], 0, "all is well"),
        ([Finding.of("python", "3.12.1"), WARNING, WARNING], 0, "2 warnings"),
        ([PROBLEM, WARNING], 1, "1 problem, 1 warning"),
    ],
)
def test_the_verb(headwater, monkeypatch, findings: list[Finding], code: int, last: str) -> None:
    monkeypatch.setattr(doctor, "examine", lambda *_, **__: iter(findings))
    ended, out = headwater("doctor")
    lines = out.splitlines()
    assert (ended, lines[-1]) == (code, last)
    assert max(map(len, lines)) <= 80
    for finding in findings:
        assert any(line.split()[:2] == [finding.state, finding.name] for line in lines)
        assert " ".join(finding.remedy.split()) in " ".join(out.split())
    ended, out = headwater("doctor", "--json")
    assert ended == code
    assert [Finding(**row) for row in json.loads(out)] == findings


def test_the_options_reach_the_checks(headwater, monkeypatch, tmp_path: Path) -> None:
    asked = []

    def spy(store: Path, *, offline: bool, everything: bool) -> list[Finding]:
        asked.append((store, offline, everything))
        return []

    monkeypatch.setattr(doctor, "examine", spy)
    headwater("doctor")
    headwater("doctor", "--store", str(tmp_path), "--offline", "--all")
    assert asked == [(Path("runs"), False, False), (tmp_path, True, True)]
    code, out = headwater("doctor", "--help")
    assert code == 0 and "Example: headwater doctor" in out
