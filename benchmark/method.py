"""The contracts: what a method, an objective and a strategy are."""

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import (
    TYPE_CHECKING,
    Any,
    ClassVar,
    Literal,
    get_args,
    get_origin,
    get_type_hints,
)

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from benchmark.augment import Augmentation, augment
from benchmark.batch import Batch, ChunkContext, Setting, Views
from benchmark.data.imageset import Images, ImageSet
from benchmark.errors import UsageError
from benchmark.models import BACKBONES, Backbone, normalise

if TYPE_CHECKING:
    from benchmark.protocol import ProtocolSpec


@dataclass(frozen=True)
class Config:
    """Options of every objective; subclass to add more. Defaults are for nano.

    Args:
        batch_size: images read from the stream a step.
        optimiser: `sgd` with momentum 0.9, or `adamw`.
        lr: at the start of each phase; falls to 0 along half a cosine.
        weight_decay: of the optimiser.
    """

    batch_size: int = 64
    optimiser: Literal["sgd", "adamw"] = "adamw"
    lr: float = 1e-3
    weight_decay: float = 0.01

    def __post_init__(self) -> None:
        """Refuse what no training could make sense of, before anything is computed."""
        for name, kind in get_type_hints(type(self)).items():
            value = getattr(self, name, None)
            if get_origin(kind) is Literal and value not in get_args(kind):
                told = ", ".join(get_args(kind))
                raise UsageError(f"option {name!r} is one of {told}, not {value}")
        for name, fine, wanted in (
            ("batch_size", self.batch_size >= 1, "at least 1"),
            ("lr", self.lr > 0, "above 0"),
            ("weight_decay", self.weight_decay >= 0, "at least 0"),
        ):
            if not fine:
                raise UsageError(f"option {name!r} is {wanted}, not {getattr(self, name)}")


class Objective(nn.Module):
    """The loss on a batch of views, and the networks it trains; `self.backbone` is what stays.

    A subclass registers itself with `@OBJECTIVES.register("name")`.
    """

    needs_labels: ClassVar[bool] = False
    n_views: ClassVar[int] = 2
    version: ClassVar[int] = 1
    augmentation: ClassVar[Augmentation] = Augmentation()
    config_class: ClassVar[type[Config]] = Config
    backbone: Backbone

    def __init__(self, setting: Setting, config: Config) -> None:
        super().__init__()
        self.setting, self.config = setting, config

    def loss(self, views: Views) -> Tensor:
        """Loss of one batch, shape (), with gradient."""
        raise UsageError(f"{type(self).__name__} defines no loss(views)")

    def after_step(self) -> None:
        """Called after each optimiser step; momentum encoders are updated here."""


class Strategy:
    """What is done about the stream; the default is plain sequential training."""

    version: ClassVar[int] = 1

    def phases(self, n_chunks: int) -> tuple[tuple[int, ...], ...]:
        """The chunks (from 1) that each phase of training may read, in order."""
        return tuple((chunk,) for chunk in range(1, n_chunks + 1))

    def begin_chunk(self, objective: Objective, context: ChunkContext) -> None:
        """Called before a phase's first step."""

    def training_batch(self, batch: Batch) -> Batch:
        """The batch to train on, given the batch that the stream delivered."""
        return batch

    def penalty(self, objective: Objective) -> Tensor | None:
        """A regulariser added to the loss, shape (), or None."""
        return None

    def end_chunk(self, objective: Objective, context: ChunkContext) -> None:
        """Called after a phase's last step."""


class Method(nn.Module):
    """Anything that can be pre-trained on a stream; register it with `@METHODS.register`.

    The harness owns the loop, the order of the data, the budget and the seeds. `state_dict` must
    hold everything that the next phase needs.
    """

    needs_labels: ClassVar[bool] = False
    version: ClassVar[int] = 1
    config_class: ClassVar[type[Config]] = Config
    backbone: Backbone

    def __init__(self, setting: Setting, config: Config) -> None:
        super().__init__()
        self.setting, self.config = setting, config

    def phases(self, n_chunks: int) -> tuple[tuple[int, ...], ...]:
        """The chunks (from 1) that each phase of training may read; () for no training."""
        return Strategy().phases(n_chunks)

    def begin_chunk(self, context: ChunkContext) -> None:
        """Called before a phase's first step."""

    def training_step(self, batch: Batch) -> Tensor:
        """Loss of one batch, shape (), with gradient."""
        raise UsageError(f"{type(self).__name__} defines no training_step(batch)")

    def after_step(self) -> None:
        """Called after each optimiser step."""

    def end_chunk(self, context: ChunkContext) -> None:
        """Called after a phase's last step."""

    def features(self, images: Tensor) -> Tensor:
        """Features (N, D) float32 of images (N, 3, H, W) uint8; evaluation mode, no gradient."""
        with torch.inference_mode():
            pooled: Tensor = self.backbone(channels_last(normalise(images)))
            return pooled.float()


class Composed(Method):
    """An objective under a strategy: what a name like `moco_v2/sequential` means."""

    def __init__(self, objective: Objective, strategy: Strategy) -> None:
        super().__init__(objective.setting, objective.config)
        self.objective, self.strategy = objective, strategy
        self.backbone = objective.backbone

    def phases(self, n_chunks: int) -> tuple[tuple[int, ...], ...]:
        return self.strategy.phases(n_chunks)

    def begin_chunk(self, context: ChunkContext) -> None:
        self.strategy.begin_chunk(self.objective, context)

    def training_step(self, batch: Batch) -> Tensor:
        batch = self.strategy.training_batch(batch)
        objective = self.objective
        views = augment(
            batch.images,
            objective.augmentation,
            n_views=objective.n_views,
            size=objective.setting.view_size,
            seed=batch.seed,
        )
        loss = objective.loss(Views(views, batch.given_labels))
        penalty = self.strategy.penalty(objective)
        return loss if penalty is None else loss + penalty

    def after_step(self) -> None:
        self.objective.after_step()

    def end_chunk(self, context: ChunkContext) -> None:
        self.strategy.end_chunk(self.objective, context)


def resolve_config(cls: type[Config], options: Mapping[str, Any]) -> Config:
    """The configuration with some options replaced.

    Raises:
        UsageError: an option that the configuration does not have, or of another type.
    """
    fields = {field.name: type(getattr(cls(), field.name)) for field in dataclasses.fields(cls)}
    for name, value in options.items():
        if name not in fields:
            raise UsageError(f"no option {name!r}; there are: {', '.join(fields)}")
        if type(value) is not fields[name] and not (fields[name] is float and type(value) is int):
            raise UsageError(f"option {name!r} takes a {fields[name].__name__}, not {value!r}")
    return cls(**options)


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


class Encoder:
    """A frozen backbone as the tasks see it: features of prepared images, each computed once.

    Args:
        method: the method whose backbone is evaluated; it is frozen.
        protocol: the protocol that it was trained under.
    """

    def __init__(self, method: Method, protocol: "ProtocolSpec") -> None:
        self.method = method.eval().requires_grad_(False)
        self.backbone, self.arch, self.protocol = method.backbone, method.setting.arch, protocol
        self._memo: dict[tuple[str, str], NDArray[np.float32]] = {}

    def features(self, images: ImageSet, split: str) -> NDArray[np.float32]:
        """Features (n, D) float32 of one split, in the order of `images.indices(split)`."""
        key = (f"{images.name}:{images.sha256}", split)
        if key not in self._memo:
            self._memo[key] = self.features_of(images.images, images.indices(split))
        return self._memo[key]

    def features_of(
        self, images: Images, rows: Sequence[int] | NDArray[np.int64]
    ) -> NDArray[np.float32]:
        """Features (n, D) float32 of some rows of uint8 images (N, 3, H, W)."""
        device = next(self.backbone.parameters()).device
        parts = [
            self.method.features(torch.from_numpy(np.asarray(images[chunk])).to(device)).cpu()
            for chunk in np.array_split(np.asarray(rows), max(1, len(rows) // 256))
            if len(chunk)
        ]
        return torch.cat(parts).numpy()
