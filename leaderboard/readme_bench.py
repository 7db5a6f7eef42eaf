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


def site(measured: Mapping[str, Any]) -> str:
    """What `python -m leaderboard.bench` printed."""
    ready = measured["ready_milliseconds"]
    usable = f", and it can be used after {max(ready) / 1000:.1f} s in Chromium" if ready else ""
    return (
        f"The site of {measured['runs']:,} runs with {measured['evaluations']:,} evaluations "
        f"({measured['records']:,} records) is built in {measured['median']:.1f} s by a machine "
        f"that has never seen them (median of {len(measured['seconds'])} builds); to import torch "
        f"and to read the records, which no build can do without, takes "
        f"{measured['bare_median']:.1f} s on the same machine. Beside the records lies what "
        f"`validate --trust` found in their predictions; without that file it takes "
        f"{measured['without_evidence_seconds']:.0f} s. The first page has "
        f"{measured['home_with_scripts_bytes'] / 1e6:.1f} MB beside plotly.js{usable}."
    )
