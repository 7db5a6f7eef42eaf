"""The check catches what breaks each rule, and shows the values; a method that is fine passes."""

import json
from dataclasses import dataclass

import pytest
import torch
from typer.testing import CliRunner

from benchmark.batch import Setting
from benchmark.check import check
from benchmark.cli.main import app
from benchmark.config import Config, option
from benchmark.method import Method, build_backbone
from benchmark.rehearsal import difference


class Fine(Method):
    """Brings features to length 1, and counts its steps in its state."""

    def __init__(self, setting: Setting, config: Config) -> None:
        super().__init__(setting, config)
        self.backbone = build_backbone(setting.arch)
        self.register_buffer("count", torch.zeros(()))

    def outputs(self, batch):
        return self.backbone(batch.images.float() / 255)

    def training_step(self, batch):
        return (self.outputs(batch).norm(dim=1) - 1).square().mean() * (1 + self.count / 100)

    def after_step(self) -> None:
        self.count += 1


class Narrow(Fine):
    """Features of another width."""

    def features(self, images):
        return super().features(images)[:, :7]


class WithGradient(Fine):
    """Features that carry a gradient."""

    def features(self, images):
        return self.backbone(images.float())


class Together(Fine):
    """Features of an image that depend on the others."""

    def features(self, images):
        features = super().features(images)
        return features - features.mean(0)


class Counting(Fine):
    """Features change the state."""

    def features(self, images):
        self.count += 1
        return super().features(images)


class Peeking(Fine):
    """Reads labels and does not say so."""

    def training_step(self, batch):
        return super().training_step(batch) + 0 * batch.labels.sum()


class Whole(Fine):
    """A loss for each image."""

    def training_step(self, batch):
        return self.outputs(batch).square().mean(1)


class Infinite(Fine):
    """A loss that is not finite."""

    def training_step(self, batch):
        return super().training_step(batch) / 0


class Climbing(Fine):
    """A loss whose gradient has the wrong sign."""

    def training_step(self, batch):
        loss = super().training_step(batch)
        return 2 * loss.detach() - loss


class Detached(Fine):
    """A loss without gradient."""

    def training_step(self, batch):
        return super().training_step(batch).detach()


class Unseeded(Fine):
    """Draws from a generator of its own."""

    def training_step(self, batch):
        noise = torch.rand((), generator=_FREE)
        return super().training_step(batch) * (1 + noise)


_FREE = torch.Generator()


class Frozen(Fine):
    """Has the same weights whatever the seed, and does not train them."""

    def __init__(self, setting: Setting, config: Config) -> None:
        super().__init__(setting, config)
        with torch.no_grad():
            for parameter in self.backbone.parameters():
                parameter.fill_(0.01)
        self.backbone.requires_grad_(False)
        self.scale = torch.nn.Parameter(torch.ones(()))

    def training_step(self, batch):
        return self.scale.square()


class Forgetful(Fine):
    """Counts its steps in an attribute, which no state has."""

    def __init__(self, setting: Setting, config: Config) -> None:
        super().__init__(setting, config)
        self.steps = 0

    def training_step(self, batch):
        return super().training_step(batch) * (1 + self.steps)

    def begin_chunk(self, context) -> None:
        self.steps = context.chunks[0] if context.chunks else 1

    def after_step(self) -> None:
        self.steps += 1


class ForgetfulOfChunks(Forgetful):
    """The same, over the chunks."""

    def begin_chunk(self, context) -> None: ...


class Hoarding(Fine):
    """Keeps images where the ledger does not see them."""

    def training_step(self, batch):
        self.hoard = [batch.images]
        return super().training_step(batch)


class Greedy(Fine):
    """Keeps more than it declares."""

    memory_share = 0.01

    def training_step(self, batch):
        self.memory.keep(batch.sample_ids)
        return super().training_step(batch)


class Waiting(Fine):
    """Asks for a value in each step."""

    def training_step(self, batch):
        loss = super().training_step(batch)
        return loss / max(1.0, loss.detach().item())


class Settled(Fine):
    """Makes a tensor on the host, wherever it is itself."""

    def training_step(self, batch):
        return (self.outputs(batch) @ torch.ones(256, 2)).square().mean()


class Strict(Fine):
    """Insists on float32."""

    def training_step(self, batch):
        outputs = self.outputs(batch)
        whole = (outputs @ outputs.T).dtype == torch.float32
        return outputs.square().mean() / (1 if whole else 0)


class NeedsChunks(Fine):
    """Fails where it is not told which chunk is open."""

    def begin_chunk(self, context) -> None:
        self.first = context.chunks[0]


@pytest.mark.parametrize(
    ("name", "rule", "seen"),
    [
        ("Narrow", "features", ("(8, 256) float32", "(8, 7) float32")),
        ("WithGradient", "features", ("requires_grad = False", "requires_grad = True")),
        ("Together", "features", ("of an image alone is 0", "in a batch")),
        ("Counting", "features", ("before count[] = 0.0", "after count[] = 1.0")),
        ("Peeking", "labels", ("needs_labels = False", "training_step reads batch.labels")),
        ("Whole", "loss", ("shape ()", "shape (16,)")),
        ("Infinite", "loss", ("a finite loss", "inf")),
        ("Detached", "loss", ("requires_grad = True", "requires_grad = False")),
        ("Climbing", "learning", ("before the step", "after it")),
        ("Unseeded", "same seed", ("once loss 0 = ", "once more loss 0 = ")),
        ("Frozen", "other seed", ("first weight 0.0099", "0.0099")),
        ("Forgetful", "resume", ("whole loss 5 = ", "resumed loss 5 = ")),
        ("ForgetfulOfChunks", "state", ("whole loss 3 = ", "rebuilt loss 3 = ")),
        ("Hoarding", "memory", ("register_buffer", "76800 in self.hoard")),
        ("Greedy", "memory", ("keeps 16 images, and may keep 2",)),
        ("Waiting", "device", ("cannot be called on meta tensors", "test_check.py, line")),
        ("Settled", "device", ("meta",)),
        ("Strict", "dtype", ("a finite loss in bfloat16", "inf")),
        ("NeedsChunks", "blurred", ("IndexError", "test_check.py, line")),
    ],
)
def test_a_broken_rule_is_found_with_its_values(name, rule, seen) -> None:
    broken = {f.rule: f for f in check(f"{__file__}:{name}") if not f.passed}
    assert rule in broken
    told = " against ".join(broken[rule].seen)
    for part in seen:
        assert part in told


class Booming(Fine):
    """Does not run."""

    def training_step(self, batch):
        raise ValueError("boom")


def test_an_error_is_told_once_with_its_line() -> None:
    broken = [finding for finding in check(f"{__file__}:Booming") if not finding.passed]
    assert broken[0].rule == "loss" and "ValueError: boom" in broken[0].seen[0]
    assert "test_check.py, line" in broken[0].seen[0]
    assert {finding.seen for finding in broken[1:]} == {("the error of 'loss'",)}


def test_a_method_that_is_fine_passes_every_rule() -> None:
    findings = list(check(f"{__file__}:Fine"))
    assert [str(finding) for finding in findings if not finding.passed] == []
    assert [finding.rule for finding in findings] == [
        *("features", "labels", "loss", "learning", "same seed", "other seed", "state", "resume"),
        *("memory", "device", "dtype", "blurred"),
    ]


@dataclass(frozen=True)
class TemperedConfig(Config):
    """One more option."""

    heat: float = option(1.0, above=0)


class Tempered(Fine):
    """Explodes when it is hot."""

    config_class = TemperedConfig

    def training_step(self, batch):
        return super().training_step(batch) / (0 if self.config.heat > 2 else 1)


def test_the_command_prints_every_rule_and_its_exit_status_is_the_verdict() -> None:
    fine = CliRunner().invoke(app, ["check", "random_init"])
    assert fine.exit_code == 0 and "random_init: meets the contract" in fine.output
    hot = CliRunner().invoke(app, ["check", f"{__file__}:Tempered", "--set", "heat=3.0"])
    assert hot.exit_code == 1
    assert "BROKEN loss: training_step(batch) gives a loss of shape (), finite" in hot.output
    assert "; but: a finite loss against inf" in hot.output
    told = CliRunner().invoke(app, ["check", "random_init", "--json"])
    assert [row["passed"] for row in json.loads(told.output)] == [True, True, True]


@pytest.mark.parametrize(
    ("one", "other", "told"),
    [
        ({"a": 1}, {"a": 1}, None),
        ({"a": 1}, {"a": 2}, ("a = 1", "a = 2")),
        ({"a": 1}, {}, ("a = 1", "a = None")),
        ({"a": torch.zeros(2)}, {"a": torch.zeros(3)}, ("a of (2,)", "a of (3,)")),
        (
            {"a": torch.zeros(2, 2)},
            {"a": torch.tensor([[0, 0], [0, 1.5]])},
            ("a[1, 1] = 0.0", "a[1, 1] = 1.5"),
        ),
    ],
)
def test_the_first_difference_of_two_states(one, other, told) -> None:
    assert difference(one, other) == told
