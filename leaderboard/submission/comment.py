"""What a pull request's bundles are, as a comment: findings, and differences to the baselines.

`python -m leaderboard.submission.comment BASE SUBMITTED --output FOLDER` compares two copies of
results/: what SUBMITTED has and BASE has not is examined as a stranger's. Nothing of it is run.
"""

import filecmp
import re
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from benchmark.canonical import write_whole
from benchmark.errors import DataError, HeadwaterError
from leaderboard.aggregate import read_results
from leaderboard.board import load_boards
from leaderboard.compare import compare, markdown, references_of
from leaderboard.submission.bundle import RESULTS
from leaderboard.submission.examine import Examined, examine
from leaderboard.submission.findings import plain

#: Findings that are repeated, and characters of all of them.
_MOST, _LONGEST = 60, 20_000


@dataclass(frozen=True)
class Judged:
    """A folder of results/ that is new or changed.

    Args:
        name: of the folder.
        examined: what came of it; None if it could not be looked at.
        differences: to the baselines, as Markdown.
        error: why it could not be looked at, or compared.
    """

    name: str
    examined: Examined | None
    differences: Sequence[str] = ()
    error: str = ""

    @property
    def accepted(self) -> bool:
        """Whether nothing is wrong with it."""
        return self.examined is not None and self.examined.accepted and not self.error


def changed(base: Path, submitted: Path) -> list[Path]:
    """The folders of SUBMITTED that BASE lacks, or has otherwise; links are not followed.

    Records of the store itself, beside the bundles, are one folder: all of SUBMITTED.

    Raises:
        DataError: SUBMITTED is no folder.
    """
    if submitted.is_symlink() or not submitted.is_dir():
        raise DataError(f"{submitted.name} is no folder")
    found = [
        submitted if "@" in path.name else path
        for path in sorted(submitted.iterdir())
        if _is_folder(path) and _differs(base / path.name, path)
    ]
    return list(dict.fromkeys(found))


def beside(base: Path, submitted: Path) -> list[str]:
    """What else is new, changed or gone in SUBMITTED, which no rule is for.

    Files beside the folders, such as `trust.json`, by which a method's trust is raised; links; and
    what BASE has and SUBMITTED has not.
    """
    told = []
    for name in sorted({path.name for root in (base, submitted) for path in root.iterdir()}):
        old, new = base / name, submitted / name
        if new.is_symlink():
            told.append(f"{name} is a link")
        elif not new.exists():
            told.append(f"{name} is gone")
        elif not new.is_dir() and not (old.is_file() and filecmp.cmp(old, new, shallow=False)):
            told.append(f"{name} is {'changed' if old.exists() else 'new'}")
    return told


def _is_folder(path: Path) -> bool:
    return path.is_dir() and not path.is_symlink()


def _differs(base: Path, folder: Path) -> bool:
    names = _names(folder)
    if not base.is_dir() or names != _names(base):
        return True
    return any(
        (folder / name).is_symlink() or not filecmp.cmp(base / name, folder / name, shallow=False)
        for name in names
    )


def _names(folder: Path) -> set[Path]:
    """Paths of files, and of links, those to folders too."""
    return {path.relative_to(folder) for path in folder.rglob("*") if not _is_folder(path)}


def judge(base: Path, folder: Path) -> Judged:
    """Examine a folder, and hold its methods against the baselines."""
    try:
        examined = examine(folder)
    except HeadwaterError as error:
        return Judged(folder.name, None, error=str(error))
    if not examined.accepted or examined.kind == "store":
        return Judged(folder.name, examined)
    try:
        return Judged(folder.name, examined, differences(base, folder, examined))
    except HeadwaterError as error:
        return Judged(folder.name, examined, error=str(error))


def differences(base: Path, folder: Path, examined: Examined) -> list[str]:
    """Comparisons of a bundle's methods with their references in BASE, as Markdown."""
    runs = sorted({entry.run[:2] for entry in examined.entries})
    told = []
    with tempfile.TemporaryDirectory() as aside:
        store = Path(aside) / "results"
        shutil.copytree(base, store, ignore=shutil.ignore_patterns("trust.json"))
        for protocol, method in runs:
            shutil.rmtree(store / protocol.replace("/", "-") / method, ignore_errors=True)
        shutil.copytree(folder / RESULTS, store / "submitted")
        boards = {board.card.id: board for board in load_boards(read_results(store))}
        for protocol, method in runs:
            board = boards[protocol]
            for other in references_of(board, method):
                told.append(markdown(compare(board, method, other)))
    return told


def comment(judged: Sequence[Judged], others: Sequence[str] = ()) -> str:
    """The comment in Markdown; what strangers wrote stands in fences, where it does nothing.

    Args:
        judged: the folders that are new or changed.
        others: what else is, a sentence each.

    Example:
        >>> print(comment([Judged("mine", None, error="there is no folder")]).splitlines()[2])
        ### `mine`: could not be examined
    """
    lines = ["No folder of results/ is new or changed.", ""]
    if judged:
        lines = ["Every metric was computed again from the predictions; nothing was executed.", ""]
    if others:
        lines += ["### Beside the folders, for a person to look at", ""]
        lines += [fenced("\n".join(map(plain, others[:_MOST]))), ""]
    for one in judged:
        verdict = "could not be examined"
        if one.examined is not None:
            verdict = "accepted" if one.examined.accepted else "refused"
        lines += [f"### `{_name(one.name)}`: {verdict}", ""]
        told = [one.error] if one.error else []
        if one.examined is not None:
            found = one.examined.findings
            told += [one.examined.verdict, *map(str, found.found[:_MOST]), *found.left_out()]
        lines += [fenced("\n".join(told)), ""]
        for text in one.differences:
            lines += [
                "<details><summary>Difference to a baseline</summary>",
                "",
                text,
                "</details>",
            ]
    return "\n".join(lines) + "\n"


def fenced(text: str) -> str:
    r"""Text in a fence that is longer than any in it.

    Example:
        >>> print(fenced("a\n```\n@you"))
        ````text
        a
        ```
        @you
        ````
    """
    longest = max((len(run) for run in _runs(text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}text\n{text[:_LONGEST]}\n{fence}"


def _runs(text: str) -> list[str]:
    return re.findall(r"`+", text)


def _name(name: str) -> str:
    """A folder's name without what ends the code that it stands in."""
    return "".join(c if c.isalnum() or c in "._-@+" else "?" for c in name)[:80]


def main(
    base: Annotated[Path, typer.Argument(help="results/ of the base branch.")],
    submitted: Annotated[Path, typer.Argument(help="results/ as submitted.")],
    output: Annotated[Path, typer.Option("--output", help="Folder of comment.md.")],
) -> None:
    """Write a comment on what is new in SUBMITTED; exit status 1 if something is refused."""
    try:
        judged = [judge(base, folder) for folder in changed(base, submitted)]
        text = comment(judged, beside(base, submitted))
    except DataError as error:
        judged = [Judged("results", None, error=str(error))]
        text = comment(judged)
    write_whole(output / "comment.md", text.encode())
    print(text)
    raise typer.Exit(0 if all(one.accepted for one in judged) else 1)


if __name__ == "__main__":
    typer.run(main)
