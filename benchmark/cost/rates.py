"""Seconds of a cell, from the best that is known: records, then steps, the table, declarations."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

import torch

from benchmark.cells import Cell
from benchmark.cost.declared import V100
from benchmark.cost.records import Machine, Spread, Timing, read_timings, this_machine
from benchmark.cost.reference import Reference, shipped
from benchmark.cost.units import FORWARD_MFLOP, evaluation_units, is_later, method_units
from benchmark.protocol import ProtocolSpec
from benchmark.resolve import ResolvedMethod

#: What a number rests on, best first.
Basis = Literal["records", "measured", "calibrated", "shipped", "declared", "guessed"]

#: Seconds of the start of a run: imports, the plan, the images.
START_SECONDS = 10.0
#: Least relative error of anything: two runs on a quiet machine differ by so much.
LEAST = 0.03
#: Relative errors: of what was measured before for what comes, since a machine's pace drifts; of
#: what was not measured on this machine; of declarations; and of guesses.
DRIFT, UNCALIBRATED, DECLARED, GUESSED = 0.07, 0.3, 0.3, 0.7
#: Evaluations that are solvers on features; the others are networks at work.
SOLVERS = ("linear", "linear_1pct", "linear_10pct", "knn", "fewshot", "fewshot_logistic")


#: That a selection takes for each image of its pool, most of it for the features; a guess.
_SELECTION_SECONDS = 5e-4


@dataclass(frozen=True)
class Rate:
    """Seconds of a cell, and how sure they are.

    Args:
        seconds: expected.
        error: relative standard error of its own.
        shared: relative standard error that all numbers of this basis have in common.
        basis: what it rests on.
    """

    seconds: float
    error: float
    shared: float
    basis: Basis


@dataclass(frozen=True)
class Trained:
    """What a few steps of a method took.

    Args:
        first: seconds an image visit in the first phase.
        later: in a later one.
        end_seconds: of the end of a chunk.
        phase_seconds: of a phase beside its steps.
        steps: that were timed.
    """

    first: Spread
    later: Spread
    end_seconds: float = 0.0
    phase_seconds: float = 0.0
    steps: int = 0


@dataclass(frozen=True)
class Speed:
    """How many times as long as in the table things take here, and its relative error."""

    factor: float = 1.0
    error: float = UNCALIBRATED
    measured: bool = False


@dataclass(frozen=True)
class Rates:
    """What cells take on this machine. `of` gives one that measures nothing.

    Args:
        reference: the shipped table.
        machine: this one.
        evaluations: seconds in records of this machine, by tier and `linear.digits` and the like.
        training: seconds an image visit in records, by tier, method, chunks read and chunks seen.
        trained: what was measured, by tier and method.
        solvers, networks: speed of evaluations, and of what trains or runs a network.
        units: seconds of a unit by tier and objective, where that was measured or declared; under
            "" for objectives that are not in it.
        declared: whether `units` is.

    Example:
        >>> from benchmark.cells import plan
        >>> from benchmark.resolve import protocol_named, resolve
        >>> spec, method = protocol_named("instance/nano"), resolve("moco_v2/sequential")
        >>> rates, cells = Rates.of(), plan(spec, method, 0)
        >>> 0 < rates.seconds(spec, cells[1], method) < rates.seconds(spec, cells[0], method)
        True
    """

    reference: Reference
    machine: Machine
    evaluations: Mapping[tuple[str, str], Spread] = field(default_factory=dict)
    training: Mapping[tuple[str, str, int, int], Spread] = field(default_factory=dict)
    trained: Mapping[tuple[str, str], Trained] = field(default_factory=dict)
    solvers: Speed = Speed()
    networks: Speed = Speed()
    units: Mapping[str, Mapping[str, Spread]] = field(default_factory=dict)
    declared: bool = False

    @classmethod
    def of(cls, store: Path | None = None, timings: Sequence[Timing] | None = None) -> "Rates":
        """Rates from records of this kind of machine and the shipped table; measures nothing.

        Args:
            store: folder of records; None for none.
            timings: its records, if they have been read already.

        Raises:
            DataError: the table is damaged.
        """
        if timings is None:
            timings = [*read_timings(store).values()] if store else []
        machine, reference = this_machine(), shipped()
        evaluations: dict[tuple[str, str], list[float]] = defaultdict(list)
        training: dict[tuple[str, str, int, int], list[float]] = defaultdict(list)
        for each in timings:
            if not each.ok or each.machine != machine:
                continue
            if each.what != "pretrain":
                evaluations[each.tier, each.what].append(each.seconds)
            elif each.visits:
                key = (each.tier, each.method, each.chunks, each.chunks_seen)
                training[key].append(each.seconds / each.visits)
        same = Speed(1.0, 0.1) if machine == reference.machine else Speed()
        return cls(
            reference=reference,
            machine=machine,
            evaluations={key: Spread.of(values) for key, values in evaluations.items()},
            training={key: Spread.of(values) for key, values in training.items()},
            solvers=same,
            networks=same,
        )

    def on_declared_gpus(self) -> "Rates":
        """The same as declared for one V100 at the full tier, nothing of this machine in it."""
        units = {"full": {"": Spread(V100.unit_seconds, DECLARED, 1)}}
        return replace(self, evaluations={}, training={}, trained={}, units=units, declared=True)

    def seconds(
        self, protocol: ProtocolSpec, cell: Cell, method: ResolvedMethod | None = None
    ) -> float:
        """Seconds that a cell is expected to take.

        Args:
            protocol: of the cell.
            cell: a phase or an evaluation.
            method: of the cell; None if only its name, in the cell's folder, is known.
        """
        return self.rate(protocol, cell, method).seconds

    def rate(
        self, protocol: ProtocolSpec, cell: Cell, method: ResolvedMethod | None = None
    ) -> Rate:
        """The same with its error, and what it rests on."""
        if cell.kind == "pretrain":
            return self._phase(protocol, cell, method)
        if cell.kind == "selection":
            return Rate(_SELECTION_SECONDS * protocol.pool_images[0], 1.0, 0.0, "guessed")
        return self._evaluation(protocol, cell)

    def known(self, protocol: ProtocolSpec, cell: Cell) -> bool:
        """Whether records of this machine tell what a phase takes."""
        return self._recorded(protocol.tier, _method_name(cell), cell) is not None

    def _recorded(self, tier: str, name: str, cell: Cell) -> Spread | None:
        """Seconds a visit in records: of the same phase, else of other phases of the method."""
        exact = self.training.get((tier, name, len(cell.chunks), cell.chunks_seen))
        if exact:
            return exact
        others = [
            found
            for (of, named, _, seen), found in self.training.items()
            # What some strategies add comes after the first chunk: it says nothing of later ones.
            if (of, named) == (tier, name) and (seen > 1) == (cell.chunks_seen > 1)
        ]
        if not others:
            return None
        middle = Spread.of([found.median for found in others])
        return replace(middle, deviation=max(middle.deviation, *(o.deviation for o in others)))

    def _phase(self, protocol: ProtocolSpec, cell: Cell, method: ResolvedMethod | None) -> Rate:
        visits = protocol.phase_visits(cell.chunks) if cell.chunks else 0
        if not visits:
            return Rate(0.1, 0.5, 0.0, "shipped")
        name, tier = _method_name(cell), protocol.tier
        found = self._recorded(tier, name, cell)
        if found:
            return Rate(visits * found.median, max(found.error, LEAST), DRIFT, "records")
        measured = self.trained.get((tier, name))
        if measured:
            rate = measured.later if is_later(cell) else measured.first
            ends = protocol.boundaries or cell.chunks_seen == protocol.chunks
            beside = measured.phase_seconds + (measured.end_seconds if ends else 0.0)
            return Rate(visits * rate.median + beside, max(rate.error, LEAST), DRIFT, "measured")
        if tier in self.units:
            unit = self.units[tier].get(objective_of(name)) or self.units[tier][""]
            seconds = visits * method_units(method, later=is_later(cell)) * unit.median
            basis: Basis = "declared" if self.declared else "measured"
            return Rate(seconds, LEAST, max(unit.error, DRIFT), basis)
        table = self.reference.training.get(tier, {})
        speed = self.networks
        if name in table:
            own = table[name]
            basis = "calibrated" if speed.measured else "shipped"
            seconds = visits * own.median * speed.factor
            return Rate(seconds, max(own.error, LEAST), speed.error, basis)
        seconds = visits * method_units(method, later=is_later(cell)) * self._unit(protocol)
        if tier not in self.reference.unit_seconds:
            return Rate(seconds, GUESSED, speed.error, "guessed")
        return Rate(seconds, 0.2, speed.error, "calibrated" if speed.measured else "shipped")

    def _evaluation(self, protocol: ProtocolSpec, cell: Cell) -> Rate:
        what, tier = f"{cell.evaluation}.{cell.task}", protocol.tier
        found = self.evaluations.get((tier, what))
        if found:
            return Rate(found.median, max(found.error, LEAST), DRIFT, "records")
        if tier == "full":
            guess = {"": Spread(self._unit(protocol), GUESSED, 1)}
            unit = self.units.get(tier, guess)[""]
            seconds = evaluation_units(protocol, cell) * unit.median
            return Rate(seconds, DECLARED, unit.error, "declared" if self.declared else "guessed")
        known, own = self.reference.evaluation(tier, what)
        speed = self.solvers if cell.evaluation in SOLVERS else self.networks
        basis: Basis = "calibrated" if speed.measured else "shipped"
        error = max(known.seconds.error, LEAST) if own else GUESSED
        seconds = known.seconds.median * speed.factor
        return Rate(seconds, error, speed.error, basis if own else "guessed")

    def _unit(self, protocol: ProtocolSpec) -> float:
        """Seconds of a unit, from the table, for a tier or a backbone that is not in it, too."""
        if torch.cuda.is_available() and protocol.tier == "full":
            return V100.unit_seconds
        table = self.reference.unit_seconds
        if protocol.tier in table:
            return table[protocol.tier] * self.networks.factor
        work = FORWARD_MFLOP.get(protocol.arch, FORWARD_MFLOP["resnet_nano"])
        return table["nano"] * work / FORWARD_MFLOP["resnet_nano"] * self.networks.factor


def objective_of(method: str) -> str:
    """The first part of a method's name as a path, options left out.

    Example:
        >>> objective_of("moco_v2/replay+lr=0.1"), objective_of("Mine+lr=0.1")
        ('moco_v2', 'Mine')
    """
    return method.partition("/")[0].partition("+")[0]


def _method_name(cell: Cell) -> str:
    """`moco_v2/sequential` of the folder `instance-nano@1/moco_v2/sequential/seed0/...`."""
    return "/".join(cell.folder.split("/")[1:-2])
