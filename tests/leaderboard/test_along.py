"""The accuracy matrix and what follows from it, by hand and from records."""

import math
from pathlib import Path

import numpy as np
import pytest

from benchmark.metrics import cumulative_cost, forgetting, forward_transfer
from benchmark.result import Metric
from leaderboard.along import (
    final_of,
    first_forgetting_difference,
    first_forgetting_of,
    forgetting_of,
    forward_of,
    means_of_whole,
)
from leaderboard.evidence import Evidence
from leaderboard.scores import Score


def score(value: float, error: float | None = 1.0, *parts: float) -> Score:
    seen = Evidence(b"same", np.array(parts, np.float32)) if parts else None
    return Score(value, error, seen)


def test_forgetting_of_a_matrix_by_hand() -> None:
    # chunk 1: best 60 (error 1), last 50 (2); chunk 2: 40 (3) to 44 (4); (10 - 4) / 2 = 3
    matrix = [
        [score(60), score(5), score(6)],
        [score(55), score(40, 3), score(7)],
        [score(50, 2), score(44, 4), score(70)],
    ]
    value, error = forgetting_of(matrix)
    assert value == pytest.approx(3)
    assert error == pytest.approx(math.hypot(math.hypot(1, 2), math.hypot(3, 4)) / 2)
    value, error = first_forgetting_of(matrix)
    assert (value, error) == (10, pytest.approx(math.hypot(1, 2)))


def test_final_accuracy_of_a_matrix_by_hand() -> None:
    matrix = [[score(60), None], [score(50, 3), score(44, 4)]]
    value, error = final_of(matrix)
    assert (value, error) == (47, pytest.approx(math.hypot(3, 4) / 2))
    assert final_of([[score(60), None], [score(50), None]]) is None


def test_what_is_tested_on_the_same_images_is_paired() -> None:
    matrix = [[score(60, 1, 3, 4), None], [score(50, 1, 3, 1), score(9)]]
    assert first_forgetting_of(matrix) == (10, pytest.approx(3))
    assert forgetting_of(matrix) == (10, pytest.approx(3))


def test_two_methods_are_tested_on_the_same_images() -> None:
    # (60 - 50) - (62 - 40) = -12; image by image (3 - 3 - 5 + 1, 4 - 1 - 2 + 1) = (-4, 2)
    one = [[score(60, 1, 3, 4), None], [score(50, 1, 3, 1), score(9)]]
    other = [[score(62, 1, 5, 2), None], [score(40, 1, 1, 1), score(9)]]
    value, error = first_forgetting_difference(one, other)
    assert (value, error) == (-12, pytest.approx(math.hypot(-4, 2)))
    assert first_forgetting_difference(one, other[:1]) is None


def test_forgetting_differs_by_the_seeds_that_both_share(writer, board) -> None:
    lost = {"moco_v2/sequential": {0: 1.0, 1: 4.0}, "supervised/sequential": {0: 7.0, 1: 2.0}}
    lost["supervised/joint"] = {0: 5.0}
    for method, seeds in lost.items():
        for seed, points in seeds.items():
            for seen in range(1, 5):
                value = 30.0 if seen < 4 else 30.0 - points
                found = {"chunk1": Metric(value=value, unit="%", n=9, standard_error=1)}
                writer.write(method, seen, "stream.chunks", found, seed=seed)
    found = board(writer.root).forgetting_difference("supervised/sequential", "moco_v2/sequential")
    # 6 and -2; without enough methods for a spread of all, t(1) = 12.71 of these two
    assert (found.value, found.seeds) == (2, 2)
    # samples: 1.96 sqrt(4) of each seed, and of the mean no less; seeds: s = sqrt(32)
    luck = 12.706 * math.sqrt(32) / math.sqrt(2)
    assert found.half == pytest.approx(math.hypot(1.96 * 2, luck), rel=1e-3)
    assert board(writer.root).forgetting_difference("supervised/joint", "moco_v2/joint") is None


def test_a_curve_is_of_the_same_seeds_all_along() -> None:
    whole, half = [score(40), score(50), None], [score(90), None, None]
    assert [one and one.value for one in means_of_whole([whole, half])] == [40, 50, None]
    assert [one and one.seeds for one in means_of_whole([whole, whole])] == [2, 2, None]
    assert means_of_whole([half, [None, score(50), None]]) == [None, None, None]
    assert means_of_whole([]) == []


def test_a_hole_leaves_no_number() -> None:
    hole = [[score(60), None, None], [None, score(40), None], [score(50), score(44), score(70)]]
    assert forgetting_of(hole) is None
    assert first_forgetting_of(hole) is None
    assert forward_of(hole, [score(1), score(2), score(3)]) is None
    # what the formula does not read may be missing
    read = [[score(60), None, None], [score(50), score(40), None], [score(50), score(44), None]]
    assert forgetting_of(read)[0] == pytest.approx((10 - 4) / 2)


def test_forward_transfer_by_hand() -> None:
    matrix = [[score(60), score(12, 3)], [score(50), score(44)]]
    value, error = forward_of(matrix, [None, score(9, 4)])
    assert (value, error) == (3, pytest.approx(5))


def test_the_course_of_records_is_that_of_the_formulas(full_store: Path, board) -> None:
    found = board(full_store)
    run = found.runs["moco_v2/sequential"][0]
    untrained = found.runs["random_init"][0]

    def row(of, seen: int) -> list[float]:
        metrics = of.evaluations[seen, ("stream", "chunks")].record.metrics
        return [metrics[f"chunk{j}"].value for j in range(1, 5)]

    matrix = [row(run, seen) for seen in range(1, 5)]
    course = found.row("moco_v2/sequential").course
    assert course.forgetting["aware"].value == pytest.approx(forgetting(matrix))
    assert course.forward.value == pytest.approx(forward_transfer(matrix, row(untrained, 0)))
    assert course.forgetting["aware"].half > 0
    assert [[e.value for e in line] for line in course.matrix["aware"]] == matrix
    assert course.forgetting["pooled"] is None  # these records have no pooled accuracies
    joint = found.row("moco_v2/joint").course
    assert joint.forgetting["aware"] is None
    assert [line[0] is None for line in joint.matrix["aware"]] == [True, True, True, False]


def test_both_readings_of_forgetting_may_differ_in_sign(writer, board) -> None:
    aware, pooled = (30, 31, 32, 33), (50, 40, 30, 20)
    for seen in range(1, 5):
        metrics = {"chunk1": aware[seen - 1], "pooled_chunk1": pooled[seen - 1]}
        found = {n: Metric(value=v, unit="%", n=9, standard_error=1) for n, v in metrics.items()}
        writer.write("moco_v2/sequential", seen, "stream.chunks", found)
    course = board(writer.root).row("moco_v2/sequential").course
    assert course.first_forgetting["aware"].value == -1
    assert course.first_forgetting["pooled"].value == 30


@pytest.mark.parametrize(
    ("costs", "phases", "wanted"),
    [
        ([100], [(1, 2, 3, 4)], 250),  # joint: 25 + 50 + 75 + 100
        ([25] * 4, [(1,), (2,), (3,), (4,)], 100),  # sequential
        ([25, 50, 75, 100], [(1,), (1, 2), (1, 2, 3), (1, 2, 3, 4)], 250),  # cumulative
        ([25], [(1,)], 25),  # the first chunk only
        ([30, 60], [(1,), (1, 2, 3)], 30 + 60 * (2 / 3 + 1)),  # two chunks at once
        ([], [], 0),
    ],
)
def test_cumulative_cost(costs: list[float], phases: list[tuple[int, ...]], wanted: float) -> None:
    assert cumulative_cost(costs, phases) == pytest.approx(wanted)
