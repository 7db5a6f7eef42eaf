"""The reader and its ledger, the order of the samples, and how steps are loaded."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch

from benchmark.batch import Batch, Views
from benchmark.data.listing import IdTable
from benchmark.errors import HeadwaterError, UsageError
from benchmark.streams.manifest import Manifest
from benchmark.streams.reader import StreamMemory, StreamReader
from benchmark.streams.steps import PhaseSteps, SampleOrder


class Files:
    """Images that are made when rows are read, as files are decoded."""

    shape = (8, 3, 4, 4)

    def __len__(self) -> int:
        return 8

    def __getitem__(self, rows):
        return np.asarray(rows, np.uint8)[:, None, None, None] * np.ones((1, 3, 4, 4), np.uint8)


def reader(
    labelled: bool = True, *, files: bool = False, shared: bool = False, memory_share: float = 0.4
) -> StreamReader:
    """Chunk 1: a c, chunk 2: b d e (and c, if shared); held out: f, g h."""
    images = Files() if files else Files()[range(8)]
    pool = SimpleNamespace(ids=tuple("abcdefgh"), images=images, labels=np.arange(8))
    ids = IdTable.of("hgfedcba")  # in another order than the pool
    row = {name: np.int32(number) for number, name in enumerate(ids)}
    chunks = ("ac", "bdec" if shared else "bde")
    manifest = Manifest(
        ids,
        np.zeros((8, 32), np.uint8),
        tuple(np.array([row[name] for name in chunk]) for chunk in chunks),
        (np.array([row["f"]]), np.array([row["g"], row["h"]])),
    )
    return StreamReader(
        pool, manifest, labelled=labelled, method="moco_v2/mine", memory_share=memory_share
    )


def test_order_visits_every_sample_once_an_epoch_and_runs_across_epochs() -> None:
    rows = np.arange(100, 110)
    order = SampleOrder(rows, 5, 4, "seed", 0)
    steps = np.stack([order[step] for step in range(5)])
    assert steps.shape == (5, 4)
    assert sorted(steps.ravel()[:10]) == sorted(steps.ravel()[10:]) == list(rows)
    assert list(steps.ravel()[:10]) != list(steps.ravel()[10:])
    for step in (4, 0, 2, 2):  # in any order, and again
        np.testing.assert_array_equal(SampleOrder(rows, 5, 4, "seed", 0)[step], steps[step])
        np.testing.assert_array_equal(order[step], steps[step])
    other = SampleOrder(rows, 5, 4, "seed", 1)
    assert any((other[step] != steps[step]).any() for step in range(5))


def test_a_batch_may_be_larger_than_an_epoch() -> None:
    order = SampleOrder(np.arange(3), 2, 7, "n")
    visits = np.concatenate([order[0], order[1]])
    assert [sorted(visits[k : k + 3]) for k in (0, 3, 6, 9)] == [[0, 1, 2]] * 4


@pytest.mark.parametrize("files", [False, True])
def test_open_chunks_are_served(files: bool) -> None:
    stream = reader(files=files)
    assert list(stream.open((2,))) == [1, 3, 4]
    batch = stream.read(np.array([4, 1, 1]), seed=5)
    assert batch.images[:, 0, 0, 0].tolist() == [4, 1, 1]
    assert batch.images.dtype == torch.uint8
    assert batch.labels.tolist() == [4, 1, 1] and batch.seed == 5


def test_the_ledger_counts_images_and_different_ones_by_chunk() -> None:
    stream = reader()
    stream.open((1, 2))
    stream.serve(np.array([4, 1, 1]))
    stream.serve(np.array([0, 4, 3]))
    assert stream.ledger() == {1: (1, 1), 2: (5, 3)}
    stream.open((2,))
    assert stream.ledger() == {}


def test_an_image_of_two_chunks_counts_for_the_open_one() -> None:
    stream = reader(shared=True)
    for chunk in (1, 2):
        stream.open((chunk,))
        stream.serve(np.array([2]))
        assert stream.ledger() == {chunk: (1, 1)}
    stream.open((1, 2))
    stream.serve(np.array([2]))
    assert stream.ledger() == {1: (1, 1)}


@pytest.mark.parametrize(
    ("row", "told"),
    [(0, "sample a, which belongs to chunk 1, which is not open"), (6, "sample g, which is held")],
)
def test_closed_chunks_and_held_out_images_are_refused(row: int, told: str) -> None:
    stream = reader()
    stream.open((2,))
    with pytest.raises(HeadwaterError, match=f"moco_v2/mine asked for {told}"):
        stream.read(np.array([1, row]), seed=0)
    assert stream.ledger() == {}


def test_what_is_kept_can_be_read_later_and_is_counted_with_its_bytes() -> None:
    stream = reader()
    memory = StreamMemory(stream)
    stream.open((1,))
    memory.keep(torch.tensor([2]))
    with pytest.raises(HeadwaterError, match="sample b, which belongs to chunk 2"):
        memory.keep(torch.tensor([1]))
    stream.open((2,))
    assert memory.rows().tolist() == [2]
    assert memory.read(torch.tensor([2, 2]), seed=0).labels.tolist() == [2, 2]
    assert stream.ledger() == {1: (2, 1)}
    assert stream.stored_bytes == 3 * 4 * 4
    with pytest.raises(HeadwaterError, match="sample a, which belongs to chunk 1, which is not op"):
        memory.read(torch.tensor([0]), seed=0)
    memory.drop(torch.tensor([2]))
    assert stream.ledger() == {1: (2, 1)}  # what was served was served
    with pytest.raises(HeadwaterError, match="sample c, which belongs to chunk 1"):
        stream.read(np.array([2]), seed=0)
    assert stream.stored_bytes == 3 * 4 * 4  # the most since the chunk was opened
    assert list(stream.open((2,))) == [1, 3, 4] and stream.stored_bytes == 0


def test_images_of_the_open_chunk_can_be_read_from_memory_and_count_as_visits() -> None:
    stream = reader()
    stream.open((2,))
    batch = StreamMemory(stream).read(torch.tensor([1, 3]), seed=0)
    assert batch.labels.tolist() == [1, 3] and stream.ledger() == {2: (2, 2)}


@pytest.mark.parametrize("files", [False, True])
def test_what_memory_gives_lies_where_is_trained(files: bool) -> None:
    stream = reader(files=files).to("meta")
    stream.open((2,))
    batch = StreamMemory(stream).read(torch.tensor([1, 3]), seed=0)
    assert (batch.images.device.type, batch.labels.device.type) == ("meta", "meta")
    assert batch.sample_ids.tolist() == [1, 3]


@pytest.mark.parametrize(("share", "capacity"), [(0.0, 0), (0.4, 2), (0.6, 3)])
def test_no_more_is_kept_than_declared(share: float, capacity: int) -> None:
    stream = reader(memory_share=share)
    memory = StreamMemory(stream)
    assert memory.capacity == capacity  # of five streamed images
    stream.open((2,))
    memory.keep(torch.tensor([1, 3, 4])[:capacity])
    stream.open((1, 2))
    with pytest.raises(HeadwaterError, match=f"may keep {capacity}; say .*: memory_share ="):
        memory.keep(torch.tensor([0, 2]))
    assert memory.rows().tolist() == [1, 3, 4][:capacity]


@pytest.mark.parametrize(("kept", "stored"), [((), 2), ((0,), 2), ((0, 2), 2)])
def test_earlier_chunks_that_are_open_again_were_stored(kept: tuple[int, ...], stored: int) -> None:
    stream = reader()
    stream.open((1,))
    stream.keep(np.array(kept, np.int64))
    stream.open((1, 2))
    assert stream.stored_bytes == stored * 3 * 4 * 4


def test_dropping_an_image_of_an_open_chunk_leaves_it_open() -> None:
    stream = reader()
    stream.open((1,))
    stream.keep(np.array([0]))
    stream.drop(np.array([0, 2]))
    assert stream.read(np.array([0, 2]), seed=0).sample_ids.tolist() == [0, 2]


@pytest.mark.parametrize("of", [Batch, Views])
def test_labels_that_are_not_declared_cannot_be_read(of: type) -> None:
    stream = reader(labelled=False)
    stream.open((1,))
    batch = stream.read(np.array([0]), seed=0)
    given = batch if of is Batch else Views((batch.images,), batch.given_labels)
    with pytest.raises(HeadwaterError, match="say needs_labels = True"):
        _ = given.labels


@pytest.mark.parametrize("labelled", [False, True])
def test_batches_are_joined(labelled: bool) -> None:
    stream = reader(labelled=labelled)
    stream.open((1, 2))
    one, other = stream.read(np.array([0, 2]), seed=3), stream.read(np.array([4]), seed=4)
    both = one.joined(other)
    assert both.sample_ids.tolist() == both.images[:, 0, 0, 0].tolist() == [0, 2, 4]
    assert (len(both), both.seed) == (3, 3)
    assert (both.labels.tolist() == [0, 2, 4]) if labelled else both.given_labels is None


def steps(count: int = 5, **options: int) -> PhaseSteps:
    stream = reader(files=True)
    return PhaseSteps(stream, SampleOrder(stream.open((1, 2)), count, 4, "n"), "n", **options)


def test_every_step_has_its_own_seed() -> None:
    phase = steps()
    assert len({phase[step].seed for step in range(5)}) == 5
    assert phase[2].seed == phase[2].seed


def rows_of(phase: PhaseSteps, start: int = 0, workers: int = 0) -> list[list[int]]:
    return [batch.sample_ids.tolist() for batch in phase.loader(start, workers)]


@pytest.mark.parametrize(("start", "workers"), [(0, 2), (3, 0), (3, 2)])
def test_loading_is_the_same_with_workers_and_from_any_step(start: int, workers: int) -> None:
    phase = steps()
    assert rows_of(phase, start, workers) == [phase.rows(step).tolist() for step in range(start, 5)]
    for one, other in zip(phase.loader(start, workers), range(start, 5), strict=True):
        torch.testing.assert_close(one.images, phase[other].images)
        assert one.seed == phase[other].seed


def test_ranks_share_every_batch_without_overlap_or_loss() -> None:
    whole, parts = steps(), [steps(rank=rank, world=2) for rank in range(2)]
    for step in range(5):
        shared = [part[step].sample_ids.tolist() for part in parts]
        assert sorted(rows for part in shared for rows in part) == sorted(
            whole[step].sample_ids.tolist()
        )
        assert [part[step].seed for part in parts] == 2 * [whole[step].seed]
        assert [part[step].part for part in parts] == [(0, 2), (1, 2)]
    with pytest.raises(UsageError, match="batch of 4 cannot be shared by 3"):
        steps(rank=0, world=3)
