"""The README's tables of what the engine takes, and of all benchmarks."""

from pathlib import Path

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
