"""Protocols: what is fixed for everyone, and the digest that says so."""

import dataclasses
from dataclasses import dataclass
from functools import cached_property

from benchmark.canonical import sha256_of
from benchmark.errors import UsageError
from benchmark.streams.manifest import Manifest, load_manifest, manifest_sha256


@dataclass(frozen=True)
class Budget:
    """What a method may spend over the whole stream.

    Args:
        image_visits: images read from the stream, each reading counted; divided equally over
            the chunks a strategy trains on in order, all of it for joint training.
    """

    image_visits: int


@dataclass(frozen=True)
class ProtocolSpec:
    """A stream, a tier, a budget and an evaluation; any change of these is a new version.

    Args:
        stream: type of the stream.
        tier: smoke, nano or full.
        version: from 1.
        pool: name of the prepared image set that the stream is drawn from.
        pool_sha256: hash of its split file, source bytes included.
        classes: number of labels in the pool.
        chunks: number of chunks.
        budget: the same for every method.
        arch: backbone.
        view_size: side in pixels of the views that methods train on.
        tasks: downstream tasks with version (`digits@1`), in the order of the tables.
        stream_seed: replicate of the draw of the stream.
    """

    stream: str
    tier: str
    version: int
    pool: str
    pool_sha256: str
    classes: int
    chunks: int
    budget: Budget
    arch: str
    view_size: int
    tasks: tuple[str, ...]
    stream_seed: int = 0

    @property
    def id(self) -> str:
        """For instance `instance/nano@1`."""
        return f"{self.stream}/{self.tier}@{self.version}"

    @property
    def folder(self) -> str:
        """The id as a folder's name: `instance-nano@1`."""
        return self.id.replace("/", "-")

    @cached_property
    def manifest(self) -> Manifest:
        """The chunks' sample ids, from the file that is part of the project."""
        return load_manifest(self.folder)

    @cached_property
    def digest(self) -> str:
        """sha256 of the canonical JSON of all fields and of the manifest's hash."""
        fields = dataclasses.asdict(self) | {"manifest_sha256": manifest_sha256(self.folder)}
        return sha256_of(fields)

    @property
    def task_names(self) -> tuple[str, ...]:
        """Names of the downstream tasks, without their versions."""
        return tuple(task.partition("@")[0] for task in self.tasks)

    def task_name(self, name: str) -> str:
        """The name, if it is one of the protocol's tasks.

        Raises:
            UsageError: it is not.
        """
        if name not in self.task_names:
            raise UsageError(f"{self.id} has no task {name!r}; it has {', '.join(self.task_names)}")
        return name

    def phase_visits(self, chunks: tuple[int, ...]) -> int:
        """Image visits of a phase that reads these chunks: the chunks' share of the budget.

        Raises:
            UsageError: a chunk that the stream does not have.
        """
        if not chunks or not set(chunks) <= set(range(1, self.chunks + 1)):
            raise UsageError(f"{self.id} has chunks 1 to {self.chunks}, not {chunks}")
        return self.budget.image_visits * len(chunks) // self.chunks
