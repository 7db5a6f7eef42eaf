"""What a pull request's bundles are, as a comment: findings, and differences to the baselines.

`python -m leaderboard.submission.comment BASE SUBMITTED --output FOLDER` compares two copies of
results/: what SUBMITTED has and BASE has not is examined as a stranger's. Nothing of it is run.
"""

import filecmp
import re
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from benchmark.canonical import write_whole
from benchmark.errors import DataError, HeadwaterError
from leaderboard.aggregate import read_results
from leaderboard.board import load_boards
from leaderboard.compare import compare, markdown, references_of
from leaderboard.submission.bundle import RESULTS, is_own
from leaderboard.submission.examine import Examined, Kind, examine
from leaderboard.submission.findings import plain
from leaderboard.trust import TRUST

#: Findings that are repeated, characters of all of them, and of a folder's differences.
_MOST, _LONGEST, _DIFFERENCES = 60, 20_000, 40_000


@dataclass(frozen=True)
class Judged:
    """A folder of results/ that is new or changed.

    Args:
        name: of the folder.
        examined: what came of it; None if it could not be looked at.
        differences: to the baselines, as Markdown.
        error: why it could not be looked at, or compared.
        notes: what else a person should know, a sentence each.
    """

    name: str
    examined: Examined | None
    differences: Sequence[str] = ()
    error: str = ""
    notes: Sequence[str] = ()

    @property
    def accepted(self) -> bool:
        """Whether nothing is wrong with it."""
        return self.examined is not None and self.examined.accepted and not self.error

    @property
    def rescored(self) -> bool:
        """Whether each of its evaluations was computed again from its predictions, and agrees."""
        entries = self.examined.entries if self.examined else ()
        evaluations = sum(entry.record.kind == "evaluation" for entry in entries)
        return self.examined is not None and 0 < evaluations == len(self.examined.rescored)


def changed(base: Path, submitted: Path) -> list[Path]:
    """The folders of SUBMITTED that BASE lacks, or has otherwise; links are not followed.

    Records of the store itself, beside the bundles, are one folder: all of SUBMITTED. A folder is
    the store's own as `is_own` has it, and not because there is an @ in its name.

    Raises:
        DataError: SUBMITTED is no folder.
    """
    if submitted.is_symlink() or not submitted.is_dir():
        raise DataError(f"{submitted.name} is no folder")
    found = [
        submitted if is_own(path) else path
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


def judge(base: Path, folder: Path, kind: Kind = "bundle") -> Judged:
    """Examine a folder, and hold its methods against the baselines.

    Args:
        base: results/ without it.
        folder: it; whatever it holds, the outcome is told.
        kind: a bundle, which has a card, source and licence, unless it is all of results/.
    """
    examined = None
    try:
        examined = examine(folder, kind=kind)
        if not examined.accepted or kind == "store":
            return Judged(folder.name, examined)
        notes = already(base, folder, examined)
        return Judged(folder.name, examined, differences(base, folder, examined), notes=notes)
    except HeadwaterError as error:
        return Judged(folder.name, examined, error=str(error))
    except Exception as error:
        what = "compared" if examined else "examined"
        told = plain(f"it could not be {what}: {type(error).__name__}: {error}")
        return Judged(folder.name, examined, error=told)


def already(base: Path, folder: Path, examined: Examined) -> list[str]:
    """A sentence for each of a bundle's methods that BASE has elsewhere."""
    others = [base, *(p / RESULTS for p in base.iterdir() if p.name != folder.name)]
    return [
        f"{method} on {protocol} is in results/ already"
        for protocol, method in sorted({entry.run[:2] for entry in examined.entries})
        if any(True for other in others for _ in _seeds(other, protocol, method))
    ]


def _seeds(store: Path, protocol: str, method: str) -> Iterator[Path]:
    """The folders of a method's seeds."""
    return (store / protocol.replace("/", "-") / method).glob("seed*")


def differences(base: Path, folder: Path, examined: Examined) -> list[str]:
    """Comparisons of a bundle's methods with their references in BASE, as Markdown.

    What BASE has of the same methods, or in a folder of the same name, is left out.
    """
    runs = sorted({entry.run[:2] for entry in examined.entries})
    told = []

    def left_out(where: str, names: list[str]) -> set[str]:
        return {n for n in names if n == TRUST or (n == folder.name and Path(where) == base)}

    with tempfile.TemporaryDirectory() as aside:
        store = Path(aside) / "results"
        shutil.copytree(base, store, ignore=left_out)
        for root in [store, *(path / RESULTS for path in store.iterdir())]:
            for protocol, method in runs:
                for seed in _seeds(root, protocol, method):
                    shutil.rmtree(seed)
        shutil.copytree(folder / RESULTS, store / "submitted")
        boards = {board.card.id: board for board in load_boards(read_results(store))}
        for protocol, method in runs:
            if protocol not in boards:
                told.append(f"There is no comparison on {protocol}, which ranks selections.\n")
                continue
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
        lines = ["Nothing that was submitted was executed.", ""]
    if others:
        lines += ["### Beside the folders, for a person to look at", ""]
        lines += [fenced("\n".join(map(plain, others[:_MOST]))), ""]
    for one in judged:
        verdict = "could not be examined"
        if one.examined is not None:
            verdict = "accepted" if one.examined.accepted else "refused"
        lines += [f"### `{_name(one.name)}`: {verdict}", ""]
        if one.rescored:
            lines += ["Every metric but the CKA was computed again from the predictions.", ""]
        told = [one.error] if one.error else []
        told += map(plain, one.notes)
        if one.examined is not None:
            found = one.examined.findings
            told += [one.examined.verdict, *map(str, found.found[:_MOST]), *found.left_out()]
        lines += [fenced("\n".join(told)), ""]
        room = _DIFFERENCES
        for text in one.differences:
            room -= len(text)
            if room < 0:
                lines += ["Further differences are left out, so that this can be posted.", ""]
                break
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
        judged = [
            judge(base, folder, "store" if folder == submitted else "bundle")
            for folder in changed(base, submitted)
        ]
        text = comment(judged, beside(base, submitted))
    except Exception as error:
        judged = [Judged("results", None, error=plain(f"could not be examined: {error}"))]
        text = comment(judged)
    write_whole(output / "comment.md", text.encode())
    print(text)
    raise typer.Exit(0 if all(one.accepted for one in judged) else 1)


if __name__ == "__main__":
    typer.run(main)
