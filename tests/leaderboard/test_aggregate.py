"""Reading a store: what counts, what is stale, and what is refused."""

from pathlib import Path

import numpy as np
import pytest

from benchmark.errors import DataError
from benchmark.result import Metric
from leaderboard.aggregate import COSTS, NUMBERS, read_results

METRICS = {"top1": Metric(value=50.0, unit="%", n=4, standard_error=25.0)}
ARRAYS = {
    "index": np.arange(4),
    "label": np.array([0, 1, 0, 1]),
    "prediction": np.array([0, 1, 1, 0]),
}


def test_frames_are_tidy(full_store: Path) -> None:
    results = read_results(full_store)
    numbers, costs = results.numbers(), results.costs()
    assert tuple(numbers.columns) == NUMBERS
    assert tuple(costs.columns) == COSTS
    assert len(costs) == len(results.located)
    linear = numbers[numbers.evaluation == "linear"]
    assert len(linear) == 5 * 12
    assert linear.headline.all()
    # two metrics an episode file, the headline first
    assert numbers[numbers.evaluation == "fewshot"].headline.tolist() == [True, False] * 55
    assert costs[costs.cell == "pretrain"].groupby("method").image_visits.sum().to_dict() == {
        "moco_v2/joint": 60_000,
        "moco_v2/sequential": 60_000,
        "supervised/joint": 60_000,
        "supervised/sequential": 60_000,
    }


def test_an_empty_store_has_empty_frames(tmp_path: Path) -> None:
    results = read_results(tmp_path)
    assert results.protocols == []
    assert tuple(results.numbers().columns) == NUMBERS
    with pytest.raises(DataError, match=r"no store at .*headwater run"):
        read_results(tmp_path / "nowhere")


def test_other_files_are_passed_over(writer, tmp_path: Path) -> None:
    path = writer.write("moco_v2/joint", 4, "linear.flags", METRICS)
    path.with_name(".linear.mnist.json").write_text("{half")
    (writer.root / "site" / "data").mkdir(parents=True)
    (writer.root / "site" / "data" / "leaderboard.json").write_text("[]")
    assert len(read_results(writer.root).located) == 1


@pytest.mark.parametrize(
    ("text", "says"),
    [("{half", "Invalid JSON"), ("{}", "Field required"), ('{"kind": "joke"}', "kind")],
)
def test_a_broken_record_is_one_sentence(writer, text: str, says: str) -> None:
    path = writer.write("moco_v2/joint", 4, "linear.flags", METRICS)
    path.write_text(text)
    with pytest.raises(DataError) as caught:
        read_results(writer.root)
    assert str(path) in str(caught.value)
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


def test_records_of_earlier_code_are_stale(writer) -> None:
    writer.write("moco_v2/joint", 4, "linear.flags", METRICS, source="old")
    writer.write("moco_v2/joint", 4, "linear.mnist", METRICS, source="new")
    writer.write("supervised/joint", 4, "linear.flags", METRICS, source="old")
    results = read_results(writer.root)
    kept = [(found.record.method.name, found.cell) for found in results.located]
    assert kept == [
        ("moco_v2/joint", ("linear", "mnist")),
        ("supervised/joint", ("linear", "flags")),
    ]
    assert [found.cell for found in results.stale] == [("linear", "flags")]


def test_records_of_an_earlier_digest_are_stale_for_every_method(writer) -> None:
    writer.write("moco_v2/joint", 4, "linear.flags", METRICS, version="old")
    writer.write("supervised/joint", 4, "linear.flags", METRICS, version="new")
    results = read_results(writer.root)
    assert [found.record.method.name for found in results.located] == ["supervised/joint"]


def test_two_records_of_one_cell(writer) -> None:
    path = writer.write("moco_v2/joint", 4, "linear.flags", METRICS)
    path.with_name("copy.json").write_text(path.read_text())
    with pytest.raises(DataError, match="same cell; remove one"):
        read_results(writer.root)


def test_a_failed_cell_is_known_by_its_file(writer) -> None:
    for name in ("flags", "mnist"):
        writer.write("moco_v2/joint", 4, f"linear.{name}", error="it broke")
    cells = [found.cell for found in read_results(writer.root).located]
    assert cells == [("linear", "flags"), ("linear", "mnist")]


def test_predictions_give_evidence(writer) -> None:
    writer.write("moco_v2/joint", 4, "linear.flags", METRICS, ARRAYS)
    (found,) = read_results(writer.root).located
    evidence = found.evidence()
    assert evidence is not None
    # 2 of 4 right: s = 100 / sqrt(3), se = s / 2
    assert evidence.standard_error() == pytest.approx(100 / 3**0.5 / 2)


def test_altered_and_missing_predictions_are_refused(writer) -> None:
    path = writer.write("moco_v2/joint", 4, "linear.flags", METRICS, ARRAYS)
    (found,) = read_results(writer.root).located
    path.with_suffix(".npz").write_bytes(b"another file")
    with pytest.raises(DataError, match="not the file that its record names"):
        found.evidence()
    path.with_suffix(".npz").unlink()
    with pytest.raises(DataError, match=r"cannot read .*rerun the cell"):
        found.evidence()


def test_a_pickle_is_not_read(writer) -> None:
    trap = {"index": np.array([{"a": 1}], dtype=object)}
    writer.write("moco_v2/joint", 4, "linear.flags", METRICS, trap)
    (found,) = read_results(writer.root).located
    with pytest.raises(DataError, match="holds no predictions"):
        found.evidence()
