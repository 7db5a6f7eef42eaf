"""Each formula against a vector worked out by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmark import metrics
from benchmark.errors import HeadwaterError, UsageError

NAN = float("nan")

# Four chunks; upper triangle: accuracy before a chunk is seen.
A = [
    [50.0, 20.0, 15.0, 10.0],
    [48.0, 60.0, 25.0, 12.0],
    [52.0, 50.0, 70.0, 20.0],
    [41.0, 55.0, 58.0, 80.0],
]


def test_final_accuracy() -> None:
    # (41 + 55 + 58 + 80) / 4 = 234 / 4
    assert metrics.final_accuracy(A) == pytest.approx(58.5)


def test_forgetting() -> None:
    # chunk 0: max(50, 48, 52) - 41 = 11; chunk 1: max(60, 50) - 55 = 5; chunk 2: 70 - 58 = 12
    assert metrics.forgetting(A) == pytest.approx(28 / 3)


def test_forgetting_does_not_read_a_chunk_before_it_is_seen() -> None:
    upper = np.triu(np.full((4, 4), NAN), k=1)
    assert metrics.forgetting(np.array(A) + upper) == pytest.approx(28 / 3)
    early = np.array(A)
    early[0, 1] = 99  # known before it was seen: not something that training on it gave
    assert metrics.forgetting(early) == pytest.approx(28 / 3)


def test_forgetting_is_negative_under_backward_transfer() -> None:
    # chunk 0 rises from 50 to 56
    assert metrics.forgetting([[50, 0], [56, 60]]) == pytest.approx(-6)


def test_first_chunk_forgetting() -> None:
    # max(50, 48, 52) - 41 = 11
    assert metrics.first_chunk_forgetting([row[0] for row in A]) == pytest.approx(11)
    # the figures of a run that only gains: max(50.0, 51.9, 53.4) - 53.9
    assert metrics.first_chunk_forgetting([50.0, 51.9, 53.4, 53.9]) == pytest.approx(-0.5)


def test_forward_transfer() -> None:
    # (20 - 8) + (25 - 9) + (20 - 11) = 12 + 16 + 9 = 37
    assert metrics.forward_transfer(A, [NAN, 8, 9, 11]) == pytest.approx(37 / 3)


def test_gap_to_joint() -> None:
    # (70 - 66) + (40 - 41) + (55 - 49) = 9
    assert metrics.gap_to_joint([70, 40, 55], [66, 41, 49]) == pytest.approx(3)


def test_gap_recovered() -> None:
    # (48.5 - 47) / (50 - 47)
    assert metrics.gap_recovered(48.5, sequential=47, joint=50, noise=0.9) == pytest.approx(0.5)
    # worse than sequential: (45 - 47) / (50 - 47)
    assert metrics.gap_recovered(45, sequential=47, joint=50, noise=0.9) == pytest.approx(-2 / 3)
    # sequential is ahead of joint: nothing to recover, and no share for a method behind both
    assert metrics.gap_recovered(38, sequential=40, joint=39, noise=0.5) is None


@pytest.mark.parametrize("noise", [3.0, 4.0])
def test_gap_recovered_is_blank_within_noise(noise: float) -> None:
    assert metrics.gap_recovered(48.5, sequential=47, joint=50, noise=noise) is None


def test_transfer_average() -> None:
    # (30 + 60 + 75) / 3
    scores = {"flags": 30.0, "letters": 60.0, "mnist": 75.0}
    assert metrics.transfer_average(scores, ["mnist", "flags", "letters"]) == pytest.approx(55)


@pytest.mark.parametrize("scores", [{"flags": 30.0}, {"flags": 30.0, "letters": NAN}])
def test_transfer_average_refuses_an_incomplete_row(scores: dict[str, float]) -> None:
    with pytest.raises(HeadwaterError, match=r"incomplete row: missing letters$"):
        metrics.transfer_average(scores, ["flags", "letters"])


def test_transfer_average_refuses_a_stranger() -> None:
    with pytest.raises(UsageError, match=r"not a task of the protocol: letter$"):
        metrics.transfer_average({"flags": 1.0, "letter": 2.0}, ["flags"])
    with pytest.raises(UsageError, match="no tasks"):
        metrics.transfer_average({}, [])


def test_what_is_missing_is_said_never_skipped() -> None:
    holes = np.array(A)
    holes[3, 0] = NAN
    for formula in (metrics.final_accuracy, metrics.forgetting):
        with pytest.raises(HeadwaterError, match="missing"):
            formula(holes)
    with pytest.raises(HeadwaterError, match="missing"):
        metrics.first_chunk_forgetting([50, NAN, 40])
    with pytest.raises(HeadwaterError, match="missing"):
        metrics.forward_transfer(A, [8, NAN, 9, 11])
    with pytest.raises(HeadwaterError, match="missing"):
        metrics.gap_to_joint([70, NAN], [1, 2])
    with pytest.raises(HeadwaterError, match="missing"):
        metrics.gap_recovered(NAN, 1, 2, 0)


def test_shapes_are_checked() -> None:
    with pytest.raises(UsageError, match=r"shape \(2, 3\)"):
        metrics.forgetting(np.zeros((2, 3)))
    with pytest.raises(UsageError, match="T >= 2"):
        metrics.forgetting([[50.0]])
    with pytest.raises(UsageError, match=r"wanted \(T,\)"):
        metrics.first_chunk_forgetting([50.0])
    with pytest.raises(UsageError, match=r"wanted \(4,\)"):
        metrics.forward_transfer(A, [1.0, 2.0])
    with pytest.raises(UsageError, match="twice"):
        metrics.gap_to_joint([1.0, 2.0], [1.0])
    with pytest.raises(UsageError, match="half width"):
        metrics.gap_recovered(1, 1, 2, noise=-1)


percent = st.floats(0, 100)


@given(st.lists(percent, min_size=2, max_size=8))
def test_first_chunk_forgetting_is_the_first_term_of_forgetting(column: list[float]) -> None:
    matrix = np.zeros((len(column), len(column)))
    matrix[:, 0] = column
    # all other chunks stay at 0 and so add nothing to the sum over T - 1 chunks
    whole = metrics.forgetting(matrix) * (len(column) - 1)
    assert whole == pytest.approx(metrics.first_chunk_forgetting(column), abs=1e-9)
