"""Computes one cell, and records what came of it, whatever that is."""

import copy
import time
import traceback
from collections.abc import Callable, Mapping
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import torch

from benchmark.accelerate import Acceleration
from benchmark.cells import Cell
from benchmark.data.imageset import ImageSet
from benchmark.encoder import Encoder
from benchmark.engine import selecting
from benchmark.engine.attempt import Attempt
from benchmark.engine.running import Progress, claimed, forget_running
from benchmark.engine.saving import PhaseSaver, Teller
from benchmark.engine.stop import STOP
from benchmark.evaluations import STREAM_TASK
from benchmark.method import Method
from benchmark.models import held_bytes, numbers
from benchmark.phase import train_phase
from benchmark.pools import load_pool
from benchmark.pretrain import Part
from benchmark.protocol import ProtocolSpec, SelectionSpec
from benchmark.provenance import environment, peak_memory_bytes, tool_version, utc_now
from benchmark.registry import TASKS
from benchmark.resolve import ResolvedMethod, resolve
from benchmark.result import (
    Cost,
    Ledger,
    MethodRef,
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


class Computer:
    """Computes the cells of one method, keeping the last checkpoint in memory.

    Args:
        protocol: the protocol.
        method: the method.
        store: where records and checkpoints are read and written.
        replicate: number of the repetition.
        logs: folder for TensorBoard's files; None for none.
    """

    def __init__(
        self,
        protocol: ProtocolSpec,
        method: ResolvedMethod,
        store: Store,
        replicate: int,
        logs: Path | None = None,
    ) -> None:
        self.protocol, self.method, self.store, self.logs = protocol, method, store, logs
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

    def attempt(
        self,
        cell: Cell,
        progress: Progress | None = None,
        *,
        retry_failed: bool = False,
        compute: Callable[[Cell], Record] | None = None,
    ) -> Attempt:
        """Compute a cell unless it is finished, or another process has it.

        Args:
            cell: the cell.
            progress: told how far it is.
            retry_failed: whether it is computed if it failed before.
            compute: does it in the place of this object.

        Raises:
            Stopped: somebody asked for it.
        """
        try:
            with claimed(self.store.path(cell)) as mine:
                if not mine:
                    return Attempt("busy")
                # who asks for a phase whose weights are not kept wants the weights
                finished = ("done",) if retry_failed else ("done", "failed")
                if self.store.state(cell) in finished:
                    return Attempt.of(self.store.record(cell), computed=False)
                self.store.sweep(cell)
                return Attempt.of(compute(cell) if compute else self.compute(cell, progress))
        except OSError as error:  # neither the result nor the failure could be written
            return Attempt("failed", cause=f"{type(error).__name__}: {error}")

    def compute(self, cell: Cell, progress: Progress | None = None) -> Record:
        """Compute one cell and write its record, whatever happens to it.

        Raises:
            OSError: the record cannot be written.
        """
        started, clock = utc_now(), time.perf_counter()
        try:
            compute = {
                "selection": self._select,
                "pretrain": self._pretrain,
                "evaluation": self._evaluate,
            }[cell.kind]
            outcome = compute(cell, Teller(self.store.path(cell), progress))
        except Exception as error:
            self._loaded = self._encoder = None  # it may be memory that was short
            last = traceback.format_exception(error)
            outcome = {"status": "failed", "error": "".join(last)[-4000:]}
        outcome["seconds"] = outcome.get("seconds", 0.0) + time.perf_counter() - clock
        record = self.record(cell, outcome, started)
        forget_running(self.store.path(cell))  # before it is finished, since then nobody looks
        self.store.write(cell, record)
        if cell.kind == "pretrain":
            self.store.clear_steps(cell)
        return record

    def give_up(self, cell: Cell, cause: str) -> Record:
        """Record a failure in the place of a process that could not do so.

        Raises:
            OSError: the record cannot be written.
        """
        record = self.record(cell, {"status": "failed", "error": cause}, utc_now())
        self.store.write(cell, record)
        return record

    def record(self, cell: Cell, outcome: Mapping[str, Any], started: str) -> Record:
        """The record of what came of a cell: its fields, those of its cost, and `seconds`."""
        outcome = dict(outcome)
        cost = {
            "image_visits": 0,
            "optimiser_steps": 0,
            "stored_bytes": 0,
            "extra_parameters": 0,
            **outcome.pop("cost", {}),
            "seconds": outcome.pop("seconds", 0.0),
            "peak_memory_bytes": peak_memory_bytes(),
        }
        return Record(
            kind=cell.kind,
            key=cell.key,
            protocol=ProtocolRef(id=self.protocol.id, digest=self.protocol.digest),
            stream=StreamRef(
                chunks=cell.chunks,
                chunks_seen=cell.chunks_seen,
                manifest_sha256=self.protocol.manifest.digest,
            ),
            method=self._reference,
            task=self._task(cell),
            seeds=self.seeds,
            cost=Cost(**cost),
            environment=environment(self.device, self.acceleration),
            provenance=Provenance(
                argv=self._command(cell), started=started, ended=utc_now(), headwater=tool_version()
            ),
            **({"status": "ok"} | outcome),
        )

    @cached_property
    def _reference(self) -> MethodRef:
        return self.method.reference()

    @cached_property
    def pool(self) -> ImageSet:
        """The images that the stream is drawn from."""
        return load_pool(self.protocol)

    def _select(self, cell: Cell, teller: Teller) -> dict[str, Any]:
        method, encoder = self._method(None)[0], None
        if cell.parent is not None:
            assert isinstance(self.protocol, SelectionSpec)
            extractor = resolve(self.method.extractor, {}, self.protocol.tier)
            loaded, _ = self._read(cell.parent, extractor, self.protocol.arrivals)
            encoder = Encoder(loaded, self.protocol.arrivals, chunks_seen=1)
        key = cell.parent.key if cell.parent else None
        chosen, arrays = selecting.select(
            self.protocol, method, self.pool, encoder, key, self.seeds
        )
        return {"selection": chosen, "predictions": self.store.write_predictions(cell, arrays)}

    def _pretrain(self, cell: Cell, teller: Teller) -> dict[str, Any]:
        method, extras = self._method(cell.parent)
        self._loaded = None  # it is trained in place: no checkpoint's until it is done
        outcome: dict[str, Any] = {}
        if cell.chunks:
            first, total = cell.schedule
            count = self.protocol.phase_visits(cell.chunks) // method.config.batch_size
            reader = self._reader(cell, method, extras).to(self.device)
            resumed = self.store.read_step(cell)
            if resumed is not None:
                method.load_state_dict(resumed.pop("method"))
                teller.go_on(resumed["step"], count)
            saver = PhaseSaver(self.store, cell, resumed["seconds"] if resumed else 0.0)
            with STOP.after_the_step():
                curve, optimiser = train_phase(
                    method,
                    reader,
                    cell.chunks,
                    steps=count,
                    seeds=(self.seeds.training, cell.phase),
                    boundaries=self.protocol.boundaries,
                    part=Part(first, total, extras.get("optimiser") if first else None),
                    progress=teller,
                    acceleration=self.acceleration,
                    resumed=resumed,
                    saver=saver,
                    logs=self.logs and self.logs / cell.folder,
                )
            extras = {"kept": torch.from_numpy(reader.kept)} if len(reader.kept) else {}
            if first + count < total:
                extras["optimiser"] = optimiser
            outcome = {"curve": tuple(curve.points), "seconds": saver.before}
            outcome |= self._spent(method, reader, count)
        state = {"method": method.state_dict(), **extras}
        outcome["checkpoint"] = self.store.write_checkpoint(cell, state)
        self._loaded = (cell.key, method, extras)
        return outcome

    def _reader(self, cell: Cell, method: Method, extras: dict[str, Any]) -> StreamReader:
        """A reader of the stream, or of what was selected, with what the phases before kept."""
        images, manifest = self.pool, self.protocol.manifest
        if cell.parent is not None and cell.parent.kind == "selection":
            rows = self.store.read_predictions(cell.parent)["chosen"]
            images, manifest = selecting.material(method, images, rows)
        reader = StreamReader(
            images,
            manifest,
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
                labelled=reader.labels is not None,
            ),
            "cost": {
                "image_visits": sum(line.images for line in served),
                "optimiser_steps": steps,
                "stored_bytes": reader.stored_bytes,
                "extra_parameters": numbers(method) - numbers(method.backbone),
            },
        }

    def _evaluate(self, cell: Cell, teller: Teller) -> dict[str, Any]:
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
        if start is None or start.kind == "selection":
            return Encoder(self._method(None)[0], self.protocol)
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
        if checkpoint is None or checkpoint.kind == "selection":
            return self._on_device(self.method.build(self.protocol, self.seeds.replicate)), {}
        if self._loaded is None or self._loaded[0] != checkpoint.key:
            self._loaded = (checkpoint.key, *self._read(checkpoint))
        return self._loaded[1:]

    def _read(
        self,
        checkpoint: Cell,
        resolved: ResolvedMethod | None = None,
        protocol: ProtocolSpec | None = None,
    ) -> tuple[Method, dict[str, Any]]:
        """The same, read from the store; perhaps another method's, of another protocol."""
        method = (resolved or self.method).build(protocol or self.protocol, self.seeds.replicate)
        extras = self.store.read_checkpoint(checkpoint)
        method.load_state_dict(extras.pop("method"))
        return self._on_device(method), extras

    def _on_device(self, method: Method) -> Method:
        return self.acceleration.compile(method.to(self.device))

    def _command(self, cell: Cell) -> tuple[str, ...]:
        """What computes the cell, as somebody would type it."""
        further: tuple[str, ...] = ()
        if cell.task and cell.evaluation not in TASKS.get(cell.task).spec.evaluations:
            further = ("--evaluations", str(cell.evaluation))
        if cell.task and cell.task != STREAM_TASK and 0 < cell.chunks_seen < self.protocol.chunks:
            further = (*further, "--every-chunk")
        return (
            *("headwater", "run", "-p", self.protocol.id, "-m", self.method.name),
            *("--seed", str(self.seeds.replicate)),
            *(part for name, value in self.method.options for part in ("--set", f"{name}={value}")),
            *further,
        )
