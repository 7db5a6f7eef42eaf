"""The contracts: what a method, an objective and a strategy are."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from benchmark.augment import RECIPES, augment
from benchmark.batch import Batch, ChunkContext, Memory, Setting, Views
from benchmark.config import Config, Options
from benchmark.errors import UsageError
from benchmark.models import BACKBONES, Backbone, normalise


@dataclass(frozen=True)
class About:
    """What people are told of an objective, a strategy or a method.

    Args:
        paper: authors, title or venue, year.
        stores: what it holds beyond the backbone and the images, in a few words.
        held_against: the independent reference that it was tested against.
        test: that test, as `tests/baselines/test_x.py::test_y`.
    """

    paper: str = ""
    stores: str = ""
    held_against: str = ""
    test: str = ""


class Objective(nn.Module):
    """The loss on a batch of views, and the networks it trains; `self.backbone` is what stays.

    A subclass registers itself with `@OBJECTIVES.register("name")`.

    Attributes:
        needs_labels: whether `loss` reads the labels.
        n_views: views of each image.
        passes: how often a step sends an image through the network with gradient, and without.
        config_class: of its options, whose defaults are for nano.
        full: the options' values at the full tier, where they differ: the paper's.
        progress: share of the phase's steps that are done, 0 to 1; set before each step.
    """

    about: ClassVar[About] = About()
    needs_labels: ClassVar[bool] = False
    n_views: ClassVar[int] = 2
    passes: ClassVar[tuple[int, int]] = (2, 0)
    version: ClassVar[int] = 1
    config_class: ClassVar[type[Config]] = Config
    full: ClassVar[Mapping[str, Any]] = {}
    backbone: Backbone
    progress: float = 0.0

    def __init__(self, setting: Setting, config: Config) -> None:
        super().__init__()
        self.setting, self.config = setting, config
        self.projector: nn.Module = nn.Identity()

    def views(self, batch: Batch) -> Views:
        """Augmented views of a batch, by the recipe that the options name."""
        recipe = RECIPES[self.config.augmentation]
        strengths = [recipe[k % len(recipe)] for k in range(self.n_views)]
        size, seed, part = self.setting.view_size, batch.seed, batch.part
        images = augment(batch.images, strengths, size=size, seed=seed, part=part)
        return Views(images, batch.given_labels)

    def embeddings(self, images: Tensor) -> Tensor:
        """The network's output (N, D) for normalised images (N, 3, h, w)."""
        embedded: Tensor = self.projector(self.backbone(images))
        return embedded

    def embed(self, views: Views, number: int) -> Tensor:
        """Embeddings of one view, where a strategy finds them too."""
        views.embedded[number] = self.embeddings(views.images[number])
        return views.embedded[number]

    def loss(self, views: Views) -> Tensor:
        """Loss of one batch, shape (), with gradient."""
        raise UsageError(f"{type(self).__name__} defines no loss(views)")

    def distillation(self, predicted: Tensor, target: Tensor) -> Tensor:
        """How far predicted embeddings (N, D) are from those of a frozen encoder, shape ().

        An objective that defines none cannot be distilled.
        """
        raise UsageError(f"{type(self).__name__} defines no distillation(predicted, target)")

    def begin_step(self, progress: float) -> None:
        """Called before each step with the share of the phase's steps that are done."""
        self.progress = progress

    def after_step(self) -> None:
        """Called after each optimiser step; momentum encoders are updated here."""


class Strategy(nn.Module):
    """What is done about the stream; the default is plain sequential training.

    A subclass registers itself with `@STRATEGIES.register("name")`, and calls `super()` in the
    hooks that it defines, so that two strategies can be one.

    Args:
        objective: that it is built for; each hook is given it again.
        config: of `config_class`.

    Attributes:
        needs_boundaries: whether it makes sense only where the stream says when a chunk ends.
        memory_share: most images that it keeps, as a share of the stream's.
        stream_share: share of each batch that the stream delivers; it adds the rest itself.
        replays: whether the harness mixes what is kept into the data of the phases to come.
        memory: where images can be kept, during a phase.
    """

    about: ClassVar[About] = About()
    version: ClassVar[int] = 1
    config_class: ClassVar[type[Options]] = Options
    needs_boundaries: bool = False
    memory_share: float = 0.0
    stream_share: float = 1.0
    replays: bool = False
    memory: Memory | None = None

    def __init__(self, objective: Objective, config: Options) -> None:
        super().__init__()
        self.config = config

    @classmethod
    def unsuited(cls, objective: type[Objective]) -> str | None:
        """Why it makes no sense with an objective, or None where it does."""
        return None

    @classmethod
    def passes(cls, objective: type[Objective]) -> tuple[int, int]:
        """`Objective.passes`, and what it adds, once a chunk is behind."""
        return objective.passes

    def phases(self, n_chunks: int) -> tuple[tuple[int, ...], ...]:
        """The chunks (from 1) that each phase of training may read, in order."""
        return tuple((chunk,) for chunk in range(1, n_chunks + 1))

    def begin_chunk(self, objective: Objective, context: ChunkContext) -> None:
        """Called before a phase's first step."""

    def training_batch(self, batch: Batch) -> Batch:
        """The batch to train on, given the batch that the stream delivered."""
        return batch

    def training_views(self, objective: Objective, batch: Batch) -> Views:
        """The views to train on, given the batch to train on."""
        return objective.views(batch)

    def penalty(self, objective: Objective, views: Views) -> Tensor | None:
        """A regulariser added to the loss, shape (), or None."""
        return None

    def after_backward(self, objective: Objective) -> None:
        """Called when the gradients are there, before the optimiser steps."""

    def after_step(self, objective: Objective) -> None:
        """Called after each optimiser step."""

    def end_chunk(self, objective: Objective, context: ChunkContext) -> None:
        """Called after a phase's last step."""


class Method(nn.Module):
    """Anything that can be pre-trained on a stream; register it with `@METHODS.register`.

    The harness owns the loop, the order of the data, the budget and the seeds: before each step it
    seeds the global generators with the batch's. `state_dict` must hold everything that the next
    step needs. The attributes are those of `Objective` and `Strategy`.
    """

    about: ClassVar[About] = About()
    needs_labels: ClassVar[bool] = False
    version: ClassVar[int] = 1
    config_class: ClassVar[type[Config]] = Config
    full: ClassVar[Mapping[str, Any]] = {}
    needs_boundaries: bool = False
    memory_share: float = 0.0
    stream_share: float = 1.0
    replays: bool = False
    memory: Memory | None = None
    backbone: Backbone

    def __init__(self, setting: Setting, config: Config) -> None:
        super().__init__()
        self.setting, self.config = setting, config

    def use_memory(self, memory: Memory | None) -> None:
        """Set `self.memory`; the harness does so for as long as a phase runs."""
        self.memory = memory

    def phases(self, n_chunks: int) -> tuple[tuple[int, ...], ...]:
        """The chunks (from 1) that each phase of training may read; () for no training."""
        return tuple((chunk,) for chunk in range(1, n_chunks + 1))

    def begin_chunk(self, context: ChunkContext) -> None:
        """Called before a phase's first step."""

    def begin_step(self, progress: float) -> None:
        """Called before each step with the share of the phase's steps that are done, 0 to 1."""

    def training_step(self, batch: Batch) -> Tensor:
        """Loss of one batch, shape (), with gradient."""
        raise UsageError(f"{type(self).__name__} defines no training_step(batch)")

    def after_backward(self) -> None:
        """Called when the gradients are there, before the optimiser steps."""

    def after_step(self) -> None:
        """Called after each optimiser step."""

    def end_chunk(self, context: ChunkContext) -> None:
        """Called after a phase's last step."""

    def features(self, images: Tensor) -> Tensor:
        """Features (N, D) float32 of images (N, 3, H, W) uint8; evaluation mode, no gradient."""
        with torch.inference_mode():
            dtype = next(self.backbone.parameters()).dtype
            pooled: Tensor = self.backbone(channels_last(normalise(images)).to(dtype))
            return pooled.float()


class Composed(Method):
    """An objective under a strategy: what a name like `moco_v2/sequential` means."""

    def __init__(self, objective: Objective, strategy: Strategy) -> None:
        super().__init__(objective.setting, objective.config)
        self.objective, self.strategy = objective, strategy
        self.backbone = objective.backbone
        self.needs_boundaries = strategy.needs_boundaries
        self.memory_share, self.stream_share = strategy.memory_share, strategy.stream_share
        self.replays = strategy.replays

    def use_memory(self, memory: Memory | None) -> None:
        self.memory = self.strategy.memory = memory

    def phases(self, n_chunks: int) -> tuple[tuple[int, ...], ...]:
        return self.strategy.phases(n_chunks)

    def begin_chunk(self, context: ChunkContext) -> None:
        self.strategy.begin_chunk(self.objective, context)

    def begin_step(self, progress: float) -> None:
        self.objective.begin_step(progress)

    def training_step(self, batch: Batch) -> Tensor:
        batch = self.strategy.training_batch(batch)
        views = self.strategy.training_views(self.objective, batch)
        loss = self.objective.loss(views)
        penalty = self.strategy.penalty(self.objective, views)
        return loss if penalty is None else loss + penalty

    def after_backward(self) -> None:
        self.strategy.after_backward(self.objective)

    def after_step(self) -> None:
        self.objective.after_step()
        self.strategy.after_step(self.objective)

    def end_chunk(self, context: ChunkContext) -> None:
        self.strategy.end_chunk(self.objective, context)


def channels_last(images: Tensor) -> Tensor:
    """The same images in the memory format that convolutions are fastest in, on CPU and GPU."""
    return images.contiguous(memory_format=torch.channels_last)


def build_backbone(arch: str) -> Backbone:
    """A fresh backbone, in channels-last memory format.

    Raises:
        UsageError: unknown name.
    """
    if arch not in BACKBONES:
        raise UsageError(f"no backbone is called {arch!r}; there are: {', '.join(BACKBONES)}")
    return BACKBONES[arch]().to(memory_format=torch.channels_last)
