"""Tidy tables of the records: one row a number, or a cell; nothing averaged.

Rows are in the order of protocol, method, seed and chunks seen, and then of the files' paths.
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from benchmark.result import Record
from leaderboard.aggregate import Results

if TYPE_CHECKING:
    import pandas as pd

#: A row of a table.
Line = tuple[Any, ...]
_KEYS = ("protocol", "method", "seed", "chunks_seen")
NUMBERS = (
    *_KEYS,
    *("evaluation", "task", "metric", "headline", "value", "standard_error", "n", "unit", "trust"),
)
SPENT = (
    *("image_visits", "optimiser_steps", "stored_bytes"),
    *("extra_parameters", "seconds", "peak_memory_bytes"),
)
#: Where it ran: device, kind of processor if it is on record, threads, versions.
WHERE = ("device", "cpu", "threads", "torch", "platform")
COSTS = (*_KEYS, "cell", "status", *SPENT, *WHERE)


def _keys(record: Record) -> tuple[str, str, int, int]:
    """Which run, and which of its checkpoints."""
    run = record.protocol.id, record.method.name, record.seeds.replicate
    return *run, record.stream.chunks_seen


def number_rows(results: Results) -> list[Line]:
    """One a metric of an evaluation, headline first within a cell."""
    return [
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


def cost_rows(results: Results) -> list[Line]:
    """One a cell: what it used, whether it succeeded, and where it ran."""
    return [
        (
            *_keys(found.record),
            ".".join(found.cell) if found.cell else "pretrain",
            found.record.status,
            *(getattr(found.record.cost, name) for name in SPENT),
            *(getattr(found.record.environment, name) for name in WHERE),
        )
        for found in results.located
    ]


def table(rows: Iterable[Line], columns: tuple[str, ...]) -> "pd.DataFrame":
    """Rows as a table, in their order; `columns` are NUMBERS or COSTS."""
    import pandas as pd

    ordered = sorted(rows, key=lambda row: row[: len(_KEYS)])
    frame: pd.DataFrame = pd.DataFrame(ordered, columns=[*columns])
    return frame
