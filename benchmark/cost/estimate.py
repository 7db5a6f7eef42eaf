"""A plan: cells, time, disk and downloads, added up from rates, with how sure they are."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from benchmark.cells import Cell, Planner
from benchmark.cost.calibrate import Calibration, between, network_speed, solver_speed
from benchmark.cost.measure import Others, measure_training
from benchmark.cost.outline import Outline, State, outlines, states
from benchmark.cost.rates import START_SECONDS, Rates, Trained, objective_of
from benchmark.cost.records import Spread, read_timings
from benchmark.cost.sums import Line, relative_error
from benchmark.cost.units import method_units
from benchmark.cost.words import told_count, told_number
from benchmark.errors import UsageError
from benchmark.protocol import ProtocolSpec
from benchmark.resolve import ResolvedMethod, resolve

Tell = Callable[[str], object]

#: Batches of the steps that the full tier is measured by on a CPU: the first that a method allows.
SMALL_BATCHES = (4, 8, 16, 32)


@dataclass(frozen=True)
class Request:
    """What is to be planned.

    Args:
        protocols: at least one.
        methods: for each protocol, resolved for its tier, at least one.
        seeds: replicates, from 0.
        tasks, evaluations, every: as in `benchmark.cells.plan`.
        store: folder of records, which need not be there.
    """

    protocols: Sequence[ProtocolSpec]
    methods: Sequence[Sequence[ResolvedMethod]]
    seeds: int
    tasks: Sequence[str] | None = None
    evaluations: Sequence[str] | None = None
    store: Path = Path("runs")
    every: bool = False


@dataclass(frozen=True)
class Plan:
    """What `predict` finds.

    Args:
        told: the outlines.
        found: the state of each of their cells.
        lines: cells added up, pre-training by method first.
        rates: what the seconds come from.
        notes: what was measured, a sentence each.
        others: share of the processor that other programs took meanwhile; None if it is not known.
    """

    told: Sequence[Outline]
    found: Sequence[Sequence[State]]
    lines: Sequence[Line]
    rates: Rates
    notes: Sequence[str]
    others: float | None = None

    @property
    def left(self) -> list[list[Cell]]:
        """The cells that are to be computed, of each outline."""
        return left_of(self.told, self.found)

    @property
    def seconds(self) -> float:
        """Of all that is left, one cell after the other, the start included."""
        work = sum(line.seconds for line in self.lines)
        return work + (START_SECONDS if work else 0.0)

    @property
    def error(self) -> float:
        """Relative standard error of these."""
        return relative_error(self.lines)


def predict(
    request: Request,
    *,
    measure: bool = True,
    tell: Tell = lambda _: None,
    more: Callable[[Outline], Outline] = lambda outline: outline,
) -> Plan:
    """Count the cells, look into the store, and measure what it does not tell.

    Args:
        request: what is to be planned.
        measure: whether anything is measured; if not, records and the shipped table count alone.
        tell: told what is going on.
        more: adds cells to an outline that no method plans.

    Raises:
        UsageError: what was asked for makes no sense.
        HeadwaterError: a method fails in its first steps.
    """
    if not request.protocols or not all(request.methods):
        raise UsageError("nothing to plan: name a protocol and a method")
    planner = Planner()
    told = [
        more(outline)
        for protocol, methods in zip(request.protocols, request.methods, strict=True)
        for outline in outlines(
            protocol,
            methods,
            request.seeds,
            request.tasks,
            request.evaluations,
            planner,
            every=request.every,
        )
    ]
    timings = read_timings(request.store) if request.store.is_dir() else {}
    found = [states(request.store, timings, outline.cells, keyed=outline.keyed) for outline in told]
    left = left_of(told, found)
    rates, notes = Rates.of(timings=[*timings.values()]), list[str]()
    others = Others()
    if measure:
        rates, notes = _measured(rates, told, left, tell)
    lines = lines_of(rates, told, found)
    return Plan(told, found, lines, rates, notes, others.share() if notes else None)


def left_of(told: Sequence[Outline], found: Sequence[Sequence[State]]) -> list[list[Cell]]:
    """The cells that are to be computed, of each outline."""
    return [
        [cell for cell, state in zip(outline.cells, of, strict=True) if state == "left"]
        for outline, of in zip(told, found, strict=True)
    ]


def lines_of(rates: Rates, told: Sequence[Outline], found: Sequence[Sequence[State]]) -> list[Line]:
    """The cells of a plan by method and evaluation, pre-training first.

    Args:
        rates: what the seconds come from.
        told: the outlines.
        found: the state of each cell of each outline.
    """
    lines: dict[str, Line] = {}
    for outline, of in zip(told, found, strict=True):
        for cell, state in zip(outline.cells, of, strict=True):
            name = cell.evaluation or outline.method.folder
            line = lines.setdefault(name, Line(name, cell.evaluation or "pretrain"))
            line.cells += 1
            line.done += state == "done"
            line.failed += state == "failed"
            if state == "left":
                rate = rates.rate(outline.protocol, cell, outline.method)
                line.add(rate, cell.task or name)
    return sorted(lines.values(), key=lambda line: line.kind != "pretrain")


def _measured(
    rates: Rates, told: Sequence[Outline], left: Sequence[Sequence[Cell]], tell: Tell
) -> tuple[Rates, list[str]]:
    notes: list[str] = []
    trained: dict[tuple[str, str], Trained] = {}
    units: dict[str, Spread] = {}  # of the full tier
    on_gpu = torch.cuda.is_available()
    for outline, cells in zip(told, left, strict=True):
        protocol, method = outline.protocol, outline.method
        key = (protocol.tier, method.folder)
        phases = [cell for cell in cells if cell.kind == "pretrain" and cell.chunks]
        if key in trained or all(rates.known(protocol, cell) for cell in phases):
            continue
        small = protocol.tier == "full" and not on_gpu
        if small:  # one objective under all strategies, by its forwards and backwards
            method = _small(outline.method)
            key = (protocol.tier, method.folder)
            if key in trained:
                continue
        tell(f"measuring {method.folder} at {protocol.tier}")
        trained[key] = measured = measure_training(method, protocol, strategy=not small)
        later = measured.later
        if protocol.tier == "full":
            unit = later.median / method_units(method)
            units[objective_of(method.folder)] = replace(later, median=unit)
        steady = f", steps ± {later.deviation:.0%}" if later.count > 1 else ""
        notes.append(
            f"{told_count(measured.steps, 'step')} of {method.folder} at {protocol.tier}: "
            f"{told_number(1 / later.median)} images a second{steady}"
        )
    every = {"": Spread.of([unit.median for unit in units.values()])} if units else {}
    rates = replace(rates, trained=trained, units={"full": units | every} if units else {})
    rates, more = _calibrated(rates, told, left, tell)
    return rates, notes + more


def _calibrated(
    rates: Rates, told: Sequence[Outline], left: Sequence[Sequence[Cell]], tell: Tell
) -> tuple[Rates, list[str]]:
    """The table's evaluations brought to the speed of this machine."""
    calibration = _calibration(rates, told, left, tell)
    tier, methods = told[0].protocol.tier, [outline.method for outline in told]
    training = network_speed(rates.reference, tier, rates.trained, methods)
    notes = []
    if calibration:
        notes.append(
            f"{', '.join(calibration.by)} take {calibration.speed.factor:.2f} times as long here "
            f"as in the shipped table (± {calibration.speed.error:.0%})"
        )
    if training and tier != "full":
        notes.append(
            f"training takes {training.factor:.2f} times as long here as in the shipped table"
        )
    solver = calibration.speed if calibration else training
    if solver is None:
        return rates, notes
    # A detector, or a probe of chunks, is part a network at work, part Python and algebra.
    both = solver if training is None else between(solver, training)
    return replace(rates, solvers=solver, networks=both), notes


def _small(method: ResolvedMethod) -> ResolvedMethod:
    """The method's objective under sequential training, in small batches, at the full tier."""
    name = method.name
    if len(method.parts) == 2:
        name = f"{name.rpartition('/')[0]}/sequential"
    options = {k: v for k, v in method.options if k in resolve(name, tier="full").config}
    for batch_size in SMALL_BATCHES:
        with suppress(UsageError):
            return resolve(name, options | {"batch_size": batch_size}, "full")
    return resolve(name, options, "full")


def _calibration(
    rates: Rates, told: Sequence[Outline], left: Sequence[Sequence[Cell]], tell: Tell
) -> Calibration | None:
    """Measured where something rests on the table."""
    for outline, cells in zip(told, left, strict=True):
        if outline.protocol.tier == "full":
            continue
        for cell in cells:
            if cell.kind == "evaluation":
                rate = rates.rate(outline.protocol, cell)
                if rate.basis != "records":
                    return solver_speed(rates.reference, outline.protocol, outline.method, tell)
    return None
