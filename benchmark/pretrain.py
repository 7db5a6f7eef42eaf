"""One phase of pre-training, on mmengine's Runner."""

import math
import time
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from mmengine.hooks import Hook
from mmengine.optim import OptimWrapper
from mmengine.runner import Runner
from torch import Tensor, nn

from benchmark.accelerate import Acceleration
from benchmark.batch import Batch, ChunkContext
from benchmark.errors import HeadwaterError
from benchmark.memory import keep_freed_memory
from benchmark.method import Method
from benchmark.optim import build_optimiser, lr_factor
from benchmark.result import CurvePoint
from benchmark.streams.steps import PhaseSteps

Progress = Callable[[int, int, float], None]


@dataclass(frozen=True)
class Part:
    """Where the steps of a phase lie in a schedule, and which of them are to be taken now.

    A stream with boundaries has a schedule for every chunk; one without has a single schedule, and
    its chunks are parts of it, which the method cannot tell from one another.

    Args:
        first: steps of the schedule that came before the phase.
        total: steps of the whole schedule.
        optimiser: the optimiser's state before the first step that is taken now; None at the start
            of the schedule.
        start, stop: the steps of the phase that are taken now, from 0; None for up to its end.
    """

    first: int
    total: int
    optimiser: dict[str, Any] | None = None
    start: int = 0
    stop: int | None = None


class Trainable(nn.Module):
    """A method as mmengine's Runner wants it."""

    def __init__(self, method: Method, device: str, acceleration: Acceleration) -> None:
        super().__init__()
        self.method, self.device, self.acceleration = method, device, acceleration

    def train(self, mode: bool = True) -> "Trainable":
        """Nothing: the Runner asks at every step, and modes are the method's own business."""
        return self

    def train_step(self, batch: Batch, optim_wrapper: OptimWrapper) -> dict[str, Tensor]:
        # What a method draws from the global generators is a function of the step, too.
        torch.manual_seed(batch.seed)
        with self.acceleration.context(self.device):
            loss = self.method.training_step(batch.to(self.device))
        loss.backward()  # type: ignore[no-untyped-call]
        self.method.after_backward()
        optim_wrapper.step()
        optim_wrapper.zero_grad()
        self.method.after_step()
        return {"loss": loss.detach()}


class _Batches:
    """The steps' loader as the Runner wants it, whose workers stop when it is closed.

    The Runner keeps a loader's iterator in a cycle of references, in which the workers would be
    left waiting: the queues that would stop them are torn down first.
    """

    def __init__(self, steps: PhaseSteps, start: int) -> None:
        self.dataset, self.start = steps, start
        self._running: Generator[Batch, None, None] | None = None

    def __len__(self) -> int:
        return len(self.dataset)

    def __iter__(self) -> Iterator[Batch]:
        self._running = self._deliver()
        return self._running

    def _deliver(self) -> Generator[Batch, None, None]:
        yield from self.dataset.loader(self.start)

    def close(self) -> None:
        if self._running is not None:
            self._running.close()


class _ScheduleHook(Hook):
    """Before each step: the learning rate, the method's progress, and the count of the samples."""

    def __init__(self, method: Method, steps: PhaseSteps, part: Part) -> None:
        self.method, self.steps, self.part = method, steps, part

    def before_train_iter(self, runner: Any, batch_idx: int, data_batch: Any = None) -> None:
        step, config = self.part.start + runner.iter, self.method.config
        self.steps.serve(step)
        done = (self.part.first + step) / self.part.total
        for group in runner.optim_wrapper.param_groups:
            group["lr"] = config.lr * lr_factor(done, config.warmup)
        self.method.begin_step(done)


class _CurveHook(Hook):
    """Keeps the mean loss and the rate, 50 points a phase, and tells the progress."""

    def __init__(self, steps: int, batch_size: int, progress: Progress | None) -> None:
        self.every = max(1, steps // 50)
        self.steps, self.batch_size, self.progress = steps, batch_size, progress
        self.points: list[CurvePoint] = []
        self._losses: list[Tensor] = []
        self._since = time.perf_counter()

    def after_train_iter(
        self, runner: Any, batch_idx: int, data_batch: Any = None, outputs: Any = None
    ) -> None:
        self._losses.append(outputs["loss"])
        done = runner.iter + 1
        if done % self.every and done != self.steps:
            return
        loss, now = float(torch.stack(self._losses).mean()), time.perf_counter()
        if not math.isfinite(loss):
            raise HeadwaterError(f"the loss is {loss} at step {done}; lower the learning rate")
        rate = len(self._losses) * self.batch_size / (now - self._since)
        visits = done * self.batch_size
        self.points.append(CurvePoint(visits=visits, loss=loss, images_per_second=rate))
        self._losses, self._since = [], now
        if self.progress:
            self.progress(done, self.steps, loss)


def pretrain_phase(
    method: Method,
    steps: PhaseSteps,
    context: ChunkContext,
    *,
    seed: int,
    work_dir: Path,
    part: Part | None = None,
    progress: Progress | None = None,
    acceleration: Acceleration | None = None,
) -> tuple[tuple[CurvePoint, ...], dict[str, Any]]:
    """Train a method on the steps of one phase, in place.

    The optimiser and its cosine schedule are those of `method.config`. They start anew unless the
    phase is a later part of a schedule; `begin_chunk` and `end_chunk` are called where a schedule
    begins and ends.

    Args:
        method: on the device that it is to be trained on.
        steps: the batches, step by step.
        context: what the method is told.
        seed: of the global generators, for methods that draw from them.
        work_dir: where the Runner keeps its log.
        part: where the steps lie in their schedule; None if they are all of it.
        progress: called now and then with (step, steps, loss).
        acceleration: None for that of the device; backbones are compiled already.

    Returns:
        The training curve, and the optimiser's state at the end.

    Raises:
        HeadwaterError: the loss is not finite; names the step.
    """
    keep_freed_memory()
    part = part or Part(0, len(steps))
    stop = len(steps) if part.stop is None else part.stop
    device = next(method.parameters()).device.type
    curve = _CurveHook(stop - part.start, method.config.batch_size, progress)
    method.train()
    if part.first + part.start == 0:
        torch.manual_seed(seed)
        method.begin_chunk(context)
    optimiser = build_optimiser(method)
    if part.optimiser is not None:
        optimiser.load_state_dict(part.optimiser)
    batches = _Batches(steps, part.start)
    runner = Runner(
        model=Trainable(method, device, acceleration or Acceleration.of(device)),
        work_dir=str(work_dir),
        experiment_name=f"phase-{time.monotonic_ns()}",  # mmengine wants a name of its own
        train_dataloader=batches,
        train_cfg={"by_epoch": False, "max_iters": stop - part.start},
        optim_wrapper=OptimWrapper(optimiser),
        default_hooks=dict.fromkeys(
            ("runtime_info", "timer", "logger", "checkpoint", "sampler_seed")
        ),
        custom_hooks=[_ScheduleHook(method, steps, part), curve],
        randomness={"seed": seed % 2**32, "deterministic": True},
        log_level="ERROR",
    )
    try:
        runner.train()
    finally:
        batches.close()
    if part.first + stop == part.total:
        torch.manual_seed(seed + 1)
        method.end_chunk(context)
    return tuple(curve.points), optimiser.state_dict()
