"""Two processes with half of every batch each against one with the whole batch, over gloo."""

import multiprocessing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.distributed as dist
from torch import Tensor

import baselines.objectives
import baselines.strategies  # noqa: F401  what they register, processes that are spawned lack
import benchmark.protocols  # noqa: F401
from baselines.objectives._distributed import Shuffle
from benchmark.batch import ChunkContext
from benchmark.distributed import average_buffers, gathered, rank, synchronise, world
from benchmark.errors import UsageError
from benchmark.models import Backbone
from benchmark.rehearsal import build
from benchmark.resolve import grid, protocol_named, resolve
from benchmark.streams.reader import StreamMemory
from benchmark.streams.steps import PhaseSteps, SampleOrder

WORLD, BATCH = 2, 8
#: Of each phase.
STEPS = {1: 1, 2: 2}
SPEC = "instance/smoke@1"
#: Every objective, and every strategy that does something with a batch.
METHODS: dict[str, dict[str, Any]] = {
    "moco_v2/sequential": {},
    "moco_v2/cassle": {"bn_groups": 4},
    "simclr/cassle": {},
    "simclr/lump": {},
    "byol/reservoir": {},
    "barlow_twins/cassle": {},
    "vicreg/si": {"si_weight": 1.0},
    "supervised/mas_replay": {"mas_weight": 1.0, "mas_images": 4},
}


def all_mean(tensors: list[Tensor]) -> list[Tensor]:
    """Their means over the processes, as DDP has them of gradients."""
    whole = torch.cat([tensor.flatten() for tensor in tensors])
    if world() > 1:
        dist.all_reduce(whole)
    parts = (whole / world()).split([tensor.numel() for tensor in tensors])
    return [part.view_as(tensor) for part, tensor in zip(parts, tensors, strict=True)]


def trained(name: str) -> dict[str, Any]:
    """Two phases, by plain gradient descent, on this process's part.

    In float64, since a network blows rounding up: where a ReLU's input is all but 0, it decides.
    """
    options = {"batch_size": BATCH, **METHODS[name]}
    method, reader = build(resolve(name, options), protocol_named(SPEC), 0)
    method = synchronise(method.double(), getattr(method.config, "bn_groups", 1)).train()
    for module in method.modules():
        if isinstance(module, Backbone):
            module.register_forward_pre_hook(lambda _, images: images[0].double())
    method.use_memory(StreamMemory(reader))
    parameters = [p for p in method.parameters() if p.requires_grad]
    seen: dict[str, Any] = {"losses": [], "ledgers": []}
    for chunk, count in STEPS.items():
        rows = reader.open((chunk,))
        told = ChunkContext((chunk,), count, torch.from_numpy(rows))
        rows = np.union1d(rows, reader.kept) if method.replays else rows
        order = SampleOrder(rows, count, round(method.stream_share * BATCH), chunk)
        steps = PhaseSteps(reader, order, chunk, rank=rank(), world=world())
        torch.manual_seed(chunk)
        method.begin_chunk(told)
        for number, batch in enumerate(steps.loader()):
            steps.serve(number)
            torch.manual_seed(batch.seed)
            method.begin_step(number / count)
            loss = method.training_step(batch)
            slopes = torch.autograd.grad(loss, parameters, allow_unused=True)
            (value, *slopes) = all_mean(
                [loss.detach(), *(torch.zeros(()) if g is None else g for g in slopes)]
            )
            seen["losses"].append(float(value))
            for parameter, slope in zip(parameters, slopes, strict=True):
                parameter.grad = slope.expand_as(parameter)
            seen.setdefault("slopes", slopes)
            method.after_backward()
            with torch.no_grad():
                torch._foreach_add_(parameters, [p.grad for p in parameters], alpha=-0.01)
            method.after_step()
        average_buffers(method)
        torch.manual_seed(chunk)
        method.end_chunk(told)
        seen["ledgers"].append(reader.ledger())
    state = {k: v for k, v in method.state_dict().items() if isinstance(v, Tensor)}
    return seen | {"state": state, "kept": torch.from_numpy(reader.kept)}


def images() -> Tensor:
    return torch.randn(WORLD * 6, 3, 8, 8, generator=torch.Generator().manual_seed(1))


def work(rank_: int, folder: str) -> None:
    """What one of the processes does; it leaves what it saw in a file."""
    torch.set_num_threads(1)
    dist.init_process_group(
        "gloo", init_method=f"file://{folder}/meet", rank=rank_, world_size=WORLD
    )
    seen = {name: trained(name) for name in METHODS}
    torch.manual_seed(0)
    mine = images()[rank_::WORLD]
    shuffle = Shuffle(mine)
    there = shuffle.out(mine)
    seen |= {"shuffled": gathered(there), "home": shuffle.home(there), "order": shuffle.order}
    torch.save(seen, f"{folder}/{rank_}.pt")
    dist.destroy_process_group()


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> list[dict]:
    folder = tmp_path_factory.mktemp("ranks")
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=work, args=(rank, str(folder))) for rank in range(WORLD)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(240)
    assert [process.exitcode for process in processes] == [0, 0]
    return [torch.load(Path(folder) / f"{rank}.pt", weights_only=True) for rank in range(WORLD)]


@pytest.mark.parametrize("name", METHODS)
def test_two_processes_train_as_one_does(seen, name: str) -> None:
    wanted = trained(name)
    for mine in (each[name] for each in seen):
        assert mine["losses"] == pytest.approx(wanted["losses"], rel=1e-5)
        size = torch.stack([slope.norm() for slope in wanted["slopes"]]).norm()
        for one, other in zip(mine["slopes"], wanted["slopes"], strict=True):
            torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5 * float(size))
        assert mine["state"].keys() == wanted["state"].keys()
        for key, value in wanted["state"].items():
            torch.testing.assert_close(mine["state"][key], value, rtol=1e-4, atol=1e-5, msg=key)
        assert torch.equal(mine["kept"], wanted["kept"])
        assert mine["ledgers"] == wanted["ledgers"]


def test_every_objective_is_among_them() -> None:
    assert {name.partition("/")[0] for name in grid()} == {
        name.partition("/")[0] for name in METHODS
    }


def test_images_are_shuffled_over_all_processes_and_their_keys_come_home(seen) -> None:
    torch.manual_seed(0)
    alone = Shuffle(images())
    for each in seen:
        assert torch.equal(each["order"], alone.order)
        assert torch.equal(each["shuffled"], images()[alone.order])
        assert torch.equal(each["home"], images())
    assert sorted(alone.order.tolist()) == list(range(12)) != alone.order.tolist()
    assert torch.equal(alone.home(alone.out(images())), images())


def test_groups_divide_a_batch() -> None:
    with pytest.raises(UsageError, match="a batch of 100 cannot be normalised in 8 equal groups"):
        resolve("moco_v2/joint", {"batch_size": 100}, tier="full")
