"""One phase of pre-training by a config of mmengine: the parts that its Runner finds by name.

Registered with mmengine: the model `StreamMethod`, the loop `ChunkLoop` and the constructor of
optimisers `MethodOptimiser`. They are the harness's own parts, put together as mmengine wants them,
so that the steps are those of `headwater run` to the last bit. Only what a config names imports
this module. See baselines/moco_v2_r50_8gpu.py.
"""

import itertools
import math
import os
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from mmengine.hooks import CheckpointHook
from mmengine.logging import HistoryBuffer
from mmengine.model import is_model_wrapper
from mmengine.optim import OptimWrapper
from mmengine.registry import LOOPS, MODELS, OPTIM_WRAPPER_CONSTRUCTORS
from mmengine.runner import IterBasedTrainLoop
from torch import nn

from benchmark.accelerate import Acceleration
from benchmark.batch import ChunkContext
from benchmark.distributed import average_buffers, rank, synchronise, world
from benchmark.engine.job import Job
from benchmark.errors import DataError, HeadwaterError, UsageError
from benchmark.memory import keep_freed_memory
from benchmark.method import Method
from benchmark.optim import build_optimiser
from benchmark.pretrain import Part, Trainable, _Batches, _ScheduleHook, _wrapped
from benchmark.registry import load_shipped
from benchmark.rehearsal import build
from benchmark.resolve import protocol_named
from benchmark.seeds import seed_for
from benchmark.streams.reader import StreamMemory, StreamReader
from benchmark.streams.steps import PhaseSteps, SampleOrder
from benchmark.watch import over_processes

# cuBLAS is deterministic only if this is set before CUDA starts, which is after configs are read.
os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")

#: What stands before a method's names in the state of a `StreamTrainable`.
_OWN = "method."


class StreamTrainable(Trainable):
    """A method as the Runner wants it, and which stream it is trained on.

    Args:
        method: on the device that it is to be trained on.
        acceleration: of that device.
        job: the method, the protocol and the replicate by name.
        reader: of the stream.
    """

    def __init__(
        self, method: Method, acceleration: Acceleration, job: Job, reader: StreamReader
    ) -> None:
        super().__init__(method, next(method.parameters()).device.type, acceleration)
        self.job, self.reader = job, reader


@MODELS.register_module("StreamMethod")  # type: ignore[untyped-decorator]
def stream_method(
    protocol: str, method: str, options: Mapping[str, Any] | None = None, replicate: int = 0
) -> nn.Module:
    """A fresh method on a protocol's stream, wrapped for the processes that share its batches.

    Args:
        protocol: its id; without a version, the newest.
        method: a name that `headwater run -m` takes.
        options: set away from the tier's defaults, as by its `--set`.
        replicate: as its `--seed`.

    Returns:
        A `StreamTrainable`, under DDP where there are several processes.

    Raises:
        UsageError: a name or an option is wrong; the stream has no boundaries or the method keeps
            images, so that more than weights goes from phase to phase; or the processes that were
            started do not know of one another.

    Example:
        >>> model = stream_method("instance/smoke", "moco_v2/sequential", {"batch_size": 64})
        >>> model.job.protocol, model.method.config.batch_size
        ('instance/smoke@1', 64)
    """
    load_shipped()
    keep_freed_memory()
    started = int(os.environ.get("WORLD_SIZE", 1))
    if started != world():
        raise UsageError(
            f"{started} processes were started that do not know of one another; add --launcher "
            f"pytorch to the command"
        )
    chosen = tuple(sorted(dict(options or {}).items()))
    job = Job(protocol_named(protocol).id, method, chosen, replicate)
    built, reader = build(job.method_itself, job.spec, replicate)
    if built.memory_share or built.replays or not job.spec.boundaries:
        raise UsageError(
            f"of {method} on {job.protocol} more goes from phase to phase than the weights, which "
            f"is all that mmengine saves; train it by headwater run -p {job.protocol} -m {method}"
        )
    device = "cuda" if torch.cuda.is_available() else "cpu"
    acceleration = Acceleration.of(device)
    built = acceleration.compile(built.to(device))
    synchronise(built, getattr(built.config, "bn_groups", 1))
    return _wrapped(StreamTrainable(built, acceleration, job, reader.to(device)), device)


def _bare(model: Any) -> StreamTrainable:
    """The method that mmengine trains, without what the processes share it by."""
    bare: StreamTrainable = model.module if is_model_wrapper(model) else model
    return bare


@OPTIM_WRAPPER_CONSTRUCTORS.register_module()
class MethodOptimiser:
    """Builds the optimiser that the method's options ask for; its precision is the harness's.

    Args:
        optim_wrapper_cfg: what the config says beside `constructor`, which must be nothing.
        paramwise_cfg: likewise.

    Raises:
        UsageError: the config says something, which would be of no effect.

    Example:
        >>> MethodOptimiser({"type": "AmpOptimWrapper"})
        Traceback (most recent call last):
        benchmark.errors.UsageError: the optimiser and its precision follow from the method's ...
    """

    def __init__(self, optim_wrapper_cfg: Mapping[str, Any], paramwise_cfg: Any = None) -> None:
        if optim_wrapper_cfg or paramwise_cfg:
            raise UsageError(
                "the optimiser and its precision follow from the method's options and the device; "
                "set model.options in the place of --amp or keys of optim_wrapper"
            )

    def __call__(self, model: nn.Module) -> OptimWrapper:
        """The optimiser of a `StreamMethod`."""
        return OptimWrapper(build_optimiser(_bare(model).method))


@LOOPS.register_module()
class ChunkLoop(IterBasedTrainLoop):  # type: ignore[misc]
    """mmengine's loop over the steps of one phase; a resumed one reads nothing that is behind.

    Args:
        runner: whose model is a `StreamMethod`.
        dataloader: what the config says of it, which must be nothing: the steps are the stream's.
        chunk: number of the phase, from 1: under a sequential strategy, the chunk.

    Raises:
        UsageError: there is no such phase, a batch that it cannot fill or the processes cannot
            share, or the config says something of the loader.
    """

    def __init__(self, runner: Any, dataloader: Mapping[str, Any], chunk: int) -> None:
        if dataloader:
            raise UsageError("the stream has its own loader: leave train_dataloader empty")
        model = _bare(runner.model)
        job, method, reader = model.job, model.method, model.reader
        phases = [cell for cell in job.plan([]) if cell.kind == "pretrain" and cell.chunks]
        if chunk not in range(1, len(phases) + 1):
            raise UsageError(f"{job.method} on {job.protocol} has chunks 1 to {len(phases)}")
        phase = phases[chunk - 1]
        name = job.method_itself.folder
        seeds = seed_for("train", job.protocol, name, job.replicate), phase.phase
        rows, steps = reader.open(phase.chunks), phase.schedule[1]
        delivered = round(method.stream_share * method.config.batch_size)
        order = SampleOrder(rows, steps, delivered, *seeds)
        batches = PhaseSteps(reader, order, *seeds, rank=rank(), world=world())
        method.use_memory(StreamMemory(reader))
        hook = _ChunkHook(
            method,
            batches,
            ChunkContext(phase.chunks, steps, torch.from_numpy(rows)),
            seed_for("global", *seeds),
            {"protocol": job.protocol, "method": name, "replicate": job.replicate, "chunk": chunk},
        )
        # Before all others: what they log and save is the batch's, of all processes.
        runner.register_hook(hook, priority="HIGHEST")
        super().__init__(runner, _Batches(batches, 0), max_iters=steps, val_interval=steps)

    def run(self) -> None:
        """Take the steps that are left."""
        self.dataloader.start = self._iter
        # mmengine skips what is behind by asking for it.
        behind = itertools.repeat(None, self._iter)
        self.dataloader_iterator = itertools.chain(behind, self.dataloader)
        try:
            super().run()
        finally:
            self.dataloader.close()
            _bare(self.runner.model).method.use_memory(None)


class _ChunkHook(_ScheduleHook):
    """The schedule, the beginning and the end of the phase, and what checkpoints say of it.

    Args:
        method: that is trained.
        steps: of the phase.
        context: what the method is told.
        seed: of the global generators where the phase begins.
        about: protocol, method, replicate and chunk, for the checkpoints.
    """

    def __init__(
        self,
        method: Method,
        steps: PhaseSteps,
        context: ChunkContext,
        seed: int,
        about: dict[str, Any],
    ) -> None:
        super().__init__(method, steps, Part(0, len(steps)))
        self.context, self.seed, self.about = context, seed, about

    def before_train(self, runner: Any) -> None:
        chunk = self.about["chunk"]
        if runner.iter:
            return
        if chunk > 1 and not runner._has_loaded:
            raise UsageError(
                f"chunk {chunk} goes on from chunk {chunk - 1}: load_from= its last checkpoint"
            )
        torch.manual_seed(self.seed)
        self.method.begin_chunk(self.context)

    def after_train_iter(
        self, runner: Any, batch_idx: int, data_batch: Any = None, outputs: Any = None
    ) -> None:
        outputs["loss"] = loss = over_processes(outputs["loss"].clone())
        if not math.isfinite(loss):
            raise HeadwaterError(f"the loss is {loss} at step {runner.iter + 1}; lower the rate")
        last = self.is_last_train_iter(runner)
        if last or _saves(runner):
            average_buffers(self.method)
        if last:
            torch.manual_seed(self.seed + 1)
            self.method.end_chunk(self.context)

    def before_save_checkpoint(self, runner: Any, checkpoint: dict[str, Any]) -> None:
        """Keep the weights as `headwater run` does, and nothing that torch.load refuses to read.

        That are numpy's scalars, and mmengine's histories of what was logged, which name functions.
        """
        checkpoint["headwater"] = self.about | {"done": self.is_last_train_iter(runner)}
        own = checkpoint.pop("state_dict").items()
        checkpoint["method"] = {name.removeprefix(_OWN): value for name, value in own}
        scalars, info = (checkpoint["message_hub"][key] for key in ("log_scalars", "runtime_info"))
        for name, history in scalars.items():
            scalars[name] = torch.tensor(history.data[0])
        for name, value in info.items():
            info[name] = value.item() if isinstance(value, np.generic) else value

    def after_load_checkpoint(self, runner: Any, checkpoint: dict[str, Any]) -> None:
        """Refuse what is no checkpoint of this phase, or, to begin with, of the one before.

        mmengine itself would load of any file what fits, and go on.
        """
        told, wanted = checkpoint.get("headwater", {}), dict(self.about)
        if "method" not in checkpoint or (runner._resume and not told):
            raise DataError("the checkpoint is neither of this config nor of headwater run")
        if not runner._resume:
            wanted |= {"chunk": wanted["chunk"] - 1, "done": True}
        wrong = [f"{k} {told[k]}, not {v}" for k, v in wanted.items() if told.get(k, v) != v]
        if wrong:
            what = "to be resumed" if runner._resume else "to begin with"
            raise UsageError(
                f"the checkpoint {what} is of {'; '.join(wrong)}: give the last one of the chunk "
                f"before as load_from, or --resume, and each chunk its own --work-dir"
            )
        weights = checkpoint.pop("method").items()
        checkpoint["state_dict"] = {_OWN + name: value for name, value in weights}
        own = _bare(runner.model).state_dict().keys()
        if different := own ^ checkpoint["state_dict"].keys():
            raise DataError(f"the checkpoint does not fit the method: {sorted(different)[:5]}")
        scalars = checkpoint.get("message_hub", {}).get("log_scalars", {})
        for name, values in scalars.items():
            scalars[name] = HistoryBuffer(values.tolist(), [1] * len(values))


def _saves(runner: Any) -> bool:
    """Whether mmengine writes a checkpoint after this step."""
    return any(
        hook.every_n_train_iters(runner, hook.interval, hook.save_begin)
        for hook in runner.hooks
        if isinstance(hook, CheckpointHook)
    )
