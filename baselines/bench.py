"""`headwater bench`: rates measured against the bare network and against lightly, in one run."""

import importlib.util
import multiprocessing
import statistics
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from enum import Enum
from pathlib import Path
from typing import Annotated, Any

import typer

from benchmark.cli.output import JsonOption, print_json

#: Timed steps of one turn, about a second: short, so that a slow spell of the machine hits all
#: alike. One before them is not timed, since the caches are another's then.
TURN = 6

Measure = Callable[[], float]


class What(str, Enum):
    """What can be measured."""

    steps = "steps"
    loader = "loader"


def bench(
    what: Annotated[What, typer.Argument(help="Training steps, or loading files.")] = What.steps,
    rounds: Annotated[int, typer.Option(min=3, help="Turns of each contestant.")] = 20,
    workers: Annotated[int, typer.Option(min=0, help="loader: processes that decode.")] = 2,
    as_json: JsonOption = False,
) -> None:
    """Measure rates as ratios taken in one run.

    `steps`: pre-training with MoCo v2 at nano. Bare: forward and backward of the query side and
    forward of the key side, on views in memory. lightly: its MoCo v2 example (install the extra
    `test`) on the same network, images and batch, in a process of its own with the settings that
    it comes with. All take turns of six steps.

    `loader`: decoding generated 500 x 375 JPEGs as the full tier does, against torchvision's
    ImageFolder with DataLoader at equal workers.

    Example: headwater bench loader --workers 2
    """
    if what is What.loader:
        from benchmark.data.files.bench import loader_rates

        return _print(loader_rates(workers, rounds), as_json)
    import torch

    from benchmark.registry import load_shipped

    load_shipped()
    rates = race(rounds)
    document: dict[str, Any] = {
        "benchmark": "moco_v2 pre-training at nano",
        "batch_size": _objective().config.batch_size,
        "threads": torch.get_num_threads(),
        "rounds": rounds,
        "images_per_second": {
            name: round(statistics.median(values), 1) for name, values in rates.items()
        },
        "headwater_over": {
            name: [
                round(value, 3)
                for value in statistics.quantiles(
                    (h / other for h, other in zip(rates["headwater"], values, strict=True)), n=4
                )
            ]
            for name, values in rates.items()
            if name != "headwater"
        },
    }
    _print(document, as_json)


def _print(document: dict[str, Any], as_json: bool) -> None:
    if as_json:
        return print_json(document)
    for name, rate in document["images_per_second"].items():
        low, ratio, high = document["headwater_over"].get(name, (0, 0, 0))
        told = f"   headwater is {ratio:.2f} times this (quartiles {low:.2f}, {high:.2f})"
        print(f"{name:24s}{rate:8.0f} images/s{told if ratio else ''}")


def race(rounds: int) -> dict[str, list[float]]:
    """Images a second of each contestant in each round, the first, unmeasured one left out.

    The others take their turns between those of Headwater's own loop, which the Runner owns.

    Args:
        rounds: turns of each.
    """
    import numpy as np

    from benchmark.batch import ChunkContext
    from benchmark.config import Options
    from benchmark.method import Composed, Strategy
    from benchmark.pretrain import pretrain_phase
    from benchmark.streams.steps import PhaseSteps, SampleOrder

    images = np.random.default_rng(0).integers(0, 256, (2560, 3, 40, 40), dtype=np.uint8)
    others = {"bare": _bare(), **_lightly(images)}
    rates: dict[str, list[float]] = {name: [] for name in ("bare", "headwater", *others)}
    objective = _objective()
    method = Composed(objective, Strategy(objective, Options()))
    batch_size = method.config.batch_size

    class Turns(PhaseSteps):
        since: float | None = None

        def __getitem__(self, step: int) -> Any:
            if step % (TURN + 1) == 0:
                if self.since is not None:
                    seconds = time.perf_counter() - self.since
                    rates["headwater"].append(TURN * batch_size / seconds)
                for name, measure in others.items():
                    rates[name].append(measure())
            elif step % (TURN + 1) == 1:
                self.since = time.perf_counter()
            return super().__getitem__(step)

    reader = _reader(images)
    count = (rounds + 1) * (TURN + 1) + 1  # the last step closes the last turn
    order = SampleOrder(reader.open((1,)), count, batch_size, "bench")
    with tempfile.TemporaryDirectory() as work_dir:
        pretrain_phase(
            method,
            Turns(reader, order, "bench"),
            ChunkContext((1,), count),
            seed=0,
            work_dir=Path(work_dir),
        )
    return {name: values[-rounds:] for name, values in rates.items()}


def _objective() -> Any:
    from benchmark.batch import Setting
    from benchmark.registry import OBJECTIVES

    cls = OBJECTIVES.get("moco_v2")
    return cls(Setting("resnet_nano", 32), cls.config_class())


def _reader(images: Any) -> Any:
    from types import SimpleNamespace

    import numpy as np

    from benchmark.data.listing import IdTable
    from benchmark.streams.manifest import Manifest
    from benchmark.streams.reader import StreamReader

    ids = tuple(map(str, range(len(images))))
    pool: Any = SimpleNamespace(ids=ids, images=images, labels=None)
    rows = np.arange(len(ids), dtype=np.int32)
    manifest = Manifest(IdTable.of(ids), np.zeros((len(ids), 32), np.uint8), (rows,), (rows[:0],))
    return StreamReader(pool, manifest, labelled=False)


def _bare() -> Measure:
    import torch

    objective = _objective().train()
    batch_size = objective.config.batch_size
    views = torch.randn(2, batch_size, 3, 32, 32)
    query_view, key_view = (v.contiguous(memory_format=torch.channels_last) for v in views)

    def measure() -> float:
        for number in range(TURN + 1):
            if number == 1:
                start = time.perf_counter()
            with torch.no_grad():
                objective.key_projector(objective.key_backbone(key_view))
            objective.projector(objective.backbone(query_view)).square().mean().backward()
            objective.zero_grad(set_to_none=True)
        return float(TURN * batch_size / (time.perf_counter() - start))

    return measure


def _lightly(images: Any) -> dict[str, Measure]:
    """lightly in a process of its own, loading there, and in two workers of it."""
    if importlib.util.find_spec("lightly") is None:
        return {}
    from baselines import bench_lightly

    process = ProcessPoolExecutor(
        1,
        mp_context=multiprocessing.get_context("spawn"),
        initializer=bench_lightly.start,
        initargs=(images, _objective().config),
    )

    def measure_with(workers: int) -> Measure:
        return lambda: process.submit(bench_lightly.turn, TURN, workers).result()

    return {f"lightly, {count} workers": measure_with(count) for count in (0, 2)}
