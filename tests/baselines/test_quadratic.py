"""MAS and SI: importance and penalty against what autograd and hand calculation give."""

import pytest
import torch
from torch import nn

from baselines.strategies._quadratic import flat, trained
from baselines.strategies.mas import MAS, MASOptions, mean_sensitivity
from baselines.strategies.mas_replay import MASReplay, MASReplayOptions
from baselines.strategies.si import SI, SIOptions
from benchmark.batch import ChunkContext, Setting
from benchmark.config import Config
from benchmark.method import Objective
from benchmark.registry import OBJECTIVES


class Line(Objective):
    """Two weights, a and b; embeddings a x1 + b x2 of an image that has two pixels."""

    def __init__(self) -> None:
        super().__init__(Setting("resnet_nano", 32), Config())
        self.projector = nn.Linear(2, 1, bias=False)
        self.frozen = nn.Parameter(torch.ones(3), requires_grad=False)
        with torch.no_grad():
            self.projector.weight.copy_(torch.tensor([[2.0, -1.0]]))

    def embeddings(self, images):
        return self.projector(images)


def test_sensitivity_by_hand() -> None:
    # f = 2 x1 - x2; d f^2 / d (a, b) = 2 f (x1, x2); images (1, 0) and (1, 3): f = 2 and -1
    seen = mean_sensitivity(Line(), torch.tensor([[1.0, 0.0], [1.0, 3.0]]))
    torch.testing.assert_close(seen, torch.tensor([(4.0 + 2.0) / 2, (0.0 + 6.0) / 2]))


@pytest.mark.parametrize("name", OBJECTIVES.names())
def test_sensitivity_against_one_image_at_a_time(name: str) -> None:
    torch.manual_seed(0)
    cls = OBJECTIVES.get(name)
    objective = cls(Setting("resnet_nano", 32, n_classes=8), cls.config_class()).train()
    images = torch.randn(3, 3, 32, 32)
    seen = mean_sensitivity(objective, images)
    assert objective.training
    expected = torch.zeros_like(seen)
    for image in images:
        objective.eval().zero_grad()
        output = objective.projector(objective.backbone(image[None]))
        (output**2).sum().backward()
        gradients = [
            torch.zeros_like(p) if p.grad is None else p.grad.abs() for p in trained(objective)
        ]
        expected += flat(gradients) / 3
    torch.testing.assert_close(seen, expected)


def test_penalty_by_hand() -> None:
    objective = Line()
    strategy = MAS(objective, MASOptions(mas_weight=0.5))
    assert strategy.penalty(objective, None) is None
    strategy.consolidate(objective, torch.tensor([3.0, 1.0]))  # of mean 1: 1.5 and 0.5
    with torch.no_grad():
        objective.projector.weight += torch.tensor([[2.0, 4.0]])
    penalty = strategy.penalty(objective, None)
    assert float(penalty.detach()) == pytest.approx(0.5 * (1.5 * 4 + 0.5 * 16))
    penalty.backward()  # 2 w importance way
    assert objective.projector.weight.grad.tolist() == [[3.0, 2.0]]
    strategy.consolidate(objective, torch.tensor([1.0, 3.0]))  # the chunks' are added
    assert strategy.importance.tolist() == [2.0, 2.0]
    assert float(strategy.penalty(objective, None).detach()) == 0


def test_an_importance_of_0_holds_nothing_and_is_finite() -> None:
    objective = Line()
    strategy = MAS(objective, MASOptions())
    strategy.consolidate(objective, torch.zeros(2))
    assert strategy.importance.tolist() == [0.0, 0.0]


def test_path_integral_by_hand() -> None:
    """Gradient descent on a quadratic whose loss, gradients and steps are written out."""
    objective = Line()
    strategy = SI(objective, SIOptions(si_damping=0.5))
    curvature = torch.tensor([1.0, 3.0])
    context = ChunkContext((1,), 2)
    strategy.begin_chunk(objective, context)
    weight = objective.projector.weight
    path, start = torch.zeros(2), weight.detach().clone()
    for _ in range(2):
        objective.zero_grad()
        (0.5 * curvature * weight.square()).sum().backward()
        strategy.after_backward(objective)
        with torch.no_grad():
            step = -0.1 * weight.grad
            path -= (weight.grad * step).flatten()
            weight += step
        strategy.after_step(objective)
    strategy.end_chunk(objective, context)
    raw = path / ((weight.detach() - start).flatten().square() + 0.5)
    torch.testing.assert_close(strategy.importance, raw / raw.mean())
    torch.testing.assert_close(strategy.anchor, weight.detach().flatten())


def test_the_penalty_s_gradient_is_no_part_of_the_path() -> None:
    objective = Line()
    strategy = SI(objective, SIOptions(si_weight=0.3))
    strategy.consolidate(objective, torch.tensor([1.0, 3.0]))
    with torch.no_grad():
        objective.projector.weight += 1.0
    strategy.begin_chunk(objective, ChunkContext((2,), 1))
    slope = torch.tensor([0.7, -0.2])
    loss = (objective.projector.weight.flatten() * slope).sum()
    (loss + strategy.penalty(objective, None)).backward()
    strategy.after_backward(objective)
    with torch.no_grad():
        objective.projector.weight += torch.tensor([[0.1, 0.2]])
    strategy.after_step(objective)
    torch.testing.assert_close(strategy.path, -slope * torch.tensor([0.1, 0.2]))


class Memory:
    """Notes what is kept and read."""

    def __init__(self) -> None:
        self.kept = torch.empty(0, dtype=torch.int64)
        self.read_rows = torch.empty(0, dtype=torch.int64)

    def rows(self):
        return self.kept

    def keep(self, rows):
        self.kept = torch.cat([self.kept, rows]).sort().values

    def read(self, rows, seed):
        from benchmark.batch import Batch

        self.read_rows = rows
        return Batch(torch.zeros(len(rows), 2, dtype=torch.uint8), rows, None, seed)


def test_mas_with_replay_does_both() -> None:
    objective = Line()
    strategy = MASReplay(objective, MASReplayOptions(mas_images=4, replay_share=0.2))
    strategy.memory = Memory()
    strategy.end_chunk(objective, ChunkContext((1,), 5, torch.arange(100, 130)))
    assert len(strategy.memory.kept) == 6 and strategy.memory_share == 0.2
    assert len(strategy.memory.read_rows) == 4 and strategy.chunks_done == 1
    assert set(strategy.memory.read_rows.tolist()) <= set(range(100, 130))
    assert strategy.importance.sum() > 0 and strategy.replays
