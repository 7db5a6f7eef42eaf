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

from benchmark.batch import Batch, ChunkContext
from benchmark.errors import HeadwaterError
from benchmark.memory import keep_freed_memory
from benchmark.method import Method
from benchmark.result import CurvePoint
from benchmark.streams.steps import PhaseSteps

Progress = Callable[[int, int, float], None]


@dataclass(frozen=True)
class Part:
    """Where the steps of a phase lie in a schedule.

    A stream with boundaries has a schedule for every chunk; one without has a single schedule, and
    its chunks are parts of it, which the method cannot tell from one another.

    Args:
        first: steps of the schedule that came before.
        total: steps of the whole schedule.
        optimiser: the optimiser's state after those steps, None at the start.
    """

    first: int
    total: int
    optimiser: dict[str, Any] | None = None


class _Trainable(nn.Module):
    """A method as mmengine's Runner wants it."""

    def __init__(self, method: Method, device: str) -> None:
        super().__init__()
        self.method, self.device = method, device

    def train(self, mode: bool = True) -> "_Trainable":
        """Nothing: the Runner asks at every step, and modes are the method's own business."""
        return self

    def train_step(self, batch: Batch, optim_wrapper: OptimWrapper) -> dict[str, Tensor]:
        with optim_wrapper.optim_context(self):
            loss = self.method.training_step(batch.to(self.device))
        optim_wrapper.update_params(loss)
        self.method.after_step()
        return {"loss": loss.detach()}


class _Batches:
    """The steps' loader as the Runner wants it, whose workers stop when it is closed.

    The Runner keeps a loader's iterator in a cycle of references, in which the workers would be
    left waiting: the queues that would stop them are torn down first.
    """

    def __init__(self, steps: PhaseSteps) -> None:
        self.dataset = steps
        self._running: Generator[Batch, None, None] | None = None

    def __len__(self) -> int:
        return len(self.dataset)

    def __iter__(self) -> Iterator[Batch]:
        self._running = self._deliver()
        return self._running

    def _deliver(self) -> Generator[Batch, None, None]:
        yield from self.dataset.loader()

    def close(self) -> None:
        if self._running is not None:
            self._running.close()


class _ScheduleHook(Hook):
    """Before each step: the learning rate along half a cosine, and the count of the samples."""

    def __init__(self, steps: PhaseSteps, lr: float, part: Part) -> None:
        self.steps, self.lr, self.part = steps, lr, part

    def before_train_iter(self, runner: Any, batch_idx: int, data_batch: Any = None) -> None:
        self.steps.serve(runner.iter)
        done = (self.part.first + runner.iter) / self.part.total
        for group in runner.optim_wrapper.param_groups:
            group["lr"] = self.lr * (1 + math.cos(math.pi * done)) / 2


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


def build_optimiser(method: Method) -> torch.optim.Optimizer:
    """The optimiser that `method.config` asks for, over the parameters that have a gradient."""
    config = method.config
    parameters = [parameter for parameter in method.parameters() if parameter.requires_grad]
    lr, decay = config.lr, config.weight_decay
    if config.optimiser == "adamw":
        return torch.optim.AdamW(parameters, lr=lr, weight_decay=decay, fused=True)
    return torch.optim.SGD(parameters, lr=lr, weight_decay=decay, momentum=0.9, fused=True)


def pretrain_phase(
    method: Method,
    steps: PhaseSteps,
    context: ChunkContext,
    *,
    seed: int,
    work_dir: Path,
    part: Part | None = None,
    progress: Progress | None = None,
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

    Returns:
        The training curve, and the optimiser's state at the end.

    Raises:
        HeadwaterError: the loss is not finite; names the step.
    """
    keep_freed_memory()
    config, part = method.config, part or Part(0, len(steps))
    curve = _CurveHook(len(steps), config.batch_size, progress)
    method.train()
    if part.first == 0:
        method.begin_chunk(context)
    optimiser = build_optimiser(method)
    if part.optimiser is not None:
        optimiser.load_state_dict(part.optimiser)
    batches = _Batches(steps)
    runner = Runner(
        model=_Trainable(method, next(method.parameters()).device.type),
        work_dir=str(work_dir),
        experiment_name=f"phase-{time.monotonic_ns()}",  # mmengine wants a name of its own
        train_dataloader=batches,
        train_cfg={"by_epoch": False, "max_iters": len(steps)},
        optim_wrapper=OptimWrapper(optimiser),
        default_hooks=dict.fromkeys(
            ("runtime_info", "timer", "logger", "checkpoint", "sampler_seed")
        ),
        custom_hooks=[_ScheduleHook(steps, config.lr, part), curve],
        randomness={"seed": seed % 2**32, "deterministic": True},
        log_level="ERROR",
    )
    try:
        runner.train()
    finally:
        batches.close()
    if part.first + len(steps) == part.total:
        method.end_chunk(context)
    return tuple(curve.points), optimiser.state_dict()
