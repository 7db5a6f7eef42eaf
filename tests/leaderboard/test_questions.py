"""The paper's questions: the numbers are those of the boards, and the sentences count rightly."""

import xml.etree.ElementTree as ET
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import pytest

from benchmark.registry import load_shipped
from leaderboard.aggregate import read_results
from leaderboard.answers_picture import answer_svg
from leaderboard.board import Board, load_boards
from leaderboard.differences import sides
from leaderboard.questions import answers, nano_boards
from leaderboard.readme import ROOT, answered
from leaderboard.row import UNNAMED, Cost, shares
from leaderboard.site import build_site
from leaderboard.statistics import Estimate
from leaderboard.words import MINUS
from tests.leaderboard.test_site import Reader

load_shipped()
GAPS = {
    ("moco_v2/sequential", "moco_v2/joint"): {"linear": (-2.0, 1.0), "fewshot": (-0.5, 1.0)},
    ("moco_v2/replay", "moco_v2/joint"): {"linear": (-0.5, 1.0)},
    ("moco_v2/replay", "moco_v2/sequential"): {"linear": (1.5, 1.0)},
    ("supervised/sequential", "supervised/joint"): {"linear": (-6.0, 1.0), "fewshot": (-3.0, 1.0)},
    ("supervised/mas", "supervised/joint"): {"linear": (-6.5, 1.0)},
    ("supervised/mas", "supervised/sequential"): {"linear": (-0.5, 1.0)},
}
LOST = {"moco_v2/sequential": Estimate(1.0, 3.0), "supervised/sequential": Estimate(9.0, 4.0)}
FORGOTTEN = {("supervised/sequential", "moco_v2/sequential"): Estimate(8.0, 4.5)}
#: Visits, seconds, visits at every arrival.
COSTS = {
    "moco_v2/sequential": (100, 10.0, 100),
    "moco_v2/joint": (100, 10.0, 250),
    "moco_v2/replay": (100, 13.0, 100),
    "supervised/sequential": (100, 10.0, 100),
    "supervised/joint": (100, 12.0, 250),
    "supervised/mas": (100, 15.0, 100),
}


def fake(stream: str, elsewhere: str = "") -> Any:
    def gap(a: str, b: str, kind: str = "linear") -> Estimate | None:
        found = GAPS.get((a, b), {}).get(kind)
        return found and Estimate(*found)

    rows = {
        name: SimpleNamespace(
            method=name,
            objective=name.partition("/")[0],
            strategy=name.partition("/")[2],
            forgetting=LOST.get(name),
            seeds=(0,),
            cost=Cost(
                *(visits, seconds, arrivals, 0, 0, 0, 1),
                machines=shares([where := "another" if name == elsewhere else "a machine"]),
                by_seed={0: (where, seconds)},
            ),
        )
        for name, (visits, seconds, arrivals) in COSTS.items()
    }
    return SimpleNamespace(
        card=SimpleNamespace(id=f"{stream}/nano@1"),
        runs=dict.fromkeys(rows, ()),
        rows=tuple(rows.values()),
        row=rows.get,
        gap=gap,
        forgetting_difference=lambda a, b: FORGOTTEN.get((a, b)),
        twins=lambda: [(o, f"{o}/sequential", f"{o}/joint") for o in ("moco_v2", "supervised")],
    )


@pytest.fixture
def told() -> dict[str, Any]:
    return {answer.key: answer for answer in answers([fake("instance"), fake("distant-class")])}


def test_the_gap_of_each_stream_and_objective(told) -> None:
    gap = told["gap"]
    assert gap.numbers["supervised"]["distant-class"] == Estimate(-6.0, 1.0)
    assert gap.lines == ["instance", "distant-class"]
    assert "moco_v2 \u22122.0 ± 1.0 (instance) and \u22122.0 ± 1.0 (distant-class)" in gap.sentence
    assert (
        "it is behind in 4 of 4 cases and ahead in 0, all from one seed, a case being"
        in gap.sentence
    )


def test_what_helps_and_what_does_not(told) -> None:
    helpers = told["helpers"]
    assert list(helpers.numbers) == ["sequential", "replay", "mas"]
    assert helpers.numbers["replay"] == {
        "moco_v2, instance": Estimate(-0.5, 1.0),
        "moco_v2, distant-class": Estimate(-0.5, 1.0),
    }
    assert helpers.sentence == (
        "There is a gap beyond the interval, that could be closed, in 4 of 4 cases (moco_v2, "
        "instance; supervised, instance; moco_v2, distant-class; supervised, distant-class). "
        "It is still beyond the interval in 0 of 2 with replay and 2 of 2 with mas. Against "
        "sequential training, replay changes transfer by +1.5 ± 1.0 to +1.5 ± 1.0 points, "
        "beyond the interval below it in 0 of 2 cases and above in 2, all from one seed (by its "
        "sign alone below in 0 of 2 with moco_v2; 0 of 2 on machines that may differ); mas changes "
        f"transfer by {MINUS}0.5 ± 1.0 to {MINUS}0.5 ± 1.0 points, beyond the interval below it in "
        "0 of 2 cases and above in 0 (by its sign alone below in 2 of 2 with supervised; 0 of 2 on "
        "machines that may differ)."
    )


def test_who_forgets_more(told) -> None:
    assert "+8.0 ± 4.5 (instance)" in told["forgetting"].sentence
    assert told["forgetting"].sentence.endswith(
        "0 of 2 cases and more in 2, all from one seed, 0 of 2 on machines that may differ."
    )


def test_what_it_costs(told) -> None:
    assert told["cost"].numbers["instance"]["joint"] == Estimate(2.5, None, 1)
    assert told["cost"].sentence == (
        "To have an up-to-date model after every arrival takes, against the image visits of "
        "sequential training, joint 2.5 times (instance and distant-class). By the time measured, "
        "where the same seed ran on one known kind of machine, it takes joint 2.8 times as long "
        "(2.5 to 3.0 in 4 cases, moco_v2 and supervised); of mas and replay there are fewer than 3 "
        "such cases."
    )


def test_times_of_two_kinds_of_machine_are_not_compared() -> None:
    streams = ("instance", "random-class", "domain")
    asked = {a.key: a for a in answers([fake(s, "supervised/sequential") for s in streams])}
    assert asked["cost"].sentence.endswith(
        "it takes joint 2.5 times as long (2.5 to 2.5 in 3 cases, moco_v2); replay 1.3 times as "
        "long (1.3 to 1.3 in 3 cases, moco_v2); of mas there are fewer than 3 such cases."
    )
    assert "a case being an objective on a stream, 3 of 6 on machines" in asked["gap"].sentence
    assert "below in 3 of 3 with supervised; 3 of 3 on machines" in asked["helpers"].sentence
    assert asked["forgetting"].sentence.endswith("3 of 3 on machines that may differ.")


@pytest.mark.parametrize(
    ("mine", "others", "alike"),
    [
        ("a", "aaa", True),
        ("ab", "aabb", True),
        ("ab", "aab", False),
        ("a", "b", False),
        ([f"{UNNAMED}, by 1 thread"], [f"{UNNAMED}, by 1 thread"], False),
    ],
)
def test_the_same_machines_in_the_same_shares(
    mine: Sequence[str], others: Sequence[str], alike: bool
) -> None:
    a, b = (Cost(*range(7), machines=shares(names)) for names in (mine, others))
    assert a.timed_like(b) == b.timed_like(a) == alike


def test_kinds_are_counted_apart(told) -> None:
    assert told["kinds"].sentence == (
        "Sequential less joint training, least to most over the streams, in points, 0 of 4 on "
        f"machines that may differ. Linear: moco_v2 {MINUS}2.0 ± 1.0 to {MINUS}2.0 ± 1.0; "
        f"supervised {MINUS}6.0 ± 1.0 to {MINUS}6.0 ± 1.0; beyond the interval behind in 4 of 4 "
        "cases and ahead in 0, all from "
        f"one seed. Few-shot: moco_v2 {MINUS}0.5 ± 1.0 to {MINUS}0.5 ± 1.0; supervised "
        f"{MINUS}3.0 ± 1.0 to {MINUS}3.0 ± 1.0; beyond the interval behind in 2 of 4 cases and "
        "ahead in 0, all from one seed. The difference is another than by the linear probe, beyond "
        "the interval of the two, by few-shot in 4 of 4 cases (moco_v2 on instance, moco_v2 on "
        "distant-class, supervised on instance and supervised on distant-class)."
    )


def test_how_many_cases_rest_on_one_seed() -> None:
    three = {"x": Estimate(-2.0, 1.0, 3), "y": Estimate(0.5, 1.0, 1)}
    assert sides({"a": three}, "behind", "ahead").endswith("behind in 1 of 2 cases and ahead in 0")
    mixed = three | {"z": Estimate(2.0, 1.0, 1)}
    assert sides({"a": mixed}, "behind", "ahead").endswith("ahead in 1, 1 of these 2 from one seed")


def test_nothing_is_answered_without_numbers() -> None:
    assert answers([]) == []


def test_the_picture_has_every_number_in_its_place(told) -> None:
    picture = answer_svg(told["gap"])
    assert picture == answer_svg(told["gap"])
    root = ET.fromstring(picture)
    space = "{http://www.w3.org/2000/svg}"
    texts = {t.text: float(t.attrib["x"]) for t in root.iter(f"{space}text") if t.text}
    groups = list(root.iter(f"{space}g"))
    marks = {group[0].text: group.findall(f"{space}path") for group in groups}
    assert len(marks) == 4
    bar, mark = marks["supervised, instance: \u22126.0 ± 1.0"]
    unit = (texts["0"] - texts["\u22126"]) / 6
    assert mark.attrib["transform"].startswith(f"translate({texts[chr(0x2212) + '6']}")
    low, high = bar.attrib["d"].removeprefix("M").split("H")
    assert float(high) - float(low.split(",")[0]) == pytest.approx(2 * unit, abs=0.11)


def test_streams_of_the_nano_tier_in_their_order() -> None:
    names = ("domain/nano@1", "instance/smoke@1", "instance/nano@1", "instance/test@1")
    boards: list[Board] = [SimpleNamespace(card=SimpleNamespace(id=n)) for n in names]  # type: ignore[misc]
    assert [b.card.id for b in nano_boards(boards)] == ["instance/nano@1", "domain/nano@1"]


def test_the_front_page_answers_from_the_committed_records(tmp_path) -> None:
    page = Reader(build_site(ROOT / "results", tmp_path / "site"))
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    asked = answers(nano_boards(load_boards(read_results(ROOT / "results"))))
    text = " ".join(page.text.split())
    places = {attributes.get("id") for _, attributes in page.tags}
    assert len(asked) >= 4 and answered(asked) in readme
    for answer in asked:
        assert answer.question in text and answer.sentence in text
        assert f"answer-{answer.key}" in places
        assert (ROOT / f"results/answer-{answer.key}.svg").read_text() == answer_svg(answer)
