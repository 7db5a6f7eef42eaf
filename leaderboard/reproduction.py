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
from benchmark.result import read_record
from leaderboard import words
from leaderboard.row import machine

#: Name of the file in the folder of the records.
FILE = "verify.json"


def reproduction(measured: Mapping[str, Any], now: int | None = None) -> str:
    """A table of the cells, what is allowed, and the verdicts.

    Args:
        measured: the document that `main` writes.
        now: evaluations that the store has by now, which is told where there are more or fewer than
            the cells were drawn from; None if that is not known.

    Example:
        >>> cell = {"path": "p@1/a/seed0/after-chunk4/linear.x.json", "metric": "top1"}
        >>> same = cell | {"claimed": 50.0, "found": 50.0, "verdict": "same bits", "alike": True}
        >>> near = cell | {"claimed": 50.0, "found": 50.5, "verdict": "agrees", "allowed": 2.0}
        >>> there = {"of": 7, "machines": ["a machine"], "ended": "2026-11-28"}
        >>> document = {
        ...     "seed": 1, "threads": 3,
        ...     "as_recorded": {"drawn": [same], "verdict": "reproduced: one"} | there,
        ...     "otherwise": {"drawn": [near], "verdict": "reproduced: other"} | there,
        ... }
        >>> print(reproduction(document).splitlines()[2])
        | `p@1/a/seed0/after-chunk4/linear.x` | top1 50.00 | same kind | same bits | +0.50 | 2.00 |
        >>> reproduction(document, 7) == reproduction(document)
        True
        >>> reproduction(document, 1234).rpartition("by ")[2]
        '0.50 at the most; the store has 1,234 evaluations now.'
    """
    threads = measured["threads"]
    lines = [
        f"| Cell | Claimed | Machine | As recorded | By {threads} threads | Allowed |",
        "| :-- | --: | :-- | :-- | --: | --: |",
    ]
    first, second = measured["as_recorded"], measured["otherwise"]
    moved = []
    for same, other in zip(first["drawn"], second["drawn"], strict=True):
        moved.append(other["found"] - other["claimed"])
        step = f"{moved[-1]:+.2f}".replace("-", words.MINUS)
        lines.append(
            f"| `{same['path'].removesuffix('.json')}` | {same['metric']} {same['claimed']:.2f} "
            f"| {'same kind' if same['alike'] else 'not known to be'} | {same['verdict']} | {step} "
            f"| {other['allowed']:.2f} |"
        )
    drawn = words.counted(len(moved), "cell")
    alike = [cell["verdict"] == "same bits" for cell in first["drawn"] if cell["alike"]]
    later = "" if now in (None, first["of"]) else f"; the store has {now:,} evaluations now"
    return "\n".join(
        [
            *lines,
            "",
            "Allowed is how far two headlines may be apart by the choice of test images (few-shot: "
            "of episodes) in both runs and by the luck of another training, as far as the other "
            f"methods of several seeds tell it, at 95 % over the {drawn} drawn (Bonferroni).",
            "",
            "The machine is of the same kind where the records of the cell and of all that it "
            "rests on name the processor, versions and number of threads of the rerun.",
            "",
            f"The draw is that of seed {measured['seed']}; computed again until {first['ended']} "
            f"on {words.joined(first['machines'])}. "
            f"By as many threads as each record names: {first['verdict']}; "
            f"{sum(alike)} of the {len(alike)} of the same kind of machine. By {threads} threads: "
            f"{second['verdict']}; the headlines moved by "
            f"{statistics.fmean(map(abs, moved)):.2f} on average, and by "
            f"{max(map(abs, moved)):.2f} at the most{later}.",
        ]
    )


def main(
    store: Annotated[Path, typer.Option(help="Folder of the records.")] = Path("results"),
    cells: Annotated[int, typer.Option(min=1, help="So many are drawn.")] = 10,
    seed: Annotated[int, typer.Option(min=0, help="Of the draw.")] = 2026,
    threads: Annotated[int, typer.Option(min=1, help="For the second time.")] = 3,
    keep: Annotated[Path, typer.Option(help="Folder, to go on from.")] = Path("build/verify"),
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
        again = [read_record(keep / name / cell["path"]) for cell in document[name]["drawn"]]
        document[name]["machines"] = sorted({machine(record.environment) for record in again})
        document[name]["ended"] = max(record.provenance.ended for record in again)[:10]
        print(document[name]["verdict"], flush=True)
    write_whole(store / FILE, (json.dumps(document, indent=1) + "\n").encode())


if __name__ == "__main__":
    typer.run(main)
