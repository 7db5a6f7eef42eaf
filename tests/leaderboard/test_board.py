"""The board: hand-worked averages, gaps and forgetting, and what incomplete rows may not have."""

import math
from pathlib import Path

import pytest
from scipy import stats

from benchmark.metrics import gap_to_joint
from benchmark.result import Metric
from leaderboard import words
from leaderboard.aggregate import read_results
from leaderboard.board import Board
from leaderboard.catalogue import ProtocolCard, TaskCard, card_from_records, find_card
from leaderboard.ranking import all_differences
from leaderboard.site.home import columns

CARD = ProtocolCard(
    "instance/test@1",
    2,
    (
        TaskCard("flags", "countries", "top1", ("linear", "fewshot")),
        TaskCard("scenes", "things", "map11", ("linear", "detection")),
    ),
)


def metric(value: float, error: float | None = 1.0, unit: str = "%") -> Metric:
    return Metric(value=value, unit=unit, n=100, standard_error=error)  # type: ignore[arg-type]


def fill(writer, method: str, flags: float, scenes: float, *, seed: int = 0) -> None:
    """A method whose cells have the given scores, without predictions."""
    last = 0 if method == "random_init" else 2
    writer.write(method, last, "linear.flags", {"top1": metric(flags)}, seed=seed)
    writer.write(method, last, "linear.scenes", {"map11": metric(scenes)}, seed=seed)
    writer.write(method, last, "fewshot.flags", {"5way5shot": metric(flags + 10)}, seed=seed)
    writer.write(method, last, "detection.scenes", {"AP50": metric(20, None, "AP")}, seed=seed)


def test_averages_and_gaps_by_hand(writer) -> None:
    fill(writer, "moco_v2/joint", 60, 50)
    fill(writer, "moco_v2/sequential", 58, 44)
    fill(writer, "random_init", 40, 43)
    board = Board(read_results(writer.root), CARD)
    joint, sequential, floor = board.rows
    assert [row.method for row in board.rows] == [
        "moco_v2/joint",
        "moco_v2/sequential",
        "random_init",
    ]
    assert joint.transfer
    assert joint.transfer.value == 55
    # two tasks with se 1 each: se of the mean sqrt(2) / 2
    assert joint.transfer.half == pytest.approx(1.96 * math.sqrt(2) / 2)
    # gaps 2 and 6, mean 4; unpaired se sqrt(2) each, of the mean sqrt(4) / 2 = 1
    assert sequential.gap
    assert sequential.gap.value == gap_to_joint([60, 50], method=[58, 44]) == 4
    assert sequential.gap.half == pytest.approx(1.96)
    assert joint.gap is None
    assert floor.gap is None
    # 18 and 1 above the floor, interval 1.96 * sqrt(2) = 2.8
    assert sequential.above_floor == 1
    assert joint.above_floor == 2
    assert floor.above_floor is None
    assert board.beyond_noise("moco_v2/sequential", "random_init") == {
        "flags": True,
        "scenes": False,
    }
    assert joint.averages["fewshot"].value == 70  # type: ignore[union-attr]
    assert joint.averages["detection"].value == 20  # type: ignore[union-attr]
    assert joint.averages["detection"].half is None  # type: ignore[union-attr]
    assert [row.ranks for row in board.rows] == [(1, 1), (2, 2), (3, 3)]
    assert [row.group for row in board.rows] == ["a", "b", "c"]
    assert board.twins() == [("moco_v2", "moco_v2/sequential", "moco_v2/joint")]


def test_seeds_are_paired_and_averaged(writer) -> None:
    for seed, shift in enumerate((0, 10, 20)):
        fill(writer, "moco_v2/joint", 60 + shift, 50 + shift, seed=seed)
        fill(writer, "moco_v2/sequential", 58 + shift, 44 + shift, seed=seed)
    board = Board(read_results(writer.root), CARD)
    row = board.row("moco_v2/sequential")
    assert row
    assert row.transfer
    assert row.gap
    assert row.seeds == (0, 1, 2)
    assert row.transfer.seeds == 3
    assert row.transfer.value == 61  # 51, 61, 71
    # seeds spread by s = 10, t(2) = 4.30265; the gap is 4 for every seed: samples alone
    assert row.transfer.half == pytest.approx(
        math.hypot(4.30265 * 10 / math.sqrt(3), 1.96 * math.sqrt(2) / 2), rel=1e-5
    )
    assert row.gap.value == 4
    assert row.gap.half == pytest.approx(1.96)


def test_first_chunk_ends_there_and_its_row_is_complete(writer) -> None:
    told = {"top1": metric(50)}, {"map11": metric(40)}
    writer.write("moco_v2/first_chunk", 1, "pretrain", visits=500, chunks=(1,))
    for name, metrics in zip(("linear.flags", "linear.scenes"), told, strict=True):
        writer.write("moco_v2/first_chunk", 1, name, metrics)
    writer.write("moco_v2/first_chunk", 1, "fewshot.flags", {"5way5shot": metric(60)})
    writer.write("moco_v2/first_chunk", 1, "detection.scenes", {"AP50": metric(20, None, "AP")})
    row = Board(read_results(writer.root), CARD).row("moco_v2/first_chunk")
    assert row and row.transfer and row.cost
    assert (row.transfer.value, row.missing, row.cost.visits) == (45, (), 500)
    assert row.cost.cumulative_visits is None  # it is never up to date


def test_a_row_with_a_hole_has_no_average(writer) -> None:
    fill(writer, "moco_v2/joint", 60, 50)
    writer.write("moco_v2/sequential", 2, "linear.flags", {"top1": metric(58)})
    writer.write("moco_v2/sequential", 2, "linear.scenes", error="Traceback\n  x\nMemoryError: no")
    board = Board(read_results(writer.root), CARD)
    row = board.row("moco_v2/sequential")
    assert row
    assert row.transfer is None
    assert row.gap is None
    assert row.ranks is None
    assert row.missing == (("linear", "scenes"), ("fewshot", "flags"), ("detection", "scenes"))
    assert (row.done, row.wanted) == (1, 4)
    assert row.failed == {("linear", "scenes"): "MemoryError: no"}
    assert row.scores[("linear", "flags")].value == 58
    assert board.rows[-1] is row


def test_a_seed_with_a_hole_does_not_count(writer) -> None:
    fill(writer, "moco_v2/joint", 60, 50, seed=0)
    writer.write("moco_v2/joint", 2, "linear.flags", {"top1": metric(99)}, seed=1)
    row = Board(read_results(writer.root), CARD).rows[0]
    assert row.transfer
    assert row.transfer.value == 55
    assert row.transfer.seeds == 1
    assert row.seeds == (0,)
    assert row.done == 5
    assert row.wanted == 8
    assert ("linear", "scenes") in row.missing


def test_an_earlier_checkpoint_is_not_the_last(writer) -> None:
    writer.write("moco_v2/sequential", 1, "pretrain", chunks=(1,), visits=100)
    writer.write("moco_v2/sequential", 1, "linear.flags", {"top1": metric(58)})
    row = Board(read_results(writer.root), CARD).rows[0]
    assert row.scores == {}
    assert row.cost is None


def test_forgetting_and_cost_by_hand(writer) -> None:
    for chunks, accuracy, error in ((1, 30.0, 3.0), (2, 22.0, 4.0)):
        spent = {"visits": 100, "seconds": 7, "stored": 640 * chunks}
        writer.write("supervised/sequential", chunks, "pretrain", chunks=(chunks,), **spent)
        metrics = {"chunk1": metric(accuracy, error), "chunk2": metric(9.0)}
        writer.write("supervised/sequential", chunks, "stream.chunks", metrics, seconds=2)
    row = Board(read_results(writer.root), CARD).rows[0]
    assert row.forgetting
    assert row.forgetting.value == 8
    assert row.forgetting.half == pytest.approx(1.96 * 5)  # sqrt(3^2 + 4^2)
    assert [(step, point.value) for step, point in row.first_chunk] == [(1, 30), (2, 22)]
    assert row.cost
    assert (row.cost.visits, row.cost.seconds, row.evaluation_seconds) == (200, 14, 4)
    assert (row.cost.cumulative_visits, row.cost.peak_memory_bytes) == (200, 900_000_000)
    assert row.cost.stored_bytes == 1280
    # at the end 22 (error 4) and 9 (error 1)
    final = row.course.final["aware"]
    assert final
    assert (final.value, final.half) == (15.5, pytest.approx(1.96 * math.hypot(4, 1) / 2))


def test_half_a_stream_has_no_forgetting(writer) -> None:
    writer.write("supervised/sequential", 1, "stream.chunks", {"chunk1": metric(30)})
    row = Board(read_results(writer.root), CARD).rows[0]
    assert row.forgetting is None
    assert row.forgets


@pytest.mark.parametrize(
    ("method", "phases", "told"),
    [
        ("supervised/sequential", (1,), "not measured"),
        ("supervised/sequential", (1, 2), "not measured"),
        ("supervised/joint", (2,), words.BLANK),
        ("supervised/first_chunk", (1,), words.BLANK),
        ("random_init", (), words.BLANK),
    ],
)
def test_a_blank_says_why(writer, method: str, phases: tuple[int, ...], told: str) -> None:
    for seen in phases:
        writer.write(method, seen, "pretrain", chunks=(seen,), visits=100)
    writer.write(method, max(phases, default=0), "linear.flags", {"top1": metric(50)})
    board = Board(read_results(writer.root), CARD)
    (row,) = board.rows
    blank = {column.key: column.blank(row) for column in columns(board) if not column.of(row)}
    assert {blank[key] for key in ("forgetting", "mean-pooled", "forward", "final")} == {told}
    assert blank["transfer"] == blank["fewshot"] == blank["detection"] == "incomplete"
    assert blank["gap"] == blank["group"] == words.BLANK


def test_predictions_narrow_the_difference(full_store: Path, tmp_path: Path, writer, board) -> None:
    for method in ("moco_v2/sequential", "moco_v2/joint"):
        writer.whole(method, predictions=False)
    paired = board(full_store).gap("moco_v2/joint", "moco_v2/sequential")
    unpaired = board(writer.root).gap("moco_v2/joint", "moco_v2/sequential")
    assert paired.value == pytest.approx(unpaired.value)
    assert unpaired.half is None  # scenes has no standard error of its own
    linear = board(writer.root).compare("moco_v2/joint", "moco_v2/sequential", "linear")
    for cell, difference in (
        board(full_store).compare("moco_v2/joint", "moco_v2/sequential", "linear").items()
    ):
        if cell[1] != "scenes":
            assert difference.half < linear[cell].half


def test_the_command_is_the_one_of_the_records(full_store: Path, board) -> None:
    row = board(full_store).row("moco_v2/joint")
    assert row.command == ("headwater run -p instance/test@1 -m moco_v2/joint --seed 0 --threads 2")


def test_planned_methods_are_pending(writer, board) -> None:
    writer.pretrain("moco_v2/joint")
    found = board(writer.root, ["moco_v2/joint", "supervised/joint"])
    assert found.pending == ("supervised/joint",)


def test_a_protocol_that_is_not_registered_is_read_from_its_records(writer) -> None:
    fill(writer, "moco_v2/joint", 60, 50)
    card = card_from_records("instance/test@1", read_results(writer.root))
    assert card.cells() == CARD.cells()
    assert card.chunks == 2


def test_the_card_of_a_registered_protocol(writer) -> None:
    card = find_card("instance/nano@1", read_results(writer.root))
    assert card.chunks == len(card.chunk_ids) == 4
    assert [len(card.cells(kind)) for kind in ("linear", "fewshot", "detection")] == [12, 11, 1]
    assert all(task.title and task.metric for task in card.tasks)


def test_forgetting_is_paired_over_the_held_out_images(full_store: Path, board) -> None:
    row = board(full_store).row("supervised/sequential")
    points = dict(row.first_chunk)
    # the best earlier checkpoint is the first; as if unpaired it would be the hypotenuse
    assert max(points, key=lambda step: points[step].value) == 1
    assert row.forgetting.value == pytest.approx(points[1].value - points[4].value)
    assert 0 < row.forgetting.half < math.hypot(points[1].half, points[4].half)


def test_the_gap_recovered_by_hand(writer) -> None:
    fill(writer, "moco_v2/joint", 70, 60)
    fill(writer, "moco_v2/sequential", 60, 50)
    fill(writer, "moco_v2/replay", 68, 54)
    fill(writer, "supervised/replay", 68, 54)
    board = Board(read_results(writer.root), CARD)
    found = board.row("moco_v2/replay").recovered
    assert found.value == pytest.approx(0.6)  # 6 of 10 points
    # m - 0.4 s - 0.6 j, each with an error of sqrt(2) / 2, over 10
    error = math.sqrt((1 + 0.16 + 0.36) / 2) / 10
    assert found.half == pytest.approx(1.96 * error)
    assert board.row("moco_v2/joint").recovered is None  # a twin
    assert board.row("supervised/replay").recovered is None  # without twins


def test_the_gap_recovered_is_of_the_seeds_that_all_three_have(writer) -> None:
    for seed, joint in enumerate((70, 80, 90)):
        fill(writer, "moco_v2/joint", joint, 60, seed=seed)
        fill(writer, "moco_v2/sequential", 60, 50, seed=seed)
    fill(writer, "moco_v2/replay", 68, 54)
    found = Board(read_results(writer.root), CARD).row("moco_v2/replay").recovered
    assert found.value == pytest.approx(0.6)  # 6 of the 10 points of seed 0
    assert found.seeds == 1


def test_a_difference_has_the_spread_of_all_methods_of_several_seeds(writer) -> None:
    # m methods of 3 seeds, whose rest is +-0.5 and 0 on two of them: sum of squares 1 in all
    rest = {"a/joint": (0.5, -0.5, 0.0), "b/joint": (-0.5, 0.5, 0.0), "c/joint": (0.0, 0.0, 0.0)}
    for method, own in rest.items():
        for seed, shift in enumerate(own):
            fill(writer, method, 60 + shift, 50 + shift, seed=seed)
    fill(writer, "a/sequential", 55, 45)
    board = Board(read_results(writer.root), CARD)
    spread = board.known_spread("linear")
    assert (spread.freedom, spread.value) == (4, pytest.approx(math.sqrt(2 / 4)))
    half = stats.t.ppf(0.975, 4) * math.sqrt(0.5)
    assert board.known_spreads()["linear"] == pytest.approx(half)
    gap = board.gap("a/joint", "a/sequential")
    # samples: an error of sqrt(2) / 2 each
    assert gap.half == pytest.approx(math.hypot(1.96, half))
    assert (gap.value, gap.seeds) == (5.5, 1)
    task = board.difference("a/joint", "a/sequential", ("linear", "flags"))
    assert task.half == pytest.approx(math.hypot(1.96 * math.sqrt(2), half))
    assert board.row("a/sequential").transfer.half == pytest.approx(1.96 * math.sqrt(2) / 2)
    several = board.gap("a/joint", "b/joint")  # three seeds: their own luck is not asked
    assert several.half == pytest.approx(math.hypot(1.96, half / math.sqrt(3)))
    assert (several.value, several.seeds) == (pytest.approx(0.0), 3)
    # t of 5.5 on 4 degrees of freedom for the seeds, none for the samples
    runs = [list(board.runs[name]) for name in ("a/joint", "a/sequential", "b/joint")]
    _, halves, p_value = all_differences(board.scores, runs, "linear", spread)
    assert halves[0, 1] == pytest.approx(gap.half)
    assert halves[0, 2] == pytest.approx(several.half)
    freedom = 4 * (1 + 1 / 0.5) ** 2
    assert p_value[0, 1] == pytest.approx(2 * stats.t.sf(5.5 / math.sqrt(1.5), freedom))


def test_too_few_methods_of_several_seeds_lend_no_spread(writer) -> None:
    for method in ("a/joint", "b/joint"):
        for seed in range(2):
            fill(writer, method, 60 + seed, 50, seed=seed)
    fill(writer, "a/sequential", 55, 45)
    board = Board(read_results(writer.root), CARD)
    assert board.spread("linear").freedom == 1
    assert board.known_spread("linear") is None and board.known_spreads() == {}
    assert board.gap("a/joint", "a/sequential").half == pytest.approx(1.96)


def test_a_phase_that_failed_at_the_end_has_no_cost(writer) -> None:
    writer.write("moco_v2/joint", 2, "pretrain", error="Traceback\n  x\nMemoryError: no")
    assert Board(read_results(writer.root), CARD).rows[0].cost is None


def test_a_gap_within_noise_is_not_recovered(writer) -> None:
    fill(writer, "moco_v2/joint", 60.5, 50)
    fill(writer, "moco_v2/sequential", 60, 50)
    fill(writer, "moco_v2/replay", 68, 54)
    assert Board(read_results(writer.root), CARD).row("moco_v2/replay").recovered is None


def test_joint_training_at_every_arrival_costs_more(writer) -> None:
    writer.write("moco_v2/joint", 2, "pretrain", chunks=(1, 2), visits=100, seconds=7)
    row = Board(read_results(writer.root), CARD).rows[0]
    assert (row.cost.visits, row.cost.cumulative_visits) == (100, 150)
