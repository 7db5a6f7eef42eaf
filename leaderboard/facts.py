"""What the questions of several streams need of each one's board, without its records."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from leaderboard.board import Board
from leaderboard.catalogue import ProtocolCard
from leaderboard.row import Row
from leaderboard.statistics import Estimate

#: What may close the gap between sequential and joint training.
HELPERS = ("replay", "mas", "mas_replay")
#: Whose forgetting is held against each other's.
FORGETS = ("supervised/sequential", "moco_v2/sequential")
#: The kinds of downstream evaluation that are held against each other.
ASKED = ("linear", "knn", "fewshot", "detection")


@dataclass(frozen=True)
class Facts:
    """A board's rows, and the differences that are asked for, so that it can be sent on.

    Args:
        card: of the protocol, without its images.
        rows: of the board.
        pairs: (objective, sequential, joint), as `Board.twins` has them.
        gaps: of two methods and a kind of evaluation, as `Board.gap` has them.
        forgets: of two methods, as `Board.forgetting_difference` has them.
    """

    card: ProtocolCard
    rows: tuple[Row, ...]
    pairs: tuple[tuple[str, str, str], ...]
    gaps: Mapping[tuple[str, str, str], Estimate | None]
    forgets: Mapping[tuple[str, str], Estimate | None]

    @property
    def runs(self) -> set[str]:
        """Names of the methods that have any."""
        return {row.method for row in self.rows}

    def row(self, method: str) -> Row | None:
        """The row of a method, None without one."""
        return next((row for row in self.rows if row.method == method), None)

    def twins(self) -> list[tuple[str, str, str]]:
        """(objective, sequential, joint) of each objective that has records of both."""
        return [*self.pairs]

    def gap(self, a: str, b: str, evaluation: str = "linear") -> Estimate | None:
        """Average score of `a` minus that of `b`, of a pair that is asked for."""
        return self.gaps[a, b, evaluation]

    def forgetting_difference(self, a: str, b: str) -> Estimate | None:
        """Forgetting under `a` less that under `b`, of a pair that is asked for."""
        return self.forgets[a, b]


def facts_of(board: Board) -> Facts:
    """What is asked of a board."""
    gaps = {}
    for objective, sequential, joint in board.twins():
        for kind in ASKED:
            gaps[sequential, joint, kind] = board.gap(sequential, joint, kind)
        for strategy in HELPERS:
            if (name := f"{objective}/{strategy}") in board.runs:
                for twin in (sequential, joint):
                    gaps[name, twin, "linear"] = board.gap(name, twin)
    card = replace(board.card, chunk_ids=(), load_pool=None)
    forgets = {FORGETS: board.forgetting_difference(*FORGETS)}
    return Facts(card, board.rows, tuple(board.twins()), gaps, forgets)
