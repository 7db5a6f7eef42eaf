"""Where records were computed: times of two kinds of machine say nothing of their methods."""

from collections import Counter
from collections.abc import Sequence

from leaderboard import words
from leaderboard.board import Board
from leaderboard.row import machine


def machines_note(boards: Sequence[Board]) -> str:
    """Where the phases of training were computed, and how many of them; empty without any."""
    where = Counter(
        machine(phase.record.environment)
        for board in boards
        for runs in board.runs.values()
        for run in runs
        for phase in run.phases.values()
        if phase.record.cost.image_visits
    )
    told = [f"{count:,} on {place}" for place, count in where.most_common()]
    return f"Phases of training: {words.joined(told)}." if told else ""
