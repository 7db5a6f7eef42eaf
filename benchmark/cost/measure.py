"""A few steps for real, so that what is said of this machine was measured on it."""

import itertools
import math
import os
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, TypeVar

import numpy as np
import torch

from benchmark.accelerate import Acceleration
from benchmark.batch import ChunkContext
from benchmark.cost.rates import Trained
from benchmark.cost.records import Spread
from benchmark.data.listing import IdTable
from benchmark.method import Method
from benchmark.phase import train_phase
from benchmark.pools import FULL_SIZE
from benchmark.pretrain import Part
from benchmark.protocol import ProtocolSpec
from benchmark.resolve import ResolvedMethod
from benchmark.streams.manifest import Manifest
from benchmark.streams.reader import StreamMemory, StreamReader

T = TypeVar("T")

#: Seconds of timed steps in a phase, steps that are timed to see how many that is, and the most.
STEPS_SECONDS, PROBE, MOST = 1.5, 2, 30
#: Share of the processor taken by others, above which this is no measurement of a quiet machine.
BUSY = 0.1
#: Steps of the schedule that the timed ones are the first of: its end is never reached.
_SCHEDULE = 1_000_000
#: Images of a chunk that are made up; of large images fewer, since noise is as good twice.
_IMAGES, _LARGE_IMAGES = 1280, 160


class Others:
    """Says how much of the processor other programs take, from its making on.

    Example:
        >>> share = Others().share()
        >>> share is None or 0 <= share <= 1
        True
    """

    def __init__(self) -> None:
        self._start = self._now()

    def share(self) -> float | None:
        """Of all cores, 0 to 1; None where the system does not tell."""
        now = self._now()
        if self._start is None or now is None:
            return None
        busy, own, wall = (after - before for after, before in zip(now, self._start, strict=True))
        return min(1.0, max(0.0, (busy - own) / max(wall * (os.cpu_count() or 1), 1e-9)))

    @staticmethod
    def _now() -> tuple[float, float, float] | None:
        """Seconds that all cores were busy, that this process was, and that went by."""
        try:
            first = Path("/proc/stat").read_text(encoding="ascii").partition("\n")[0]
        except OSError:
            return None
        user, nice, system, _, _, *rest = (int(value) for value in first.split()[1:9])
        busy = (user + nice + system + sum(rest)) / os.sysconf("SC_CLK_TCK")
        return busy, time.process_time(), time.perf_counter()


def undisturbed(measure: Callable[[], T], seconds: Callable[[T], float]) -> T:
    """Measure, and once more if other programs were at work meanwhile; the faster one counts.

    Args:
        measure: does it.
        seconds: of what it found.

    Example:
        >>> undisturbed(lambda: 3.0, lambda found: found)
        3.0
    """
    others = Others()
    found = measure()
    if (others.share() or 0.0) <= BUSY:
        return found
    return min(found, measure(), key=seconds)


def measure_training(
    method: ResolvedMethod, protocol: ProtocolSpec, *, strategy: bool = True
) -> Trained:
    """Train a method for a few steps of its first two phases, on images of noise.

    The steps are the harness's own, in the protocol's batch and size of views, on the device that
    a run uses. The first step of each phase is not counted.

    Args:
        method: the method.
        protocol: the protocol; its images need not be there.
        strategy: whether the end of a chunk and a second phase are measured, too; without, as at
            the full tier on a CPU, the later phases are taken to be as the first.

    Raises:
        HeadwaterError: the method fails.
    """
    where = "cuda" if torch.cuda.is_available() else "cpu"
    built = Acceleration.of(where).compile(method.build(protocol, 0).to(where))
    phases = [chunks for chunks in built.phases(protocol.chunks) if chunks]
    reader = made_up_reader(protocol, method, built).to(where)
    probe = PROBE if strategy else 1
    first, beside = _phase(built, reader, protocol, phases[0], 0, where, probe)
    if not strategy:
        return Trained(_spread(first, built), _spread(first, built), steps=len(first))
    ends = _end_seconds(built, reader, phases[0], where) if protocol.boundaries else 0.0
    later = first
    if len(phases) > 1:
        later, beside = _phase(built, reader, protocol, phases[1], 1, where)
    steps = len(first) + (len(later) if later is not first else 0)
    return Trained(_spread(first, built), _spread(later, built), ends, beside, steps)


def made_up_reader(protocol: ProtocolSpec, method: ResolvedMethod, built: Method) -> StreamReader:
    """A stream of as many chunks as the protocol's, of noise in the size of its pool's images."""
    large = protocol.tier == "full"
    side, count = (FULL_SIZE, _LARGE_IMAGES) if large else (protocol.view_size * 5 // 4, _IMAGES)
    generator = np.random.default_rng(0)
    images = generator.integers(0, 256, (count * protocol.chunks, 3, side, side), dtype=np.uint8)
    rows = np.arange(len(images), dtype=np.int32)
    labels = generator.integers(0, protocol.classes, len(images))
    ids = tuple(map(str, rows))
    pool: Any = SimpleNamespace(ids=ids, images=images, labels=labels)
    chunks = tuple(np.split(rows, protocol.chunks))
    manifest = Manifest(
        IdTable.of(ids), np.zeros((len(ids), 32), np.uint8), chunks, (rows[:0],) * len(chunks)
    )
    return StreamReader(
        pool,
        manifest,
        labelled=method.needs_labels,
        method=method.name,
        memory_share=built.memory_share,
    )


def _phase(
    built: Method,
    reader: StreamReader,
    protocol: ProtocolSpec,
    chunks: tuple[int, ...],
    number: int,
    where: str,
    probe: int = PROBE,
) -> tuple[list[float], float]:
    """Seconds of steps of a phase, and what the phase takes beside them."""
    began: list[float] = []
    tell = built.begin_step  # the harness calls it before every step

    def clocked(progress: float) -> None:
        began.append(finished(where))
        tell(progress)

    def train(steps: int) -> tuple[float, list[float]]:
        began.clear()
        start = finished(where)
        train_phase(
            built,
            reader,
            chunks,
            steps=_SCHEDULE,
            seeds=(0, number),
            boundaries=protocol.boundaries,
            part=Part(
                0 if protocol.boundaries else number * _SCHEDULE,
                _SCHEDULE * (1 if protocol.boundaries else protocol.chunks),
                stop=steps,
            ),
        )
        whole = finished(where) - start
        return whole, [after - before for before, after in itertools.pairwise(began[1:])]

    def attempt() -> tuple[list[float], float]:
        steps = probe + 2  # the first is not counted, and the last one's end is not seen
        whole, seconds = train(steps)
        if sum(seconds) < STEPS_SECONDS:
            steps = min(math.ceil(STEPS_SECONDS / statistics.median(seconds)), MOST) + 2
            whole, seconds = train(steps)
        return seconds, max(0.0, whole - steps * statistics.median(seconds))

    built.__dict__["begin_step"] = clocked  # in front of the class's own
    try:
        return undisturbed(attempt, lambda found: statistics.median(found[0]))
    finally:
        del built.__dict__["begin_step"]


def _end_seconds(built: Method, reader: StreamReader, chunks: tuple[int, ...], where: str) -> float:
    rows = torch.from_numpy(reader.open(chunks))
    built.use_memory(StreamMemory(reader))
    start = finished(where)
    built.end_chunk(ChunkContext(chunks, _SCHEDULE, rows))
    seconds = finished(where) - start
    built.use_memory(None)
    return seconds


def _spread(seconds: list[float], built: Method) -> Spread:
    return Spread.of([each / built.config.batch_size for each in seconds])


def finished(where: str) -> float:
    """The time when all that was asked of a device is done."""
    if where == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter()
