"""What the README says of how long things take: the demo, the engine, all benchmarks."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from baselines.bench_table import FILES, NOTE, Document, engine_lines, read_document, rows
from benchmark.cells import Planner
from benchmark.cli.demo import METHODS, PROTOCOL, WORKERS
from benchmark.cost.reference import shipped
from benchmark.cost.words import told_bytes
from benchmark.protocol import ProtocolSpec
from benchmark.resolve import protocol_named, resolve
from benchmark.store import Store

#: Training seeds that a run of the demo's methods may have here.
SEEDS = 3


def demo(results: Path, streams: Sequence[ProtocolSpec]) -> str:
    """What `make demo` takes, by the committed records of its methods.

    Machines differ in speed, so that each method counts by its fastest and by its slowest run.

    Args:
        results: folder of the records.
        streams: that take as long as the one of the demo.
    """
    planner, store = Planner(), Store(results)
    cells, fastest, slowest = 0, 0.0, 0.0
    for method in map(resolve, METHODS):
        plans = [planner.plan(spec, method, seed) for spec in streams for seed in range(SEEDS)]
        seconds = [
            sum(store.record(cell).cost.seconds for cell in plan)
            for plan in plans
            if all(store.state(cell, thorough=False) in ("done", "pruned") for cell in plan)
        ]
        fastest, slowest = fastest + min(seconds), slowest + max(seconds)
        cells += len(planner.plan(protocol_named(PROTOCOL), method, 0))
    return (
        f"The {cells} cells of `make demo` take {fastest / 3600:.1f} to {slowest / 3600:.1f} "
        f"hours of one core in all, adding up each method's fastest and slowest run of the records "
        f"here; as many are computed at once as there are cores, up to {WORKERS}. The data are "
        f"{told_bytes(sum(shipped().archives.values()))} of packages."
    )


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
