"""Where the page comes from: benchmark asks for it by entry point, and knows nobody above it."""

from collections.abc import Sequence
from importlib.metadata import entry_points
from pathlib import Path
from typing import Protocol, cast

from benchmark.errors import HeadwaterError


class Publisher(Protocol):
    """What makes something to look at from a store of records."""

    def build(self, store: Path, output: Path, planned: Sequence[str] = ()) -> Path:
        """Build the page, methods that are still to come as pending; returns its path."""

    def print_table(self, store: Path) -> None:
        """Print the ranking on standard output."""


def publisher() -> Publisher:
    """The installed publisher, from the entry point group `headwater.publish`.

    Raises:
        HeadwaterError: none is installed.
    """
    for point in entry_points(group="headwater.publish"):
        return cast(Publisher, point.load())
    raise HeadwaterError("no leaderboard is installed; reinstall headwater")
