"""The path of a GPU, on a CPU: autocast, compiled backbones, and what records say of it."""

import copy

import pytest
import torch

from benchmark.accelerate import Acceleration
from benchmark.batch import Batch
from benchmark.provenance import environment
from benchmark.resolve import protocol_named, resolve


def loss_of(method, acceleration: Acceleration) -> torch.Tensor:
    images = torch.randint(
        0, 256, (16, 3, 40, 40), dtype=torch.uint8, generator=torch.Generator().manual_seed(0)
    )
    torch.manual_seed(0)
    with acceleration.context("cpu"):
        loss = method.train().training_step(Batch(images, torch.arange(16), None, seed=1))
    loss.backward()
    return loss.detach()


@pytest.mark.parametrize("name", ["moco_v2/sequential", "byol/sequential"])
def test_a_compiled_method_computes_the_same_and_keeps_the_names_of_its_state(name: str) -> None:
    plain = resolve(name).build(protocol_named("instance/smoke@1"), 0)
    compiled = Acceleration(backend="aot_eager").compile(copy.deepcopy(plain))
    assert [*plain.state_dict()] == [*compiled.state_dict()]
    torch.testing.assert_close(
        loss_of(plain, Acceleration()), loss_of(compiled, Acceleration()), rtol=1e-4, atol=1e-5
    )
    for one, other in zip(plain.parameters(), compiled.parameters(), strict=True):
        torch.testing.assert_close(one.grad, other.grad, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("name", ["moco_v2/sequential", "barlow_twins/sequential"])
def test_autocast_computes_in_bfloat16_what_float32_does_nearly(name: str) -> None:
    method = resolve(name).build(protocol_named("instance/smoke@1"), 0)
    fast, exact = copy.deepcopy(method), method
    one, other = loss_of(fast, Acceleration(autocast=True)), loss_of(exact, Acceleration())
    assert one.dtype == torch.float32 and one != other
    torch.testing.assert_close(one, other, rtol=0.1, atol=0.1)
    assert all(p.dtype == torch.float32 for p in fast.parameters())


def test_records_say_how_it_was_computed() -> None:
    told = environment("cpu", Acceleration(autocast=True, backend="inductor"))
    assert (told.precision, told.compiled) == ("bfloat16", True)
    told = environment("cpu", Acceleration.of("cpu"))
    assert (told.precision, told.compiled) == ("float32", False)
    assert Acceleration.of("cuda") == Acceleration(autocast=True, backend="inductor")
