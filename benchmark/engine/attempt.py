"""What came of a cell."""

from dataclasses import dataclass
from typing import Literal

from benchmark.result import Record


@dataclass(frozen=True)
class Attempt:
    """What came of a cell.

    Args:
        status: `ok`, `failed`, or `busy` if another process has it.
        record: what was written, if it could be.
        cause: of a failure, in one line.
        computed: False if the cell was finished already.
    """

    status: Literal["ok", "failed", "busy"]
    record: Record | None = None
    cause: str = ""
    computed: bool = True

    @classmethod
    def of(cls, record: Record, *, computed: bool = True) -> "Attempt":
        """What a record says."""
        return cls(record.status, record, record.cause if record.error else "", computed)
