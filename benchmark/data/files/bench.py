"""Rate of the loader of image files against torchvision's, in one run."""

import io
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

SIZE, BATCH = 256, 64


def loader_rates(workers: int, rounds: int, images: int = 1024) -> dict[str, Any]:
    """Images a second of Headwater's stream loader and of ImageFolder with DataLoader.

    Both decode the same generated 500 x 375 JPEGs in a shuffled order to batches of 64 squares of
    256 pixels, uint8, from starting the workers to the last batch; they take turns.

    Args:
        workers: processes that decode, for either.
        rounds: turns of each; one before them is not counted.
        images: number of files.

    Returns:
        Median rates, and quartiles of the ratio of turns that are neighbours in time.
    """
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        ids = _write_photos(root, images)
        contestants = {"headwater": _headwater(root, ids), "torchvision": _torchvision(root)}
        rates: dict[str, list[float]] = {name: [] for name in contestants}
        for _ in range(rounds + 1):
            for name, loader in contestants.items():
                start = time.perf_counter()
                count = sum(len(batch) for batch in loader(workers))
                rates[name].append(count / (time.perf_counter() - start))
    rates = {name: values[1:] for name, values in rates.items()}
    ratios = [h / t for h, t in zip(rates["headwater"], rates["torchvision"], strict=True)]
    return {
        "benchmark": "decoding 500 x 375 JPEGs to 256 x 256",
        "workers": workers,
        "rounds": rounds,
        "batch_size": BATCH,
        "images_per_second": {n: round(statistics.median(v), 1) for n, v in rates.items()},
        "headwater_over": {
            "torchvision": [round(value, 3) for value in statistics.quantiles(ratios, n=4)]
        },
    }


def _write_photos(root: Path, count: int) -> list[str]:
    """Smooth pictures with some grain, about 80 kB each, in ten folders of classes."""
    ids = []
    for number in range(count):
        rng = np.random.default_rng(number)
        small = Image.fromarray(rng.integers(0, 256, (12, 16, 3), dtype=np.uint8))
        smooth = np.asarray(small.resize((500, 375), Image.Resampling.BICUBIC), np.float32)
        grain = rng.normal(0, 12, smooth.shape)
        content = io.BytesIO()
        Image.fromarray((smooth + grain).clip(0, 255).astype(np.uint8)).save(
            content, "JPEG", quality=90
        )
        ids.append(f"{number % 10}/{number}.jpg")
        path = root / ids[-1]
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content.getvalue())
    return ids


def _headwater(root: Path, ids: list[str]) -> Any:
    from types import SimpleNamespace

    from benchmark.data.files.decode import FileImages
    from benchmark.data.files.sources import FolderBytes
    from benchmark.data.listing import IdTable
    from benchmark.streams.manifest import Manifest
    from benchmark.streams.reader import StreamReader
    from benchmark.streams.steps import PhaseSteps, SampleOrder

    table, rows = IdTable.of(ids), np.arange(len(ids), dtype=np.int32)
    images = FileImages(FolderBytes(root, table), SIZE)
    pool: Any = SimpleNamespace(ids=table, images=images, labels=np.arange(len(ids)))
    manifest = Manifest(table, np.zeros((len(ids), 32), np.uint8), (rows,), (rows[:0],))
    reader = StreamReader(pool, manifest, labelled=True)
    order = SampleOrder(reader.open((1,)), len(ids) // BATCH, BATCH, "bench")
    steps = PhaseSteps(reader, order, "bench")
    return lambda workers: (batch.images for batch in steps.loader(workers=workers))


def _torchvision(root: Path) -> Any:
    from torch.utils.data import DataLoader
    from torchvision.datasets import ImageFolder
    from torchvision.transforms import CenterCrop, Compose, PILToTensor, Resize

    images = ImageFolder(str(root), Compose([Resize(SIZE), CenterCrop(SIZE), PILToTensor()]))
    return lambda workers: (
        batch[0]
        for batch in DataLoader(images, BATCH, shuffle=True, num_workers=workers, drop_last=True)
    )
