"""The page of changes, and the one that says how to submit."""

import re
import shutil
from pathlib import Path

import pytest

from benchmark.result import Metric
from leaderboard.aggregate import read_results
from leaderboard.board import Board
from leaderboard.site.notes import changes, newest_records, stale_records, without_folder
from leaderboard.submission.findings import RULES
from tests.leaderboard.conftest import sha
from tests.leaderboard.test_site import Reader, build
from tests.leaderboard.test_site_tasks import words


def test_changes_say_what_is_newest_and_what_is_stale(writer, tmp_path: Path, card) -> None:
    for task in ("flags", "letters"):
        number = Metric(value=50.0, unit="%", n=100)
        writer.write("mine", 4, f"linear.{task}", {"top1": number}, source="old")
    writer.write("mine", 4, "linear.mnist", {"top1": number}, source="new")
    writer.write("other", 4, "linear.mnist", {"top1": number})
    results = read_results(writer.root)
    newest = newest_records(Board(results, card))
    told = changes([newest], stale_records(results), results.problems, writer.root)
    assert told["stale"] == [
        {
            "protocol": "instance/test@1",
            "method": "mine",
            "why": "the method's code has changed",
            "count": 2,
            "ended": "2026-03-01T00:02:00+00:00",
            "versions": ["0.1.0"],
        }
    ]
    (protocol,) = told["protocols"]
    assert protocol["digests"] == [sha("digest")]
    assert [one["method"] for one in protocol["methods"]] == ["other", "mine"]  # the newest first
    text = words(build(writer.root, tmp_path / "site", card).with_name("changelog.html"))
    assert "mine instance/test@1 the method's code has changed 2 0.1.0" in text
    assert "2026-03-01 00:04 other 1 0.1.0 self-reported" in text
    assert "all files of the store could be read" in text


def test_what_cannot_be_read_is_told_without_the_machine(writer, tmp_path: Path, card) -> None:
    for task in ("mnist", "flags"):
        writer.linear("random_init", task, seed=91)  # of which no evidence is kept yet
    next(writer.root.rglob("linear.mnist.json")).write_text("<script>alert(1)</script>")
    next(writer.root.rglob("linear.flags.npz")).write_bytes(b"broken")  # seen by the boards only
    page = build(writer.root, tmp_path / "site", card).with_name("changelog.html")
    text = words(page)
    assert "instance-test@1/random_init/seed91/after-chunk0/linear.mnist.json" in text
    assert "linear.flags.npz is not the file that its record names" in text
    assert str(tmp_path) not in page.read_text()


def test_a_folder_s_path_is_left_out_however_it_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    absolute = tmp_path / "runs"
    told = f"{absolute}/a.json and runs/b.json are of the same cell; see other-runs/c.json"
    for folder in (absolute, Path("runs")):
        assert "see other-runs/c.json" in without_folder(told, folder)
        assert str(tmp_path) not in without_folder(told, folder)
    assert without_folder("runs/b.json", Path("runs")) == "b.json"


def test_a_wicked_problem_is_escaped(writer, tmp_path: Path, card) -> None:
    record = writer.write("mine", 4, "linear.flags", {"top1": Metric(value=1.0, unit="%", n=9)})
    shutil.move(record, record.with_name("linear.flags<img src=x onerror=alert(1)>.json"))
    bad = next(record.parent.glob("*.json"))
    bad.write_text("{")
    writer.write("mine", 4, "linear.letters", {"top1": Metric(value=1.0, unit="%", n=9)})
    reader = Reader(build(writer.root, tmp_path / "site", card).with_name("changelog.html"))
    assert "linear.flags<img src=x onerror=alert(1)>.json" in reader.text
    assert not any(tag == "img" for tag, _ in reader.tags)


def test_how_to_submit_names_every_rule_and_every_command(
    full_store: Path, tmp_path: Path, card
) -> None:
    page = build(full_store, tmp_path / "site", card).with_name("submit.html")
    reader = Reader(page)
    assert all(code in reader.text and rule in reader.text for code, rule in RULES.items())
    order = [reader.text.index(f"headwater {verb}") for verb in
             ("check", "run", "pack", "validate", "verify")]  # fmt: skip
    assert order == sorted(order)
    copied = [a["data-copy"] for tag, a in reader.tags if tag == "button" and "data-copy" in a]
    codes = re.findall(r"<code>([^<]*)</code><button[^>]*class=\"quiet copy\"", page.read_text())
    assert len(copied) == len(codes) == 10
    assert all(tier in reader.text for tier in ("self-reported", "rescored", "reproduced"))
