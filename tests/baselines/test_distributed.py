"""Two processes with half a batch each against one with the whole batch, over gloo."""

import multiprocessing
from pathlib import Path

import pytest
import torch
import torch.distributed as dist
from torch import Tensor

from baselines.objectives._distributed import Shuffle, gathered
from baselines.objectives.barlow_twins import redundancy_reduction
from baselines.objectives.moco_v2 import MoCoV2, MoCoV2Config
from baselines.objectives.simclr import nt_xent
from baselines.objectives.vicreg import three_terms
from benchmark.batch import Setting, Views

WORLD, N = 2, 4
LOSSES = {
    "simclr": lambda a, b: nt_xent(a, b, temperature=0.2),
    "barlow_twins": lambda a, b: redundancy_reduction(a, b, redundancy=0.01),
    "vicreg": lambda a, b: three_terms(a, b, invariance=25.0, variance=25.0, covariance=1.0),
}


def embeddings() -> tuple[Tensor, Tensor]:
    return tuple(torch.randn(2, WORLD * N, 6, generator=torch.Generator().manual_seed(0)))


def moco() -> MoCoV2:
    torch.manual_seed(0)
    return MoCoV2(Setting("resnet_nano", 32), MoCoV2Config(queue_size=16)).eval()


def images() -> Tensor:
    return torch.randn(2, WORLD * N, 3, 32, 32, generator=torch.Generator().manual_seed(1))


def work(rank: int, folder: str) -> None:
    """What one of the processes does; it leaves what it saw in a file."""
    torch.set_num_threads(1)
    dist.init_process_group(
        "gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=WORLD
    )
    mine = slice(rank * N, (rank + 1) * N)
    seen = {}
    for name, loss in LOSSES.items():
        one, other = (z[mine].clone().requires_grad_() for z in embeddings())
        value = loss(gathered(one), gathered(other))
        value.backward()
        seen[name] = (value.detach(), one.grad)
    torch.manual_seed(rank)
    shuffle = Shuffle(images()[0][mine])
    there = shuffle.out(images()[0][mine])
    seen["shuffled"], seen["home"] = there, shuffle.home(there)
    objective = moco()
    views = Views(tuple(view[mine] for view in images()), None)
    value = objective.loss(views)
    value.backward()
    weight = next(objective.projector.parameters())
    seen["moco_v2"] = (value.detach(), weight.grad, objective.queue)
    torch.save(seen, f"{folder}/{rank}.pt")
    dist.destroy_process_group()


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> list[dict]:
    folder = tmp_path_factory.mktemp("ranks")
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=work, args=(rank, str(folder))) for rank in range(WORLD)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(120)
    assert [process.exitcode for process in processes] == [0, 0]
    return [torch.load(Path(folder) / f"{rank}.pt", weights_only=True) for rank in range(WORLD)]


@pytest.mark.parametrize("name", LOSSES)
def test_a_loss_of_the_gathered_batch_is_that_of_one_process(seen, name: str) -> None:
    one, other = (z.requires_grad_() for z in embeddings())
    loss = LOSSES[name](one, other)
    loss.backward()
    for rank in range(WORLD):
        value, gradient = seen[rank][name]
        torch.testing.assert_close(value, loss.detach())
        # DDP averages over the processes, so that each brings WORLD times its part.
        part = one.grad[rank * N : (rank + 1) * N]
        torch.testing.assert_close(gradient / WORLD, part, rtol=1e-4, atol=1e-5)


def test_shuffled_images_are_a_permutation_and_come_home(seen) -> None:
    whole = images()[0]
    shuffled = torch.cat([each["shuffled"] for each in seen])
    order = [int((shuffled == image).flatten(1).all(1).nonzero()) for image in whole]
    assert sorted(order) == list(range(WORLD * N)) and order != sorted(order)
    torch.testing.assert_close(torch.cat([each["home"] for each in seen]), whole)


def test_moco_on_two_processes_is_moco_on_one(seen) -> None:
    objective = moco()
    loss = objective.loss(Views(tuple(images()), None))
    loss.backward()
    values, gradients, queues = zip(*(each["moco_v2"] for each in seen), strict=True)
    torch.testing.assert_close(torch.stack(values).mean(), loss.detach(), rtol=1e-4, atol=1e-5)
    weight = next(objective.projector.parameters())
    torch.testing.assert_close(torch.stack(gradients).mean(0), weight.grad, rtol=1e-3, atol=1e-5)
    for queue in queues:
        torch.testing.assert_close(queue, objective.queue, rtol=1e-4, atol=1e-5)
