"""CaSSLe: when it distils, and against what; which combinations make no sense."""

import pytest
import torch
import torch.nn.functional as F
from lightly.loss import BarlowTwinsLoss, NegativeCosineSimilarity
from torch import Tensor

from benchmark.batch import Batch, ChunkContext
from benchmark.errors import UsageError
from benchmark.registry import STRATEGIES
from benchmark.resolve import grid, protocol_named, resolve

CONTEXT = ChunkContext((1,), 1)


def info_nce(predicted: Tensor, past: Tensor, temperature: float) -> Tensor:
    logits = F.normalize(predicted) @ F.normalize(past).T / temperature
    return -logits.log_softmax(1).diagonal().mean()


#: Of predicted against past embeddings, given the options: the objective's own kind of loss.
REFERENCES = {
    "simclr": lambda p, z, o: info_nce(p, z, o["temperature"]),
    "moco_v2": lambda p, z, o: info_nce(p, z, o["temperature"]),
    "byol": lambda p, z, _: 2 + 2 * NegativeCosineSimilarity()(p, z),
    "barlow_twins": lambda p, z, o: BarlowTwinsLoss(lambda_param=o["redundancy"])(p, z),
    "vicreg": lambda p, z, o: o["invariance"] * F.mse_loss(p, z),
}


def images(seed: int) -> Batch:
    generator = torch.Generator().manual_seed(seed)
    pixels = torch.randint(0, 256, (8, 3, 40, 40), dtype=torch.uint8, generator=generator)
    return Batch(pixels, torch.arange(8), None, seed)


@pytest.mark.parametrize("name", REFERENCES)
def test_distillation_against_lightly(name: str) -> None:
    resolved = resolve(f"{name}/cassle", {"cassle_weight": 2.0})
    method = resolved.build(protocol_named("instance/smoke@1"), 0).train()
    objective, strategy = method.objective, method.strategy
    method.begin_chunk(CONTEXT)
    views = objective.views(images(0))
    objective.loss(views)
    assert strategy.penalty(objective, views) is None  # nothing is past yet
    method.end_chunk(CONTEXT)
    with torch.no_grad():  # so that past and present encoders differ once the chunk has begun
        method.begin_chunk(ChunkContext((2,), 1))
        for parameter in objective.parameters():
            parameter.mul_(1.01)
    views = objective.views(images(1))
    objective.loss(views)
    penalty = strategy.penalty(objective, views)
    strategy.predictor.train()
    expected = []
    for number, embedded in views.embedded.items():
        past = strategy.past_projector(strategy.past_backbone(views.images[number]))
        predicted = strategy.predictor(embedded)
        expected.append(REFERENCES[name](predicted, past, resolved.config))
    torch.testing.assert_close(penalty, 2.0 * torch.stack(expected).mean(), rtol=1e-3, atol=1e-4)
    penalty.backward()
    assert all(p.grad is None for p in strategy.past_backbone.parameters())
    assert all(p.grad is not None for p in objective.backbone.parameters())


def test_the_past_encoder_is_the_one_at_the_chunk_s_beginning() -> None:
    method = resolve("byol/cassle").build(protocol_named("instance/smoke@1"), 0)
    with torch.no_grad():
        for parameter in method.objective.parameters():
            parameter.add_(1.0)
    method.begin_chunk(CONTEXT)
    past, now = method.strategy.past_backbone, method.objective.backbone
    for name, value in now.state_dict().items():
        assert torch.equal(past.state_dict()[name], value)
    assert not any(p.requires_grad for p in past.parameters())


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("supervised/cassle", "cassle distils embeddings .* Supervised defines no distillation"),
        ("supervised/lump", "lump mixes two images into one, which then has two labels"),
    ],
)
def test_a_combination_that_makes_no_sense_says_why(name: str, reason: str) -> None:
    with pytest.raises(UsageError, match=f"{name} makes no sense: {reason}"):
        resolve(name)
    assert name not in grid()


def test_all_other_combinations_are_in_the_grid() -> None:
    assert len(grid()) == 6 * len(STRATEGIES.names()) - 2
