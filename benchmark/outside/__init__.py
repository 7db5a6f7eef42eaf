"""Networks trained elsewhere: their architectures, and checkpoints read without running them."""

from benchmark.outside.architectures import (
    HEADWATER,
    IMAGENET,
    NORMALISATIONS,
    Normalisation,
    OutsideBackbone,
    outside_backbone,
    outside_names,
)
from benchmark.outside.checkpoint import Outside, load_outside

__all__ = [
    "HEADWATER",
    "IMAGENET",
    "NORMALISATIONS",
    "Normalisation",
    "Outside",
    "OutsideBackbone",
    "load_outside",
    "outside_backbone",
    "outside_names",
]
