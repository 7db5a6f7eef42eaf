"""One phase on a stream: what the reader opens, the method is told, and is trained on."""

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmark.accelerate import Acceleration
from benchmark.batch import ChunkContext
from benchmark.method import Method
from benchmark.pretrain import Part, Progress, pretrain_phase
from benchmark.result import CurvePoint
from benchmark.seeds import seed_for
from benchmark.streams.reader import Rows, StreamMemory, StreamReader
from benchmark.streams.steps import PhaseSteps, SampleOrder


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
) -> tuple[tuple[CurvePoint, ...], dict[str, Any]]:
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
        progress: called now and then with (step, steps, loss).
        acceleration: None for that of the device.

    Returns:
        The training curve, and the optimiser's state at the end.
    """
    rows = reader.open(chunks)
    told = ChunkContext((), part.total)
    if boundaries:
        told = ChunkContext(chunks, steps, torch.from_numpy(rows))
    if method.replays:
        rows = np.union1d(rows, reader.kept if replayed is None else replayed)
    delivered = round(method.stream_share * method.config.batch_size)
    order = SampleOrder(rows, steps, delivered, *seeds)
    method.use_memory(StreamMemory(reader))
    try:
        with tempfile.TemporaryDirectory() as work_dir:
            return pretrain_phase(
                method,
                PhaseSteps(reader, order, *seeds),
                told,
                seed=seed_for("global", *seeds),
                work_dir=Path(work_dir),
                part=part,
                progress=progress,
                acceleration=acceleration,
            )
    finally:
        method.use_memory(None)
