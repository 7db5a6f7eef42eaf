"""One phase of pre-training, on mmengine's Runner."""

import time
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from mmengine.hooks import Hook
from mmengine.model import MMDistributedDataParallel
from mmengine.optim import OptimWrapper
from mmengine.runner import Runner
from torch import Tensor, nn

from benchmark.accelerate import Acceleration
from benchmark.batch import Batch, ChunkContext
from benchmark.distributed import average_buffers, synchronise, world
from benchmark.memory import keep_freed_memory
from benchmark.method import Method
from benchmark.optim import build_optimiser, lr_factor
from benchmark.streams.steps import PhaseSteps
from benchmark.watch import Curve, CurveHook, Progress, SaveHook, Saver


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

    def forward(self, batch: Batch) -> Tensor:
        """The loss; DDP calls it, so that gradients are averaged."""
        return self.method.training_step(batch)

    def train_step(
        self,
        batch: Batch,
        optim_wrapper: OptimWrapper,
        forward: Callable[[Batch], Tensor] | None = None,
    ) -> dict[str, Tensor]:
        # What a method draws from the global generators is a function of the step, too.
        torch.manual_seed(batch.seed)
        with self.acceleration.context(self.device):
            loss = (forward or self)(batch.to(self.device))
        loss.backward()
        self.method.after_backward()
        optim_wrapper.step()
        optim_wrapper.zero_grad()
        self.method.after_step()
        return {"loss": loss.detach()}


class _Parallel(MMDistributedDataParallel):
    """The same on several processes, each with its part of every batch."""

    def train_step(self, batch: Batch, optim_wrapper: OptimWrapper) -> dict[str, Tensor]:
        step: dict[str, Tensor] = self.module.train_step(batch, optim_wrapper, self)
        return step


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
    curve: Curve | None = None,
    saver: Saver | None = None,
    logs: Path | None = None,
) -> tuple[Curve, dict[str, Any]]:
    """Train a method on the steps of one phase, in place.

    The optimiser and its cosine schedule are those of `method.config`. They start anew unless the
    phase is a later part of a schedule; `begin_chunk` and `end_chunk` are called where a schedule
    begins and ends. Where torch.distributed runs, the processes share every batch, and what comes
    out is what one process would have got, but for rounding.

    Args:
        method: on the device that it is to be trained on.
        steps: the batches, step by step.
        context: what the method is told.
        seed: of the global generators, for methods that draw from them.
        work_dir: where the Runner keeps its log.
        part: where the steps lie in their schedule; None if they are all of it.
        progress: told now and then how far it is.
        acceleration: None for that of the device; backbones are compiled already.
        curve: of the steps before; None if there are none.
        saver: asked after every step whether the state is to be put by: `step`, `method`,
            `optimiser` and `curve`, of which `Part` and the method make the next one go on.
        logs: folder for TensorBoard; None for no logs.

    Returns:
        The training curve, and the optimiser's state at the end.

    Raises:
        HeadwaterError: the loss is not finite; names the step.
        Stopped: the saver asked for it; the state has been put by.
    """
    keep_freed_memory()
    part, curve = part or Part(0, len(steps)), curve or Curve()
    span = (part.start, len(steps) if part.stop is None else part.stop)
    device = next(method.parameters()).device.type
    method.train()
    synchronise(method, getattr(method.config, "bn_groups", 1))
    if part.first + part.start == 0:
        torch.manual_seed(seed)
        method.begin_chunk(context)
    optimiser = build_optimiser(method)
    if part.optimiser is not None:
        optimiser.load_state_dict(part.optimiser)

    def state(step: int) -> dict[str, Any]:
        average_buffers(method)
        return {
            "step": step,
            "method": method.state_dict(),
            "optimiser": optimiser.state_dict(),
            "curve": curve.state(),
        }

    hooks: list[Hook] = [
        _ScheduleHook(method, steps, part),
        CurveHook(curve, span, len(steps), method.config.batch_size, progress),
    ]
    if saver is not None:
        hooks.append(SaveHook(saver, state, span))
    batches = _Batches(steps, part.start)
    runner = Runner(
        model=_wrapped(Trainable(method, device, acceleration or Acceleration.of(device)), device),
        work_dir=str(work_dir),
        experiment_name=f"phase-{time.monotonic_ns()}",  # mmengine wants a name of its own
        train_dataloader=batches,
        train_cfg={"by_epoch": False, "max_iters": span[1] - span[0]},
        optim_wrapper=OptimWrapper(optimiser),
        default_hooks=dict.fromkeys(
            ("runtime_info", "timer", "logger", "checkpoint", "sampler_seed")
        ),
        custom_hooks=hooks,
        launcher="pytorch" if world() > 1 else "none",
        randomness={"seed": seed % 2**32, "deterministic": True},
        visualizer=_visualizer(logs),
        log_level="ERROR",
    )
    try:
        runner.train()
    finally:
        batches.close()
        runner.visualizer.close()
    average_buffers(method)
    if part.first + span[1] == part.total:
        torch.manual_seed(seed + 1)
        method.end_chunk(context)
    return curve, optimiser.state_dict()


def _wrapped(model: Trainable, device: str) -> nn.Module:
    """The model as it is, or for the processes that share its batches."""
    if world() == 1:
        return model
    where = [torch.cuda.current_device()] if device == "cuda" else None
    # A strategy may have parts that play no role before its second chunk.
    return _Parallel(
        module=model, device_ids=where, broadcast_buffers=False, find_unused_parameters=True
    )


def _visualizer(logs: Path | None) -> dict[str, Any] | None:
    """mmengine's writer of TensorBoard's files, if they are wanted."""
    if logs is None:
        return None
    return {
        "type": "Visualizer",
        "vis_backends": [{"type": "TensorboardVisBackend"}],
        "save_dir": str(logs),
    }
