"""A job: a method on a protocol, as a name that any process can resolve."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from benchmark.cells import Cell, Planner
from benchmark.protocol import ProtocolSpec, SelectionSpec
from benchmark.resolve import ResolvedMethod, protocol_named, resolve


@dataclass(frozen=True)
class Job:
    """A method, with options, on a protocol, with a replicate's seeds.

    Args:
        protocol: its id.
        method: a name that `benchmark.resolve.resolve` knows.
        options: set away from the defaults, by name.
        replicate: 0 or more.

    Example:
        >>> job = Job("instance/smoke@1", "supervised/sequential")
        >>> job.method_itself.needs_labels, len(job.plan())
        (True, 6)
    """

    protocol: str
    method: str
    options: tuple[tuple[str, Any], ...] = ()
    replicate: int = 0

    @property
    def spec(self) -> ProtocolSpec:
        """The protocol."""
        return protocol_named(self.protocol)

    @property
    def method_itself(self) -> ResolvedMethod:
        """The method."""
        return _resolved(self.method, self.options, self.spec.tier)

    def plan(
        self,
        tasks: Sequence[str] | None = None,
        evaluations: Sequence[str] | None = None,
        *,
        every: bool = False,
    ) -> list[Cell]:
        """As `benchmark.cells.Planner.plan`."""
        return self.plan_of(self.method_itself, tasks, evaluations, every=every)

    def plan_of(
        self,
        method: ResolvedMethod,
        tasks: Sequence[str] | None = None,
        evaluations: Sequence[str] | None = None,
        planner: Planner | None = None,
        *,
        every: bool = False,
    ) -> list[Cell]:
        """The same for a method that has been resolved already."""
        planner = planner or Planner()
        return planner.plan(self.spec, method, self.replicate, tasks, evaluations, every=every)


@cache
def _resolved(name: str, options: tuple[tuple[str, Any], ...], tier: str) -> ResolvedMethod:
    return resolve(name, dict(options), tier)


@dataclass(frozen=True)
class Extractor:
    """What gives a selection its features: one phase of another method on another protocol."""

    job: Job
    method: ResolvedMethod
    cell: Cell


def extractor_job(planner: Planner, job: Job, method: ResolvedMethod) -> Extractor | None:
    """What has to be computed before a job; None for one that needs no extractor."""
    spec = job.spec
    if not (isinstance(spec, SelectionSpec) and method.selects and method.parts[1].uses_features):
        return None
    extractor, cell = planner.extractor(spec, method, job.replicate)
    return Extractor(Job(spec.arrivals.id, extractor.name, (), job.replicate), extractor, cell)
