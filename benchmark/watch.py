"""What is kept of a phase while it runs: its curve, and its state at a step."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

import torch
from mmengine.hooks import Hook
from torch import Tensor

from benchmark.distributed import rank, world
from benchmark.errors import HeadwaterError, Stopped
from benchmark.result import CurvePoint

#: Called with (step, steps of the phase, mean loss and rate since the last call).
Progress = Callable[[int, int, CurvePoint], None]

#: Points of a phase's curve, and seconds after which people are told in between.
POINTS, TELL_SECONDS = 50, 2.0


class Saver(Protocol):
    """Who decides when a phase's state is put by, and puts it by."""

    def wanted(self) -> Literal["", "save", "stop"]:
        """Asked after every step: go on, save and go on, or save and stop."""

    def save(self, state: dict[str, Any]) -> None:
        """Put the state by; tensors and plain values."""


@dataclass
class Curve:
    """The training curve so far, and the losses since its last point."""

    points: list[CurvePoint] = field(default_factory=list)
    losses: list[Tensor] = field(default_factory=list)

    def state(self) -> dict[str, Any]:
        """As a file has it."""
        losses = torch.stack(self.losses) if self.losses else torch.empty(0)
        return {"points": [point.model_dump() for point in self.points], "losses": losses}

    @classmethod
    def of(cls, state: dict[str, Any]) -> "Curve":
        """From what `state` gave."""
        points = [CurvePoint.model_validate(point) for point in state["points"]]
        return cls(points, list(state["losses"]))


class CurveHook(Hook):
    """Keeps the mean loss and the rate, `POINTS` a phase, and tells how far it is.

    Args:
        curve: to be added to.
        start, stop: the steps that are taken now.
        steps: of the whole phase.
        batch_size: of all processes together.
        progress: who is told.
    """

    def __init__(
        self,
        curve: Curve,
        span: tuple[int, int],
        steps: int,
        batch_size: int,
        progress: Progress | None,
    ) -> None:
        self.curve, self.every = curve, max(1, steps // POINTS)
        (self.start, self.stop), self.steps = span, steps
        self.batch_size, self.progress = batch_size, progress
        self._since = self._told = time.perf_counter()
        self._taken = 0  # steps since the last point, in this process

    def after_train_iter(
        self, runner: Any, batch_idx: int, data_batch: Any = None, outputs: Any = None
    ) -> None:
        losses = self.curve.losses
        losses.append(outputs["loss"])
        self._taken += 1
        done, now = self.start + runner.iter + 1, time.perf_counter()
        whole = done % self.every == 0 or done == self.stop
        if not whole and (self.progress is None or now - self._told < TELL_SECONDS):
            return
        loss = float(over_processes(torch.stack(losses).mean())) if whole else float(losses[-1])
        if not math.isfinite(loss):
            raise HeadwaterError(f"the loss is {loss} at step {done}; lower the learning rate")
        rate = self._taken * self.batch_size / (now - self._since)
        point = CurvePoint(visits=done * self.batch_size, loss=loss, images_per_second=rate)
        if whole:
            self.curve.points.append(point)
            self._since, self._taken = now, 0
            losses.clear()
            if rank() == 0:
                values = {"loss": loss, "images_per_second": rate}
                runner.visualizer.add_scalars(values, step=point.visits)
        if self.progress:
            self._told = now
            self.progress(done, self.steps, point)


class SaveHook(Hook):
    """Has a phase's state put by where the saver wants it, on all processes after the same step.

    Args:
        saver: who is asked.
        state: gives the state after so many steps of the phase.
        start, stop: the steps that are taken now.
    """

    def __init__(
        self, saver: Saver, state: Callable[[int], dict[str, Any]], span: tuple[int, int]
    ) -> None:
        self.saver, self.state, (self.start, self.stop) = saver, state, span

    def after_train_iter(
        self, runner: Any, batch_idx: int, data_batch: Any = None, outputs: Any = None
    ) -> None:
        done = self.start + runner.iter + 1
        if done == self.stop:
            return
        wanted = ("", "save", "stop").index(self.saver.wanted())
        if world() > 1:
            most = torch.tensor(wanted, device=outputs["loss"].device)
            torch.distributed.all_reduce(most, torch.distributed.ReduceOp.MAX)
            wanted = int(most)
        if wanted:
            state = self.state(done)
            if rank() == 0:
                self.saver.save(state)
        if wanted == 2:
            raise Stopped


def over_processes(value: Tensor) -> Tensor:
    """Mean over the processes that share a batch."""
    if world() > 1:
        torch.distributed.all_reduce(value)
        value /= world()
    return value
