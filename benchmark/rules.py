"""The rules of the contract, one function each, on the first steps of the smoke streams."""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cached_property
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from benchmark.accelerate import Acceleration
from benchmark.batch import ChunkContext
from benchmark.errors import HeadwaterError
from benchmark.method import Method
from benchmark.models import Backbone
from benchmark.rehearsal import (
    BATCH,
    STEPS,
    Rehearsed,
    build,
    difference,
    disagreement,
    rehearse,
)
from benchmark.resolve import ResolvedMethod, protocol_named
from benchmark.streams.reader import Rows, StreamMemory, StreamReader

aten = torch.ops.aten
PROTOCOL, BLURRED = "instance/smoke@1", "blurred-class/smoke@1"


class Broken(Exception):
    """A rule that is not kept, with the values that show it."""


class Subject:
    """The method under examination, with what several rules look at."""

    def __init__(self, method: ResolvedMethod) -> None:
        self.method, self.spec = method, protocol_named(PROTOCOL)
        built, reader = self.build()
        self.phases, self.needs_boundaries = built.phases(self.spec.chunks), built.needs_boundaries
        self.images = reader.read(reader.open((1,))[:8], 0).images

    def build(self) -> tuple[Method, StreamReader]:
        """A fresh method, with seed 0, and a reader."""
        return build(self.method, self.spec, 0)

    def rehearse(self, *cuts: tuple[int, int], seed: int = 0) -> Rehearsed:
        return rehearse(self.method, self.spec, seed, cuts)

    @cached_property
    def whole(self) -> Rehearsed:
        """Trained without interruption."""
        return self.rehearse()

    @property
    def boundary(self) -> tuple[int, int]:
        """The last phase's beginning."""
        return len(self.phases) - 1, 0

    @property
    def middle(self) -> tuple[int, int]:
        """A step inside the last phase."""
        return len(self.phases) - 1, STEPS - 1

    @cached_property
    def reproducible(self) -> bool:
        """Whether two interruptions change no bit; if they do, three rules say which and what."""
        whole = self.whole
        try:
            return disagreement(whole, self.rehearse(self.boundary, self.middle)) is None
        except Exception:
            return False

    def step(
        self, method: Method, reader: StreamReader, device: str = "cpu", phase: int = 0
    ) -> Tensor:
        """The loss of the first step of a phase, on a device."""
        rows = reader.to(device).open(self.phases[phase])
        method.use_memory(StreamMemory(reader))
        method.to(device).train()
        torch.manual_seed(0)
        method.begin_chunk(self.context(phase, rows))
        method.begin_step(0.0)
        torch.manual_seed(1)
        batch = reader.read(rows[:: len(rows) // BATCH][:BATCH], seed=1)
        return method.training_step(batch.to(device))

    def context(self, phase: int, rows: Rows) -> ChunkContext:
        return ChunkContext(self.phases[phase], STEPS, torch.from_numpy(rows))


def _features(subject: Subject) -> None:
    """features(images) gives (N, backbone.width) float32, finite, without gradient, image by image,
    and leaves the method as it was"""
    method, images = subject.build()[0].eval(), subject.images
    if not isinstance(method.backbone, Backbone):
        raise Broken("a backbone of build_backbone", type(method.backbone).__name__)
    before = {name: _copy(value) for name, value in method.state_dict().items()}
    features = method.features(images)
    wanted = f"{(len(images), method.backbone.width)} float32"
    seen = f"{tuple(features.shape)} {str(features.dtype).removeprefix('torch.')}"
    if seen != wanted:
        raise Broken(wanted, seen)
    if features.requires_grad:
        raise Broken("requires_grad = False", "requires_grad = True")
    if not features.isfinite().all():
        raise Broken("finite values", f"{int((~features.isfinite()).sum())} that are not")
    if changed := difference(before, method.state_dict()):
        raise Broken(f"before {changed[0]}", f"after {changed[1]}")
    alone = method.features(images[:1])
    if not torch.allclose(alone[0], features[0], rtol=1e-3, atol=1e-4):
        worst = (alone[0] - features[0]).abs().argmax()
        raise Broken(
            f"feature {worst} of an image alone is {alone[0, worst]:.6g}",
            f"{features[0, worst]:.6g} in a batch",
        )


def _labels(subject: Subject) -> None:
    """labels are read only if needs_labels = True is declared"""
    if subject.method.needs_labels:
        return
    try:
        subject.step(*subject.build())
    except Exception as error:  # others are told under the rules to come
        if isinstance(error, HeadwaterError) and "labels" in str(error):
            raise Broken("needs_labels = False", "training_step reads batch.labels") from error


def _loss(subject: Subject) -> None:
    """training_step(batch) gives a loss of shape (), finite, with gradient"""
    loss = subject.step(*subject.build())
    if loss.shape != ():
        raise Broken("shape ()", f"shape {tuple(loss.shape)}")
    if not loss.isfinite():
        raise Broken("a finite loss", str(float(loss.detach())))
    if not loss.requires_grad:
        raise Broken("requires_grad = True", "requires_grad = False")


def _learning(subject: Subject) -> None:
    """a small step against the gradient lowers the loss of the same batch"""
    method, reader = subject.build()
    loss = subject.step(method, reader)
    loss.backward()  # type: ignore[no-untyped-call]
    slopes = {n: p.grad for n, p in method.named_parameters() if p.grad is not None}
    steepness = _norm(slopes.values())
    if steepness == 0:
        raise Broken("a gradient", "none, or 0, for every parameter")
    size = _norm(method.parameters())
    after = []
    for share in (1e-3, 1e-4):  # of the weights' norm
        stepped, reader = subject.build()
        with torch.no_grad():
            for name, parameter in stepped.named_parameters():
                if name in slopes:
                    parameter.sub_(slopes[name], alpha=share * size / steepness)
        after.append(float(subject.step(stepped, reader).detach()))
    before = float(loss.detach())
    if min(after) >= before:
        raise Broken(f"{before:.6g} before the step", f"{min(after):.6g} after it")


def _same_seed(subject: Subject) -> None:
    """the same seed gives the same bits"""
    if not subject.reproducible:
        _equal(subject.whole, subject.rehearse(), "once", "once more")


def _other_seed(subject: Subject) -> None:
    """another seed gives other bits"""
    one, other = subject.whole.method, subject.rehearse(seed=1).method
    if difference(one.backbone.state_dict(), other.backbone.state_dict()) is None:
        weight = next(one.backbone.parameters()).flatten()[0].item()
        raise Broken(f"first weight {weight} with seed 0", f"{weight} with seed 1")


def _state(subject: Subject) -> None:
    """a method built anew from state_dict at a chunk's end goes on as if nothing had happened"""
    if not subject.reproducible:
        _equal(subject.whole, subject.rehearse(subject.boundary), "whole", "rebuilt")


def _resume(subject: Subject) -> None:
    """interrupted in the middle of a chunk, it ends with the same bits"""
    if not subject.reproducible:
        _equal(subject.whole, subject.rehearse(subject.middle), "whole", "resumed")


def _memory(subject: Subject) -> None:
    """no more images are kept than memory_share declares, and no tensors outside state_dict"""
    share = subject.build()[0].memory_share
    try:
        method = subject.whole.method
    except HeadwaterError as error:
        if "may keep" in str(error):
            raise Broken(f"memory_share = {share:g}", str(error)) from error
        raise
    known = {id(tensor) for tensor in (*method.parameters(), *method.buffers())}
    for name, module in method.named_modules():
        for key, value in vars(module).items():
            if key in ("_parameters", "_buffers", "_modules"):
                continue
            if size := sum(_sizes(value, known)):
                place = f"self.{name}.{key}" if name else f"self.{key}"
                raise Broken("0 bytes, since register_buffer is for it", f"{size} in {place}")


def _device(subject: Subject) -> None:
    """it runs on whatever device it is moved to, and a step never waits for the device"""
    for device in ("meta", *(["cuda"] if torch.cuda.is_available() else [])):
        method, reader = subject.build()
        with _OneDevice():  # type: ignore[no-untyped-call]
            for phase in range(len(subject.phases))[:2]:
                loss = subject.step(method, reader, device, phase)
                loss.backward()  # type: ignore[no-untyped-call]
                method.after_backward()
                method.after_step()
                method.end_chunk(subject.context(phase, reader.rows[phase]))
        for name, tensor in (*method.named_parameters(), *method.named_buffers()):
            if tensor.device.type != device:
                raise Broken(f"{name} on {device}", f"on {tensor.device.type}")


class _OneDevice(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Refuses what mixes tensors of two devices, which the meta device lets pass here and there."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        leaves = tree_leaves((args, kwargs))
        devices = {t.device.type for t in leaves if isinstance(t, Tensor) and t.ndim}
        if len(devices) > 1 and func.overloadpacket not in (aten.copy_, aten._to_copy):
            raise RuntimeError(f"{func} is given tensors on {' and '.join(sorted(devices))}")
        return func(*args, **(kwargs or {}))


def _dtype(subject: Subject) -> None:
    """it trains under bfloat16 autocast, and gives the same features in float64"""
    method, reader = subject.build()
    images = subject.images
    single = method.eval().features(images)
    double = method.to(torch.float64).features(images)
    if not torch.allclose(single, double, rtol=1e-2, atol=1e-3):
        raise Broken(f"{single[0, 0]:.6g} in float32", f"{double[0, 0]:.6g} in float64")
    if not subject.phases:
        return
    method, reader = subject.build()
    with Acceleration(autocast=True).context("cpu"):
        loss = subject.step(method, reader)
    loss.backward()  # type: ignore[no-untyped-call]
    if not loss.isfinite():
        raise Broken("a finite loss in bfloat16", str(float(loss.detach())))


def _blurred(subject: Subject) -> None:
    """it runs on a stream without boundaries, or declares needs_boundaries = True"""
    if not subject.needs_boundaries:
        rehearse(subject.method, protocol_named(BLURRED))


RULES: tuple[Callable[[Subject], None], ...] = (
    *(_features, _labels, _loss, _learning, _same_seed, _other_seed, _state, _resume),
    *(_memory, _device, _dtype, _blurred),
)
RULES_UNTRAINED = (_features, _other_seed, _dtype)


def _equal(one: Rehearsed, other: Rehearsed, first: str, second: str) -> None:
    """Raise if two rehearsals differ in a loss or in a bit of their state."""
    if told := disagreement(one, other):
        raise Broken(f"{first} {told[0]}", f"{second} {told[1]}")


def _norm(tensors: Iterable[Tensor]) -> float:
    return math.sqrt(sum(float(tensor.detach().square().sum()) for tensor in tensors))


def _copy(value: Any) -> Any:
    return value.clone() if isinstance(value, Tensor) else value


def _sizes(value: Any, known: set[int]) -> Iterator[int]:
    """Bytes of the tensors and arrays in an attribute that are not known."""
    if isinstance(value, (Tensor, np.ndarray)):
        if id(value) not in known:
            yield value.nbytes
    elif isinstance(value, Mapping):
        for each in value.values():
            yield from _sizes(each, known)
    elif isinstance(value, (list, tuple, set)):
        for each in value:
            yield from _sizes(each, known)
