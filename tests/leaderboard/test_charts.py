"""What the charts draw beside their points: the front, and the seeds."""

from pathlib import Path

import pytest

from benchmark.result import Metric
from leaderboard.aggregate import read_results
from leaderboard.board import Board
from leaderboard.site.look import looks
from leaderboard.site.overview import forgetting_chart, pareto_front
from leaderboard.site.task import ranked, task_chart
from tests.leaderboard.conftest import StoreWriter
from tests.leaderboard.test_site import Reader, build
from tests.leaderboard.test_site_tasks import task_page


def words_of(page: Path, chart: str) -> str:
    """A chart's text alternative."""
    return next(str(a["aria-label"]) for _, a in Reader(page).tags if a.get("id") == chart)


def test_none_forgets_less_and_transfers_more_than_the_front(
    full_store: Path, tmp_path: Path, card, board
) -> None:
    rows = [row for row in board(full_store).rows if row.transfer and row.forgetting]
    points = [(row.forgetting.value, row.transfer.value) for row in rows]
    figure = forgetting_chart(board(full_store), looks(row.method for row in rows))
    front = figure["data"][0]
    drawn = [*zip(front["x"], front["y"], strict=True)]
    assert drawn == [(round(x, 4), round(y, 3)) for x, y in pareto_front(points)]
    beaten = [p for p in points if any(x <= p[0] and y >= p[1] for x, y in points if (x, y) != p)]
    assert len(drawn) == len(points) - len(beaten) > 0
    assert [front["mode"], front["line"]["shape"]] == ["lines", "hv"]
    page = build(full_store, tmp_path / "site", card)
    assert "with the front of the methods" in words_of(page, "instance-test-1-forgetting")


@pytest.mark.parametrize("seeds", [1, 3])
def test_a_task_s_chart_has_a_point_for_each_of_several_seeds(
    writer: StoreWriter, tmp_path: Path, card, seeds: int
) -> None:
    for seed in range(seeds):
        top1 = Metric(value=50.0 + 10 * seed, unit="%", n=100, standard_error=1.0)
        writer.write("mine", 4, "linear.flags", {"top1": top1}, seed=seed)
    single = Metric(value=40.0, unit="%", n=100, standard_error=1.0)
    writer.write("random_init", 0, "linear.flags", {"top1": single})
    board = Board(read_results(writer.root), card)
    rows = ranked(board, "linear", "flags")
    task = next(task for task in card.tasks if task.name == "flags")
    figure = task_chart(board, task, "linear", rows, looks(["mine", "random_init"]))
    own, *others = [trace for trace in figure["data"] if trace["name"] == "mine"]
    told = words_of(
        task_page(build(writer.root, tmp_path / "site", card).parent, "flags"), "task-linear"
    )
    assert ("score where there are several" in told) is (seeds > 1)
    assert "the level of the untrained network" in told
    if seeds == 1:
        assert others == []
        return
    (mean,) = others  # it is drawn over its seeds
    assert own["x"] == [50.0, 60.0, 70.0]
    assert mean["x"] == [60.0]
    assert own["customdata"] == [[0, "50.0"], [1, "60.0"], [2, "70.0"]]
    assert {round(y - mean["y"][0], 2) for y in own["y"]} == {0.27}
