"""A network trained elsewhere as a method that has nothing left to train."""

import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from benchmark.batch import Setting
from benchmark.config import Config, Options
from benchmark.method import Method
from benchmark.outside.checkpoint import Outside, load_outside
from benchmark.protocol import ProtocolSpec
from benchmark.resolve import ResolvedMethod


@dataclass(frozen=True)
class OutsideConfig(Options):
    """What identifies a network from elsewhere; how it was trained is not known.

    Args:
        arch: name of the architecture.
        checkpoint_sha256: of its file.
        normalisation: name, mean and deviation of the input that it expects.
    """

    arch: str = ""
    checkpoint_sha256: str = ""
    normalisation: str = ""


class OutsideMethod(Method):
    """Has a backbone; reads no chunk."""

    def __init__(self, setting: Setting, outside: Outside) -> None:
        super().__init__(setting, Config())  # the harness asks for it, but nothing is trained
        self.backbone = outside.backbone

    def phases(self, n_chunks: int) -> tuple[tuple[int, ...], ...]:
        return ()


@dataclass(frozen=True)
class OutsideCheckpoint(ResolvedMethod):
    """A checkpoint from elsewhere where a run expects a method.

    Args:
        path: of the file.
        normalisation: as `load_outside` takes it.

    Example:
        >>> OutsideCheckpoint.of(Path("nowhere.pth"), "resnet18")
        Traceback (most recent call last):
        benchmark.errors.UsageError: there is no file nowhere.pth...
    """

    path: Path = Path()
    normalisation: str | None = None

    @classmethod
    def of(cls, path: Path, arch: str, normalisation: str | None = None) -> "OutsideCheckpoint":
        """Read a checkpoint.

        Args:
            path: of the file.
            arch: name of its architecture, as `outside_backbone` takes it.
            normalisation: of its input; None for the architecture's.

        Raises:
            UsageError, DataError: as `load_outside`.
        """
        outside = load_outside(path, arch, normalisation=normalisation)
        expects = outside.backbone.normalisation
        config = OutsideConfig(
            arch=arch,
            checkpoint_sha256=outside.sha256,
            normalisation=f"{expects.name} {list(expects.mean)} {list(expects.std)}",
        )
        stem = re.sub(r"[^A-Za-z0-9._-]+", "-", path.name.partition(".")[0]) or "checkpoint"
        name = f"outside/{stem}-{outside.sha256[:8]}"
        found = cls(name, (OutsideMethod,), (config,), path=path, normalisation=normalisation)
        found.__dict__["outside"] = outside  # it has been read already
        return found

    @cached_property
    def outside(self) -> Outside:
        """The backbone, and what of the file was used."""
        config = self.configs[0]
        assert isinstance(config, OutsideConfig)
        return load_outside(self.path, config.arch, normalisation=self.normalisation)

    def build(self, protocol: ProtocolSpec, replicate: int) -> Method:
        """The method, with the file's weights whatever the replicate."""
        config = self.configs[0]
        assert isinstance(config, OutsideConfig)
        setting = Setting(arch=config.arch, view_size=protocol.view_size)
        return OutsideMethod(setting, self.outside)
