"""`headwater bench`: rates measured against the bare network and against lightly, in one run."""

import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from benchmark.cli.output import JsonOption, print_json

STEPS = 24
BATCH = 128


def bench(
    rounds: Annotated[int, typer.Option(min=1, help="Repetitions; medians are printed.")] = 15,
    as_json: JsonOption = False,
) -> None:
    """Measure the rate of pre-training with MoCo v2 at nano, as ratios taken in one run.

    Bare: forward and backward of the query side and forward of the key side, on views in memory.
    lightly: its MoCo v2 example (install the extra `test`) on the same network, images and batch.

    Example: headwater bench
    """
    import numpy as np
    import torch

    from benchmark.registry import load_shipped

    load_shipped()
    images = np.random.default_rng(0).integers(0, 256, (2560, 3, 40, 40), dtype=np.uint8)
    contestants: dict[str, Callable[[], float]] = {
        "bare": _bare(),
        "headwater": _headwater(images),
        **_lightly(images),
    }
    rates: dict[str, list[float]] = {name: [] for name in contestants}
    for _ in range(rounds):
        for name, measure in contestants.items():
            rates[name].append(measure())
    medians = {name: statistics.median(values) for name, values in rates.items()}
    ratios = {
        name: statistics.median(
            h / other for h, other in zip(rates["headwater"], values, strict=True)
        )
        for name, values in rates.items()
        if name != "headwater"
    }
    document: dict[str, Any] = {
        "benchmark": "moco_v2 pre-training at nano",
        "threads": torch.get_num_threads(),
        "rounds": rounds,
        "images_per_second": {name: round(rate, 1) for name, rate in medians.items()},
        "headwater_over": {name: round(ratio, 3) for name, ratio in ratios.items()},
    }
    if as_json:
        return print_json(document)
    for name, rate in medians.items():
        ratio = f"   headwater is {ratios[name]:.2f} times this" if name in ratios else ""
        print(f"{name:24s}{rate:8.0f} images/s{ratio}")


def _objective() -> Any:
    from benchmark.method import Setting
    from benchmark.registry import OBJECTIVES

    cls = OBJECTIVES.get("moco_v2")
    return cls(Setting("resnet_nano", 32), cls.config_class(batch_size=BATCH))


def _bare() -> Callable[[], float]:
    import torch

    objective = _objective().train()
    views = torch.randn(2, BATCH, 3, 32, 32)
    query_view, key_view = (v.contiguous(memory_format=torch.channels_last) for v in views)

    def measure() -> float:
        start = time.perf_counter()
        for _ in range(STEPS):
            with torch.no_grad():
                objective.key_projector(objective.key_backbone(key_view))
            objective.projector(objective.backbone(query_view)).square().mean().backward()
            objective.zero_grad(set_to_none=True)
        return STEPS * BATCH / (time.perf_counter() - start)

    return measure


def _headwater(images: Any) -> Callable[[], float]:
    from types import SimpleNamespace

    from benchmark.method import ChunkContext, Composed, Strategy
    from benchmark.pretrain import pretrain_phase
    from benchmark.streams.manifest import Manifest
    from benchmark.streams.reader import PhaseSteps, StreamReader, sample_order

    ids = tuple(map(str, range(len(images))))
    pool: Any = SimpleNamespace(ids=ids, images=images, labels=None)
    reader = StreamReader(pool, Manifest(chunks=(ids,), held_out=((),)), labelled=False)
    method = Composed(_objective(), Strategy())
    order = sample_order(reader.open((1,)), STEPS, BATCH, "bench")

    def measure() -> float:
        steps, context = PhaseSteps(reader, order, "bench"), ChunkContext((1,), STEPS)
        with tempfile.TemporaryDirectory() as work_dir:
            curve = pretrain_phase(method, steps, context, seed=0, work_dir=Path(work_dir))
        # the first step pays for the Runner's start, which a run of hundreds does not notice
        return statistics.harmonic_mean([point.images_per_second for point in curve[1:]])

    return measure


def _lightly(images: Any) -> dict[str, Callable[[], float]]:
    """lightly's MoCo v2 as its example builds it; loading in this process, and in two workers."""
    try:
        from lightly.loss import NTXentLoss
        from lightly.models.modules import MoCoProjectionHead
        from lightly.models.utils import deactivate_requires_grad, update_momentum
        from lightly.transforms.moco_transform import MoCoV2Transform
    except ImportError:
        return {}
    import copy

    import torch
    from PIL import Image
    from torch.utils.data import DataLoader

    from benchmark.models import NanoResNet

    class Pictures(torch.utils.data.Dataset[Any]):
        def __init__(self) -> None:
            self.pictures = [Image.fromarray(image.transpose(1, 2, 0)) for image in images]
            self.transform = MoCoV2Transform(input_size=32)

        def __len__(self) -> int:
            return len(self.pictures)

        def __getitem__(self, row: int) -> Any:
            return self.transform(self.pictures[row])

    query = torch.nn.Sequential(NanoResNet(), MoCoProjectionHead(256, 256, 128))
    key = copy.deepcopy(query)
    deactivate_requires_grad(key)
    criterion = NTXentLoss(temperature=0.07, memory_bank_size=(1024, 128))
    optimiser = torch.optim.SGD(query.parameters(), lr=0.06)
    pictures = Pictures()

    def measure_with(workers: int) -> Callable[[], float]:
        def measure() -> float:
            loader = DataLoader(
                pictures, batch_size=BATCH, shuffle=True, drop_last=True, num_workers=workers
            )
            steps = 0
            start = time.perf_counter()
            for view, other in loader:
                update_momentum(query, key, m=0.99)
                loss = criterion(query(view), key(other).detach())
                loss.backward()
                optimiser.step()
                optimiser.zero_grad()
                steps += 1
                if steps == STEPS // 3:
                    break
            return steps * BATCH / (time.perf_counter() - start)

        return measure

    return {f"lightly, {count} workers": measure_with(count) for count in (0, 2)}
