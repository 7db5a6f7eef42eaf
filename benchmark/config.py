"""Options: frozen, typed, each in its range, so that a misspelt or senseless one is an error."""

import dataclasses
import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeVar, get_args, get_origin, get_type_hints

from benchmark.augment import RECIPES
from benchmark.errors import UsageError

#: How a bound is told, and what keeps it.
_BOUNDS: dict[str, tuple[str, Callable[[Any, Any], bool]]] = {
    "above": ("above", operator.gt),
    "least": ("at least", operator.ge),
    "below": ("below", operator.lt),
    "most": ("at most", operator.le),
}

T = TypeVar("T", bound="Options")


def option(default: Any, **bounds: float) -> Any:
    """A field of a configuration with the range that it must lie in.

    Args:
        default: its value unless another is given.
        bounds: any of `above`, `least`, `below` and `most`.

    Example:
        >>> @dataclass(frozen=True)
        ... class Mine(Options):
        ...     share: float = option(0.5, least=0, most=1)
        >>> Mine(share=2.0)
        Traceback (most recent call last):
        benchmark.errors.UsageError: option 'share' is at most 1, not 2.0
    """
    assert bounds.keys() <= _BOUNDS.keys()
    return dataclasses.field(default=default, metadata=bounds)


@dataclass(frozen=True)
class Options:
    """Base of all configurations; a strategy's options are a subclass of it."""

    def __post_init__(self) -> None:
        """Refuse what no training could make sense of, before anything is computed."""
        kinds = get_type_hints(type(self))
        for field in dataclasses.fields(self):
            value, kind = getattr(self, field.name), kinds[field.name]
            if get_origin(kind) is Literal and value not in get_args(kind):
                told = ", ".join(get_args(kind))
                raise UsageError(f"option {field.name!r} is one of {told}, not {value}")
            for name, bound in field.metadata.items():
                told, kept = _BOUNDS[name]
                if not kept(value, bound):
                    raise UsageError(f"option {field.name!r} is {told} {bound}, not {value}")


@dataclass(frozen=True)
class Config(Options):
    """Options of every objective; subclass to add more. Defaults are for nano.

    Args:
        batch_size: images that a step trains on.
        optimiser: `sgd` with momentum 0.9, `adamw`, or `lars`.
        lr: of each phase, at its start or after the warm-up; falls to 0 along half a cosine.
        weight_decay: of the optimiser.
        bias_lr: factor of the learning rate for biases and normalisations, under `lars` alone.
        warmup: share of a phase's steps in which the learning rate rises from 0, linearly.
        augmentation: a key of `benchmark.augment.RECIPES`.
    """

    batch_size: int = option(64, least=1)
    optimiser: Literal["sgd", "adamw", "lars"] = "adamw"
    lr: float = option(1e-3, above=0)
    weight_decay: float = option(0.01, least=0)
    bias_lr: float = option(1.0, above=0)
    warmup: float = option(0.0, least=0, below=1)
    augmentation: str = "nano"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.augmentation not in RECIPES:
            told = ", ".join(RECIPES)
            raise UsageError(f"option 'augmentation' is one of {told}, not {self.augmentation}")


def resolve_config(cls: type[T], options: Mapping[str, Any]) -> T:
    """The configuration with some options replaced.

    Raises:
        UsageError: an option that the configuration does not have, of another type, or out of its
            range.
    """
    fields = {field.name: type(field.default) for field in dataclasses.fields(cls)}
    for name, value in options.items():
        if name not in fields:
            raise UsageError(f"no option {name!r}; there are: {', '.join(fields)}")
        if type(value) is not fields[name] and not (fields[name] is float and type(value) is int):
            raise UsageError(f"option {name!r} takes a {fields[name].__name__}, not {value!r}")
    return cls(**options)
