"""The pages of the downstream tasks."""

from collections.abc import Iterator, Mapping
from typing import Any

from leaderboard.board import Board
from leaderboard.site.folder import SiteFolder
from leaderboard.site.look import Look


def task_contexts(
    board: Board, site: SiteFolder, looks: Mapping[str, Look]
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Address of each task's page, and what the template `task.html` shows."""
    yield from ()
