"""Reading a store: what counts, what is stale, and what is refused."""

import sqlite3
import zlib
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from benchmark.errors import DataError, UsageError
from benchmark.result import Metric, read_record
from leaderboard.aggregate import read_results
from leaderboard.cache import EVIDENCE
from leaderboard.frames import COSTS, NUMBERS, cost_rows, number_rows, table
from leaderboard.gather import gather
from leaderboard.trust import Trust, Vouched, fingerprint

PROTOCOL = "instance/test@1"

METRICS = {"top1": Metric(value=50.0, unit="%", n=4, standard_error=25.0)}
ARRAYS = {
    "index": np.arange(4),
    "label": np.array([0, 1, 0, 1]),
    "prediction": np.array([0, 1, 1, 0]),
}


def test_frames_are_tidy(full_store: Path) -> None:
    results = read_results(full_store)
    told, spent = table(number_rows(results), NUMBERS), table(cost_rows(results), COSTS)
    assert tuple(told.columns) == NUMBERS
    assert tuple(spent.columns) == COSTS
    assert len(spent) == len(results.located)
    assert set(spent.device) == {"cpu"} and set(spent.threads) == {2}
    linear = told[told.evaluation == "linear"]
    assert len(linear) == 5 * 12
    assert linear.headline.all()
    # two metrics an episode file, the headline first
    assert told[told.evaluation == "fewshot"].headline.tolist() == [True, False] * 55
    assert spent[spent.cell == "pretrain"].groupby("method").image_visits.sum().to_dict() == {
        "moco_v2/joint": 60_000,
        "moco_v2/sequential": 60_000,
        "supervised/joint": 60_000,
        "supervised/sequential": 60_000,
    }


def test_an_empty_store_has_empty_frames(tmp_path: Path) -> None:
    results = read_results(tmp_path)
    assert results.protocols == []
    assert tuple(table(number_rows(results), NUMBERS).columns) == NUMBERS
    with pytest.raises(UsageError, match=r"no store at .*headwater run"):
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
    writer.write("moco_v2/joint", 4, "linear.mnist", METRICS)
    results = read_results(writer.root)
    assert [found.cell for found in results.located] == [("linear", "mnist")]  # nothing is blocked
    (problem,) = results.problems
    assert str(path) in problem
    assert says in problem
    assert "\n" not in problem


@pytest.mark.parametrize(
    ("changes", "spent"),
    [
        ({"value": 1e308}, {}),
        ({"value": -1e308}, {}),
        ({"standard_error": 1e10}, {}),
        ({"n": 10**19}, {}),
        ({}, {"stored": 10**400}),
        ({}, {"seconds": 1e300}),
    ],
)
def test_numbers_beyond_all_bounds_are_left_out(writer, changes, spent) -> None:
    metrics = {"top1": METRICS["top1"].model_copy(update=changes)}
    path = writer.write("moco_v2/joint", 4, "linear.flags", metrics, **spent)
    writer.write("moco_v2/joint", 4, "linear.mnist", METRICS)
    results = read_results(writer.root)
    assert [found.cell for found in results.located] == [("linear", "mnist")]
    assert results.problems == [f"{path} holds a number that is out of range; rerun the cell"]


@pytest.mark.parametrize(("part", "name"), [("environment", "threads"), ("seeds", "replicate")])
def test_so_are_numbers_of_where_and_which(writer, part: str, name: str) -> None:
    path = writer.write("moco_v2/joint", 4, "linear.flags", METRICS)
    record = read_record(path)
    changed = getattr(record, part).model_copy(update={name: 10**400})
    path.write_text(record.model_copy(update={part: changed}).to_json())
    results = read_results(writer.root)
    assert results.problems == [f"{path} holds a number that is out of range; rerun the cell"]


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
    (left_out,) = results.stale
    assert left_out.found.cell == ("linear", "flags")
    assert left_out.why == "the method's code has changed"


def test_records_of_an_earlier_digest_are_stale_for_every_method(writer) -> None:
    writer.write("moco_v2/joint", 4, "linear.flags", METRICS, version="old")
    writer.write("supervised/joint", 4, "linear.flags", METRICS, version="new")
    results = read_results(writer.root)
    assert [found.record.method.name for found in results.located] == ["supervised/joint"]
    assert [left_out.why for left_out in results.stale] == ["the protocol has changed"]


def test_two_records_of_one_cell(writer) -> None:
    path = writer.write("moco_v2/joint", 4, "linear.flags", METRICS)
    path.with_name("copy.json").write_text(path.read_text())
    results = read_results(writer.root)
    assert len(results.located) == 1
    assert "same cell; remove one" in results.problems[0]


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


def test_damaged_predictions_are_told_of_and_block_nothing(writer) -> None:
    arrays = {**ARRAYS, "index": ARRAYS["index"] + 77}
    path = writer.write("moco_v2/joint", 4, "linear.flags", METRICS, arrays)
    path.with_suffix(".npz").write_bytes(b"another file")
    results = read_results(writer.root)
    assert results.evidence(results.located[0]) is None
    assert results.evidence(results.located[0]) is None
    assert ["not the file" in problem for problem in results.problems] == [True]


def test_evidence_is_kept_for_the_next_time(writer, monkeypatch: pytest.MonkeyPatch) -> None:
    arrays = {**ARRAYS, "index": ARRAYS["index"] + 78}
    writer.write("moco_v2/joint", 4, "linear.flags", METRICS, arrays)
    results = read_results(writer.root)
    first = results.evidence(results.located[0])
    results.cache.flush()
    monkeypatch.setattr(type(results.located[0]), "all_evidence", None)  # not called again
    again = read_results(writer.root)
    kept = again.evidence(again.located[0])
    assert kept.identity == first.identity
    assert kept.parts.tolist() == first.parts.tolist()


def test_processes_look_at_many_predictions_ahead(writer, monkeypatch: pytest.MonkeyPatch) -> None:
    for seed in range(3):
        arrays = {**ARRAYS, "index": ARRAYS["index"] + 79 + seed}
        path = writer.write("moco_v2/joint", 4, "linear.flags", METRICS, arrays, seed=seed)
    path.with_suffix(".npz").write_bytes(b"another file")
    monkeypatch.setattr("leaderboard.gather._SHARE", 1)
    results = read_results(writer.root)
    assert len(results.unseen()) == 3
    gather(results, 2)
    again = read_results(writer.root)
    assert again.unseen() == [path]
    assert again.problems == []
    one = again.evidence(again.located[0])
    assert one is not None
    assert one.identity == again.located[0].evidence().identity
    assert one.parts.tolist() == again.located[0].evidence().parts.tolist()


def test_a_broken_cache_is_no_cache(writer, tmp_path: Path, monkeypatch) -> None:
    (tmp_path / "evidence.sqlite").write_text("no database, but a text that is long enough" * 50)
    monkeypatch.setattr("leaderboard.cache.home", lambda: tmp_path)
    writer.write("moco_v2/joint", 4, "linear.flags", METRICS, ARRAYS)
    results = read_results(writer.root)
    assert results.evidence(results.located[0]) is not None
    assert results.problems == []


def test_what_one_machine_computed_no_other_has_to(writer, tmp_path: Path, monkeypatch) -> None:
    path = writer.write("moco_v2/joint", 4, "linear.flags", METRICS, ARRAYS)
    here = read_results(writer.root)
    known = here.evidence(here.located[0])
    sha256 = here.located[0].record.predictions.sha256
    here.cache.share(writer.root, [sha256])
    content = (writer.root / EVIDENCE).read_bytes()
    here.cache.share(writer.root, [])
    assert (writer.root / EVIDENCE).read_bytes() == content
    assert [p.name for p in writer.root.glob(f"*{EVIDENCE}*")] == [EVIDENCE]

    monkeypatch.setattr("leaderboard.cache.home", lambda: tmp_path / "elsewhere")
    path.with_suffix(".npz").unlink()  # so that there is nothing to compute it from
    elsewhere = read_results(writer.root)
    assert elsewhere.unseen() == []
    found = elsewhere.evidence(elsewhere.located[0])
    assert found.identity == known.identity
    assert found.parts.tolist() == known.parts.tolist()


@pytest.mark.parametrize(
    "damage",
    [b"", b"00", zlib.compress(b"0" * 17), zlib.compress(b"0" * 8_000_000), "text", None],
)
def test_damaged_evidence_is_computed_again(writer, tmp_path: Path, monkeypatch, damage) -> None:
    writer.write("moco_v2/joint", 4, "linear.flags", METRICS, ARRAYS)
    here = read_results(writer.root)
    here.evidence(here.located[0])
    here.cache.share(writer.root, [here.located[0].record.predictions.sha256])
    with closing(sqlite3.connect(writer.root / EVIDENCE)) as file, file:
        assert file.execute("UPDATE kept SET it = ?", (damage,)).rowcount == 1
    monkeypatch.setattr("leaderboard.cache.home", lambda: tmp_path / "elsewhere")
    elsewhere = read_results(writer.root)
    assert len(elsewhere.unseen()) == 1
    assert elsewhere.evidence(elsewhere.located[0]).standard_error() == pytest.approx(100 / 12**0.5)
    assert elsewhere.problems == []


def test_trust_is_of_the_keeper_and_lapses(writer) -> None:
    path = writer.write("moco_v2/joint", 4, "linear.flags", METRICS)
    hashes = [found.record.sha256 for found in read_results(writer.root).located]
    vouched = Vouched(
        protocol=PROTOCOL,
        method="moco_v2/joint",
        tier="rescored",
        fingerprint=fingerprint(hashes),
        records=1,
        evidence="1 evaluation computed again",
    )
    Trust(vouched=(vouched,)).write(writer.root / "trust.json")
    assert read_results(writer.root).tier(PROTOCOL, "moco_v2/joint") == "rescored"
    writer.write("moco_v2/joint", 4, "linear.mnist", METRICS)
    assert read_results(writer.root).tier(PROTOCOL, "moco_v2/joint") == "self-reported"
    path.parent.joinpath("linear.mnist.json").unlink()
    (writer.root / "trust.json").write_text("{")
    results = read_results(writer.root)
    assert results.tier(PROTOCOL, "moco_v2/joint") == "self-reported"
    assert "trust.json" in results.problems[0]
