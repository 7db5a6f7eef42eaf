"""The page of changes: what became stale, and why; what cannot be read."""

from collections.abc import Sequence
from typing import Any

from leaderboard.aggregate import Results
from leaderboard.board import Board


def changes(results: Results, boards: Sequence[Board]) -> dict[str, Any]:
    """What the template `changelog.html` shows."""
    return {}
