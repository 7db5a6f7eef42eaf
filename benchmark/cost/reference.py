"""The table that Headwater ships: what cells took where the committed records were made.

`python -m benchmark.cost` writes it from the records of a checkout; an installed package has the
table alone.
"""

import json
import statistics
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from benchmark.canonical import write_whole
from benchmark.cost.records import Machine, Spread, Timing, read_timings
from benchmark.cost.units import method_units
from benchmark.data.home import home
from benchmark.errors import DataError, UsageError
from benchmark.resolve import resolve

TABLE = Path(__file__).with_name("reference.json")

#: Seconds of evaluations of which there is no record at all, at nano on two CPU cores; worked out
#: from what they took on one core, relative to those of which there are records.
GUESSES = {
    "detection": 40.0,
    "fewshot_logistic": 0.2,
    "finetune": 25.0,
    "knn": 0.3,
    "linear": 4.0,
    "linear_1pct": 0.4,
    "linear_10pct": 0.7,
    "sharpness": 40.0,
}
GUESS = 1.0
#: Their bytes: record, predictions, what is shared.
_SIZES = (3_000, 10_000, 0)


@dataclass(frozen=True)
class Known:
    """An evaluation in the table.

    Args:
        seconds: over all checkpoints.
        untrained: the median over untrained networks; that of all where there was none.
        sizes: bytes of the record, of the predictions, and of what all methods have in common.
    """

    seconds: Spread
    untrained: float
    sizes: tuple[int, int, int]


@dataclass(frozen=True)
class Reference:
    """The table.

    Args:
        machine: where it was measured.
        evaluations: by tier and `linear.digits` and the like.
        training: seconds an image visit, by tier and method.
        unit_seconds: of a unit of training (see `benchmark.cost.units`), by tier.
        phase_bytes: of a phase's record.
        archives: bytes of the nano tier's packages, by the file's name.
        sets: bytes of what is rendered from them, by the set's name.
    """

    machine: Machine
    evaluations: Mapping[str, Mapping[str, Known]]
    training: Mapping[str, Mapping[str, Spread]]
    unit_seconds: Mapping[str, float]
    phase_bytes: int
    archives: Mapping[str, int]
    sets: Mapping[str, int]

    def evaluation(self, tier: str, what: str) -> tuple[Known, bool]:
        """What an evaluation took, and whether that is of the task itself.

        Without a record, that of the same kind on other tasks counts, at last a guess.

        Args:
            tier: of the protocol; for tiers that have no records nano stands in.
            what: such as `linear.digits`.
        """
        table = self.evaluations.get(tier) or self.evaluations.get("nano", {})
        if what in table:
            return table[what], tier in self.evaluations
        way = what.partition(".")[0]
        alike = [known for name, known in table.items() if name.partition(".")[0] == way]
        if alike:
            middle = statistics.median(known.seconds.median for known in alike)
            sizes = [
                round(statistics.median(each))
                for each in zip(*(k.sizes for k in alike), strict=True)
            ]
            return Known(Spread(middle, 1.0, 1), middle, (sizes[0], sizes[1], sizes[2])), False
        guess = GUESSES.get(way, GUESS)
        return Known(Spread(guess, 1.0, 1), guess, _SIZES), False


@cache
def shipped() -> Reference:
    """The table that this version of Headwater has.

    Raises:
        DataError: it is missing or damaged.

    Example:
        >>> shipped().evaluation("nano", "linear.digits")[1]
        True
    """
    try:
        table = json.loads(TABLE.read_bytes())
        return Reference(
            machine=(
                table["machine"]["device"],
                table["machine"]["platform"],
                table["machine"]["threads"],
                table["machine"]["torch"],
            ),
            evaluations={
                tier: {
                    name: Known(_spread(known), known["untrained"], tuple(known["bytes"]))
                    for name, known in of_tier.items()
                }
                for tier, of_tier in table["evaluations"].items()
            },
            training={
                tier: {name: _spread(known) for name, known in of_tier.items()}
                for tier, of_tier in table["training"].items()
            },
            unit_seconds=table["unit_seconds"],
            phase_bytes=table["phase_bytes"],
            archives=table["archives"],
            sets=table["sets"],
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(f"{TABLE} is not the table of costs ({error}); reinstall it") from error


def _spread(known: Mapping[str, Any]) -> Spread:
    return Spread(known["seconds"], known["deviation"], known["count"])


def build(stores: Sequence[Path]) -> dict[str, Any]:
    """The table from the records of some stores, as JSON has it.

    All records of one kind of machine count, that of most records; a cell that two stores have
    counts twice.

    Args:
        stores: folders of records.

    Raises:
        UsageError: none of them has a record of a finished cell.
    """
    every = [timing for store in stores for timing in read_timings(store).values() if timing.ok]
    if not every:
        told = ", ".join(map(str, stores))
        raise UsageError(f"there is no record of a finished cell in {told}; name a store")
    machine = statistics.mode(timing.machine for timing in every)
    timings = [timing for timing in every if timing.machine == machine]
    phases = [timing for timing in timings if timing.what == "pretrain"]
    trained = [timing for timing in phases if timing.visits]
    by_method = {
        (t, name): Spread.of([each.seconds / each.visits for each in some])
        for (t, name), some in _grouped(trained, lambda each: (each.tier, each.method)).items()
    }
    device, platform, threads, torch = machine
    return {
        "about": "written by python -m benchmark.cost; seconds, and bytes",
        "machine": {"device": device, "platform": platform, "threads": threads, "torch": torch},
        "evaluations": _nested(
            {
                key: _of_evaluation(some)
                for key, some in _grouped(
                    [timing for timing in timings if timing.what != "pretrain"],
                    lambda each: (each.tier, each.what),
                ).items()
            }
        ),
        "training": _nested({key: _rounded(found) for key, found in by_method.items()}),
        "unit_seconds": {
            tier: _digits(
                statistics.median(
                    found.median / _units(name)
                    for (of, name), found in by_method.items()
                    if of == tier
                )
            )
            for tier in sorted({tier for tier, _ in by_method})
        },
        "phase_bytes": round(statistics.median([each.record_bytes for each in phases] or [0])),
        "archives": {
            file.name: file.stat().st_size
            for file in sorted((home() / "packages").glob("*"))
            if file.suffix in (".tgz", ".whl")
        },
        "sets": {
            str(about.parent.relative_to(home() / "nano")): sum(
                file.stat().st_size for file in about.parent.glob("*")
            )
            for about in sorted((home() / "nano").rglob("about.json"))
        },
    }


def write(stores: Sequence[Path], path: Path = TABLE) -> Path:
    """Write the table; returns where.

    Args:
        stores: folders of records.
        path: of the file.

    Raises:
        UsageError: there are no records.
    """
    write_whole(path, (json.dumps(build(stores), indent=1) + "\n").encode())
    shipped.cache_clear()
    return path


def _units(method: str) -> float:
    """Units of a visit of a method in a store, options included; of a file's method a guess."""
    try:
        return method_units(resolve(method.partition("+")[0]))
    except UsageError:
        return method_units(None)


def _grouped(
    timings: Sequence[Timing], key: Callable[[Timing], tuple[str, str]]
) -> dict[tuple[str, str], list[Timing]]:
    groups = defaultdict(list)
    for timing in timings:
        groups[key(timing)].append(timing)
    return dict(sorted(groups.items()))


def _nested(table: Mapping[tuple[str, str], Any]) -> dict[str, dict[str, Any]]:
    told: dict[str, dict[str, Any]] = {}
    for (tier, name), value in table.items():
        told.setdefault(tier, {})[name] = value
    return told


def _of_evaluation(some: Sequence[Timing]) -> dict[str, Any]:
    untrained = [each.seconds for each in some if not each.chunks]
    return _rounded(Spread.of([each.seconds for each in some])) | {
        "untrained": _digits(statistics.median(untrained or [each.seconds for each in some])),
        "bytes": [
            round(statistics.median(sizes))
            for sizes in zip(
                *((e.record_bytes, e.prediction_bytes, e.shared_bytes) for e in some), strict=True
            )
        ],
    }


def _rounded(found: Spread) -> dict[str, Any]:
    return {
        "seconds": _digits(found.median),
        "deviation": round(found.deviation, 3),
        "count": found.count,
    }


def _digits(value: float) -> float:
    """Four significant digits."""
    return float(f"{value:.4g}")
