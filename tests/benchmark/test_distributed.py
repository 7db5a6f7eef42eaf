"""Batch normalisation on two processes, over gloo, against torch's on one."""

import copy
import multiprocessing
from pathlib import Path

import pytest
import torch
import torch.distributed as dist
from torch import Tensor, nn

from benchmark import distributed
from benchmark.distributed import average_buffers, gathered, rank, synchronise, world
from benchmark.errors import HeadwaterError, UsageError

WORLD, N, STEPS = 2, 8, 2
SHAPES = {"maps": (5, 4, 3), "rows": (5,)}
CASES = [(kind, groups) for kind in SHAPES for groups in (1, 2, 4)]


def images(kind: str) -> tuple[Tensor, Tensor]:
    """Batches (STEPS, N, C, ...), far from 0, and as much that weighs the outputs in the loss."""
    generator = torch.Generator().manual_seed(0)
    x, weights = torch.randn(2, STEPS, N, *SHAPES[kind], generator=generator)
    return 30 + 3 * x + torch.arange(float(N)).view(N, *len(SHAPES[kind]) * [1]), weights


def norm(kind: str) -> nn.Module:
    torch.manual_seed(1)
    layer = nn.BatchNorm2d(5) if kind == "maps" else nn.BatchNorm1d(5, momentum=None)
    nn.init.normal_(layer.weight)
    nn.init.normal_(layer.bias)
    return layer


def normalised(layer: nn.Module, kind: str, part: tuple[int, int] = (0, 1)) -> dict[str, Tensor]:
    """What comes of two steps on a part of the batches."""
    seen: dict[str, Tensor] = {}
    for step, (whole, weights) in enumerate(zip(*images(kind), strict=True)):
        x = whole[part[0] :: part[1]].clone()
        if kind == "maps":
            x = x.contiguous(memory_format=torch.channels_last)
        out = layer(x.requires_grad_())
        (out * weights[part[0] :: part[1]]).flatten(1).sum(1).mean().backward()
        seen |= {f"out {step}": out.detach(), f"slope {step}": x.grad / part[1]}
    average_buffers(layer)
    return seen | {"weight": layer.weight.grad, "bias": layer.bias.grad} | layer.state_dict()


def work(rank_: int, folder: str) -> None:
    """What one of the processes does; it leaves what it saw in a file."""
    torch.set_num_threads(1)
    dist.init_process_group(
        "gloo", init_method=f"file://{folder}/meet", rank=rank_, world_size=WORLD
    )
    part, seen = (rank(), world()), {}
    for kind, groups in CASES:
        seen[kind, groups] = normalised(synchronise(norm(kind), groups), kind, part)
    rows = torch.arange(6.0)[part[0] :: part[1]].requires_grad_()
    seen["rows"] = gathered(rows)
    (seen["rows"] * torch.arange(6.0)).sum().backward()
    seen["slopes"] = rows.grad
    with pytest.raises(UsageError, match=r"2 processes cannot share 3 groups .*bn_groups"):
        synchronise(norm("maps"), 3)
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
        process.join(120)
    assert [process.exitcode for process in processes] == [0, 0]
    return [torch.load(Path(folder) / f"{rank}.pt", weights_only=True) for rank in range(WORLD)]


def by_hand(kind: str, groups: int) -> dict[str, Tensor]:
    """torch's own layer for each group by itself; running statistics are the mean over them."""
    layer, wanted = norm(kind), {}
    each = [copy.deepcopy(layer) for _ in range(groups)]
    for step, (whole, weights) in enumerate(zip(*images(kind), strict=True)):
        x = whole.clone().requires_grad_()
        out = torch.empty_like(whole)
        for group, own in enumerate(each):
            out[group::groups] = own(x[group::groups])
        (out * weights).flatten(1).sum(1).mean().backward()
        wanted |= {f"out {step}": out.detach(), f"slope {step}": x.grad}
    for name in ("weight", "bias"):
        wanted[name] = sum(getattr(own, name).grad for own in each)
    state = {
        key: torch.stack([own.state_dict()[key] for own in each]) for key in layer.state_dict()
    }
    wanted |= {key: value.double().mean(0).to(value.dtype) for key, value in state.items()}
    return wanted


def assert_same(mine: dict[str, Tensor], wanted: dict[str, Tensor]) -> None:
    assert mine.keys() == wanted.keys()
    for key, value in wanted.items():
        torch.testing.assert_close(mine[key], value.contiguous(), rtol=2e-4, atol=1e-5, msg=key)


def whole_of(seen: list[dict], case: object) -> dict[str, Tensor]:
    """The parts put together: images interleaved, gradients averaged, buffers equal."""
    mine = [each[case] for each in seen]
    whole = {}
    for key, first in mine[0].items():
        parts = torch.stack([each[key] for each in mine])
        if key.startswith(("out", "slope")):
            whole[key] = parts.transpose(0, 1).flatten(0, 1)
        elif "running" in key or "num" in key:
            assert torch.equal(parts[0], parts[1])
            whole[key] = first
        else:
            whole[key] = parts.mean(0)
    return whole


@pytest.mark.parametrize(("kind", "groups"), CASES)
def test_two_processes_normalise_like_one(seen, kind: str, groups: int) -> None:
    assert_same(whole_of(seen, (kind, groups)), by_hand(kind, groups))


@pytest.mark.parametrize(("kind", "groups"), CASES)
def test_one_process_normalises_groups_by_themselves(kind: str, groups: int) -> None:
    layer = synchronise(norm(kind), groups)
    assert (type(layer) is type(norm(kind))) == (groups == 1)
    assert_same(normalised(layer, kind), by_hand(kind, groups))


def test_gathered_rows_are_in_the_order_of_one_process(seen) -> None:
    for number, each in enumerate(seen):
        assert each["rows"].tolist() == [0, 1, 2, 3, 4, 5]
        assert each["slopes"].tolist() == [2.0 * k for k in range(number, 6, 2)]


def test_more_processes_than_groups_share_them(monkeypatch) -> None:
    """Four processes, two groups; what they tell one another is handed over by hand."""
    x, told, outs = images("maps")[0][0], [], []
    monkeypatch.setattr(distributed, "world", lambda: 4)
    for everyone in (
        lambda own: told.append(own) or torch.stack(4 * [own]),
        lambda _: torch.stack(told),
    ):
        monkeypatch.setattr(distributed, "_everyone_s", everyone)
        for number in range(4):
            monkeypatch.setattr(distributed, "rank", lambda number=number: number)
            outs.append(synchronise(norm("maps"), 2)(x[number::4]))
    whole = torch.stack(outs[4:], 1).flatten(0, 1)
    torch.testing.assert_close(whole, by_hand("maps", 2)["out 0"], rtol=2e-4, atol=1e-5)


@pytest.mark.parametrize("groups", [1, 2])
def test_parameters_state_and_evaluation_mode_are_those_of_before(monkeypatch, groups) -> None:
    monkeypatch.setattr(distributed, "world", lambda: 2)
    net, x = nn.Sequential(nn.Conv2d(3, 5, 1), norm("maps")), torch.randn(1, 3, 4, 4)
    parameters, names, before = [*net.parameters()], [*net.state_dict()], net.eval()(x)
    for _ in range(2):  # again, as when training goes on
        assert synchronise(net, groups) is net and type(net[1]) is not nn.BatchNorm2d
        assert isinstance(net[1], nn.BatchNorm2d) and [*net.state_dict()] == names
        assert all(one is other for one, other in zip(parameters, net.parameters(), strict=True))
        assert torch.equal(net(x), before) and torch.equal(copy.deepcopy(net)(x), before)


def test_a_compiled_network_gathers_statistics(tmp_path) -> None:
    """In a process group of one, which stands for several as far as the compiler can see."""
    layer = norm("maps")
    dist.init_process_group("gloo", init_method=f"file://{tmp_path}/meet", rank=0, world_size=1)
    try:
        layer = synchronise(layer, 2)
        layer.groups, layer.within, layer.across = 1, 1, 2
        layer.compile(backend="eager", fullgraph=True)
        assert_same(normalised(layer, "maps"), by_hand("maps", 1))
    finally:
        dist.destroy_process_group()


def test_groups_keep_memory_format_and_precision() -> None:
    x = images("maps")[0][0].contiguous(memory_format=torch.channels_last)
    layer = synchronise(norm("maps"), 2)
    exact, low = layer(x), layer(x.bfloat16())
    assert exact.is_contiguous(memory_format=torch.channels_last)
    assert low.dtype == torch.bfloat16 and exact.dtype == torch.float32
    # Both see the same rounded images, and statistics are in float32.
    torch.testing.assert_close(
        low, layer(x.bfloat16().float()), rtol=1e-2, atol=1e-2, check_dtype=False
    )


def test_what_cannot_be_shared_is_refused(monkeypatch) -> None:
    class Own(nn.BatchNorm2d):
        pass

    with pytest.raises(UsageError, match=r"0 is a Own, which .* nn\.BatchNorm2d"):
        synchronise(nn.Sequential(Own(5)), 2)
    assert type(synchronise(nn.Sequential(Own(5)))[0]) is Own
    with pytest.raises(HeadwaterError, match="3 images cannot be normalised in 2 groups"):
        synchronise(norm("maps"), 2)(torch.zeros(3, 5, 4, 3))
    with pytest.raises(HeadwaterError, match="2 images cannot be normalised in 2 groups"):
        synchronise(norm("rows"), 2)(torch.zeros(2, 5))
    monkeypatch.setattr(distributed, "world", lambda: 8)
    with pytest.raises(UsageError, match="8 processes cannot share 12 groups"):
        synchronise(norm("maps"), 12)
