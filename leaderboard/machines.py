"""Where records were computed: times of two kinds of machine say nothing of their methods."""

from collections import Counter
from collections.abc import Iterable

from leaderboard import words
from leaderboard.aggregate import Run
from leaderboard.row import machine


def machines_note(runs: Iterable[Run]) -> str:
    """Where the phases of training were computed, and how many of them; empty without any."""
    where = Counter(
        machine(phase.record.environment)
        for run in runs
        for phase in run.phases.values()
        if phase.record.cost.image_visits
    )
    told = [f"{count:,} on {place}" for place, count in where.most_common()]
    return f"Phases of training: {words.joined(told)}." if told else ""
