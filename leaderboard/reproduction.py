"""Committed evaluations computed again, twice: `python -m leaderboard.reproduction`.

Once each cell by as many threads as its record names, so that the same bits are to come of it on
the same kind of machine; and once by another number, by which sums come out otherwise in the last
bit, so that training goes its own way from there on.
"""

import json
import statistics
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from benchmark.canonical import write_whole
from leaderboard import words

#: Name of the file in the folder of the records.
FILE = "verify.json"


def reproduction(measured: Mapping[str, Any], now: int | None = None) -> str:
    """A table of the cells, what is allowed, and the verdicts.

    Args:
        measured: the document that `main` writes.
        now: evaluations that the store has by now, which is told where there are more or fewer than
            the cells were drawn from; None if that is not known.

    Example:
        >>> cell = {"path": "p@1/a/seed0/after-chunk4/linear.mnist.json", "metric": "top1"}
        >>> same = cell | {"claimed": 50.0, "found": 50.0, "verdict": "same bits"}
        >>> near = cell | {"claimed": 50.0, "found": 50.5, "verdict": "agrees", "allowed": 2.0}
        >>> document = {
        ...     "seed": 1, "threads": 3,
        ...     "as_recorded": {"drawn": [same], "of": 7, "verdict": "reproduced: one"},
        ...     "otherwise": {"drawn": [near], "of": 7, "verdict": "reproduced: other"},
        ... }
        >>> print(reproduction(document).splitlines()[2])
        | `p@1/a/seed0/after-chunk4/linear.mnist` | top1 50.00 | same bits | +0.50 | 2.00 |
        >>> reproduction(document, 7) == reproduction(document)
        True
        >>> reproduction(document, 1234).rpartition("by ")[2]
        '0.50 at the most; the store has 1,234 evaluations now.'
    """
    threads = measured["threads"]
    lines = [
        f"| Cell | Claimed | As recorded | By {threads} threads | Allowed |",
        "| :-- | --: | :-- | --: | --: |",
    ]
    first, second = measured["as_recorded"], measured["otherwise"]
    moved = []
    for same, other in zip(first["drawn"], second["drawn"], strict=True):
        moved.append(other["found"] - other["claimed"])
        step = f"{moved[-1]:+.2f}".replace("-", words.MINUS)
        lines.append(
            f"| `{same['path'].removesuffix('.json')}` | {same['metric']} {same['claimed']:.2f} "
            f"| {same['verdict']} | {step} | {other['allowed']:.2f} |"
        )
    drawn = words.counted(len(moved), "cell")
    later = "" if now in (None, first["of"]) else f"; the store has {now:,} evaluations now"
    return "\n".join(
        [
            *lines,
            "",
            "Allowed is how far two headlines may be apart by the choice of test images (few-shot: "
            "of episodes) in both runs and by the luck of another training, as far as the other "
            f"methods of several seeds tell it, at 95 % over the {drawn} drawn (Bonferroni).",
            "",
            f"The draw is that of seed {measured['seed']}. "
            f"By as many threads as each record names: {first['verdict']}. By {threads} threads: "
            f"{second['verdict']}; the headlines moved by "
            f"{statistics.fmean(map(abs, moved)):.2f} on average, and by "
            f"{max(map(abs, moved)):.2f} at the most{later}.",
        ]
    )


def main(
    store: Annotated[Path, typer.Option(help="Folder of the records.")] = Path("results"),
    cells: Annotated[int, typer.Option(min=1, help="So many are drawn.")] = 10,
    seed: Annotated[int, typer.Option(min=0, help="Of the draw.")] = 0,
    threads: Annotated[int, typer.Option(min=1, help="For the second time.")] = 3,
    keep: Annotated[Path, typer.Option(help="Folder, to go on from.")] = Path("runs/verify"),
) -> None:
    """Compute evaluations drawn at random again, and write what came of it into verify.json."""
    code = "from benchmark.cli.main import main; main()"
    command = [sys.executable, "-c", code, "verify", str(store), "--json"]
    command += ["--cells", str(cells), "--seed", str(seed)]
    ways = {"as_recorded": [], "otherwise": ["--threads", str(threads)]}
    running = {
        name: subprocess.Popen(
            [*command, *more, "--store", str(keep / name)], stdout=subprocess.PIPE, text=True
        )
        for name, more in ways.items()
    }
    document: dict[str, Any] = {"seed": seed, "threads": threads}
    for name, process in running.items():
        document[name] = json.loads(process.communicate()[0])
        print(document[name]["verdict"], flush=True)
    write_whole(store / FILE, (json.dumps(document, indent=1) + "\n").encode())


if __name__ == "__main__":
    typer.run(main)
