"""Protocols: what is fixed for everyone, and the digest that says so."""

import dataclasses
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from benchmark.canonical import sha256_of
from benchmark.data.home import home
from benchmark.data.listing import listing_path, read_listing
from benchmark.errors import DataError, UsageError
from benchmark.streams.manifest import (
    Manifest,
    read_manifest,
    shipped_classes,
    shipped_manifest,
)


@dataclass(frozen=True)
class Budget:
    """What a method may spend over the whole stream.

    Args:
        image_visits: images read from the stream, each reading counted; divided equally over
            the chunks a strategy trains on in order, all of it for joint training.
    """

    image_visits: int


#: The streams that Headwater ships, in the order in which they are listed.
STREAMS = (
    *("instance", "random-class", "distant-class", "domain"),
    *("blurred-instance", "blurred-class", "long-distant-class"),
)
#: The track of data selection, which has a pool in place of a stream.
SELECTION = "selection"
TIERS = ("smoke", "nano", "full")


@dataclass(frozen=True)
class ProtocolSpec:
    """A stream, a tier, a budget and an evaluation; any change of these is a new version.

    Args:
        stream: `instance`, `random-class`, `distant-class` or `domain`; without boundaries,
            `blurred-instance` or `blurred-class`; with four times the budget, `long-distant-class`.
        tier: smoke, nano or full.
        version: from 1.
        pool: name of the image set that the stream is drawn from.
        pool_sha256: hash of its split file, source bytes included; None at the full tier, whose
            images come from the user.
        pool_images: images in the pool, those that are streamed and those held out of it.
        classes: number of labels in the pool.
        chunks: number of chunks.
        budget: the same for every method.
        arch: backbone.
        view_size: side in pixels of the views that methods train on.
        tasks: downstream tasks with version (`digits@1`), in the order of the tables.
        domains: one a chunk, in the order of the stream, for domain streams.
        overlap: share of a chunk that its neighbour delivers too. Above 0 the stream is blurred:
            the method is not told where a chunk ends.
        stream_seed: replicate of the draw of the stream.
    """

    stream: str
    tier: str
    version: int
    pool: str
    pool_sha256: str | None
    pool_images: tuple[int, int]
    classes: int
    chunks: int
    budget: Budget
    arch: str
    view_size: int
    tasks: tuple[str, ...]
    domains: tuple[str, ...] = ()
    overlap: float = 0.0
    stream_seed: int = 0

    @property
    def id(self) -> str:
        """For instance `instance/nano@1`."""
        return f"{self.stream}/{self.tier}@{self.version}"

    @property
    def place(self) -> tuple[int, int, str]:
        """Sorts protocols for people: tiers, then streams, in order, other ones last."""
        tier = TIERS.index(self.tier) if self.tier in TIERS else len(TIERS)
        stream = STREAMS.index(self.stream) if self.stream in STREAMS else len(STREAMS)
        return tier, stream, self.id

    @property
    def folder(self) -> str:
        """The id as a folder's name: `instance-nano@1`."""
        return self.id.replace("/", "-")

    @property
    def rule(self) -> str:
        """How images are shared out: the stream, or the stream that it is a variant of."""
        variants = {
            "blurred-instance": "instance",
            "blurred-class": "random-class",
            "long-distant-class": "distant-class",
        }
        return variants.get(self.stream, self.stream)

    @property
    def base_id(self) -> str:
        """Id of the protocol whose draw this one shares: itself, but for variants."""
        return f"{self.rule}/{self.tier}@{self.version}"

    @property
    def longer(self) -> bool:
        """Whether it is another stream, told apart by its budget alone."""
        return self.base_id != self.id and self.boundaries

    @property
    def selects(self) -> bool:
        """Whether a method chooses what it trains on, in place of being given a stream."""
        return False

    @property
    def boundaries(self) -> bool:
        """Whether the method is told where a chunk ends."""
        return self.overlap == 0

    @property
    def manifest_file(self) -> Path | None:
        """At the full tier, where the manifest lies once it is built; else None."""
        return home() / "full" / "streams" / f"{self.folder}.npz" if self.tier == "full" else None

    @cached_property
    def manifest(self) -> Manifest:
        """The chunks' sample ids and hashes: part of the project, or built from the user's images.

        Raises:
            DataError: the images of the full tier have not been prepared.
        """
        if self.manifest_file is None:
            return shipped_manifest(self.folder)
        if not self.manifest_file.is_file():
            raise DataError(
                f"the manifest of {self.id} is built from your copy of {self.pool}, and is not "
                f"there yet; run: headwater prepare full --set {self.pool} --images DIR"
            )
        listing = read_listing(listing_path(self.pool))
        return read_manifest(self.manifest_file, listing.ids, listing.sha256)

    @cached_property
    def class_lists(self) -> dict[str, Any]:
        """At the full tier, each chunk's classes and their distances; empty for other streams."""
        named = self.tier == "full" and self.base_id.partition("/")[0].endswith("class")
        return shipped_classes(self.base_id.replace("/", "-")) if named else {}

    @cached_property
    def digest(self) -> str:
        """sha256 of the canonical JSON of all fields and of what fixes the chunks.

        That is the manifest's digest, over all ids and hashes; at the full tier, whose ids come
        from the user's images, the lists of classes. The rest follows there from the fields, the
        images, and `benchmark.streams.draw`, whose results a test freezes.
        """
        fixed = self.class_lists if self.tier == "full" else self.manifest.digest
        return sha256_of(dataclasses.asdict(self) | {"fixed": fixed})

    @property
    def task_names(self) -> tuple[str, ...]:
        """Names of the downstream tasks, without their versions."""
        return tuple(task.partition("@")[0] for task in self.tasks)

    def phase_visits(self, chunks: tuple[int, ...]) -> int:
        """Image visits of a phase that reads these chunks: the chunks' share of the budget.

        Raises:
            UsageError: a chunk that the stream does not have.
        """
        if not chunks or not set(chunks) <= set(range(1, self.chunks + 1)):
            raise UsageError(f"{self.id} has chunks 1 to {self.chunks}, not {chunks}")
        return self.budget.image_visits * len(chunks) // self.chunks

    def references(self) -> dict[str, int]:
        """Image visits of the references that a method is compared with.

        `sequential` trains on each chunk once; `joint` on all chunks at once, the upper reference;
        `first_chunk` on the first alone, the lower one; `joint_at_every_arrival` is what a user
        pays who trains anew on all chunks so far whenever one arrives: with T equal chunks and a
        joint budget B, B (1 + 2 + ... + T) / T = B (T + 1) / 2.

        Example:
            >>> from benchmark.registry import PROTOCOLS
            >>> PROTOCOLS.get("instance/smoke@1").references()
            {'sequential': 2048, 'joint': 2048, 'first_chunk': 1024, 'joint_at_every_arrival': 3072}
        """
        chunks = tuple(range(1, self.chunks + 1))
        return {
            "sequential": sum(self.phase_visits((chunk,)) for chunk in chunks),
            "joint": self.phase_visits(chunks),
            "first_chunk": self.phase_visits(chunks[:1]),
            "joint_at_every_arrival": sum(self.phase_visits(chunks[:k]) for k in chunks),
        }


@dataclass(frozen=True)
class SelectionSpec(ProtocolSpec):
    """A pool, from which a method chooses the images that a fresh model is pre-trained on.

    The pool is that of the instance stream of the same tier, in one piece; for a method that
    chooses while the pool passes by, it arrives in that stream's chunks.

    Args:
        shares: of the pool, for which methods are compared.
        shots: training images of a target a class, labels included; 0 for all there are.
    """

    shares: tuple[float, ...] = (0.01, 0.05, 0.1, 0.25, 1.0)
    shots: tuple[int, ...] = (5, 10, 0)

    @property
    def selects(self) -> bool:
        return True

    @property
    def place(self) -> tuple[int, int, str]:
        tier, _, name = super().place
        return tier, len(STREAMS), name

    @property
    def arrivals(self) -> ProtocolSpec:
        """The stream in which the pool arrives, whose first chunk an extractor is trained on."""
        from benchmark.registry import PROTOCOLS

        found: ProtocolSpec = PROTOCOLS.get(f"instance/{self.tier}@{self.version}")
        return found

    @cached_property
    def manifest(self) -> Manifest:
        """The whole pool as one chunk, in the order of the stream."""
        whole = self.arrivals.manifest
        chunks, held_out = np.concatenate(whole.chunks), np.concatenate(whole.held_out)
        return Manifest(whole.ids, whole.sha256, (chunks,), (held_out,))

    def references(self) -> dict[str, int]:
        """Image visits of every method: there is nothing to be spread over time."""
        return {"selection": self.budget.image_visits}

    def budget_images(self, share: float) -> int:
        """Images that may be chosen, at least one.

        Example:
            >>> from benchmark.registry import PROTOCOLS, load_shipped
            >>> load_shipped()
            >>> PROTOCOLS.get("selection/nano@1").budget_images(0.1)
            512
        """
        return max(1, round(share * self.pool_images[0]))
