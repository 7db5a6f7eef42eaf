"""The first page: the ranking of every protocol, and what it says."""

from collections.abc import Mapping, Sequence
from typing import Any

from leaderboard import words
from leaderboard.board import Board
from leaderboard.site.look import Look


def home_context(
    boards: Sequence[Board], looks: Mapping[str, Mapping[str, Look]]
) -> dict[str, Any]:
    """What the template `home.html` shows."""
    return {"boards": boards, "looks": looks}
