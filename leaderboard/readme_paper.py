"""Where the nano tier and the paper agree, and whether its budget is why they do not."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial

from benchmark.registry import PROTOCOLS
from leaderboard import words
from leaderboard.board import Board
from leaderboard.differences import Numbers, listed, machines, stream_of
from leaderboard.facts import FORGETS, HELPERS
from leaderboard.spread import Spread
from leaderboard.statistics import Estimate
from leaderboard.words import interval, number

SELF, LABELS = "moco_v2", "supervised"
#: A number of an objective on a board.
_Asked = Callable[[Board, str], Estimate | None]
#: Streams that are counted as of a mild shift: the paper's abstract names none.
MILD = ("instance", "random-class")


def paper(boards: Sequence[Board], longer: Sequence[Board] = ()) -> str:
    """What Hu et al. find, and what the records say to it; then the same with a larger budget.

    Args:
        boards: of the nano streams.
        longer: of the same streams with more image visits.
    """
    lines = [*_helped(boards), *_mild(boards), *_forgotten(boards), *_by_neighbours(boards)]
    lines += [line for board in longer for line in _longer(board, boards)]
    return "\n".join(f"- {line}" for line in lines)


def _gaps(
    boards: Sequence[Board], objective: str, strategies: Sequence[str], kind: str = "linear"
) -> Numbers:
    """Strategy to stream to points ahead of joint training, as far as they are known."""
    found = {
        strategy: {
            stream_of(board): gap
            for board in boards
            if (gap := board.gap(f"{objective}/{strategy}", f"{objective}/joint", kind))
        }
        for strategy in strategies
    }
    return {strategy: series for strategy, series in found.items() if series}


def _helped(boards: Sequence[Board]) -> list[str]:
    numbers = _gaps(boards, SELF, HELPERS)
    if not numbers:
        return []
    behind = _behind(numbers)
    cases = words.counted(sum(map(len, numbers.values())), "case")
    told = f"not so here in {len(behind)} of {cases}, {words.joined(behind)}"
    agreed = f"not contradicted here, behind beyond the interval in 0 of {cases}"
    return [
        f"The paper: with replay or regularisation, self-supervised training on a stream transfers "
        f"about as well as joint training. With {SELF}: {told if behind else agreed}; "
        f"{_machines(boards, numbers)}."
    ]


def _machines(boards: Sequence[Board], strategies: Iterable[str]) -> str:
    return machines(boards, [(f"{SELF}/{strategy}", f"{SELF}/joint") for strategy in strategies])


def _behind(numbers: Numbers) -> list[str]:
    """Which strategies are behind beyond the interval, and on which streams."""
    return [
        f"{strategy} on {stream} ({interval(gap, sign=True)}{', one seed' * (gap.seeds == 1)})"
        for strategy, series in numbers.items()
        for stream, gap in series.items()
        if gap.below
    ]


def _mild(boards: Sequence[Board]) -> list[str]:
    mild = [board for board in boards if stream_of(board) in MILD]
    numbers = _gaps(mild, SELF, ["sequential"])
    if not numbers:
        return []
    each = numbers["sequential"]
    behind = any(gap.below for gap in each.values())
    return [
        f"The paper: where the shift is mild, it does so even without these. Here, counting "
        f"{words.joined(MILD)} as mild, sequential less joint training with {SELF} is "
        f"{listed(each)} points, {_machines(mild, numbers)}: "
        f"{'not so' if behind else 'no gap beyond the interval'}."
    ]


def _lost(board: Board, objective: str) -> Estimate | None:
    row = board.row(f"{objective}/sequential")
    return row.forgetting if row else None


def _forgotten(boards: Sequence[Board]) -> list[str]:
    apart = {
        stream_of(board): known
        for board in boards
        if (known := board.forgetting_difference(*FORGETS))
    }
    if not apart:
        return []
    more, fewer = (
        [stream for stream, one in apart.items() if one.beyond_noise and sign * one.value > 0]
        for sign in (1, -1)
    )
    lost = [own for b in boards if stream_of(b) in apart and (own := _lost(b, LABELS))]
    least, most = (number(f(one.value for one in lost), sign=True) for f in (min, max))
    seen = f"seen on {words.joined(more)}" if more else "not seen here"
    if fewer:
        seen += f", the opposite on {words.joined(fewer)}"
    elif not more and not any(one.above for one in lost):
        seen += (
            f": supervised training itself forgets nothing beyond its interval ({least} to {most} "
            f"points), and the intervals are too wide to tell them apart"
        )
    elif not more:
        seen += ": the intervals are too wide to tell"
    return [
        f"The paper: self-supervised training forgets the first chunk visibly less than supervised "
        f"training. Forgetting under supervised training less that under {SELF} is {listed(apart)} "
        f"points, {machines(boards, [FORGETS])}; {seen}."
    ]


def _by_neighbours(boards: Sequence[Board]) -> list[str]:
    """Whether the metric decides: the same by nearest neighbours."""
    numbers = _gaps(boards, SELF, ["sequential", *HELPERS], "knn")
    if not numbers:
        return []
    behind = _behind(numbers)
    where = f", {words.joined(behind)}" if behind else ""
    cases = words.counted(sum(map(len, numbers.values())), "case")
    return [
        f"Is it the metric? By nearest neighbours in place of the linear probe, "
        f"{words.joined([*numbers])} with {SELF} are behind joint training beyond the interval in "
        f"{len(behind)} of {cases}{where}; {_machines(boards, numbers)}."
    ]


def _longer(long: Board, boards: Sequence[Board]) -> list[str]:
    """The same stream with both budgets."""
    spec = PROTOCOLS.get(long.card.id)
    base = next((board for board in boards if board.card.id == spec.base_id), None)
    if base is None or not long.twins():
        return []
    times = spec.budget.image_visits / PROTOCOLS.get(spec.base_id).budget.image_visits
    objectives = [objective for objective, _, _ in long.twins()]
    luck = None if long.known_spread("linear") else base.known_spread("linear")
    strategies = ["sequential", *HELPERS]
    gaps = {
        (strategy, o): _lent(gap, luck)
        for strategy in strategies
        for o in objectives
        if (gap := _gap(long, o, strategy))
    }

    def then(_: Board, objective: str, strategy: str) -> Estimate | None:
        return gaps.get((strategy, objective))

    asked: list[tuple[str, _Asked, _Asked]] = [
        (f"{s} less joint training", partial(_gap, strategy=s), partial(then, strategy=s))
        for s in strategies
    ]
    asked[1:1] = [("forgetting of chunk 1", _lost, _lost)]
    asked += [("transfer of joint training", _joint, _joint)]
    told = []
    for what, few, many in asked:
        both = {o: (few(base, o), many(long, o)) for o in objectives}
        signed = few is not _joint
        moves = [
            f"from {interval(a, sign=signed)} to {interval(b, sign=signed)} ({o})"
            for o, (a, b) in both.items()
            if a and b
        ]
        if moves:
            told.append(f"{what} goes {words.joined(moves)}")
    pairs = [(sequential, joint) for _, sequential, joint in long.twins()]
    pairs += [(f"{o}/{s}", f"{o}/joint") for s, o in gaps if s in HELPERS]
    lent = " (its differences with the spread over seeds that it has with fewer)" if luck else ""
    single = "; forgetting, of one seed, leaves other trainings out" if _single(long) else ""
    return [
        f"Is it the budget? With {times:.0f} times as many image visits on {stream_of(base)}"
        f"{lent}, {'; '.join(told)}{single}. {_concluded(base, gaps)}; of the "
        f"differences from joint training, {machines([base, long], pairs)}."
    ]


def _lent(gap: Estimate, luck: Spread | None) -> Estimate:
    """A gap whose interval takes the spread over seeds of another budget, if any."""
    if luck is None or gap.half is None:
        return gap
    return replace(gap, half=math.hypot(gap.half, luck.half / math.sqrt(gap.seeds)))


def _single(board: Board) -> bool:
    return max(len(row.seeds) for row in board.rows) == 1


def _concluded(base: Board, gaps: Mapping[tuple[str, str], Estimate]) -> str:
    """Whether more visits bring out what fewer did not show, and whether they close a gap."""

    before = {key: _gap(base, key[1], key[0]) for key in gaps}
    few = {key for key, gap in before.items() if gap and gap.below}
    many = {key for key, gap in gaps.items() if gap.below}
    told = []
    for strategy in dict.fromkeys(strategy for strategy, _ in gaps):
        those = [key for key in gaps if key in many and key[0] == strategy]
        if those:
            new = all(before[key] and key not in few for key in those)
            hides = ": the smaller budget hides it" * new
            names = words.joined([objective for _, objective in those])
            told.append(f"{strategy} is then behind joint training with {names}{hides}")
    if told:
        told[0] = f"Beyond the interval {told[0]}"
    else:
        told = ["No gap comes out beyond the interval: whether the budget hides one cannot be told"]
    closed = [f"{strategy} with {o}" for strategy, o in gaps if (strategy, o) in few - many]
    if closed:
        told.append(f"not so any more, and so with fewer visits, {words.joined(closed)}")
    return "; ".join(told)


def _gap(board: Board, objective: str, strategy: str = "sequential") -> Estimate | None:
    return board.gap(f"{objective}/{strategy}", f"{objective}/joint")


def _joint(board: Board, objective: str) -> Estimate | None:
    row = board.row(f"{objective}/joint")
    return row.transfer if row else None
