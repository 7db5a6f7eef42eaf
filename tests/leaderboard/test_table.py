"""The table in the terminal and in Markdown, and the README's markers."""

import io
from pathlib import Path

import pytest
from rich.console import Console

from benchmark.errors import UsageError
from leaderboard.table import (
    COLUMNS,
    TerminalTable,
    markdown_table,
    table_notes,
    write_between_markers,
)


def printed(table: TerminalTable, width: int) -> list[str]:
    text = io.StringIO()
    Console(file=text, width=width).print(table)
    return text.getvalue().splitlines()


def test_all_columns_in_a_wide_terminal(full_store: Path, board) -> None:
    lines = printed(TerminalTable(board(full_store)), 140)
    head = " ".join(lines[0].split() + lines[1].split())
    assert all(word in head for heading in COLUMNS for word in heading.split())
    assert lines[2].split()[1] == "supervised/joint"
    assert "± " in lines[2]
    assert "24/24" in lines[2]


@pytest.mark.parametrize("width", [60, 80, 100, 120])
def test_a_narrow_terminal_drops_columns_and_breaks_no_number(full_store, board, width) -> None:
    lines = printed(TerminalTable(board(full_store)), width)
    rows = [line for line in lines if "/" in line.split("  ")[0] or "joint  " in line]
    assert rows
    assert all(len(line) <= width for line in lines)
    first = next(line for line in lines if "supervised/joint" in line)
    assert first.split()[1] == "supervised/joint"
    assert "±" in first
    head = " ".join(lines[0].split() + lines[1].split())
    told = " ".join(" ".join(lines).partition("Not shown for want of width: ")[2].split())
    assert [h for h in COLUMNS if h in told] == [h for h in COLUMNS if h.split()[0] not in head]


def test_what_is_missing_is_said(writer, board) -> None:
    writer.whole("moco_v2/sequential")
    writer.pretrain("moco_v2/joint")
    writer.linear("moco_v2/joint", "flags")
    writer.detection("moco_v2/joint", error="Traceback\nRuntimeError: [red]out of memory[/red]")
    found = board(writer.root, ["supervised/joint"])
    text = "\n".join(printed(TerminalTable(found), 300))
    assert "few-shot (all 11 tasks)" in text
    assert "moco_v2/joint: detection on scenes failed: RuntimeError: [red]out of" in text
    assert "pending" in text
    assert "One training seed" in text
    assert not any("linear on flags" in note for note in table_notes(found))


def test_a_terminal_obeys_no_name(writer, board) -> None:
    writer.pretrain("a\x1b[2Jb/c")
    text = "\n".join(printed(TerminalTable(board(writer.root)), 300))
    assert "a?[2Jb/c" in text and "\x1b[2J" not in text


def test_markdown_has_one_line_a_method(full_store: Path, board) -> None:
    lines = markdown_table(board(full_store)).splitlines()
    assert lines[0].count("|") == len(COLUMNS) + 1
    assert lines[1].startswith("| :-- | :-- | --: |")
    assert [line.split("|")[2].strip() for line in lines[2:7]] == [
        "supervised/joint",
        "supervised/sequential",
        "moco_v2/joint",
        "moco_v2/sequential",
        "random_init",
    ]


def test_markdown_escapes_names(writer, board) -> None:
    writer.pretrain("a|b<script>`x`")
    table = markdown_table(board(writer.root))
    assert r"a\|b\<script>\`x\`" in table
    assert table.splitlines()[2].replace(r"\|", "").count("|") == len(COLUMNS) + 1


def test_text_between_markers_is_replaced_and_nothing_else(tmp_path: Path) -> None:
    readme = tmp_path / "README.md"
    start, end = "<!-- headwater:table -->", "<!-- /headwater:table -->"
    readme.write_bytes(f"# Title\r\n{start}\nold\n{end}\nrest ü".encode())
    for _ in range(2):
        write_between_markers(readme, "table", "| new |\n")
        expected = f"# Title\r\n{start}\n| new |\n{end}\nrest ü"
        assert readme.read_bytes() == expected.encode()
    assert list(tmp_path.iterdir()) == [readme]


@pytest.mark.parametrize(
    "text",
    [
        "no markers",
        "<!-- headwater:table -->",
        "<!-- /headwater:table --> <!-- headwater:table -->",
        "<!-- headwater:table --> <!-- headwater:table --> <!-- /headwater:table -->",
    ],
)
def test_markers_that_do_not_match_are_refused(tmp_path: Path, text: str) -> None:
    readme = tmp_path / "README.md"
    readme.write_text(text)
    with pytest.raises(UsageError, match="once each"):
        write_between_markers(readme, "table", "new")
    assert readme.read_text() == text
