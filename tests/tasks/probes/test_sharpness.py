"""Sharpness: its directions, what it measures, and that it leaves the method as it was."""

from functools import cache

import numpy as np
import pytest
import torch
from torch import nn

from benchmark.batch import Setting
from benchmark.config import Config
from benchmark.encoder import Encoder
from benchmark.errors import HeadwaterError
from benchmark.method import Method, build_backbone
from benchmark.protocol import ProtocolSpec
from benchmark.resolve import protocol_named, resolve
from benchmark.rules import difference
from tasks.probes import sharpness
from tasks.probes.sharpness import RADII, evaluate_sharpness, filter_direction, sharpness_metrics
from tasks.stream import Chunks


@cache
def smoke() -> ProtocolSpec:
    return protocol_named("instance/smoke@1")


@pytest.fixture(autouse=True)
def _few_directions(monkeypatch, own_home) -> None:
    monkeypatch.setattr(sharpness, "DIRECTIONS", 2)


def encoder(name: str, seen: int = 1) -> Encoder:
    return Encoder(resolve(name).build(smoke(), 0), smoke(), chunks_seen=seen)


def measure(encoder: Encoder, seed: int = 0):
    return evaluate_sharpness(Chunks(), encoder, seed)


def test_directions_are_as_long_as_the_filters_and_leave_the_rest() -> None:
    backbone = build_backbone("resnet_nano")
    direction = filter_direction(backbone, 3)
    weights = dict(backbone.named_parameters())
    assert set(direction) == {name for name in weights if weights[name].ndim == 4}
    for name, step in direction.items():
        weight = weights[name]
        for filters in zip(step, weight, strict=True):
            mine, theirs = (float(f.detach().double().square().sum()) for f in filters)
            assert mine == pytest.approx(theirs, rel=1e-5)
    again, other = filter_direction(backbone, 3), filter_direction(backbone, 4)
    assert all(torch.equal(direction[name], again[name]) for name in direction)
    assert not any(torch.equal(direction[name], other[name]) for name in direction)


def test_scaling_a_filter_scales_its_direction() -> None:
    layer = nn.Linear(4, 3)
    before = filter_direction(layer, 0)["weight"]
    with torch.no_grad():
        layer.weight[1] *= 10
        layer.weight[2] = 0
    after = filter_direction(layer, 0)["weight"]
    assert torch.equal(after[0], before[0])
    assert torch.allclose(after[1], 10 * before[1])
    assert not after[2].any()


@pytest.mark.parametrize("name", ["moco_v2/sequential", "supervised/mas", "simclr/lump"])
def test_the_method_is_left_as_it_was_and_the_seed_fixes_all(name: str, monkeypatch) -> None:
    monkeypatch.setattr(sharpness, "RADII", (0.5,))
    subject = encoder(name, seen=2)
    state = {key: value.clone() for key, value in subject.method.named_parameters()}
    buffers = {key: value.clone() for key, value in subject.method.named_buffers()}
    random = torch.get_rng_state()
    one, two, other = (measure(subject, seed) for seed in (0, 0, 1))
    assert difference(state, dict(subject.method.named_parameters())) is None
    assert difference(buffers, dict(subject.method.named_buffers())) is None
    assert torch.equal(random, torch.get_rng_state())
    assert not subject.method.training and subject.method.memory is None
    for key, values in one.predictions.items():
        assert np.array_equal(values, two.predictions[key]), key
    assert not np.array_equal(one.predictions["loss"], other.predictions["loss"])
    assert one.metrics == sharpness_metrics(dict(one.predictions))


def test_shapes_units_and_errors() -> None:
    found = measure(encoder("supervised/sequential", seen=2))
    arrays, metrics = found.predictions, found.metrics
    held_out = smoke().manifest.held_out_sizes[0]
    assert arrays["prediction"].shape == (len(RADII), 2, held_out)
    assert arrays["loss"].shape == (len(RADII), 2, 2)
    assert arrays["loss_at_rest"].shape == (2,)
    assert next(iter(metrics)) == "sharpness"
    assert not any(metric.higher_is_better for metric in metrics.values())
    assert {metric.n for metric in metrics.values()} == {2}
    wrong = 100.0 * (arrays["prediction"][2] != arrays["label"])
    wrong -= 100.0 * (arrays["prediction_at_rest"] != arrays["label"])
    by_hand = wrong.mean(1)
    assert metrics["sharpness"].value == pytest.approx(by_hand.mean())
    assert metrics["sharpness"].unit == "points"
    # of two values the standard error is half their distance; and that over the images
    squares = np.ptp(by_hand) ** 2 / 4 + wrong.mean(0).var(ddof=1) / held_out
    assert metrics["sharpness"].standard_error == pytest.approx(squares**0.5)
    changes = [metrics[f"change_at_{radius}"].value for radius in RADII]
    assert 0 < changes[0] < changes[1] < changes[2] < 100
    assert changes == pytest.approx(100 - 100 * arrays["cka"].mean(1))
    rises = arrays["loss"][0].mean(1) - arrays["loss_at_rest"].mean()
    assert metrics["loss_rise_at_0.1"].value == pytest.approx(rises.mean())
    assert metrics["loss_rise_at_0.1"].standard_error == pytest.approx(np.ptp(rises) / 2)
    assert metrics["loss_rise_at_0.1"].unit == "loss"
    assert metrics["drop_at_0.5"] == metrics["sharpness"]


def test_what_was_not_trained_has_no_loss() -> None:
    found = measure(encoder("random_init", seen=0))
    assert set(found.metrics) == {
        *("sharpness", "relative_sharpness", "drop_at_0.1", "drop_at_0.2", "drop_at_0.5"),
        *("change_at_0.1", "change_at_0.2", "change_at_0.5"),
    }
    assert "loss" not in found.predictions


class Bowl(Method):
    """Its loss is half the squared distance of the backbone's filters from where they were."""

    factor = 1.0

    def __init__(self, setting: Setting, config: Config) -> None:
        super().__init__(setting, config)
        self.backbone = build_backbone(setting.arch)
        names = [n for n, p in self.backbone.named_parameters() if p.ndim > 1]
        self.start = nn.ParameterList(
            nn.Parameter(self.backbone.get_parameter(name).detach().clone(), requires_grad=False)
            for name in names
        )

    def training_step(self, batch):
        assert batch.given_labels is None and self.training and self.memory is not None
        assert len(self.memory.rows()) == 0
        trained = [p for p in self.parameters() if p.requires_grad and p.ndim > 1]
        pairs = zip(trained, self.start, strict=True)
        return self.factor * sum((p - s).square().sum() for p, s in pairs) / 2


def bowl() -> Bowl:
    return Bowl(Setting(arch=smoke().arch, view_size=smoke().view_size), Config())


def test_a_bowl_rises_with_the_square_of_the_radius() -> None:
    method = bowl()
    squares = sum(float(start.square().sum()) for start in method.start)
    found = measure(Encoder(method, smoke(), chunks_seen=1))
    for radius in RADII:
        rise = found.metrics[f"loss_rise_at_{radius}"]
        assert rise.value == pytest.approx(radius**2 * squares / 2, rel=1e-4)


def test_a_loss_that_is_not_finite_is_one_sentence() -> None:
    method = bowl()
    method.factor = float("inf")
    with pytest.raises(HeadwaterError, match="the training loss near the weights is not finite"):
        measure(Encoder(method, smoke(), chunks_seen=1))


def test_the_scale_of_filters_before_a_norm_does_not_matter() -> None:
    """The function is the same, and with directions of fixed length it would look flatter."""
    small, large = bowl(), bowl()
    large.load_state_dict(small.state_dict())
    with torch.no_grad():
        for weight in large.backbone.parameters():
            if weight.ndim == 4:
                weight *= 10
    one, other = (measure(Encoder(method, smoke())).predictions for method in (small, large))
    for name in ("prediction_at_rest", "prediction"):
        assert np.mean(one[name] == other[name]) > 0.97


def test_no_chunk_but_those_seen_is_read() -> None:
    blurred = protocol_named("blurred-class/smoke@1")
    subject = Encoder(resolve("supervised/sequential").build(blurred, 0), blurred, chunks_seen=1)
    own = sharpness._own_loss(subject, sharpness.load_pool(blurred), 0)
    assert own is not None
    ((chunk, batch),) = own.batches
    where = blurred.manifest.rows_in(sharpness.load_pool(blurred).ids)
    assert chunk == 1 and set(batch.sample_ids.tolist()) <= set(where[blurred.manifest.chunks[0]])
    assert len(batch) == min(subject.method.config.batch_size, blurred.manifest.sizes[0])
