"""What the paper finds is held against the records' numbers, and the words follow the numbers."""

from types import SimpleNamespace
from typing import Any

import pytest

from benchmark.registry import load_shipped
from leaderboard.readme_paper import paper
from leaderboard.readme_streams import coverage, streams
from leaderboard.row import Cost, shares
from leaderboard.spread import Spread
from leaderboard.statistics import Estimate
from leaderboard.words import BLANK, MINUS

load_shipped()


def board(
    stream: str,
    gaps: dict[str, tuple[float, float]],
    lost: dict[str, float],
    transfer: float = 50.0,
    spread: Spread | None = None,
    by_neighbours: dict[str, tuple[float, float]] | None = None,
    elsewhere: str = "",
) -> Any:
    """A board of which just the gaps to joint training and the forgetting are known."""
    known = {"linear": gaps, "knn": by_neighbours or {}}
    names = {f"{o}/{s}" for o in lost for s in ("sequential", "joint")} | set(gaps)
    rows = {
        name: SimpleNamespace(
            method=name,
            forgetting=Estimate(lost.get(name.partition("/")[0], 0.0), 3.0),
            transfer=Estimate(transfer, 0.5),
            seeds=(0,),
            cost=Cost(*[1] * 7, shares(["another" if name == elsewhere else "a machine"])),
        )
        for name in sorted(names)
    }

    def gap(a: str, b: str, kind: str = "linear") -> Estimate | None:
        own = known[kind]
        return Estimate(*own[a]) if a in own and b == f"{a.partition('/')[0]}/joint" else None

    def forgetting_difference(a: str, b: str) -> Estimate | None:
        one, other = (lost.get(name.partition("/")[0]) for name in (a, b))
        return None if one is None or other is None else Estimate(one - other, 4.2)

    return SimpleNamespace(
        card=SimpleNamespace(id=f"{stream}/nano@1", cells=lambda kind: [(kind, "digits")] * 12),
        row=rows.get,
        rows=tuple(rows.values()),
        runs={},
        all_runs=[],
        gap=gap,
        forgetting_difference=forgetting_difference,
        known_spread=dict.fromkeys(["linear"], spread).get,
        twins=lambda: [(o, f"{o}/sequential", f"{o}/joint") for o in sorted(lost)],
    )


INSTANCE = {"moco_v2/sequential": (-0.2, 0.8), "moco_v2/replay": (-0.5, 0.8)}
LOST = {"moco_v2": 1.0, "supervised": 4.0}


def test_what_agrees_is_said_to() -> None:
    helped, mild, forgotten = paper([board("instance", INSTANCE, LOST)]).splitlines()
    assert helped.endswith(
        "With moco_v2: not contradicted here, behind beyond the interval in 0 of 1 case; "
        "0 of 1 on machines that may differ."
    )
    assert "counting instance and random-class as mild, sequential less joint" in mild
    assert mild.endswith(
        f"is {MINUS}0.2 ± 0.8 (instance) points, 0 of 1 on machines that may differ: no gap beyond "
        "the interval."
    )
    assert "less that under moco_v2 is +3.0 ± 4.2 (instance) points" in forgotten
    assert forgotten.endswith("; not seen here: the intervals are too wide to tell.")


def test_the_metric_may_decide() -> None:
    by_neighbours = {"moco_v2/sequential": (-2.1, 1.0), "moco_v2/mas": (-0.5, 1.0)}
    asked = board(
        "instance", INSTANCE, LOST, by_neighbours=by_neighbours, elsewhere="moco_v2/joint"
    )
    assert paper([asked]).splitlines()[-1] == (
        "- Is it the metric? By nearest neighbours in place of the linear probe, sequential and "
        "mas with moco_v2 are behind joint training beyond the interval in 1 of 2 cases, "
        f"sequential on instance ({MINUS}2.1 ± 1.0, one seed); 1 of 1 on machines that may differ."
    )


@pytest.mark.parametrize(
    ("lost", "told"),
    [
        (
            {"moco_v2": -1.0, "supervised": 2.0},
            "itself forgets nothing beyond its interval (+2.0 to +2.0 points), and the intervals "
            "are too wide to tell them apart.",
        ),
        ({"moco_v2": 6.0, "supervised": 1.0}, "not seen here, the opposite on instance."),
    ],
)
def test_why_forgetting_is_not_as_in_the_paper(lost: dict[str, float], told: str) -> None:
    assert told.format(MINUS) in paper([board("instance", INSTANCE, lost)]).splitlines()[-1]


def test_what_does_not_is_named() -> None:
    gaps = INSTANCE | {"moco_v2/sequential": (-2.0, 0.8), "moco_v2/mas": (-1.5, 1.0)}
    boards = [board("instance", gaps, LOST), board("domain", gaps, LOST | {"supervised": 9.0})]
    helped, mild, forgotten = paper(boards).splitlines()
    assert helped.endswith(
        f"not so here in 2 of 4 cases, mas on instance ({MINUS}1.5 ± 1.0, one seed) and mas on "
        f"domain ({MINUS}1.5 ± 1.0, one seed); 0 of 4 on machines that may differ."
    )
    assert mild.endswith("points, 0 of 1 on machines that may differ: not so.")
    assert forgotten.endswith(
        "+8.0 ± 4.2 (domain) points, 0 of 2 on machines that may differ; seen on domain."
    )


@pytest.mark.parametrize(
    ("spread", "lent", "then", "concluded"),
    [
        (
            None,
            "",
            0.9,
            "Beyond the interval sequential is then behind joint training with moco_v2: the "
            "smaller budget hides it",
        ),
        (
            Spread(2.0, 10**6, 9, 9),  # half an interval of 3.92
            " (its differences with the spread over seeds that it has with fewer)",
            4.0,
            "No gap comes out beyond the interval: whether the budget hides one cannot be told",
        ),
    ],
)
def test_the_budget_is_held_against_the_same_stream(
    spread: Spread | None, lent: str, then: float, concluded: str
) -> None:
    base = board("distant-class", {"moco_v2/sequential": (-0.5, 0.9)}, LOST, spread=spread)
    long = board("long-distant-class", {"moco_v2/sequential": (-3.0, 0.9)}, LOST, 60.0)
    told = paper([base], [long]).splitlines()[-1]
    assert told == (
        f"- Is it the budget? With 4 times as many image visits on distant-class{lent}, sequential "
        f"less joint training goes from {MINUS}0.5 ± 0.9 to {MINUS}3.0 ± {then} (moco_v2); "
        "forgetting of chunk 1 goes from +1.0 ± 3.0 to +1.0 ± 3.0 (moco_v2) and from +4.0 ± 3.0 to "
        "+4.0 ± 3.0 (supervised); transfer of joint training goes from 50.0 ± 0.5 to 60.0 ± 0.5 "
        "(moco_v2) and from 50.0 ± 0.5 to 60.0 ± 0.5 (supervised); forgetting, of one seed, leaves "
        f"other trainings out. {concluded}; of the differences from joint training, 0 of 4 on "
        "machines that may differ."
    )


def test_the_budget_is_asked_about_what_is_to_help_too() -> None:
    few = {"moco_v2/sequential": (-0.5, 0.9), "moco_v2/replay": (-1.8, 0.9)}
    many = {"moco_v2/sequential": (-3.0, 0.9), "moco_v2/replay": (0.2, 0.9)}
    many |= {"moco_v2/mas_replay": (-1.1, 0.9)}
    boards = board("distant-class", few, LOST), board("long-distant-class", many, LOST)
    told = paper(boards[:1], boards[1:]).splitlines()[-1]
    assert (
        f"; replay less joint training goes from {MINUS}1.8 ± 0.9 to +0.2 ± 0.9 (moco_v2);" in told
    )
    assert "mas_replay less" not in told  # with fewer visits there is none
    assert (
        "Beyond the interval sequential is then behind joint training with moco_v2: the smaller "
        "budget hides it; mas_replay is then behind joint training with moco_v2; not so any more, "
        "and so with fewer visits, replay with moco_v2; of the"
    ) in told


@pytest.mark.parametrize("boards", [[], [board("domain", {}, {})]])
def test_without_records_nothing_is_said(boards: list[Any]) -> None:
    assert paper(boards) == ""


def test_a_stream_that_a_method_has_no_numbers_of_is_left_blank() -> None:
    table = streams(
        [
            board("instance", {"moco_v2/replay": (0.0, 1.0)}, {}),
            board("domain", {"moco_v2/replay": (0.0, 1.0), "moco_v2/mas": (0.0, 1.0)}, {}),
        ]
    )
    assert table.splitlines()[:4] == [
        "| Method | instance | domain | Seeds |",
        "| :-- | --: | --: | --: |",
        "| moco_v2/replay | 50.0 ± 0.5 | 50.0 ± 0.5 | 1 |",
        f"| moco_v2/mas | {BLANK} | 50.0 ± 0.5 | 1 |",
    ]


def test_coverage_counts_methods_by_their_seeds() -> None:
    some = board("domain", {"moco_v2/replay": (0.0, 1.0), "moco_v2/mas": (0.0, 1.0)}, {})
    some.rows[0].seeds = (0, 1, 2)
    some.rows[1].transfer = Estimate(1.0, None)
    assert coverage([some], ["instance/nano@1", "domain/nano@1"]).splitlines() == [
        "- `instance/nano@1`: none.",
        "- `domain/nano@1`: 2 methods, 1 with 3 seeds and 1 with 1 seed.",
    ]
