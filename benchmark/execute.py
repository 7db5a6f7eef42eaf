"""Runs the cells that are missing, in order, in this process."""

import copy
import time
import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any
from typing import Protocol as Interface

import torch

from benchmark.accelerate import Acceleration
from benchmark.cells import Cell, plan
from benchmark.data.imageset import ImageSet
from benchmark.encoder import Encoder
from benchmark.errors import HeadwaterError
from benchmark.method import Method
from benchmark.models import held_bytes, numbers
from benchmark.needs import require_data
from benchmark.phase import train_phase
from benchmark.pools import load_pool
from benchmark.pretrain import Part, Progress
from benchmark.protocol import ProtocolSpec
from benchmark.provenance import environment, peak_memory_bytes, tool_version, utc_now
from benchmark.registry import TASKS
from benchmark.resolve import ResolvedMethod
from benchmark.result import (
    Cost,
    Ledger,
    ProtocolRef,
    Provenance,
    Record,
    Seeds,
    Served,
    StreamRef,
    TaskRef,
)
from benchmark.seeds import seed_for
from benchmark.store import Store
from benchmark.streams.reader import StreamReader


class Observer(Interface):
    """Who is told what happens; `benchmark.cli.progress` has the one for the terminal."""

    def begin(self, cell: Cell) -> Progress | None:
        """A cell starts; what is returned is called with (step, steps, loss)."""

    def end(self, cell: Cell, record: Record) -> None:
        """A cell is written, finished or failed."""


@dataclass(frozen=True)
class Outcome:
    """What a run did.

    Args:
        computed: number of cells that were missing, the failed ones among them.
        found: number of cells that were there already.
        failed: keys of the cells that failed, or start from one that did.
    """

    computed: int
    found: int
    failed: tuple[str, ...]


def run(
    protocol: ProtocolSpec,
    method: ResolvedMethod,
    store: Store,
    observer: Observer,
    *,
    replicate: int = 0,
    tasks: Sequence[str] | None = None,
    cells: Sequence[Cell] | None = None,
) -> Outcome:
    """Compute what is missing of one method and replicate, and record it.

    A cell that fails is recorded as failed with its cause; the others go on, but for those that
    start from it.

    Args:
        protocol: the protocol; its pool and tasks must be prepared.
        method: the method.
        store: where records are read and written.
        observer: is told of every cell that is computed.
        replicate: number of the repetition.
        tasks: downstream tasks to evaluate on; None for all of the protocol.
        cells: the plan, if it has been made already.

    Raises:
        DataError: images that are needed are not there; names them all.
    """
    if cells is None:
        cells = plan(protocol, method, replicate, tasks)
    todo = [cell for cell in cells if store.state(cell) != "done"]
    if todo:
        require_data(protocol, {(cell.task, cell.evaluation) for cell in todo})
    worker = _Worker(protocol, method, store, replicate)
    failed: list[str] = []
    for cell in todo:
        if cell.parent and cell.parent.key in failed:
            failed.append(cell.key)
            continue
        record = worker.compute(cell, observer.begin(cell))
        observer.end(cell, record)
        if record.status == "failed":
            failed.append(cell.key)
    return Outcome(len(todo), len(cells) - len(todo), tuple(failed))


class _Worker:
    """Computes the cells of one method, keeping the last checkpoint in memory."""

    def __init__(
        self, protocol: ProtocolSpec, method: ResolvedMethod, store: Store, replicate: int
    ) -> None:
        self.protocol, self.method, self.store = protocol, method, store
        self.seeds = Seeds(
            replicate=replicate,
            stream=protocol.stream_seed,
            training=seed_for("train", protocol.id, method.folder, replicate),
            evaluation=seed_for("evaluation", protocol.id, replicate),
        )
        self.device = "cuda" if torch.cuda.is_available() else "cpu"
        self.acceleration = Acceleration.of(self.device)
        self._loaded: tuple[str, Method, dict[str, Any]] | None = None
        self._encoder: tuple[str, Encoder] | None = None

    @cached_property
    def pool(self) -> ImageSet:
        """The images that the stream is drawn from."""
        return load_pool(self.protocol)

    def compute(self, cell: Cell, progress: Progress | None) -> Record:
        """Compute one cell and write its record, whatever happens to it."""
        started, clock = utc_now(), time.perf_counter()
        try:
            compute = self._pretrain if cell.kind == "pretrain" else self._evaluate
            outcome = compute(cell, progress)
        except Exception as error:
            last = traceback.format_exception(error)
            outcome = {"status": "failed", "error": "".join(last)[-4000:]}
        cost = {
            "image_visits": 0,
            "optimiser_steps": 0,
            "stored_bytes": 0,
            "extra_parameters": 0,
            **outcome.pop("cost", {}),
            "seconds": time.perf_counter() - clock,
            "peak_memory_bytes": peak_memory_bytes(),
        }
        record = Record(
            kind=cell.kind,
            key=cell.key,
            protocol=ProtocolRef(id=self.protocol.id, digest=self.protocol.digest),
            stream=StreamRef(
                chunks=cell.chunks,
                chunks_seen=cell.chunks_seen,
                manifest_sha256=self.protocol.manifest.digest,
            ),
            method=self.method.reference(),
            task=self._task(cell),
            seeds=self.seeds,
            cost=Cost(**cost),
            environment=environment(self.device, self.acceleration),
            provenance=Provenance(
                argv=self._command(), started=started, ended=utc_now(), headwater=tool_version()
            ),
            **({"status": "ok"} | outcome),
        )
        self.store.write(cell, record)
        return record

    def _pretrain(self, cell: Cell, progress: Progress | None) -> dict[str, Any]:
        method, extras = self._method(cell.parent)
        self._loaded = None  # it is trained in place: no checkpoint's until it is done
        outcome: dict[str, Any] = {}
        if cell.chunks:
            first, total = cell.schedule
            count = self.protocol.phase_visits(cell.chunks) // method.config.batch_size
            reader = self._reader(method, extras).to(self.device)
            outcome["curve"], optimiser = train_phase(
                method,
                reader,
                cell.chunks,
                steps=count,
                seeds=(self.seeds.training, cell.phase),
                boundaries=self.protocol.boundaries,
                part=Part(first, total, extras.get("optimiser") if first else None),
                progress=progress,
                acceleration=self.acceleration,
            )
            extras = {"kept": torch.from_numpy(reader.kept)} if len(reader.kept) else {}
            if first + count < total:
                extras["optimiser"] = optimiser
            outcome |= self._spent(method, reader, count)
        state = {"method": method.state_dict(), **extras}
        outcome["checkpoint"] = self.store.write_checkpoint(cell, state)
        self._loaded = (cell.key, method, extras)
        return outcome

    def _reader(self, method: Method, extras: dict[str, Any]) -> StreamReader:
        """A reader of the stream, with what the phases before kept of it."""
        reader = StreamReader(
            self.pool,
            self.protocol.manifest,
            labelled=self.method.needs_labels,
            method=self.method.folder,
            memory_share=method.memory_share,
        )
        if "kept" in extras:
            reader.kept = extras["kept"].numpy()
        return reader

    def _spent(self, method: Method, reader: StreamReader, steps: int) -> dict[str, Any]:
        """Cost and ledger of a phase."""
        served = tuple(
            Served(chunk=chunk, images=images, distinct=distinct, repeats=images - distinct)
            for chunk, (images, distinct) in reader.ledger().items()
        )
        return {
            "ledger": Ledger(
                served=served,
                stored_bytes=reader.stored_bytes,
                held_bytes=held_bytes(method) - held_bytes(method.backbone),
            ),
            "cost": {
                "image_visits": sum(line.images for line in served),
                "optimiser_steps": steps,
                "stored_bytes": reader.stored_bytes,
                "extra_parameters": numbers(method) - numbers(method.backbone),
            },
        }

    def _evaluate(self, cell: Cell, progress: Progress | None) -> dict[str, Any]:
        phase = cell.parent
        assert phase and cell.task and cell.evaluation
        if self._encoder is None or self._encoder[0] != phase.key:
            # A copy, since an encoder is frozen and training may go on from the same checkpoint.
            method = copy.deepcopy(self._method(phase)[0])
            before = partial(self._before, phase) if phase.chunks else None
            encoder = Encoder(method, self.protocol, chunks_seen=phase.chunks_seen, before=before)
            self._encoder = (phase.key, encoder)
        task, seed = TASKS.get(cell.task)(), self.seeds.evaluation
        result = task.evaluate(self._encoder[1], evaluation=cell.evaluation, seed=seed)
        predictions = self.store.write_predictions(cell, result.predictions)
        shared = self.store.write_shared(cell, result.shared)
        return {"metrics": dict(result.metrics), "predictions": predictions, "shared": shared}

    def _before(self, phase: Cell) -> Encoder:
        """The encoder that a phase started from, read past the checkpoint in memory."""
        start = phase.parent
        if start is None:
            return Encoder(self._method(None)[0], self.protocol)
        if (state := self.store.state(start)) != "done":
            raise HeadwaterError(
                f"the checkpoint that {phase.title} started from, whose features are compared with "
                f"those after it, is {state} ({self.store.path(start).parent}); run it again"
            )
        return Encoder(self._read(start)[0], self.protocol, chunks_seen=start.chunks_seen)

    def _task(self, cell: Cell) -> TaskRef | None:
        if cell.task is None or cell.evaluation is None:
            return None
        task = TASKS.get(cell.task)()
        return TaskRef(
            name=cell.task,
            version=task.spec.version,
            evaluation=cell.evaluation,
            data_sha256=task.data_sha256(),
        )

    def _method(self, checkpoint: Cell | None) -> tuple[Method, dict[str, Any]]:
        """The method as a finished checkpoint left it, or fresh, on the device, and the extras."""
        if checkpoint is None:
            return self._on_device(self.method.build(self.protocol, self.seeds.replicate)), {}
        if self._loaded is None or self._loaded[0] != checkpoint.key:
            self._loaded = (checkpoint.key, *self._read(checkpoint))
        return self._loaded[1:]

    def _read(self, checkpoint: Cell) -> tuple[Method, dict[str, Any]]:
        """The same, read from the store."""
        method = self.method.build(self.protocol, self.seeds.replicate)
        extras = self.store.read_checkpoint(checkpoint)
        method.load_state_dict(extras.pop("method"))
        return self._on_device(method), extras

    def _on_device(self, method: Method) -> Method:
        return self.acceleration.compile(method.to(self.device))

    def _command(self) -> tuple[str, ...]:
        return (
            *("headwater", "run", "-p", self.protocol.id, "-m", self.method.name),
            *("--seed", str(self.seeds.replicate)),
            *(part for name, value in self.method.options for part in ("--set", f"{name}={value}")),
        )
