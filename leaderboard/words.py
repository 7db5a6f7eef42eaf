"""Numbers and states in words: the same in the terminal, in Markdown and on the page."""

from collections.abc import Sequence

from leaderboard.aggregate import Cell
from leaderboard.board import Board
from leaderboard.row import Row
from leaderboard.statistics import Estimate

#: What an evaluation is called, and its unit.
KINDS = {"linear": "Linear", "fewshot": "Few-shot", "detection": "Detection"}
UNITS = {"linear": "%", "fewshot": "%", "detection": "AP50"}
#: En dash and minus sign.
BLANK, MINUS = "\u2013", "\u2212"


def number(value: float, *, sign: bool = False) -> str:
    r"""One decimal, a true minus sign, no negative zero.

    Example:
        >>> number(-1.26) == "\u22121.3", number(-0.04), number(0.3, sign=True)
        (True, '0.0', '+0.3')
    """
    text = f"{value:+.1f}" if sign else f"{value:.1f}"
    if float(text) == 0:
        text = "0.0"
    return text.replace("-", MINUS)


def interval(value: Estimate | None, *, sign: bool = False) -> str:
    """Value and half width.

    Example:
        >>> interval(Estimate(52.23, 1.26)), interval(Estimate(24.0, None))
        ('52.2 ± 1.3', '24.0')
    """
    if value is None:
        return BLANK
    text = number(value.value, sign=sign)
    return text if value.half is None else f"{text} ± {number(value.half)}"


def ends(value: Estimate) -> str:
    r"""The two ends of an interval, with signs.

    Example:
        >>> ends(Estimate(1.0, 1.5)) == "\u22120.5 to +2.5", ends(Estimate(1.0, None))
        (True, 'not known')
    """
    if value.low is None or value.high is None:
        return "not known"
    return f"{number(value.low, sign=True)} to {number(value.high, sign=True)}"


def size(value: int) -> str:
    """Bytes as a reader can judge them at a glance.

    Example:
        >>> size(0), size(2048), size(1_985_830_912)
        ('0 B', '2.0 kB', '2.0 GB')
    """
    amount = float(value)
    for unit in ("B", "kB", "MB", "GB"):
        if amount < 1000:
            return f"{amount:.0f} B" if unit == "B" else f"{amount:.1f} {unit}"
        amount /= 1000
    return f"{amount:.1f} TB"


def duration(seconds: float | None) -> str:
    """Seconds as a clock that a reader can judge at a glance.

    Example:
        >>> duration(48.2), duration(222), duration(7300)
        ('48 s', '3 min 42 s', '2 h 01 min')
    """
    if seconds is None:
        return BLANK
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


def count(value: int | None) -> str:
    """An integer with narrow spaces between thousands.

    Example:
        >>> count(60000) == "60\u202f000"
        True
    """
    return BLANK if value is None else f"{value:,}".replace(",", "\u202f")


def ranks(value: tuple[int, int] | None) -> str:
    r"""The ranks that noise leaves open.

    Example:
        >>> ranks((1, 1)), ranks((2, 3)) == "2\u20133"
        ('1', True)
    """
    if value is None:
        return BLANK
    best, worst = value
    return str(best) if best == worst else f"{best}{BLANK}{worst}"


def counted(number: int, noun: str) -> str:
    """A count with its noun.

    Example:
        >>> counted(1, "linear task"), counted(12, "linear task")
        ('1 linear task', '12 linear tasks')
    """
    return f"{number} {noun}{'' if number == 1 else 's'}"


def joined(names: Sequence[str]) -> str:
    """A list as in a sentence.

    Example:
        >>> joined(["a", "b", "c"])
        'a, b and c'
    """
    return " and ".join(filter(None, [", ".join(names[:-1]), *names[-1:]]))


def missing(row: Row, board: Board) -> str:
    """What an incomplete row lacks, failures left out, whole kinds by their number."""
    parts = []
    for kind, title in KINDS.items():
        wanted = board.card.cells(kind)
        lacking = [t for evaluation, t in row.missing if evaluation == kind]
        lacking = [task for task in lacking if (kind, task) not in row.failed]
        if wanted and len(lacking) == len(wanted):
            parts.append(f"{title.lower()} ({_all(len(wanted))})")
        elif lacking:
            parts.append(f"{title.lower()} on {joined(lacking)}")
    return "; ".join(parts)


def _all(tasks: int) -> str:
    return "its one task" if tasks == 1 else f"all {tasks} tasks"


def failures(row: Row) -> list[str]:
    """One sentence for each failed cell."""
    return [f"{cell_name(cell)} failed: {error}" for cell, error in row.failed.items()]


def cell_name(cell: Cell | None) -> str:
    """A cell in words.

    Example:
        >>> cell_name(("fewshot", "flags")), cell_name(None)
        ('few-shot on flags', 'pre-training')
    """
    return f"{KINDS.get(cell[0], cell[0]).lower()} on {cell[1]}" if cell else "pre-training"


def apart(gap: Estimate) -> str:
    """How far behind or ahead, of a difference that is positive where it is behind.

    Example:
        >>> apart(Estimate(1.26, 0.8)), apart(Estimate(-0.3, None))
        ('1.3 ± 0.8 points behind', '0.3 points ahead')
    """
    side = "behind" if gap.value > 0 else "ahead"
    return f"{interval(Estimate(abs(gap.value), gap.half))} points {side}"


def verdict(board: Board, sequential: str, joint: str) -> tuple[str, str]:
    """Whether training in order keeps up with training jointly: a headline and a sentence."""
    gap = board.gap(joint, sequential)
    if gap is None:
        return "Pending", "Not all linear evaluations of both are there yet."
    differences = board.compare(joint, sequential, "linear").values()
    tasks = f"over {counted(len(differences), 'linear task')}"
    behind = sum(d.above for d in differences)
    ahead = sum(d.below for d in differences)
    singly = f"Taken singly, beyond noise, it is behind on {behind} and ahead on {ahead}."
    if gap.half is None:
        return apart(gap), f"On average {tasks}; no interval is known."
    if gap.beyond_noise:
        return apart(gap), f"Mean {tasks}, sequential against joint. {singly}"
    return "Not told apart", f"{apart(gap)} on average {tasks}. {singly}"


def forgotten(row: Row) -> str:
    """What a row lost of the first chunk, in a sentence; empty while that is not known."""
    lost = row.forgetting
    if lost is None:
        return ""
    if not lost.beyond_noise and lost.half is not None:
        return f"Whether it forgets the first chunk cannot be told ({interval(lost)} points)."
    size = f"{interval(Estimate(abs(lost.value), lost.half))} points"
    doubt = "; no interval is known" if lost.half is None else ""
    return f"On the first chunk it {'loses' if lost.value > 0 else 'gains'} {size}{doubt}."


def seeds_note(board: Board) -> str:
    """What the intervals cover, and what not."""
    if board.seeds <= 1:
        return (
            "One training seed: the 95 % intervals say how far a number would move with other "
            "test samples, not with another training run."
        )
    known = board.known_spread("linear") is not None
    return (
        f"Up to {board.seeds} training seeds: the 95 % intervals cover both the spread over "
        "seeds and the choice of test samples (few-shot: of episodes); a row of one seed has its "
        "sample interval only. A difference is over the seeds that both rows have"
        f"{', with the spread over seeds that all rows of several have together' * known}."
    )


def progress(board: Board) -> str:
    """What is not there yet, in one sentence; empty when everything is."""
    incomplete = [row.method for row in board.rows if row.missing]
    parts = []
    if incomplete:
        parts.append(f"incomplete: {joined(incomplete)}")
    if board.pending:
        parts.append(f"pending: {joined(board.pending)}")
    return "; ".join(parts)
