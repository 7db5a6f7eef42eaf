"""Two methods side by side: the numbers, the verdict, and what strangers may not do in Markdown."""

import json
import re
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from benchmark.errors import UsageError
from benchmark.result import Metric
from leaderboard.aggregate import read_results
from leaderboard.board import Board
from leaderboard.catalogue import ProtocolCard, TaskCard
from leaderboard.compare import _told, compare, markdown, references_of
from leaderboard.compare_cli import compare as command
from leaderboard.readme_streams import streams
from leaderboard.words import BLANK

app = typer.Typer(pretty_exceptions_enable=False)
app.command()(command)
CARD = ProtocolCard(
    "instance/test@1",
    2,
    (TaskCard("flags", "", "top1", ("linear",)), TaskCard("faces", "", "top1", ("linear",))),
)


def fill(writer, method: str, flags: float, faces: float | None, *, seed: int = 0) -> None:
    writer.write(method, 2, "pretrain", chunks=(1, 2), visits=100, seed=seed)
    for task, value in (("flags", flags), ("faces", faces)):
        if value is not None:
            metric = Metric(value=value, unit="%", n=100, standard_error=1.0)
            writer.write(method, 2, f"linear.{task}", {"top1": metric}, seed=seed)


@pytest.fixture
def three(writer) -> Board:
    fill(writer, "moco_v2/joint", 60, 50)
    fill(writer, "moco_v2/sequential", 50, 49)
    fill(writer, "byol/joint", 60.5, None)
    return Board(read_results(writer.root), CARD)


def test_differences_and_the_verdict_by_hand(three: Board) -> None:
    found = compare(three, "moco_v2/joint", "moco_v2/sequential")
    assert found.tasks["linear", "flags"].value == 10
    assert found.averages["linear"].value == 5.5
    # se sqrt(2) a task, sqrt(4) / 2 = 1 of the mean
    assert found.verdict == (
        "moco_v2/joint is 5.5 ± 2.0 points of linear transfer above moco_v2/sequential, over 1 "
        "shared seed, which leaves other trainings out; taken singly, beyond noise, it is ahead on "
        "1 and behind on 0 of 2 tasks."
    )
    other = compare(three, "moco_v2/sequential", "moco_v2/joint")
    assert "5.5 ± 2.0 points of linear transfer below moco_v2/joint" in other.verdict
    document = found.document()
    flags = next(one for one in document["tasks"] if one["task"] == "linear.flags")
    assert flags["difference"] == 10
    assert flags["low"] == pytest.approx(10 - 1.96 * 2**0.5)
    assert set(flags) == {"task", "difference", "low", "high", "seeds", "unit"}
    assert document["cost"][0]["cumulative_visits"] == 150


def test_what_cannot_be_told_apart_or_compared(three: Board, writer) -> None:
    found = compare(three, "moco_v2/joint", "byol/joint")
    assert found.verdict == (
        "moco_v2/joint and byol/joint cannot be compared on average: byol/joint has not all "
        "linear evaluations."
    )
    assert list(found.tasks) == [("linear", "flags")]
    fill(writer, "byol/joint", 60.5, 50)
    fill(writer, "simclr/joint", 60.5, 50, seed=1)
    board = Board(read_results(writer.root), CARD)
    assert "cannot be told apart: 0.2" in compare(board, "moco_v2/joint", "byol/joint").verdict
    assert "share no seed" in compare(board, "moco_v2/joint", "simclr/joint").verdict


@pytest.mark.parametrize(
    ("a", "b", "says"),
    [("moco_v2/join", "byol/joint", "moco_v2/joint"), ("byol/joint", "byol/joint", "with itself")],
)
def test_what_is_not_there_is_told(three: Board, a: str, b: str, says: str) -> None:
    with pytest.raises(UsageError, match=says):
        compare(three, a, b)


def test_an_option_that_one_lacks_is_blank(writer) -> None:
    for method, config in (("a/joint", {"queue": 9}), ("b/joint", {"queue": 7, "dim": 128})):
        writer.write(method, 2, "pretrain", chunks=(1, 2), visits=100, config=config)
        writer.write(method, 2, "linear.flags", {"top1": Metric(value=5, unit="%", n=9)},
                     config=config)  # fmt: skip
    lines = invoke("a/joint", "b/joint", "--store", writer.root).splitlines()
    assert ["dim", BLANK, "128"] in [line.split() for line in lines]
    assert ["queue", "9", "7"] in [line.split() for line in lines]


def test_a_method_alone_is_held_against_its_references(full_store: Path, board) -> None:
    found = references_of(board(full_store), "moco_v2/sequential")
    assert found[0] == "moco_v2/joint"
    assert found[-1] == "random_init"
    assert len(found) == 3  # and the best


def test_markdown_does_nothing_that_a_name_says(writer) -> None:
    wicked = "a/<img src=x onerror=alert(1)>@everyone|`x`"
    fill(writer, "moco_v2/joint", 60, 50)
    fill(writer, "moco_v2/sequential", 50, 49)
    board = Board(read_results(writer.root), CARD)
    found = compare(board, "moco_v2/joint", "moco_v2/sequential")
    forged = type(found)(**{**vars(found), "verdict": wicked})
    text = markdown(forged).splitlines()[0]
    for character in "<>@|`":
        assert text.count(character) == text.count(f"\\{character}") > 0


def test_markdown_tells_costs_and_options_and_is_bounded(writer) -> None:
    for method, value in (("moco_v2/joint", 60), ("mine|<b>", 50)):
        options = {"lr": value / 100, **{f"o{k}": None for k in range(40)}}
        if method == "mine|<b>":
            options = {"lr": 0.5, "wicked": "a|b\n@c https://d www.e" + "x" * 500}
            options |= {f"o{k}": k for k in range(40)}
        fields = {"visits": 98_560, "config": options}
        writer.write(method, 2, "pretrain", chunks=(1, 2), **fields)
        for task in ("flags", "faces"):
            metric = Metric(value=value, unit="%", n=100, standard_error=1.0)
            writer.write(method, 2, f"linear.{task}", {"top1": metric}, config=options)
    board = Board(read_results(writer.root), CARD)
    text = markdown(compare(board, "moco_v2/joint", "mine|<b>"))
    lines = text.splitlines()
    assert "|  | moco\\_v2/joint | mine\\|\\<b\\> | ratio |" in lines
    assert "| image visits | 98\u202f560 | 98\u202f560 | 1.00 |" in lines
    assert "| option | moco\\_v2/joint | mine\\|\\<b\\> |" in lines
    assert "| lr | 0.6 | 0.5 |" in lines and f"| o0 | {BLANK} | 0 |" in lines
    assert lines[-1] == "There is a difference in 12 further options."
    assert len(text) < 4000
    told = _told("a|b\n@c https://d www.e" + "x" * 500)
    assert told.startswith(r"a\|b?\@c https:\//d www\.exx") and told.endswith("x...")
    shown = invoke("moco_v2/joint", "mine|<b>", "--store", writer.root)
    assert "98\u202f560" in shown and "?" not in shown.partition("wicked")[0]


def test_a_terminal_obeys_nothing_that_a_record_says(writer) -> None:
    wicked, sent = "mine\x1b]0;owned\x07", "\x1b[2J" + "x" * 500
    for method in ("moco_v2/joint", wicked):
        config = {"note": sent, "\x9b2J": [1]} if method == wicked else {"note": "plain"}
        writer.write(method, 2, "pretrain", chunks=(1, 2), visits=100, config=config)
        metric = Metric(value=60, unit="%", n=100, standard_error=1.0)
        writer.write(method, 2, "linear.flags", {"top1": metric}, config=config)
    for further in ((), ("--markdown",), ("--json",)):
        told = invoke(wicked, "moco_v2/joint", "--store", writer.root, *further)
        assert all(character.isprintable() for character in told.replace("\n", ""))
        assert "owned" in told
        if "--json" not in further:
            assert "x" * 201 not in told.replace("\n", "").replace(" ", "")


def test_names_are_no_markup_in_the_terminal(writer) -> None:
    fill(writer, "mine[bold]", 60, 50)
    fill(writer, "moco_v2/joint", 50, 49)
    assert "mine[bold] less moco_v2/joint" in invoke(
        *("mine[bold]", "moco_v2/joint", "--store", writer.root)
    )


def test_the_readme_s_streams_do_nothing_that_a_record_says(writer) -> None:
    writer.cpu = "<img src=x> | `x` *y* [z](javascript:alert(1))"
    fill(writer, "a|b<i>*`", 60, 50)
    *_, row, _, note = streams([Board(read_results(writer.root), CARD)]).splitlines()
    assert (
        row.startswith("| a\\|b\\<i>\\*\\` | ")
        and "\\<img src=x> \\| \\`x\\` \\*y\\* \\[z]" in note
    )
    assert "Phases of training: 1 on" in note


def invoke(*words: object) -> str:
    result = CliRunner().invoke(app, [str(word) for word in words], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


def test_the_command(full_store: Path) -> None:
    pair = ("supervised/joint", "moco_v2/joint", "--store", full_store)
    assert "points of linear transfer above moco_v2/joint" in " ".join(invoke(*pair).split())
    document = json.loads(invoke(*pair, "--json"))
    assert len([one for one in document["tasks"] if one["task"].startswith("linear.")]) == 12
    assert document["averages"][0]["low"] < document["averages"][0]["difference"]
    many = json.loads(invoke("moco_v2/joint", "--store", full_store, "--json"))
    assert many[0]["b"] == "moco_v2/sequential"
    assert invoke(*pair, "--markdown").startswith("**supervised/joint is")
    with pytest.raises(UsageError, match="no records on domain/nano"):
        invoke(*pair, "-p", "domain/nano")
    help_ = " ".join(invoke("--help").split())
    assert "Example: headwater compare moco_v2/sequential moco_v2/joint -p instance/nano" in help_


@pytest.mark.parametrize(
    ("methods", "says"),
    [
        (("a/x",), "several protocols have them; say which by -p: instance/nano@1, other/nano@1"),
        (("a/x", "b/y"), ""),  # only one has both
        (("a/z",), "has no records of 'a/z' on instance/nano@1, other/nano@1; it has a/x"),
        (("a/x", "b/z"), "has no records of 'b/z' on instance/nano@1, other/nano@1; it has b/y"),
        (("a/x", "b/y", "-p", "other/nano"), "has no records of 'b/y' on other/nano@1; it has a/x"),
        (("a/x", "-p", "more/nano"), "has no records on more/nano"),
    ],
)
def test_what_is_meant_is_found_before_anything_is_computed(
    methods: tuple[str, ...], says: str, writer, monkeypatch
) -> None:
    for protocol, method in (("instance", "a/x"), ("instance", "b/y"), ("other", "a/x")):
        writer.write(method, 2, "pretrain", chunks=(1, 2), protocol=f"{protocol}/nano@1")
    if says:
        monkeypatch.setattr("leaderboard.board.Board", None)
        with pytest.raises(UsageError, match=re.escape(says)):
            invoke(*methods, "--store", writer.root)
    else:
        assert "instance/nano@1: a/x and b/y" in invoke(*methods, "--store", writer.root)
