"""`headwater verify`: cells drawn at random are computed again and held against the claims."""

import random
import re
import signal
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import NormalDist
from typing import Any

import torch

from benchmark.cells import Cell, Planner
from benchmark.cli.progress import RunProgress
from benchmark.engine.graph import Graph
from benchmark.engine.job import Job, extractor_job
from benchmark.engine.local import Setup, run_here
from benchmark.engine.running import Progress
from benchmark.engine.stop import STOP
from benchmark.errors import HeadwaterError, UsageError
from benchmark.evaluations import STREAM_TASK
from benchmark.execute import require_graph
from benchmark.protocol import ProtocolSpec
from benchmark.provenance import tool_version
from benchmark.resolve import ResolvedMethod, resolve
from benchmark.result import Record
from benchmark.store import Store
from leaderboard.aggregate import Located
from leaderboard.submission.findings import plain
from leaderboard.submission.judge import Luck, Rerun, judge
from leaderboard.submission.records import Entry, protocol_of


def able(entries: Sequence[Entry]) -> list[Entry]:
    """Those that can be drawn: evaluations that have a number."""
    return [e for e in entries if e.record.kind == "evaluation" and e.record.metrics]


def choose(entries: Sequence[Entry], count: int, seed: int | None = None) -> list[Entry]:
    """Evaluations to be computed again, drawn at random.

    Args:
        entries: all records.
        count: how many, at least 1.
        seed: of the draw; None for one that nobody can know beforehand.

    Raises:
        HeadwaterError: there is none.
    """
    there = sorted(able(entries), key=lambda entry: entry.path)
    if not there:
        raise HeadwaterError("there is no evaluation that could be computed again")
    draw = random.SystemRandom() if seed is None else random.Random(seed)
    return sorted(draw.sample(there, min(count, len(there))), key=lambda entry: entry.path)


def require_named(entries: Sequence[Entry], method: str | None) -> None:
    """See to it that a file's method, if one is given, is one of those in the records.

    Raises:
        UsageError: it is not.
    """
    names = {options_of(entry.record.method.name, {})[0] for entry in entries}
    if method is not None and _inside(method) not in names:
        known = plain(", ".join(sorted(names)))
        raise UsageError(f"the records are not of {_inside(method)}; their methods: {known}")


def threads_of(entries: Sequence[Entry]) -> dict[str, int]:
    """How many threads each cell was computed by, phases of training too, by the cell's key."""
    return {entry.record.key: entry.record.environment.threads for entry in entries}


def rerun(
    chosen: Sequence[Entry],
    store: Path,
    method: str | None = None,
    threads: int | Mapping[str, int] | None = None,
    luck: Luck | None = None,
) -> list[Rerun]:
    """Compute cells again, with all that they start from, and judge; tells its progress.

    Only code that is installed here, or that `method` names, is run: nothing of the folder that the
    claims come from.

    Args:
        chosen: what is claimed; of records that were accepted.
        store: an own folder, where the cells are computed; what is finished there is not again, and
            what failed there is.
        method: `path/to/file.py:Class` of a method that is not installed.
        threads: of every cell; or of each by its key, as `threads_of` has it, since sums come out
            otherwise in the last bit by another number; None, and for cells that are not named:
            all cores.
        luck: how far headlines move from seed to seed; None for not at all.

    Returns:
        What came of each, in the order of `chosen`.

    Raises:
        UsageError: a method is neither installed nor named.
        HeadwaterError: the code here is not the one that the claims were computed with.
        DataError: images that are needed are not there; names them all.
        Stopped: somebody asked for it; what is finished is kept, and phases were put by.
    """
    works: dict[str, _Work] = {}
    planner = Planner()
    for entry in chosen:
        spec = protocol_of(entry.record)
        if spec is None:
            raise HeadwaterError(f"{entry.path} is of a protocol that is not known here")
        works.setdefault(spec.id, _Work(spec)).add(entry, method, planner)
    graphs = {
        name: Graph(w.plans.items(), Store(store), retry_failed=True) for name, w in works.items()
    }
    for name, graph in graphs.items():  # all before the first, which may take hours
        require_graph(graph, works[name].spec)
    quantile = NormalDist().inv_cdf(1 - 0.025 / len(chosen))
    found: dict[str, Rerun] = {}
    for name, graph in graphs.items():
        works[name].compute(graph, store, threads)
        for key, entry in works[name].wanted:
            variance = luck.variance(entry.record) if luck else 0.0
            found[entry.path] = _came(graph, key, entry, quantile, variance)
    return [found[entry.path] for entry in chosen]


@dataclass
class _Work:
    """What is computed again of one protocol."""

    spec: ProtocolSpec
    methods: dict[Job, ResolvedMethod] = field(default_factory=dict)
    plans: dict[Job, list[Cell]] = field(default_factory=dict)
    wanted: list[tuple[str, Entry]] = field(default_factory=list)

    def add(self, entry: Entry, method: str | None, planner: Planner) -> None:
        """Plan a cell, after all that it starts from."""
        record = entry.record
        resolved = method_of(record, method, self.spec.tier)
        job = Job(self.spec.id, resolved.name, resolved.options, record.seeds.replicate)
        assert record.task is not None
        task, evaluation = record.task.name, record.task.evaluation
        tasks = [] if task == STREAM_TASK else [task]
        for cell in job.plan_of(resolved, tasks, [evaluation], planner, every=True):
            place = cell.task, cell.evaluation, cell.chunks_seen
            if place == (task, evaluation, record.stream.chunks_seen):
                break
        else:
            raise HeadwaterError(
                f"{entry.path}: {record.method.name} is not evaluated so after "
                f"{record.stream.chunks_seen} chunks by this version of Headwater"
            )
        self.wanted.append((cell.key, entry))
        if needed := extractor_job(planner, job, resolved):  # another job, with its own seeds
            self._plan(needed.job, needed.method, [needed.cell])
        self._plan(job, resolved, _with_phases(cell))

    def _plan(self, job: Job, method: ResolvedMethod, cells: Sequence[Cell]) -> None:
        """Add cells to a job, those left out that are planned already, by whichever job."""
        self.methods[job] = method
        known = {one.key for plan in self.plans.values() for one in plan}
        self.plans.setdefault(job, []).extend(one for one in cells if one.key not in known)

    def compute(
        self, graph: Graph, store: Path, threads: int | Mapping[str, int] | None = None
    ) -> None:
        """Compute what is missing, in this process."""
        setup = Setup(store, retry_failed=True)
        with _Threaded(self.spec, graph.store, threads) as progress:
            progress.start(graph, 1)
            with STOP.listening(signal.SIGINT, signal.SIGTERM):
                run_here(
                    graph,
                    lambda job: setup.computer(job, self.methods[job]),
                    progress,
                    retry_failed=True,
                )


class _Threaded(RunProgress):
    """Gives each cell its threads when it starts, and the process its own in the end."""

    def __init__(
        self, spec: ProtocolSpec, store: Store, threads: int | Mapping[str, int] | None
    ) -> None:
        super().__init__(spec, store)
        self._threads, self._usual = threads, torch.get_num_threads()

    def begin(self, cell: Cell) -> Progress:
        asked = self._threads
        threads = asked.get(cell.key) if isinstance(asked, Mapping) else asked
        torch.set_num_threads(threads or self._usual)
        return super().begin(cell)

    def __exit__(self, *_: object) -> None:
        torch.set_num_threads(self._usual)
        super().__exit__(*_)


def _with_phases(cell: Cell) -> list[Cell]:
    """A cell after all that it starts from."""
    return [*(_with_phases(cell.parent) if cell.parent else []), cell]


def method_of(record: Record, method: str | None, tier: str) -> ResolvedMethod:
    """The method of a record as it is known here, the same to the last line.

    Args:
        record: whose method is meant.
        method: `path/to/file.py:Class`, which is used if the record's method is called so.
        tier: of the protocol.

    Raises:
        UsageError: it is neither installed nor named, or has other options here.
        HeadwaterError: its source or configuration is another one here.
    """
    name, values = options_of(record.method.name, record.method.config)
    if name.startswith("outside/"):
        raise HeadwaterError(
            f"{name} was trained elsewhere, and its weights are in no folder of records; evaluate "
            f"the file itself by headwater evaluate"
        )
    if method is not None and _inside(method) == name:
        resolved = resolve(method, values, tier)
    else:
        try:
            resolved = resolve(name, values, tier)
        except UsageError as error:
            raise UsageError(
                f"{name} cannot be had here ({error}); if it is not installed, read its source, "
                f"and if you trust it, add --method path/to/file.py:{name}"
            ) from error
    ours, theirs = resolved.reference(), record.method
    if ours.source_sha256 != theirs.source_sha256:
        raise HeadwaterError(
            f"the source of {name} here is not the one that its records were computed with, by "
            f"Headwater {plain(record.provenance.headwater)} (here {tool_version()}); install that "
            f"version, or name the file with that source by --method"
        )
    if ours.config_sha256 != theirs.config_sha256:
        both = sorted({*ours.config, *theirs.config})
        other = [n for n in both if ours.config.get(n, both) != theirs.config.get(n, both)]
        raise HeadwaterError(
            f"options of {name} are not here what they are in its records: "
            f"{plain(', '.join(other))}; install the version that they were computed with"
        )
    return resolved


def _inside(method: str) -> str:
    """The method's name in records, of `path/to/file.py:NAME`."""
    return method.rpartition(":")[2]


def options_of(folder: str, config: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """A method's name and the options that were set, from its name in records.

    Args:
        folder: the name, such as `moco_v2/replay+lr=0.1`.
        config: all options, which has the values as they were, not as text.

    Example:
        >>> options_of("moco_v2/replay+lr=1e+20+ratio=0.5", {"lr": 1e20, "ratio": 0.5, "a": 1})
        ('moco_v2/replay', {'lr': 1e+20, 'ratio': 0.5})
    """
    name, *options = re.split(r"\+(?=[A-Za-z_]\w*=)", folder)
    return name, {one: config.get(one) for one in (o.partition("=")[0] for o in options)}


def _came(graph: Graph, key: str, entry: Entry, quantile: float, luck: float) -> Rerun:
    """What came of a cell, when its graph is finished."""
    cell, store = graph.nodes[key].cell, graph.store
    if graph.nodes[key].state == "done":
        return judge(entry, Located(store.path(cell), store.record(cell)), quantile, luck)
    for one in _with_phases(cell):
        if graph.nodes[one.key].state == "failed" and store.state(one) == "failed":
            cause = f"{one.name} failed here: {store.record(one).cause}"
            return Rerun(entry, "differs", None, 0.0, cause)
    return Rerun(entry, "differs", None, 0.0, "its record could not be written here")
