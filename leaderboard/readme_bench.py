"""The README's tables of what the engine takes, and of all benchmarks."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from baselines.bench_table import FILES, NOTE, Document, engine_lines, read_document, rows


def engine(measured: Document) -> str:
    """What `headwater bench engine --json` printed, beside the limits."""
    lines = ["| Engine | Measured | Limit |", "| :-- | --: | --: |"]
    lines += [f"| {' | '.join(line)} |" for line in engine_lines(measured)]
    return "\n".join(
        [*lines, "", "Medians of rounds in one run; in brackets the lowest and the highest."]
    )


def benchmarks(results: Path) -> str:
    """The one table that `headwater bench --from results` prints.

    Args:
        results: folder of the documents of all benchmarks.

    Raises:
        DataError: one of them is missing, or is not what its benchmark writes.
    """
    table = rows({name: read_document(results, name) for name in FILES})
    headings = [heading.capitalize() for heading in table[0].cells()]
    lines = [f"| {' | '.join(headings)} |", "| :-- | :-- | --: | :-- | --: | --: |"]
    lines += [f"| {' | '.join(row.cells().values())} |" for row in table]
    return "\n".join([*lines, "", NOTE])


def site(measured: Mapping[str, Mapping[str, Any]]) -> str:
    """What `python -m leaderboard.bench` found on each kind of machine."""
    lines = [
        "| Processor | Built in | Bare | Built without evidence | First page | Usable after |",
        "| :-- | --: | --: | --: | --: | --: |",
        "| (limits) | 20 s | | | 3 MB | 2 s |",
    ]
    for cpu, one in sorted(measured.items(), key=lambda pair: pair[1]["median"]):
        low, high = min(one["seconds"]), max(one["seconds"])
        ready = one["ready_milliseconds"]
        cells = (
            cpu,
            f"{one['median']:.1f} s ({low:.1f} to {high:.1f})",
            f"{one['bare_median']:.1f} s",
            f"{one['without_evidence_seconds']:.0f} s",
            f"{one['home_with_scripts_bytes'] / 1e6:.2f} MB",
            f"{max(ready) / 1000:.1f} s" if ready else "no Chromium",
        )
        lines.append(f"| {' | '.join(cells)} |")
    one = next(iter(measured.values()))
    return "\n".join(
        [
            f"{one['runs']:,} runs with {one['evaluations']:,} evaluations ({one['records']:,} "
            "records), by a machine that has never seen them; medians, in brackets the lowest and "
            "the highest:",
            "",
            *lines,
            "",
            "Bare is what one process takes to import torch, and to read the records as JSON. "
            "Evidence is what `validate --trust` found in the predictions, and keeps beside "
            "the records. The first page is told without plotly.js, and timed in Chromium, the "
            "slowest of three times.",
        ]
    )
