"""What a record says in words: its command is its own, and all of it can be shown anywhere."""

import json
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
import typer

from benchmark.canonical import sha256_of
from benchmark.cli.run import run
from benchmark.result import Record, parse_record
from leaderboard.submission.examine import examine
from leaderboard.submission.told import _CLOCK, _FLAG, _OPTIONS, of_command, of_texts, of_times
from tests.leaderboard.submission.conftest import Forger

CELL = "after-chunk2/linear.shapes"
OWN = ("-p", "instance/smoke@1", "-m", "supervised/replay", "--seed", "0")


@pytest.fixture(scope="module")
def record(untouched: Path) -> Record:
    """An evaluation of seed 0."""
    path = untouched / f"results/instance-smoke@1/supervised/replay/seed0/{CELL}.json"
    return parse_record(path.read_bytes())


def with_command(record: Record, *words: str) -> Record:
    provenance = record.provenance.model_copy(update={"argv": ("headwater", "run", *words)})
    return record.model_copy(update={"provenance": provenance})


def named(record: Record, name: str, replicate: int = 0) -> Record:
    method = record.method.model_copy(update={"name": name})
    seeds = record.seeds.model_copy(update={"replicate": replicate})
    return record.model_copy(update={"method": method, "seeds": seeds})


def test_the_command_of_a_record_is_as_it_was_written(record: Record) -> None:
    assert record.provenance.argv == ("headwater", "run", *OWN)
    assert list(of_command(record)) == []


@pytest.mark.parametrize(
    "words",
    [
        ("-p", "instance/smoke", "-m", "supervised/replay"),  # seed 0 is the default
        ("--protocol=instance/smoke@1", "--method=supervised/replay", "--seed=0"),
        (*OWN[:4], "--seeds", "3"),
        (*OWN[:4], "--seed", "7", "--seeds", "1"),  # which goes before
        (*OWN[:3], "byol/joint", *OWN[2:]),  # one of two methods
        (*OWN[:3], "here/mine.py:supervised/replay"),
        (*OWN, "--tasks", "shapes", "--evaluations", "linear,fewshot", "--every-chunk"),
        (*OWN, "--tasks", "all", "--evaluations", "all"),
    ],
)
def test_a_command_that_computes_the_record(words, record: Record) -> None:
    assert list(of_command(with_command(record, *words))) == []


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("-m", "moco_v2/joint", "--seed", "0"), "of protocol no name, and it is of instance/sm"),
        (("-p", "domain/smoke", *OWN[2:]), "of protocol domain/smoke, and it is of instance/smo"),
        (("-p", "instance/smoke@2", *OWN[2:]), "of protocol instance/smoke@2, and it"),
        (("-p", "x" * 900, *OWN[2:]), "of protocol xxx"),
        (OWN[:2], "of method no name, and it is of supervised/replay"),
        ((*OWN[:3], "moco_v2/joint"), "of method moco_v2/joint, and it is of supervised/replay"),
        ((*OWN, "--set", "lr=0.1"), "of method supervised/replay+lr=0.1, and it is of supervi"),
        ((*OWN[:4], "--seed", "1"), "of seed 1, and it is of seed 0"),
        ((*OWN[:4], "--seed", "none"), "of seed none, and it is of seed 0"),
        ((*OWN[:4], "--seed", "9" * 900), "of seed 999"),
        ((*OWN[:4], "--seeds", "0"), "of the first 0 seeds, and it is of seed 0"),
        ((*OWN[:4], "--seeds", "-3"), "of the first -3 seeds, and it is of seed 0"),
        ((*OWN, "--tasks", "digits"), "of tasks digits, and it is of shapes"),
        ((*OWN, "--tasks", ","), "',' names nothing"),
        ((*OWN, "--evaluations", "knn"), "of evaluations knn, and it is of linear"),
        ((*OWN, "--store", "/etc"), "has '--store', which does not say what is computed"),
        ((*OWN, "--logs=/etc"), "has '--logs=/etc', which does not say what is computed"),
        ((*OWN, "; rm -r runs"), "has '; rm -r runs', which does not say what is computed"),
        ((*OWN[:4], "--seed"), "says --seed of nothing"),
        ((*OWN, "--set", "a" * 1001), "or one of more than 1,000 characters"),
        ((*OWN, *["--every-chunk"] * 100), "more than 100 words"),
        ((*OWN, "--set", "a\x1b[2J"), "holds what cannot be printed"),
    ],
)
def test_a_command_of_something_else(words, told: str, record: Record) -> None:
    found = list(of_command(with_command(record, *words)))
    assert found and told in found[0]


def test_options_seeds_and_parts_of_the_name(record: Record) -> None:
    mine = named(record, "Mine+a=9+a1=1e+20", 2)
    right = ("-p", "instance/smoke@1", "-m", "x/my file.py:Mine", "--seed", "2")
    for options in (("a1=1e+20", "a=9"), ("a=9", "a1=1e+20")):
        words = [word for option in options for word in ("--set", option)]
        assert list(of_command(with_command(mine, *right, *words))) == []
    in_the_name = ("-p", "instance/smoke@1", "-m", "Mine+a=9+a1=1e+20", "--seeds", "3")
    assert list(of_command(with_command(mine, *in_the_name))) == []
    for wrong in (right, (*right, "--set", "a=9"), (*right, "--set", "a=9", "--set", "a1=1")):
        assert len(list(of_command(with_command(mine, *wrong)))) == 1


def test_the_issue_s_command_of_another_method_and_seed(record: Record) -> None:
    argv = ("-p", "instance/smoke@1", "-m", "moco_v2/joint", "--seed", "0")
    found = list(of_command(with_command(named(record, "mine", 2), *argv)))
    assert [what.partition(",")[0] for what in found] == [
        "its command is of method moco_v2/joint",
        "its command is of seed 0",
    ]


def test_every_run_evaluates_the_chunks(untouched: Path) -> None:
    path = untouched / "results/instance-smoke@1/supervised/replay/seed0/after-chunk1"
    chunks = parse_record((path / "stream.chunks.json").read_bytes())
    assert list(of_command(with_command(chunks, *OWN, "--tasks", "shapes"))) == []


def test_the_options_of_a_command_are_those_of_headwater_run() -> None:
    app = typer.Typer()
    app.command()(run)
    known = {name for param in typer.main.get_command(app).params for name in param.opts}
    assert {*_OPTIONS, _FLAG} <= known


def changed(record: Record, path: str, value: Any) -> Record:
    """A record with a value put in place, at `environment.cpu` for instance."""
    part, name = path.split(".")
    inside = getattr(record, part)
    given = value(inside) if callable(value) else value
    return record.model_copy(update={part: inside.model_copy(update={name: given})})


def deep(depth: int) -> Any:
    return [deep(depth - 1)] if depth else 0


def later(text: str, **by: float) -> str:
    return (datetime.fromisoformat(text) + timedelta(**by)).isoformat(timespec="seconds")


TOMORROW = max(datetime.now(timezone.utc), _CLOCK) + timedelta(days=2)


@pytest.mark.parametrize(
    ("path", "value", "told"),
    [
        ("environment.cpu", "x\x1b]0;owned\x07", "cpu is not plain"),
        ("environment.cpu", "x" * 201, "cpu is not plain text of at most 200 characters"),
        ("environment.device", "cpu\n", "device is not plain"),
        ("environment.platform", "Linux \u202e", "platform is not plain"),
        ("environment.python", "3.11\x00", "python is not plain"),
        ("environment.torch", "2.14\x9b2J", "torch is not plain"),
        ("provenance.headwater", "0.1.0\x1b[2J", "headwater is not plain"),
        ("provenance.started", "yesterday", "no time in UTC"),
        ("provenance.started", "2026-11-27", "no time in UTC"),
        ("provenance.started", "2026-11-27T09:00:00", "no time in UTC"),
        ("provenance.started", "2026-13-27T09:00:00+00:00", "no time in UTC"),
        ("provenance.started", "\u0662026-11-27T09:00:00+00:00", "no time in UTC"),
        ("provenance.started", lambda told: later(told.ended, seconds=1), "before it started"),
        ("provenance.ended", "2026-11-27T09:00:00+01:00", "no time in UTC"),
        ("provenance.ended", "9999-12-31T23:59:59+00:00", "has not come yet"),
        ("provenance.ended", TOMORROW.isoformat(timespec="seconds"), "has not come yet"),
        ("method.config", {"note": "a\x1b[2J"}, "its options are"),
        ("method.config", {"note": "a" * 201}, "its options are"),
        ("method.config", {"na\nme": 1}, "its options are"),
        ("method.config", {"n" * 201: 1}, "its options are"),
        ("method.config", {"note": ["a", {"b": "\x07"}]}, "its options are"),
        ("method.config", {"note": {"b\x07": 1}}, "its options are"),
        ("method.config", {"note": 10**19}, "its options are"),
        ("method.config", {"note": deep(4)}, "its options are"),
        ("method.config", {"note": [[]] * 301}, "its options are"),
        ("method.config", {str(number): number for number in range(151)}, "its options are"),
    ],
)
def test_text_that_a_terminal_obeys_or_that_has_no_end(path, value, told, record: Record) -> None:
    strange = changed(record, path, value)
    (found,) = [*of_texts(strange), *of_times(strange.provenance)]
    assert told in found


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("environment.cpu", None),
        ("environment.cpu", "Ölprozessor®, " + "x" * 180),
        ("provenance.started", "2026-11-26T09:00:00Z"),
        ("provenance.started", lambda told: told.ended),
        ("method.config", {"note": ["a", {"b": [0.1, None, True, -5, 10**18]}], "none": []}),
        ("method.config", {"note": "a" * 200, "more": deep(3)}),
        ("method.config", {str(number): number for number in range(150)}),
    ],
)
def test_what_is_plain_and_short_is_accepted(path, value, record: Record) -> None:
    usual = changed(record, path, value)
    assert [*of_texts(usual), *of_times(usual.provenance)] == []


def unprintable_machine(fields: dict[str, Any]) -> None:
    fields["environment"]["cpu"] = "\x1b]0;owned\x07"


def unprintable_option(fields: dict[str, Any]) -> None:
    config = fields["method"]["config"] | {"note": "\x1b[2J"}
    fields["method"] |= {"config": config, "config_sha256": sha256_of(config)}


def time_that_has_not_come(fields: dict[str, Any]) -> None:
    fields["provenance"]["ended"] = "9999-12-31T23:59:59+00:00"


def command_of_another_method(fields: dict[str, Any]) -> None:
    fields["provenance"]["argv"][5] = "moco_v2/joint"


def command_of_another_seed(fields: dict[str, Any]) -> None:
    fields["provenance"]["argv"][-1] = "1"


@pytest.mark.parametrize(
    ("forge", "code"),
    [
        (unprintable_machine, "R11"),
        (unprintable_option, "R11"),
        (time_that_has_not_come, "R11"),
        (command_of_another_method, "R10"),
        (command_of_another_seed, "R10"),
    ],
)
def test_such_a_bundle_is_refused(forge, code: str, forger: Forger, codes) -> None:
    with forger.record(CELL) as fields:
        forge(fields)
    others = {"R06", "X03"} if forge is unprintable_option else set()
    assert codes(forger.bundle) - others == {code}


def test_a_clock_that_is_behind_refuses_no_record_of_now(record: Record, monkeypatch) -> None:
    class Behind(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> datetime:
            return datetime(2001, 1, 1, tzinfo=tz)

    monkeypatch.setattr("leaderboard.submission.told.datetime", Behind)
    day = {"started": "2026-11-28T07:00:00+00:00", "ended": "2026-11-28T07:25:09+00:00"}
    assert list(of_times(record.provenance.model_copy(update=day))) == []
    late = {"ended": "2027-11-28T07:25:09+00:00"}
    assert len(list(of_times(record.provenance.model_copy(update=day | late)))) == 1


def test_what_is_found_can_be_printed_itself(forger: Forger) -> None:
    with forger.record(CELL) as fields:
        fields["provenance"] |= {"started": "\x1b[2J", "ended": "9999-99-99T99:99:99+00:00"}
        fields["environment"]["cpu"] = "\x1b[2J"
    told = [str(found) for found in examine(forger.bundle).findings.of(["R11"])]
    assert len(told) == 4 and all(one.isprintable() for one in told)
    assert json.dumps(told).count("\\u001b") == 0
