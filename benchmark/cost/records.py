"""What a store's records say about time and disk, read lightly: a plan reads thousands at once."""

import math
import os
import statistics
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from pydantic_core import from_json

from benchmark.accelerate import Acceleration
from benchmark.cells import Cell
from benchmark.provenance import environment

#: Device, platform, threads, version of torch: where these are equal, seconds are comparable.
Machine = tuple[str, str, int, str]

#: Fields of a record that name files.
_FILES = ("predictions", "checkpoint", "shared")

#: Relative standard deviation of what was timed once only.
ONCE = 0.15


@dataclass(frozen=True)
class Timing:
    """What a plan needs of a record.

    Args:
        key: of the cell.
        ok: whether it is finished.
        machine: where it was computed.
        tier: of its protocol.
        method: name as a path, options included.
        what: `linear.digits` and the like; `pretrain` for a phase.
        chunks: how many the phase read; 0 where nothing was trained.
        chunks_seen: how many the model had seen afterwards.
        visits: steps times the batch: those of the budget, without what a method reads on top.
        seconds: of the whole cell.
        files: paths, relative to the store, of what the record vouches for.
        record_bytes: of the record itself.
        prediction_bytes: of the predictions beside it.
        shared_bytes: of what it has in common with other methods.
    """

    key: str
    ok: bool
    machine: Machine
    tier: str
    method: str
    what: str
    chunks: int
    chunks_seen: int
    visits: int
    seconds: float
    files: tuple[Path, ...] = ()
    record_bytes: int = 0
    prediction_bytes: int = 0
    shared_bytes: int = 0


@dataclass(frozen=True)
class Spread:
    """A median with how far single values are from it.

    Args:
        median: in the unit of what was measured.
        deviation: relative standard deviation of single values; `ONCE` for a single one.
        count: of the values.

    Example:
        >>> Spread.of([1.0, 2.0, 3.0])
        Spread(median=2.0, deviation=0.5, count=3)
        >>> Spread.of([2.0]).deviation
        0.15
    """

    median: float
    deviation: float
    count: int

    @classmethod
    def of(cls, values: Iterable[float]) -> "Spread":
        """Of at least one value."""
        known = sorted(values)
        middle = statistics.median(known)
        if len(known) == 1 or not middle:
            return cls(middle, ONCE, len(known))
        return cls(middle, statistics.stdev(known) / middle, len(known))

    @property
    def error(self) -> float:
        """Relative standard error of the median, for values that scatter as in a bell curve."""
        return self.deviation * (1 if self.count == 1 else math.sqrt(math.pi / 2 / self.count))


def this_machine() -> Machine:
    """Where this process runs."""
    device = "cuda" if torch.cuda.is_available() else "cpu"
    here = environment(device, Acceleration.of(device))
    return here.device, here.platform, here.threads, here.torch


def read_timings(store: Path) -> dict[str, Timing]:
    """All records of a store, by their path in it without the ending; others are passed over.

    Args:
        store: the folder; it need not be there.
    """
    found = {}
    for folder, _, names in os.walk(store):
        place = Path(folder).relative_to(store)
        if not place.name.startswith("after-chunk"):
            continue
        for name in sorted(names):
            if name.endswith(".json"):
                try:
                    content = Path(folder, name).read_bytes()
                    timing = _timing(from_json(content), place, len(content), store)
                except (OSError, ValueError, KeyError, TypeError, AttributeError):
                    continue  # half a record, or none: the plan counts the cell as missing
                found[f"{place.as_posix()}/{name.removesuffix('.json')}"] = timing
    return found


def _timing(record: Mapping[str, Any], place: Path, size: int, store: Path) -> Timing:
    where, task, cost = record["environment"], record.get("task"), record["cost"]
    named = {name: record[name]["name"] for name in _FILES if record.get(name)}
    files = {name: place / file for name, file in named.items()}
    if "shared" in files:
        files["shared"] = Path(place.parts[0], "shared", place.parts[-2], named["shared"])
    return Timing(
        key=record["key"],
        ok=record["status"] == "ok",
        machine=(where["device"], where["platform"], where["threads"], where["torch"]),
        tier=record["protocol"]["id"].partition("/")[2].partition("@")[0],
        method=record["method"]["name"],
        what=f"{task['evaluation']}.{task['name']}" if task else "pretrain",
        chunks=len(record["stream"]["chunks"]),
        chunks_seen=record["stream"]["chunks_seen"],
        visits=cost["optimiser_steps"] * record["method"]["config"]["batch_size"],
        seconds=cost["seconds"],
        files=tuple(files.values()),
        record_bytes=size,
        prediction_bytes=_size(store, files.get("predictions")),
        shared_bytes=_size(store, files.get("shared")),
    )


def _size(store: Path, file: Path | None) -> int:
    return (store / file).stat().st_size if file and (store / file).is_file() else 0


def is_done(store: Path, timings: Mapping[str, Timing], cell: Cell) -> bool:
    """Whether a store has a cell already: its record, and the files that this vouches for.

    The files are looked for and not hashed, which a run does before it trusts them. Weights need
    not be there: a run keeps the last of a stream alone if it is told to.

    Args:
        store: the folder.
        timings: what `read_timings` found there.
        cell: with its key; its key is worked out only where there is a record.
    """
    known = timings.get(f"{cell.folder}/{cell.name}")
    if known is None or not known.ok or known.key != cell.key:
        return False
    return all((store / file).is_file() for file in known.files if file.suffix != ".pth")
