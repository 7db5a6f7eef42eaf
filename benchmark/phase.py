"""One phase on a stream: what the reader opens, the method is told, and is trained on."""

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch

from benchmark.accelerate import Acceleration
from benchmark.batch import ChunkContext
from benchmark.distributed import rank, world
from benchmark.method import Method
from benchmark.pretrain import Part, pretrain_phase
from benchmark.seeds import seed_for
from benchmark.streams.reader import Rows, StreamMemory, StreamReader
from benchmark.streams.steps import PhaseSteps, SampleOrder
from benchmark.watch import Curve, Progress, Saver


def train_phase(
    method: Method,
    reader: StreamReader,
    chunks: tuple[int, ...],
    *,
    steps: int,
    seeds: tuple[int, int],
    boundaries: bool,
    part: Part,
    replayed: Rows | None = None,
    progress: Progress | None = None,
    acceleration: Acceleration | None = None,
    resumed: Mapping[str, Any] | None = None,
    saver: Saver | None = None,
    logs: Path | None = None,
) -> tuple[Curve, dict[str, Any]]:
    """Open some chunks of a stream and train a method on them, in place.

    Args:
        method: on the device that it is to be trained on.
        reader: of the stream; its images are on the same device, or files.
        chunks: from 1.
        steps: of the phase.
        seeds: of the training, and the phase's number.
        boundaries: whether the method is told what is open.
        part: where the steps lie in their schedule.
        replayed: rows that were kept when the phase began; None if it begins now.
        progress: told now and then how far it is.
        acceleration: None for that of the device.
        resumed: a state that a saver of the same phase put by; the method has its part already.
        saver: asked after every step whether the state is to be put by.
        logs: folder for TensorBoard; None for no logs.

    Returns:
        The training curve, and the optimiser's state at the end.
    """
    rows = reader.open(chunks)
    begun = reader.kept if replayed is None else replayed
    told = ChunkContext((), part.total)
    if boundaries:
        told = ChunkContext(chunks, steps, torch.from_numpy(rows))
    if method.replays:
        rows = np.union1d(rows, begun)
    curve = None
    if resumed is not None:
        part = replace(part, start=resumed["step"], optimiser=resumed["optimiser"])
        curve = Curve.of(resumed["curve"])
        reader.restore(resumed["reader"])
    delivered = round(method.stream_share * method.config.batch_size)
    order = SampleOrder(rows, steps, delivered, *seeds)
    method.use_memory(StreamMemory(reader))
    try:
        with tempfile.TemporaryDirectory() as work_dir:
            return pretrain_phase(
                method,
                PhaseSteps(reader, order, *seeds, rank=rank(), world=world()),
                told,
                seed=seed_for("global", *seeds),
                work_dir=Path(work_dir),
                part=part,
                progress=progress,
                acceleration=acceleration,
                curve=curve,
                saver=None if saver is None else _Whole(saver, reader),
                logs=logs,
            )
    finally:
        method.use_memory(None)


@dataclass(frozen=True)
class _Whole:
    """A saver of the phase, given one: what the reader served and kept goes with the rest."""

    saver: Saver
    reader: StreamReader

    def wanted(self) -> Literal["", "save", "stop"]:
        return self.saver.wanted()

    def save(self, state: dict[str, Any]) -> None:
        self.saver.save(state | {"reader": self.reader.state()})
