"""Tidy tables of the records: one row a number, or a cell; nothing averaged."""

from typing import TYPE_CHECKING

from benchmark.result import Record
from leaderboard.aggregate import Results

if TYPE_CHECKING:
    import pandas as pd

_KEYS = ("protocol", "method", "seed", "chunks_seen")
NUMBERS = (
    *_KEYS,
    *("evaluation", "task", "metric", "headline", "value", "standard_error", "n", "unit", "trust"),
)
SPENT = (
    *("image_visits", "optimiser_steps", "stored_bytes"),
    *("extra_parameters", "seconds", "peak_memory_bytes"),
)
COSTS = (*_KEYS, "cell", "status", *SPENT)


def _keys(record: Record) -> tuple[str, str, int, int]:
    """Which run, and which of its checkpoints."""
    run = record.protocol.id, record.method.name, record.seeds.replicate
    return *run, record.stream.chunks_seen


def numbers(results: Results) -> "pd.DataFrame":
    """One row a metric of an evaluation, headline first within a cell."""
    import pandas as pd

    rows = [
        (
            *_keys(found.record),
            *found.cell,
            name,
            position == 0,
            metric.value,
            metric.standard_error,
            metric.n,
            metric.unit,
            results.tier(found.record.protocol.id, found.record.method.name),
        )
        for found in results.located
        if found.cell and found.record.status == "ok"
        for position, (name, metric) in enumerate(found.record.metrics.items())
    ]
    frame: pd.DataFrame = pd.DataFrame(rows, columns=[*NUMBERS])
    return frame


def costs(results: Results) -> "pd.DataFrame":
    """One row a cell: what it used, and whether it succeeded."""
    import pandas as pd

    rows = [
        (
            *_keys(found.record),
            ".".join(found.cell) if found.cell else "pretrain",
            found.record.status,
            *(getattr(found.record.cost, name) for name in SPENT),
        )
        for found in results.located
    ]
    frame: pd.DataFrame = pd.DataFrame(rows, columns=[*COSTS])
    return frame
