"""Reservoir sampling against its distribution; replayed and mixed batches written out."""

import random
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import Tensor

from baselines.strategies._reservoir import ReservoirOptions
from baselines.strategies.lump import LUMP, LUMPOptions
from baselines.strategies.replay import Replay, ReplayOptions
from baselines.strategies.reservoir import ReservoirReplay
from benchmark.batch import Batch, ChunkContext, Setting, Views
from benchmark.config import Config
from benchmark.data.listing import IdTable
from benchmark.method import Objective
from benchmark.streams.manifest import Manifest
from benchmark.streams.reader import StreamMemory, StreamReader


class Plain(Objective):
    """Views are the images, as numbers."""

    def views(self, batch: Batch) -> Views:
        return Views(tuple(batch.images.float() + k for k in range(2)), None)


OBJECTIVE = Plain(Setting("resnet_nano", 32), Config())


def reader(n: int, share: float) -> StreamReader:
    """One open chunk of n images, whose pixels are their rows."""
    ids = tuple(map(str, range(n)))
    images = np.arange(n, dtype=np.uint8)[:, None, None, None] * np.ones((1, 3, 1, 1), np.uint8)
    rows = np.arange(n, dtype=np.int32)
    manifest = Manifest(IdTable.of(ids), np.zeros((n, 32), np.uint8), (rows,), (rows[:0],))
    pool = SimpleNamespace(ids=ids, images=images, labels=None)
    stream = StreamReader(pool, manifest, labelled=False, memory_share=share)
    stream.open((1,))
    return stream


def reservoir(stream: StreamReader) -> ReservoirReplay:
    strategy = ReservoirReplay(OBJECTIVE, ReservoirOptions())
    strategy.memory = StreamMemory(stream)
    return strategy


def delivered(rows: Tensor) -> Batch:
    return Batch(torch.zeros(len(rows), 3, 1, 1), rows, None, seed=0)


def test_every_image_is_kept_equally_often() -> None:
    """60 images in batches of 7, 6 places: each is in the end there with probability 1/10."""
    torch.manual_seed(0)
    counts = np.zeros(60)
    runs = 600
    stream = reader(60, 0.1)
    for _ in range(runs):
        stream.drop(stream.kept)
        strategy = reservoir(stream)
        for rows in torch.arange(60).split(7):
            strategy.offer(delivered(rows))
        assert len(stream.kept) == 6 and strategy.visits == 60
        counts[stream.kept] += 1
    expected = runs / 10
    chi_square = ((counts - expected) ** 2 / (expected * 0.9)).sum() * 59 / 60
    assert 30 < chi_square < 95  # 59 degrees of freedom: the middle 99.8 %


def test_an_image_that_comes_again_is_kept_once_and_nothing_beyond_the_capacity() -> None:
    torch.manual_seed(0)
    strategy = reservoir(stream := reader(40, 0.05))
    for _ in range(30):
        strategy.offer(delivered(torch.randint(0, 40, (16,))))
        assert len(stream.kept) == len(set(stream.kept.tolist())) == 2
    assert strategy.visits == 480


def test_half_of_a_batch_comes_from_the_reservoir_once_there_is_one() -> None:
    torch.manual_seed(0)
    strategy = reservoir(stream := reader(40, 0.1))
    first = stream.read(np.arange(8), seed=1)
    assert len(strategy.training_batch(first)) == 8
    kept = set(stream.kept.tolist())
    batch = strategy.training_batch(stream.read(np.arange(8, 16), seed=2))
    assert batch.sample_ids[:8].tolist() == list(range(8, 16)) and len(batch) == 16
    assert set(batch.sample_ids[8:].tolist()) <= kept
    assert batch.images[:, 0, 0, 0].tolist() == batch.sample_ids.tolist()
    assert stream.ledger() == {1: (8, len(set(batch.sample_ids[8:].tolist())))}


def test_mixed_views_written_out() -> None:
    torch.manual_seed(0)
    strategy = LUMP(OBJECTIVE, LUMPOptions(lump_alpha=0.4))
    strategy.memory = StreamMemory(stream := reader(40, 0.025))
    first = strategy.training_views(OBJECTIVE, stream.read(np.arange(4), seed=1))
    assert first.images[0][:, 0, 0, 0].tolist() == [0, 1, 2, 3]
    (old,) = stream.kept  # the only place of the reservoir
    views = strategy.training_views(OBJECTIVE, stream.read(np.arange(4, 8), seed=2))
    share = random.Random(2).betavariate(0.4, 0.4)
    for k, view in enumerate(views.images):
        expected = [share * (new + k) + (1 - share) * (old + k) for new in range(4, 8)]
        assert view[:, 0, 0, 0].tolist() == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize(("share", "count"), [(0.1, 4), (0.26, 10), (1.0, 40)])
def test_replay_keeps_its_share_of_a_chunk_at_random(share: float, count: int) -> None:
    kept = []
    for seed in (0, 0, 1):
        strategy = Replay(OBJECTIVE, ReplayOptions(replay_share=share))
        strategy.memory = StreamMemory(stream := reader(40, strategy.memory_share))
        torch.manual_seed(seed)
        strategy.end_chunk(OBJECTIVE, ChunkContext((1,), 1, torch.arange(40)))
        kept.append(stream.kept.tolist())
    assert len(kept[0]) == count and kept[0] == kept[1]
    assert (kept[0] != kept[2]) == (share < 1)
