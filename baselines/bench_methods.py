"""Every objective against its bare network, and strategies against what they add to."""

import statistics
from typing import Any

import numpy as np
import torch
from mmengine.optim import OptimWrapper
from torch.utils.flop_counter import FlopCounterMode

from baselines.bench_steps import (
    PROTOCOL,
    bare,
    built,
    device,
    finished,
    made_up_reader,
    over,
    quartiles,
    race,
    timed,
)
from benchmark.accelerate import Acceleration
from benchmark.batch import ChunkContext
from benchmark.memory import keep_freed_memory
from benchmark.method import Composed
from benchmark.optim import build_optimiser
from benchmark.phase import train_phase
from benchmark.pretrain import Part, Trainable
from benchmark.registry import OBJECTIVES, STRATEGIES
from benchmark.resolve import protocol_named
from benchmark.streams.reader import StreamMemory
from benchmark.streams.steps import PhaseSteps, SampleOrder

#: Strategies that may cost little: against sequential training with the same objective.
AGAINST_SEQUENTIAL = {
    "moco_v2": ("replay", "mas", "mas_replay", "si", "reservoir"),
    "supervised": ("replay", "mas", "mas_replay"),
}
#: Strategies with forwards of their own: against these forwards alone.
AGAINST_BARE = {"moco_v2": ("cassle", "lump"), "simclr": ("cassle", "lump")}


def method_rates(rounds: int) -> dict[str, Any]:
    """What `headwater bench methods` prints: medians between quartiles of ratios of neighbours.

    Args:
        rounds: turns of each contestant.
    """
    keep_freed_memory()
    peak = matrix_product()
    return {
        "benchmark": "methods at nano",
        "device": torch.cuda.get_device_name() if device() == "cuda" else "cpu",
        "precision": Acceleration.of(device()).precision,
        "threads": torch.get_num_threads(),
        "rounds": rounds,
        "peak": peak,
        "objectives": {
            name: objective_rates(name, rounds, peak["gflops"]) for name in OBJECTIVES.names()
        },
        "strategies": {
            name: told
            for objective in AGAINST_SEQUENTIAL | AGAINST_BARE
            for name, told in strategy_rates(objective, rounds).items()
        },
    }


def matrix_product(size: int = 4096) -> dict[str, Any]:
    """The peak in practice: a large product, in the precision that is trained in, best of five."""
    where, acceleration = device(), Acceleration.of(device())
    dtype = torch.bfloat16 if acceleration.autocast else torch.float32
    one, other = (torch.randn(size, size, device=where, dtype=dtype) for _ in range(2))
    seconds = []
    for _ in range(6):
        start = finished(where)
        one @ other
        seconds.append(finished(where) - start)
    return {"size": f"{size} x {size}", "gflops": round(2e-9 * size**3 / min(seconds[1:]), 1)}


def objective_rates(name: str, rounds: int, peak: float) -> dict[str, Any]:
    """An objective's loop against its network alone, and what of a step augmentation takes."""
    passes = OBJECTIVES.get(name).passes
    method = built(f"{name}/sequential")
    objective, batch_size = method.objective, method.config.batch_size
    reader = made_up_reader(labelled=objective.needs_labels)
    batch = reader.read(reader.open((1,))[:batch_size], seed=0)
    others = {
        "bare": bare(f"{name}/sequential", passes),
        "augmentation": timed(lambda: _ignored(objective.views(batch)), batch_size),
    }
    rates = race(f"{name}/sequential", rounds, others)
    rate = statistics.median(rates["headwater"])
    return {
        "forwards": "{} + {}".format(*passes),
        "batch_size": batch_size,
        "images_per_second": round(rate),
        "bare_images_per_second": round(statistics.median(rates["bare"])),
        "over_bare": over(rates, "headwater", "bare"),
        "augmentation_share": over(rates, "headwater", "augmentation"),
        "share_of_peak": round(rate * flops(method, passes) * 1e-9 / peak, 3),
    }


def _ignored(_: object) -> None:
    """Nothing: what is measured is how it came to be."""


def flops(method: Composed, passes: tuple[int, int]) -> float:
    """Floating-point operations of the network for one image of a step."""
    objective = method.objective
    size = objective.setting.view_size
    images = torch.randn(2, 3, size, size, device=device())
    with FlopCounterMode(display=False) as counter:
        for _ in range(passes[0]):
            loss = objective.embeddings(images).square().mean()
            loss.backward()  # type: ignore[no-untyped-call]
        with torch.no_grad():
            for _ in range(passes[1]):
                objective.embeddings(images)
    objective.zero_grad(set_to_none=True)
    return float(counter.get_total_flops()) / len(images)


class Second:
    """A method in the second of two chunks, trained as the harness does it, a few steps at a time.

    Args:
        name: of the method.

    Attributes:
        end_seconds: what the end of the first chunk took.
    """

    def __init__(self, name: str) -> None:
        where = device()
        self.method = method = built(name)
        self.batch_size = method.config.batch_size
        reader = made_up_reader(method.objective.needs_labels, method.memory_share)
        train_phase(
            method, reader, (1,), steps=4, seeds=(0, 0), boundaries=True, part=Part(0, 4, stop=3)
        )
        method.use_memory(StreamMemory(reader))
        first = ChunkContext((1,), 4, torch.from_numpy(reader.open((1,))))
        start = finished(where)
        method.end_chunk(first)
        self.end_seconds = finished(where) - start
        rows = reader.open((2,))
        method.begin_chunk(ChunkContext((2,), 4, torch.from_numpy(rows)))
        rows = np.union1d(rows, reader.kept) if method.replays else rows
        order = SampleOrder(rows, 10**6, round(method.stream_share * self.batch_size), "bench")
        self.steps, self.number = PhaseSteps(reader, order, "bench"), 0
        self.wrapper = OptimWrapper(build_optimiser(method))
        self.trainable = Trainable(method, where, Acceleration.of(where))

    def step(self) -> None:
        """What the Runner does for a step."""
        self.steps.serve(self.number)
        self.method.begin_step(0.5)
        self.trainable.train_step(self.steps[self.number], self.wrapper)
        self.number += 1


def strategy_rates(objective: str, rounds: int) -> dict[str, Any]:
    """Strategies with one objective, in turns with sequential training and with bare networks."""
    names = ["sequential", *AGAINST_SEQUENTIAL.get(objective, ()), *AGAINST_BARE.get(objective, ())]
    methods = {name: Second(f"{objective}/{name}") for name in names}
    batch_size = methods["sequential"].batch_size
    measures = {name: timed(method.step, batch_size) for name, method in methods.items()}
    passes = {
        name: STRATEGIES.get(name).passes(OBJECTIVES.get(objective))
        for name in AGAINST_BARE.get(objective, ())
    }
    measures |= {f"bare {n}": bare(f"{objective}/sequential", each) for n, each in passes.items()}
    rates: dict[str, list[float]] = {name: [] for name in measures}
    for number in range(rounds + 1):  # the first is not counted
        for name, measure in measures.items():
            rate = measure()
            rates[name] += [rate] if number else []
    spec = protocol_named(PROTOCOL)
    visits = spec.phase_visits((1,))
    told: dict[str, Any] = {}
    for name in names[1:]:
        if name in passes:
            told[f"{objective}/{name}"] = {
                "forwards": "{} + {}".format(*passes[name]),
                "over_bare": over(rates, name, f"bare {name}"),
            }
            continue
        # Seconds a visit, the end of a chunk shared out over the chunk's visits.
        ends = methods[name].end_seconds / visits
        told[f"{objective}/{name}"] = {
            "slower_than_sequential": quartiles(
                [
                    base / mine + base * ends - 1
                    for mine, base in zip(rates[name], rates["sequential"], strict=True)
                ]
            ),
            "end_of_chunk_seconds": round(methods[name].end_seconds, 2),
        }
    return told
