"""Rates of Headwater's own loop, taken in turns with others in one run."""

import importlib.util
import multiprocessing
import statistics
import tempfile
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch

from benchmark.accelerate import Acceleration
from benchmark.batch import ChunkContext
from benchmark.data.listing import IdTable
from benchmark.method import Composed, channels_last
from benchmark.pretrain import pretrain_phase
from benchmark.resolve import protocol_named, resolve
from benchmark.streams.manifest import Manifest
from benchmark.streams.reader import StreamReader
from benchmark.streams.steps import PhaseSteps, SampleOrder

#: Timed steps of one turn, about a second: short, so that a slow spell of the machine hits all
#: alike. One before them is not timed, since the caches are another's then.
TURN = 6
PROTOCOL = "instance/nano@1"

#: Takes a turn; returns images a second.
Measure = Callable[[], float]


def device() -> str:
    """What is measured on: a GPU where there is one."""
    return "cuda" if torch.cuda.is_available() else "cpu"


def finished(where: str) -> float:
    """The time when all that was asked of a device is done."""
    if where == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter()


def built(name: str) -> Composed:
    """A fresh method at nano, on the device, compiled where that helps, in training mode."""
    method = resolve(name).build(protocol_named(PROTOCOL), 0).to(device())
    assert isinstance(method, Composed)
    Acceleration.of(device()).compile(method).train()
    return method


def made_up_reader(labelled: bool = False, memory_share: float = 0.0) -> StreamReader:
    """A stream of two chunks of 1,280 random images of nano's size."""
    generator = np.random.default_rng(0)
    images = generator.integers(0, 256, (2560, 3, 40, 40), dtype=np.uint8)
    ids = tuple(map(str, range(len(images))))
    labels = generator.integers(0, protocol_named(PROTOCOL).classes, len(images))
    pool: Any = SimpleNamespace(ids=ids, images=images, labels=labels)
    rows = np.arange(len(ids), dtype=np.int32)
    chunks = rows[:1280], rows[1280:]
    manifest = Manifest(
        IdTable.of(ids), np.zeros((len(ids), 32), np.uint8), chunks, (rows[:0], rows[:0])
    )
    reader = StreamReader(pool, manifest, labelled=labelled, memory_share=memory_share)
    return reader.to(device())


def race(name: str, rounds: int, others: Mapping[str, Measure]) -> dict[str, list[float]]:
    """Images a second of each contestant in each round, the first, unmeasured one left out.

    The others take their turns between those of Headwater's own loop, which the Runner owns.

    Args:
        name: of the method that the loop trains.
        rounds: turns of each.
        others: their measures, by name.
    """
    rates: dict[str, list[float]] = {each: [] for each in ("headwater", *others)}
    method, where = built(name), device()
    batch_size = method.config.batch_size

    class Turns(PhaseSteps):
        since: float | None = None

        def __getitem__(self, step: int) -> Any:
            if step % (TURN + 1) == 0:
                if self.since is not None:
                    seconds = finished(where) - self.since
                    rates["headwater"].append(TURN * batch_size / seconds)
                for each, measure in others.items():
                    rates[each].append(measure())
            elif step % (TURN + 1) == 1:
                self.since = finished(where)
            return super().__getitem__(step)

    reader = made_up_reader(labelled=method.objective.needs_labels)
    count = (rounds + 1) * (TURN + 1) + 1  # the last step closes the last turn
    order = SampleOrder(reader.open((1, 2)), count, batch_size, "bench")
    with tempfile.TemporaryDirectory() as work_dir:
        pretrain_phase(
            method,
            Turns(reader, order, "bench"),
            ChunkContext((1, 2), count),
            seed=0,
            work_dir=Path(work_dir),
        )
    return {each: values[-rounds:] for each, values in rates.items()}


def bare(name: str, passes: tuple[int, int]) -> Measure:
    """The network alone: its forwards with gradient and without, and the backwards.

    Args:
        name: of a method, whose objective's network it is.
        passes: forwards of each image with gradient, and without.
    """
    method, where = built(name), device()
    objective, batch_size = method.objective, method.config.batch_size
    size = objective.setting.view_size
    views = [
        channels_last(torch.randn(batch_size, 3, size, size, device=where))
        for _ in range(max(passes))
    ]

    def step() -> None:
        with Acceleration.of(where).context(where):
            with torch.no_grad():
                for view in views[: passes[1]]:
                    objective.embeddings(view)
            loss = sum(objective.embeddings(v).square().mean() for v in views[: passes[0]])
        assert isinstance(loss, torch.Tensor)
        loss.backward()  # type: ignore[no-untyped-call]
        objective.zero_grad(set_to_none=True)

    return timed(step, batch_size)


def timed(step: Callable[[], None], batch_size: int) -> Measure:
    """A measure that takes a turn of some step."""
    where = device()

    def measure() -> float:
        step()
        start = finished(where)
        for _ in range(TURN):
            step()
        return TURN * batch_size / (finished(where) - start)

    return measure


def lightly() -> dict[str, Measure]:
    """lightly in a process of its own, loading there, and in two workers of it."""
    if importlib.util.find_spec("lightly") is None:
        return {}
    from baselines import bench_lightly

    start: Callable[..., None] = bench_lightly.start
    process = ProcessPoolExecutor(
        1,
        mp_context=multiprocessing.get_context("spawn"),
        initializer=start,
        initargs=(made_up_reader().images.cpu().numpy(), built("moco_v2/sequential").config),
    )

    def measure_with(workers: int) -> Measure:
        return lambda: process.submit(bench_lightly.turn, TURN, workers).result()

    return {f"lightly, {count} workers": measure_with(count) for count in (0, 2)}


def quartiles(ratios: list[float]) -> list[float]:
    """Lower quartile, median and upper quartile."""
    return [round(value, 3) for value in statistics.quantiles(ratios, n=4)]


def over(rates: Mapping[str, list[float]], one: str, other: str) -> list[float]:
    """Quartiles of one's rate over another's, round by round."""
    return quartiles([a / b for a, b in zip(rates[one], rates[other], strict=True)])


def step_rates(rounds: int) -> dict[str, Any]:
    """What `headwater bench steps` prints."""
    name = "moco_v2/sequential"
    others = {"bare": bare(name, (1, 1)), **lightly()}
    rates = race(name, rounds, others)
    return {
        "benchmark": "moco_v2 pre-training at nano",
        "batch_size": resolve(name).config["batch_size"],
        "threads": torch.get_num_threads(),
        "rounds": rounds,
        "images_per_second": {
            each: round(statistics.median(values), 1) for each, values in rates.items()
        },
        "headwater_over": {each: over(rates, "headwater", each) for each in others},
    }
