"""The comment on a pull request: what is new, what was found, and nothing that a stranger says."""

import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from leaderboard.submission import comment as module
from leaderboard.submission.comment import Judged, changed, comment, fenced, judge


@pytest.fixture
def pull(untouched: Path, smoke_store: Path, tmp_path: Path) -> tuple[Path, Path]:
    """results/ before, with the method's own records, and after, with a bundle of it."""
    base, submitted = tmp_path / "base", tmp_path / "submitted"
    keep = shutil.ignore_patterns("*.pth", ".*")
    shutil.copytree(smoke_store, base, ignore=keep)
    shutil.copytree(base, submitted)
    shutil.copytree(untouched, submitted / "mine")
    return base, submitted


def test_only_what_is_new_is_examined(pull: tuple[Path, Path]) -> None:
    base, submitted = pull
    assert [folder.name for folder in changed(base, submitted)] == ["mine"]
    record = next((submitted / "instance-smoke@1").rglob("pretrain.json"))
    record.write_text(record.read_text() + " ")
    assert changed(base, submitted) == [submitted, submitted / "mine"]
    (submitted / "link").symlink_to(base)
    assert len(changed(base, submitted)) == 2


def test_an_honest_bundle_is_accepted_and_compared(pull: tuple[Path, Path], tmp_path: Path) -> None:
    base, submitted = pull
    judged = judge(base, submitted / "mine")
    assert judged.accepted
    text = comment([judged])
    assert "### `mine`: accepted" in text
    assert "0 errors" in text


def test_a_forged_one_is_refused_and_the_status_says_so(
    pull: tuple[Path, Path], tmp_path: Path
) -> None:
    base, submitted = pull
    (submitted / "mine" / "card.json").write_text("{}")
    app = module.typer.Typer()
    app.command()(module.main)
    words = [str(base), str(submitted), "--output", str(tmp_path / "out")]
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 1
    assert "### `mine`: refused" in (tmp_path / "out" / "comment.md").read_text()


def test_nothing_that_a_stranger_says_leaves_its_fence() -> None:
    text = comment([Judged("m`<img>", None, error="```\n@everyone <script> [x](y)\n````")])
    assert "### `m??img??`" not in text
    assert "### `m??img?`: could not be examined" in text
    fence = next(line for line in text.splitlines() if line.startswith("`````"))
    assert fence == "`````text"
    assert text.rstrip().endswith("`````")


@pytest.mark.parametrize("text", ["", "`", "```", "a ````` b"])
def test_a_fence_is_longer_than_any_in_it(text: str) -> None:
    first, *_, last = fenced(text).splitlines()
    assert first == f"{last}text"
    assert last not in text
