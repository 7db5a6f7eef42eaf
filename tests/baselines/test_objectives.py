"""The losses against lightly's: values and gradients; heads, momentum and defaults by hand."""

import math

import pytest
import torch
import torch.nn.functional as F
from lightly.loss import BarlowTwinsLoss, NegativeCosineSimilarity, NTXentLoss, VICRegLoss
from torch import Tensor

from baselines.objectives._parts import contrast, mlp
from baselines.objectives.barlow_twins import redundancy_reduction
from baselines.objectives.byol import BYOL, BYOLConfig, regression
from baselines.objectives.simclr import nt_xent
from baselines.objectives.vicreg import three_terms
from benchmark.batch import Batch, ChunkContext, Setting, Views
from benchmark.method import Composed
from benchmark.models import Backbone
from benchmark.registry import OBJECTIVES
from benchmark.resolve import grid, protocol_named, resolve

SETTING = Setting(arch="resnet_nano", view_size=32)


def pair(seed: int = 0, n: int = 24, dim: int = 10) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    one = torch.randn(n, dim, generator=generator)
    return one, one + 0.5 * torch.randn(n, dim, generator=generator)


@pytest.mark.parametrize(
    ("loss", "reference"),
    [
        pytest.param(
            lambda a, b: nt_xent(a, b, temperature=0.2), NTXentLoss(temperature=0.2), id="simclr"
        ),
        pytest.param(
            lambda a, b: nt_xent(a, b, temperature=1.5),
            NTXentLoss(temperature=1.5),
            id="simclr, hot",
        ),
        pytest.param(regression, lambda a, b: 2 + 2 * NegativeCosineSimilarity()(a, b), id="byol"),
        pytest.param(
            lambda a, b: redundancy_reduction(a, b, redundancy=0.01),
            BarlowTwinsLoss(lambda_param=0.01),
            id="barlow_twins",
        ),
        pytest.param(
            lambda a, b: three_terms(a, b, invariance=25.0, variance=25.0, covariance=1.0),
            VICRegLoss(lambda_param=25.0, mu_param=25.0, nu_param=1.0),
            id="vicreg",
        ),
        pytest.param(
            lambda a, b: three_terms(a, b, invariance=3.0, variance=2.0, covariance=7.0),
            VICRegLoss(lambda_param=3.0, mu_param=2.0, nu_param=7.0),
            id="vicreg weighted",
        ),
    ],
)
@pytest.mark.parametrize("scale", [1.0, 0.1])
def test_loss_and_gradient_against_lightly(loss, reference, scale) -> None:
    values, gradients = [], []
    for compute in (loss, reference):
        one, other = (scale * z for z in pair())
        one.requires_grad_()
        other.requires_grad_()
        value = compute(one, other)
        value.backward()
        values.append(value.detach())
        gradients.append(torch.stack([one.grad, other.grad]))
    torch.testing.assert_close(values[0], values[1], rtol=2e-4, atol=1e-5)
    torch.testing.assert_close(gradients[0], gradients[1], rtol=2e-3, atol=1e-4)


def test_contrast_is_info_nce_against_the_rest_of_the_batch() -> None:
    one, other = pair(n=5)
    a, b = F.normalize(one, dim=1), F.normalize(other, dim=1)
    terms = []
    for i in range(5):
        above = math.exp(float(a[i] @ b[i]) / 0.3)
        terms.append(-math.log(above / sum(math.exp(float(a[i] @ b[j]) / 0.3) for j in range(5))))
    assert float(contrast(one, other, temperature=0.3)) == pytest.approx(sum(terms) / 5, rel=1e-5)


@pytest.mark.parametrize("loss", [nt_xent, regression, redundancy_reduction, three_terms])
def test_losses_are_exact_under_autocast(loss) -> None:
    options = {
        nt_xent: {"temperature": 0.2},
        redundancy_reduction: {"redundancy": 0.01},
        three_terms: {"invariance": 25.0, "variance": 25.0, "covariance": 1.0},
    }.get(loss, {})
    exact = loss(*pair(), **options)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(loss(*pair(), **options), exact)


def test_a_head_has_batch_norm_and_relu_between_its_layers() -> None:
    kinds = [type(layer).__name__ for layer in mlp(4, 8, 8, 2)]
    assert kinds == ["Linear", "BatchNorm1d", "ReLU", "Linear", "BatchNorm1d", "ReLU", "Linear"]


@pytest.mark.parametrize("progress", [0.0, 0.25, 1.0])
def test_byol_s_target_moves_ever_less(progress: float) -> None:
    torch.manual_seed(0)
    objective = BYOL(SETTING, BYOLConfig(momentum_encoder=0.9))
    with torch.no_grad():
        for parameter in objective.backbone.parameters():
            parameter.add_(1.0)
    before = [p.clone() for p in objective.target_backbone.parameters()]
    objective.begin_step(progress)
    objective.after_step()
    # equation: tau = 1 - (1 - tau_base) (cos(pi k / K) + 1) / 2
    away = {0.0: 0.1, 0.25: 0.1 * (math.sqrt(0.5) + 1) / 2, 1.0: 0.0}[progress]
    for old, new in zip(before, objective.target_backbone.parameters(), strict=True):
        torch.testing.assert_close(new, old + away)
        assert not new.requires_grad


def test_byol_is_symmetric_and_its_target_gets_no_gradient() -> None:
    torch.manual_seed(0)
    objective = BYOL(SETTING, BYOLConfig())
    one, other = torch.randn(2, 8, 3, 32, 32)
    there = objective.loss(Views((one, other), None))
    back = objective.loss(Views((other, one), None))
    torch.testing.assert_close(there, back, rtol=1e-4, atol=1e-5)
    there.backward()
    assert all(p.grad is None for p in objective.target_backbone.parameters())
    assert all(p.grad is not None for p in objective.backbone.parameters())


@pytest.mark.parametrize("name", OBJECTIVES.names())
def test_what_a_loss_embeds_with_gradient_is_there_for_strategies(name: str) -> None:
    cls = OBJECTIVES.get(name)
    objective = cls(Setting("resnet_nano", 32, n_classes=8), cls.config_class())
    images = torch.randint(0, 256, (8, 3, 40, 40), dtype=torch.uint8)
    views = objective.views(Batch(images, torch.arange(8), torch.arange(8), seed=0))
    assert len(views.images) == cls.n_views
    objective.loss(views)
    assert sorted(views.embedded) == list(range(cls.passes[0]))
    assert all(z.requires_grad and len(z) == 8 for z in views.embedded.values())


def passes_of(method: Composed) -> tuple[int, int]:
    """Images' ways through any backbone in a step, with gradient and without, for each image."""
    counts = {True: 0, False: 0}

    def count(module, inputs) -> None:
        counts[torch.is_grad_enabled()] += len(inputs[0])

    context = ChunkContext((1,), 1)
    method.begin_chunk(context)
    method.end_chunk(context)  # so that a chunk is behind
    for module in method.modules():
        if isinstance(module, Backbone):
            module.register_forward_pre_hook(count)
    images = torch.randint(0, 256, (4, 3, 40, 40), dtype=torch.uint8)
    method.training_step(Batch(images, torch.arange(4), torch.arange(4), seed=0))
    return counts[True] // 4, counts[False] // 4


@pytest.mark.parametrize("strategy", ["sequential", "cassle"])
@pytest.mark.parametrize("name", OBJECTIVES.names())
def test_the_forwards_of_a_step_are_those_that_are_stated(name: str, strategy: str) -> None:
    if f"{name}/{strategy}" in grid():
        resolved = resolve(f"{name}/{strategy}")
        method = resolved.build(protocol_named("instance/smoke@1"), 0)
        assert passes_of(method) == resolved.parts[1].passes(resolved.parts[0])


#: From the papers and, for moco_v2 and supervised, OpenSelfSup's configurations.
PAPERS = {
    "moco_v2": {
        "batch_size": 256,
        "optimiser": "sgd",
        "lr": 0.03,
        "weight_decay": 1e-4,
        "dim": 128,
        "queue_size": 65536,
        "temperature": 0.2,
        "momentum_encoder": 0.999,
        "bn_groups": 8,  # GPUs
    },
    "simclr": {
        "batch_size": 4096,
        "optimiser": "lars",
        "lr": 0.3 * 4096 / 256,
        "weight_decay": 1e-6,
        "temperature": 0.1,
        "dim": 128,
    },
    "byol": {
        "batch_size": 4096,
        "optimiser": "lars",
        "lr": 0.2 * 4096 / 256,
        "dim": 256,
        "weight_decay": 1.5e-6,
        "hidden": 4096,
        "momentum_encoder": 0.996,
    },
    "barlow_twins": {
        "batch_size": 2048,
        "optimiser": "lars",
        "lr": 0.2 * 2048 / 256,
        "dim": 8192,
        "weight_decay": 1.5e-6,
        "redundancy": 0.0051,
        "bias_lr": 0.0048 / 0.2,
    },
    "vicreg": {
        "batch_size": 2048,
        "optimiser": "lars",
        "lr": 0.2 * 2048 / 256,
        "dim": 8192,
        "weight_decay": 1e-6,
        "invariance": 25.0,
        "variance": 25.0,
        "covariance": 1.0,
    },
    "supervised": {
        "batch_size": 256,
        "optimiser": "sgd",
        "lr": 0.1,
        "weight_decay": 1e-4,
        "label_smoothing": 0.0,
    },
}


@pytest.mark.parametrize("name", OBJECTIVES.names())
def test_defaults_at_the_full_tier_are_the_paper_s(name: str) -> None:
    config = resolve(f"{name}/joint", tier="full").config
    assert {key: config[key] for key in PAPERS[name]} == pytest.approx(PAPERS[name])
    assert config["augmentation"] != "nano"
    assert resolve(f"{name}/joint").config["augmentation"] == "nano"
