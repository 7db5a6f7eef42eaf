"""The comment on a pull request: what is new, what was found, and nothing that a stranger says."""

import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from leaderboard.submission import comment as module
from leaderboard.submission.comment import Judged, beside, changed, comment, fenced, judge
from leaderboard.submission.examine import examine


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


def test_a_link_inside_a_folder_makes_it_another(pull: tuple[Path, Path]) -> None:
    base, submitted = pull
    shutil.copytree(submitted / "mine", base / "mine")
    assert changed(base, submitted) == []
    (submitted / "mine" / "more").symlink_to(base, target_is_directory=True)
    assert changed(base, submitted) == [submitted / "mine"]


def test_what_lies_beside_the_folders_is_told(pull: tuple[Path, Path], tmp_path: Path) -> None:
    base, submitted = pull
    for name in ("trust.json", "bench.json", "page.png"):
        (base / name).write_text(name)
        (submitted / name).write_text(name)
    assert beside(base, submitted) == []
    (submitted / "trust.json").write_text("reproduced")
    (submitted / "page.png").unlink()
    (submitted / "more.json").write_text("")
    (submitted / "link").symlink_to(base)
    shutil.rmtree(submitted / "instance-smoke@1")
    told = beside(base, submitted)
    assert told == [
        "instance-smoke@1 is gone",
        "link is a link",
        "more.json is new",
        "page.png is gone",
        "trust.json is changed",
    ]
    assert "trust.json is changed" in comment([], told)


def test_results_that_are_a_link_are_not_looked_at(tmp_path: Path) -> None:
    (tmp_path / "base").mkdir()
    (tmp_path / "submitted").symlink_to("/")
    app = module.typer.Typer()
    app.command()(module.main)
    words = [str(tmp_path / "base"), str(tmp_path / "submitted"), "--output", str(tmp_path / "out")]
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 1 and "submitted is no folder" in result.stdout


def test_an_honest_bundle_is_accepted_and_compared(pull: tuple[Path, Path], tmp_path: Path) -> None:
    base, submitted = pull
    judged = judge(base, submitted / "mine")
    assert judged.accepted
    text = comment([judged])
    assert text.startswith("Nothing that was submitted was executed.\n")
    assert "### `mine`: accepted\n\nEvery metric but the CKA was computed again from the" in text
    assert "0 errors" in text
    assert "supervised/replay on instance/smoke@1 is in results/ already" in text


def test_an_update_is_compared_without_what_it_replaces(pull, monkeypatch) -> None:
    base, submitted = pull
    for name in ("mine", "another"):
        shutil.copytree(submitted / "mine", base / name)
    seen = []

    def load_boards(results):
        seen.extend(found.path.relative_to(results.store).parts[0] for found in results.located)
        return []

    monkeypatch.setattr(module, "load_boards", load_boards)
    judged = judge(base, submitted / "mine")
    assert judged.accepted and set(seen) == {"submitted"}
    assert "There is no comparison on instance/smoke@1" in comment([judged])


def test_a_folder_without_what_a_bundle_has_is_no_store(pull: tuple[Path, Path]) -> None:
    base, submitted = pull
    shutil.copytree(submitted / "mine" / "results", submitted / "bare")
    codes = {f.code for f in judge(base, submitted / "bare").examined.findings.found}
    assert {"M01", "C01", "X01"} <= codes
    assert judge(base, submitted, "store").accepted


def test_whatever_goes_wrong_is_told_and_refused(pull, tmp_path: Path, monkeypatch) -> None:
    def fails(*_: object, **__: object) -> None:
        raise RuntimeError("a\x1bb")

    monkeypatch.setattr(module, "examine", fails)
    app = module.typer.Typer()
    app.command()(module.main)
    words = [*map(str, pull), "--output", str(tmp_path / "out")]
    assert CliRunner().invoke(app, words).exit_code == 1
    told = (tmp_path / "out" / "comment.md").read_text()
    assert "### `mine`: could not be examined" in told
    assert "it could not be examined: RuntimeError: a?b" in told
    monkeypatch.setattr(module, "changed", fails)
    assert CliRunner().invoke(app, words).exit_code == 1


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


def test_metrics_are_said_to_be_computed_again_only_where_they_were(
    pull: tuple[Path, Path], tmp_path: Path
) -> None:
    base, submitted = pull
    shutil.copytree(submitted / "mine", submitted / "yours")
    next((submitted / "mine").rglob("linear.shapes.npz")).write_bytes(b"")
    mine, yours = (judge(base, submitted / name) for name in ("mine", "yours"))
    unread = Judged("theirs", None, error="it could not be examined")
    empty = judge(base, tmp_path)
    assert [one.rescored for one in (mine, yours, unread, empty)] == [False, True, False, False]
    said = "Every metric but the CKA was computed again"
    assert said not in comment([mine, unread, empty]) and comment([mine, yours]).count(said) == 1


@pytest.mark.parametrize("name", ["me@home", "me@1", "me-nano@1", "instance-smoke@2"])
def test_a_bundle_s_folder_is_one_whatever_its_name(name: str, pull, tmp_path: Path) -> None:
    base, submitted = pull
    (submitted / "mine").rename(submitted / name)
    assert changed(base, submitted) == [submitted / name]
    app = module.typer.Typer()
    app.command()(module.main)
    words = [str(base), str(submitted), "--output", str(tmp_path / "out")]
    assert CliRunner().invoke(app, words).exit_code == 0
    told = (tmp_path / "out" / "comment.md").read_text()
    assert f"### `{name}`: accepted" in told and "accepted: a bundle: 12 records" in told
    (submitted / name / "card.json").unlink()
    shutil.rmtree(submitted / name / "source")
    assert CliRunner().invoke(app, words).exit_code == 1
    told = (tmp_path / "out" / "comment.md").read_text()
    assert f"### `{name}`: refused" in told
    assert all(f"error {code} " in told for code in ("M02", "C01", "X01"))


def test_bare_records_in_a_folder_with_an_at_are_no_store_s(pull, tmp_path: Path) -> None:
    base, submitted = pull
    shutil.rmtree(submitted / "mine")
    for place in ("me@home", "me@home2/results", "me@3/results"):
        shutil.copytree(base, submitted / place)
    assert [path.name for path in changed(base, submitted)] == ["me@3", "me@home", "me@home2"]
    for folder in changed(base, submitted):
        found = judge(base, folder).examined.findings.found
        assert {"M01", "C01", "X01"} <= {finding.code for finding in found}
    shutil.copytree(base, submitted / "me@4")  # called as the store's own, and yet it is not
    assert submitted in changed(base, submitted)
    judged = judge(base, submitted, "store")
    assert {f.code for f in judged.examined.findings.found if f.level == "error"} == {"R02"}
    where = {f.where for f in judged.examined.findings.found if f.code == "R02"}
    assert all(one.startswith("me@4/instance-smoke@1/") for one in where)
    assert {entry.root for entry in judged.examined.entries} == {""}


def test_a_bundle_hides_nothing_of_the_store_s_own(pull: tuple[Path, Path]) -> None:
    base, submitted = pull
    own = submitted / "instance-smoke@1"
    shutil.copy(submitted / "mine" / "card.json", own)
    assert changed(base, submitted) == [own, submitted / "mine"]
    assert {"M01", "S06"} <= {f.code for f in judge(base, own).examined.findings.found}
    (told,) = examine(submitted, kind="store").findings.of(["S06"])
    assert told.where == "instance-smoke@1" and "none of it is looked at" in told.what


def test_nothing_that_a_stranger_says_leaves_its_fence() -> None:
    text = comment([Judged("m`<img>", None, error="```\n@everyone <script> [x](y)\n````")])
    assert "### `m??img??`" not in text
    assert "### `m??img?`: could not be examined" in text
    fence = next(line for line in text.splitlines() if line.startswith("`````"))
    assert fence == "`````text"
    assert text.rstrip().endswith("`````")


def test_differences_end_where_a_comment_would_be_too_long() -> None:
    text = comment([Judged("mine", None, differences=["d" * 15_000] * 9)])
    assert text.count("<details>") == 2 and len(text) < 60_000
    assert text.endswith("Further differences are left out, so that this can be posted.\n\n")


@pytest.mark.parametrize("text", ["", "`", "```", "a ````` b"])
def test_a_fence_is_longer_than_any_in_it(text: str) -> None:
    first, *_, last = fenced(text).splitlines()
    assert first == f"{last}text"
    assert last not in text
