"""What makes a device fast: bfloat16 where it is safe, and compiled backbones."""

from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Literal

import torch

from benchmark.method import Method
from benchmark.models import Backbone


@dataclass(frozen=True)
class Acceleration:
    """How a method is trained faster than in plain float32.

    Args:
        autocast: whether the forwards run in bfloat16 where autocast finds that safe; its range is
            float32's, so that no loss is scaled.
        backend: what `torch.compile` compiles the backbones with, or None to leave them.

    Example:
        >>> Acceleration.of("cpu")
        Acceleration(autocast=False, backend=None)
    """

    autocast: bool = False
    backend: str | None = None

    @classmethod
    def of(cls, device: str) -> "Acceleration":
        """What a kind of device profits from: a GPU from both, a CPU from neither.

        On CPUs without bfloat16 units autocast is slower, and compiling takes longer than a nano
        phase.
        """
        return cls(autocast=True, backend="inductor") if device == "cuda" else cls()

    @property
    def precision(self) -> Literal["float32", "bfloat16"]:
        """As records have it."""
        return "bfloat16" if self.autocast else "float32"

    def compile(self, method: Method) -> Method:
        """The same method, every backbone in it compiled; its state is named as before."""
        if self.backend is not None:
            for module in method.modules():
                if isinstance(module, Backbone):
                    module.compile(backend=self.backend)
        return method

    def context(self, device: str) -> AbstractContextManager[None]:
        """To run a step's forwards in."""
        context: AbstractContextManager[None] = torch.autocast(
            device, torch.bfloat16, enabled=self.autocast
        )
        return context
