"""Rehearsals: a method trained for a few steps of each phase, perhaps interrupted on the way."""

import io
import itertools
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from benchmark.method import Method
from benchmark.phase import train_phase
from benchmark.pools import load_pool
from benchmark.pretrain import Part
from benchmark.protocol import ProtocolSpec
from benchmark.resolve import ResolvedMethod
from benchmark.seeds import seed_for
from benchmark.streams.reader import StreamReader

#: Steps of each phase, and images of each step.
STEPS, BATCH = 3, 16


@dataclass(frozen=True)
class Rehearsed:
    """What came of a rehearsal: the method at its end, the loss of every step, and the reader."""

    method: Method
    losses: tuple[float, ...]
    reader: StreamReader


def build(method: ResolvedMethod, spec: ProtocolSpec, seed: int) -> tuple[Method, StreamReader]:
    """A fresh method, and a reader of the stream for it."""
    built = method.build(spec, seed)
    reader = StreamReader(
        load_pool(spec),
        spec.manifest,
        labelled=method.needs_labels,
        method=method.name,
        memory_share=built.memory_share,
    )
    return built, reader


def rehearse(
    method: ResolvedMethod,
    spec: ProtocolSpec,
    seed: int = 0,
    cuts: Collection[tuple[int, int]] = (),
) -> Rehearsed:
    """Train on the first steps of each phase.

    Args:
        method: whose batches have `BATCH` images.
        spec: the protocol.
        seed: of weights and training.
        cuts: a phase, from 0, and a step of it, before which everything is written down and read
            again, as if the process had been stopped there.
    """
    built, reader = build(method, spec, seed)
    phases = built.phases(spec.chunks)
    losses: list[float] = []
    optimiser: dict[str, Any] | None = None
    for number, chunks in enumerate(phases):
        first, total = (0, STEPS) if spec.boundaries else (number * STEPS, len(phases) * STEPS)
        optimiser = optimiser if first else None
        replayed = reader.kept
        stops = sorted({0, STEPS, *(step for phase, step in cuts if phase == number)})
        for start, stop in itertools.pairwise(stops):
            if (number, start) in cuts:
                fresh, fresh_reader = build(method, spec, seed)
                fresh.load_state_dict(_through_a_file(built.state_dict()))
                fresh_reader.kept = reader.kept
                built, reader = fresh, fresh_reader
                optimiser = _through_a_file(optimiser)
            curve, optimiser = train_phase(
                built,
                reader,
                chunks,
                steps=STEPS,
                seeds=(seed_for("rehearsal", seed), number),
                boundaries=spec.boundaries,
                part=Part(first, total, optimiser, start, stop),
                replayed=replayed,
            )
            losses += [point.loss for point in curve.points]
    return Rehearsed(built, tuple(losses), reader)


def _through_a_file(state: Any) -> Any:
    """What comes out of a checkpoint when `state` was put in."""
    file = io.BytesIO()
    torch.save(state, file)
    file.seek(0)
    return torch.load(file, weights_only=True)


def difference(one: Mapping[str, Any], other: Mapping[str, Any]) -> tuple[str, str] | None:
    """The first entry in which two states differ, told for each, or None if all bits are equal.

    Example:
        >>> difference({"a": torch.tensor([1.0, 2.0])}, {"a": torch.tensor([1.0, 3.0])})
        ('a[1] = 2.0', 'a[1] = 3.0')
    """
    for name in [*one, *(name for name in other if name not in one)]:
        mine, theirs = one.get(name), other.get(name)
        if not (isinstance(mine, Tensor) and isinstance(theirs, Tensor)):
            if mine != theirs:
                return f"{name} = {mine}", f"{name} = {theirs}"
        elif mine.shape != theirs.shape:
            return f"{name} of {tuple(mine.shape)}", f"{name} of {tuple(theirs.shape)}"
        elif not torch.equal(mine, theirs):
            where = int((mine != theirs).flatten().nonzero()[0])
            place = ", ".join(map(str, torch.unravel_index(torch.tensor(where), mine.shape)))
            place = "".join(c for c in place if c.isdigit() or c in ", ")
            return (
                f"{name}[{place}] = {mine.flatten()[where].item()}",
                f"{name}[{place}] = {theirs.flatten()[where].item()}",
            )
    return None


def disagreement(one: Rehearsed, other: Rehearsed) -> tuple[str, str] | None:
    """Where two rehearsals differ first, told for each."""
    for number, (mine, theirs) in enumerate(zip(one.losses, other.losses, strict=True)):
        if mine != theirs:
            return f"loss {number} = {mine!r}", f"loss {number} = {theirs!r}"
    if told := difference(one.method.state_dict(), other.method.state_dict()):
        return told
    if not np.array_equal(one.reader.kept, other.reader.kept):
        return f"kept {one.reader.kept}", f"kept {other.reader.kept}"
    return None
