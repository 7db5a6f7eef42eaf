"""The README's table of all nano streams, and where their records were computed."""

from collections import Counter
from collections.abc import Sequence

from leaderboard import words
from leaderboard.board import Board
from leaderboard.differences import stream_of
from leaderboard.machines import machines_note
from leaderboard.table import escaped
from leaderboard.words import interval


def streams(boards: Sequence[Board]) -> str:
    """Transfer of every method on every stream, and a sentence on the machines.

    Args:
        boards: of the streams, in the order of the columns.
    """
    names = [stream_of(board) for board in boards]
    lines = [
        f"| Method | {' | '.join(names)} | Seeds |",
        f"| :-- |{' --: |' * len(names)} --: |",
    ]
    for method in dict.fromkeys(row.method for board in boards for row in board.rows):
        found = [board.row(method) for board in boards]
        seeds = sorted({len(row.seeds) for row in found if row and row.transfer})
        told = f"{seeds[0]} to {seeds[-1]}" if len(seeds) > 1 else "".join(map(str, seeds))
        cells = [interval(row.transfer) if row and row.transfer else words.BLANK for row in found]
        lines.append(f"| {escaped(method)} | {' | '.join(cells)} | {told} |")
    linear = max((len(board.card.cells("linear")) for board in boards), default=0)
    note = (
        f"Transfer: mean over {linear} linear tasks, %, with its 95 % interval, over test samples, "
        f"and over training seeds where there are several; {words.BLANK} is not run. Streams are "
        "not averaged, since all are judged on the same test images."
    )
    # names of processors are strangers'
    machines = escaped(machines_note(run for board in boards for run in board.all_runs))
    return "\n".join([*lines, "", " ".join(filter(None, [note, _luck(boards), machines]))])


def _luck(boards: Sequence[Board]) -> str:
    """How far the untrained network moves, which streams tell apart by its seed alone."""
    rows = [row for board in boards if (row := board.row("random_init")) and row.transfer]
    values = [row.transfer.value for row in rows if row.transfer]
    if len(values) < 2:
        return ""
    return (
        f"`random_init` differs from stream to stream by its seed alone, and moves by "
        f"{max(values) - min(values):.1f} points: an interval from one seed leaves that out."
    )


def coverage(boards: Sequence[Board], protocols: Sequence[str]) -> str:
    """How many methods of each stream have results, by how many seeds, and which has none.

    Args:
        boards: of the streams that have records.
        protocols: ids of all streams of the tier.
    """
    found = {board.card.id: board for board in boards}
    lines = []
    for protocol in protocols:
        board = found.get(protocol)
        rows = [row for row in board.rows if row.transfer] if board else []
        seeds = Counter(len(row.seeds) for row in rows)
        each = [
            f"{number} with {words.counted(count, 'seed')}"
            for count, number in sorted(seeds.items(), reverse=True)
        ]
        told = f"{words.counted(len(rows), 'method')}, {words.joined(each)}" if rows else "none"
        lines.append(f"- `{protocol}`: {told}.")
    return "\n".join(lines)
