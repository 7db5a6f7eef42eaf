"""How fast this machine is relative to the one that the shipped table was measured on."""

import math
import statistics
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial

import torch

from benchmark.cost.measure import finished, undisturbed
from benchmark.cost.rates import LEAST, Speed, Trained
from benchmark.cost.records import ONCE
from benchmark.cost.reference import Reference
from benchmark.cost.units import method_units
from benchmark.encoder import Encoder
from benchmark.errors import DataError
from benchmark.protocol import ProtocolSpec
from benchmark.registry import TASKS
from benchmark.resolve import ResolvedMethod

#: How many evaluations the speed is measured by, their seconds in the table, at most, and seconds
#: after which a slow machine is known well enough.
_EVALUATIONS, _EVALUATION_SECONDS, _ENOUGH = 3, 4.0, 8.0


def network_speed(
    reference: Reference,
    tier: str,
    trained: Mapping[tuple[str, str], Trained],
    methods: Iterable[ResolvedMethod],
) -> Speed | None:
    """How many times as long as in the table training takes here; None if nothing was measured."""
    table, unit = reference.training.get(tier, {}), reference.unit_seconds.get(tier)
    logs = []
    for method in methods:
        found = trained.get((tier, method.folder))
        if found and method.folder in table:
            logs.append(math.log(found.later.median / table[method.folder].median))
        elif found and unit:
            logs.append(math.log(found.later.median / (unit * method_units(method))))
    return _speed(logs)


@dataclass(frozen=True)
class Calibration:
    """Speed of the solvers, and by which evaluations it was measured."""

    speed: Speed
    by: tuple[str, ...]


def solver_speed(
    reference: Reference,
    protocol: ProtocolSpec,
    method: ResolvedMethod,
    tell: Callable[[str], object] = lambda _: None,
) -> Calibration | None:
    """How many times as long as in the table linear evaluations take here.

    The shortest are done for real, on a network as it is initialised, and held against the table's
    seconds of untrained networks; the first one once more before, which is not counted.

    Args:
        reference: the table.
        protocol: gives the tier and the backbone.
        method: whose backbone is evaluated, never trained.
        tell: told what is going on.

    Returns:
        None if the table has none of these evaluations, or no data are prepared.
    """
    table = reference.evaluations.get(protocol.tier, {})
    known = {
        name.partition(".")[2]: found.untrained
        for name, found in table.items()
        if name.startswith("linear.") and name.partition(".")[2] in TASKS
    }
    chosen: list[str] = []
    for name in sorted(known, key=lambda name: known[name]):
        total = known[name] + sum(known[other] for other in chosen)
        if len(chosen) == _EVALUATIONS or total > _EVALUATION_SECONDS:
            break
        try:
            TASKS.get(name)().require("linear")
        except DataError:
            continue
        chosen.append(name)
    if not chosen:
        return None
    where = "cuda" if torch.cuda.is_available() else "cpu"
    built = method.build(protocol, 0).to(where)

    def evaluate(name: str) -> float:
        encoder = Encoder(built, protocol)  # with no features in its memory
        start = finished(where)
        TASKS.get(name)().evaluate(encoder, evaluation="linear", seed=0)
        return finished(where) - start

    tell("measuring evaluations")
    evaluate(chosen[0])
    logs: list[float] = []
    start = time.perf_counter()
    for name in chosen:
        if logs and time.perf_counter() - start > _ENOUGH:
            break
        took = undisturbed(partial(evaluate, name), float)
        logs.append(math.log(took / known[name]))
    speed = _speed(logs)
    by = tuple(f"linear.{name}" for name in chosen[: len(logs)])
    return None if speed is None else Calibration(speed, by)


def between(one: Speed, other: Speed) -> Speed:
    """The middle of two speeds, as ratios go; the further they are apart, the less it is sure.

    Example:
        >>> between(Speed(1.0, 0.1, True), Speed(4.0, 0.1, True)).factor
        2.0
    """
    apart = abs(math.log(one.factor / other.factor)) / 2
    error = math.hypot(apart, (one.error + other.error) / 2)
    return Speed(math.sqrt(one.factor * other.factor), error, measured=True)


def _speed(logs: list[float]) -> Speed | None:
    """The middle one, since a slow spell of the machine may hit another."""
    if not logs:
        return None
    spread = statistics.stdev(logs) if len(logs) > 1 else ONCE
    error = max(LEAST, spread / math.sqrt(len(logs)))
    return Speed(math.exp(statistics.median(logs)), error, measured=True)
