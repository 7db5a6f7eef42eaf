"""Where the numbers of the paper's questions lead: to two methods, compared, or to the one."""

from collections.abc import Iterator, Sequence

from leaderboard.differences import Asked, stream_of
from leaderboard.facts import HELPERS
from leaderboard.questions import Answer
from leaderboard.site.folder import slug
from leaderboard.words import KINDS


def leads(answer: Answer, boards: Sequence[Asked]) -> dict[tuple[str, str], str]:
    """Addresses by series and line.

    Args:
        answer: to a question.
        boards: that it was asked of.

    Returns:
        Those of its numbers that a page shows; none shows those of nearest neighbours.
    """
    return {
        (series, line): address(board, method, other)
        for board in boards
        for series, line, method, other in _methods(answer.key, board)
        if line in answer.numbers.get(series, ())
    }


def address(board: Asked, method: str, other: str = "") -> str:
    """Of the page that compares two methods, or of the one's own."""
    protocol = slug(board.card.id)
    if other in ("", method):
        return f"method.html?of={protocol}/{slug(method)}"
    return f"compare.html?p={protocol}&a={slug(method)}&b={slug(other)}"


def _methods(key: str, board: Asked) -> Iterator[tuple[str, str, str, str]]:
    """Series and line of a question's numbers, as it names them, and the methods they are of."""
    stream = stream_of(board)
    for objective, sequential, joint in board.twins():
        if key == "gap":
            yield objective, stream, sequential, joint
        elif key == "helpers":
            for strategy in ("sequential", *HELPERS):
                yield strategy, f"{objective}, {stream}", f"{objective}/{strategy}", joint
        elif key == "forgetting":
            yield objective, stream, sequential, ""
        elif key == "kinds":
            for kind in KINDS.values():
                yield objective, f"{kind.lower()}, {stream}", sequential, joint
    for row in board.rows if key == "cost" else ():
        twin = board.row(f"{row.objective}/sequential")
        if twin and all(one.cost and one.cost.cumulative_visits for one in (row, twin)):
            yield stream, row.strategy, row.method, twin.method
