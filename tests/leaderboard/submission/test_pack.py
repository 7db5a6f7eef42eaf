"""A bundle has all that is needed, the same bytes each time, or is not there at all."""

import csv
import dataclasses
import filecmp
import json
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from benchmark.cli.main import app
from benchmark.errors import DataError, UsageError
from benchmark.provenance import source_files
from benchmark.resolve import protocol_named, resolve
from benchmark.result import read_record
from leaderboard.submission.card import Card, read_card
from leaderboard.submission.examine import examine
from leaderboard.submission.pack import blank_card, own_card

METHOD, FOLDER = "supervised/replay", "results/instance-smoke@1/supervised/replay"
WORDS = ("pack", "-p", "instance/smoke", "-m", METHOD)


def files(folder: Path) -> list[str]:
    return sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())


def test_what_is_in_a_bundle(untouched: Path) -> None:
    found = files(untouched)
    assert {"card.json", "curves.csv", "environment.json", "ledger.csv", "manifest.json"} <= {
        *found
    }
    assert "source/baselines/objectives/supervised.py" in found
    assert "results/instance-smoke@1/shared/seed1/fewshot.shapes.npz" in found
    assert sum(name.startswith(FOLDER) for name in found) == 2 * (6 + 4)
    manifest = json.loads((untouched / "manifest.json").read_text())
    assert sorted(manifest["files"]) == [name for name in found if name != "manifest.json"]


def test_the_tables_are_those_of_the_records(untouched: Path) -> None:
    with (untouched / "ledger.csv").open() as file:
        rows = list(csv.DictReader(file))
    record = read_record(untouched / FOLDER / "seed1/after-chunk2/pretrain.json")
    mine = [row for row in rows if (row["seed"], row["chunks_seen"]) == ("1", "2")]
    assert [int(row["images"]) for row in mine] == [s.images for s in record.ledger.served]
    with (untouched / "curves.csv").open() as file:
        rows = [r for r in csv.DictReader(file) if (r["seed"], r["chunks_seen"]) == ("1", "2")]
    assert [float(row["loss"]) for row in rows] == [point.loss for point in record.curve]


def test_the_same_records_give_the_same_bytes(smoke_store, untouched, packed, tmp_path) -> None:
    again = packed(smoke_store, tmp_path / "again")
    assert files(again) == files(untouched)
    same = filecmp.cmpfiles(again, untouched, files(again), shallow=False)
    assert same == (files(again), [], [])


def test_one_seed_of_two(smoke_store, packed, tmp_path) -> None:
    one = packed(smoke_store, tmp_path / "one", seeds=[1])
    assert not list(one.rglob("seed0")) and list(one.rglob("seed1"))


def test_evaluations_after_earlier_chunks_are_packed_where_they_are_done(
    smoke_store, packed, own_home, tmp_path
) -> None:
    store = shutil.copytree(smoke_store, tmp_path / "store")
    words = ["run", "-p", "instance/smoke", "-m", METHOD, "--store", str(store), "--workers", "0"]
    outcome = CliRunner().invoke(app, [*words, "--every-chunk", "--evaluations", "linear"])
    assert outcome.exit_code == 0 and "1 cell computed" in outcome.output, outcome.output
    bundle = packed(store, tmp_path / "bundle")
    assert f"{FOLDER}/seed0/after-chunk1/linear.shapes.npz" in files(bundle)
    assert not (bundle / FOLDER / "seed1/after-chunk1/linear.shapes.json").exists()
    examined = examine(bundle)
    assert examined.accepted and len(examined.entries) == 12 + 1


def test_what_is_not_done_is_named_and_nothing_is_written(smoke_store, packed, tmp_path) -> None:
    store = shutil.copytree(smoke_store, tmp_path / "store")
    (store / "instance-smoke@1/supervised/replay/seed1/after-chunk2/linear.shapes.json").unlink()
    with pytest.raises(UsageError, match=r"1 cells .*seed1/after-chunk2/linear.shapes \(missing"):
        packed(store, tmp_path / "bundle")
    assert not list(tmp_path.glob("*bundle*"))
    with pytest.raises(UsageError, match=r"no records of .* run: headwater run"):
        packed(tmp_path / "nowhere", tmp_path / "bundle")


def test_the_command_packs_and_validates(smoke_store, tmp_path) -> None:
    words = [*WORDS, "--store", str(smoke_store), "--output", str(tmp_path / "bundle")]
    outcome = CliRunner().invoke(app, words)
    assert outcome.exit_code == 0, outcome.output
    last = outcome.stdout.strip().splitlines()[-1]
    assert last.startswith(f"{tmp_path / 'bundle'} is accepted: a bundle: 12 records")
    again = CliRunner().invoke(app, words)
    assert isinstance(again.exception, UsageError) and "is there already" in str(again.exception)


def test_a_bundle_that_is_refused_is_not_kept(smoke_store, tmp_path, forger) -> None:
    store = shutil.copytree(smoke_store, tmp_path / "store")
    with forger.record("after-chunk2/linear.shapes") as fields:
        fields["metrics"]["top1"]["value"] = 99.0
    name = "seed0/after-chunk2/linear.shapes.json"
    shutil.copy(forger.bundle / FOLDER / name, store / FOLDER.removeprefix("results/") / name)
    words = [*WORDS, "--store", str(store), "--output", str(tmp_path / "out")]
    outcome = CliRunner().invoke(app, words)
    assert outcome.exit_code == 1
    assert "error P04" in outcome.stdout
    assert outcome.stderr.strip() == f"headwater: {tmp_path / 'out'} is not kept"
    assert not list(tmp_path.glob("*out*"))


def test_the_command_tells_all_findings_and_the_exit_status_agrees(forger) -> None:
    for cell in ("linear", "fewshot"):
        with forger.record(f"after-chunk2/{cell}.shapes") as fields:
            next(iter(fields["metrics"].values()))["value"] = 99.0
    outcome = CliRunner().invoke(app, ["validate", str(forger.bundle)])
    assert outcome.exit_code == 1
    *found, last = outcome.stdout.strip().splitlines()
    assert sum(line.startswith("error P04") for line in found) == 2
    assert " is refused: a bundle" in last and "2 errors" in last
    told = json.loads(CliRunner().invoke(app, ["validate", str(forger.bundle), "--json"]).stdout)
    assert told["errors"] == 2 and not told["accepted"]
    assert {f["code"] for f in told["findings"] if f["level"] == "error"} == {"P04"}
    assert told["left_out"] == []


def test_a_card_is_written_filled_in_and_read(smoke_store, tmp_path) -> None:
    card = tmp_path / "card.json"
    assert CliRunner().invoke(app, [*WORDS, "--new-card", str(card)]).exit_code == 0
    words = [*WORDS, "--store", str(smoke_store), "--output", str(tmp_path / "bundle")]
    outcome = CliRunner().invoke(app, [*words, "--card", str(card)])
    told = str(outcome.exception)
    assert isinstance(outcome.exception, UsageError)
    assert all(f"{name}:" in told for name in ("title", "authors", "licence", "extra_data"))
    fields = json.loads(card.read_text())
    fields |= {"title": "Mine", "authors": ["Ada", "Grace"], "licence": "MIT", "extra_data": "none"}
    fields["tuning"] = {"trials": 3, "on": "validation"}
    card.write_text(json.dumps(fields))
    assert CliRunner().invoke(app, [*words, "--card", str(card)]).exit_code == 0
    assert read_card((tmp_path / "bundle/card.json").read_bytes()).authors == ("Ada", "Grace")


def test_a_shipped_method_has_a_card_and_another_needs_one(tmp_path) -> None:
    spec = protocol_named("instance/nano")
    assert own_card(spec, resolve("supervised/joint")).labels
    path = tmp_path / "mine.py"
    path.write_text("from benchmark import Method\n\n\nclass Mine(Method):\n    '''Mine.'''\n")
    with pytest.raises(UsageError, match="needs a card"):
        own_card(spec, resolve(f"{path}:Mine"))
    assert list(source_files(resolve(f"{path}:Mine").parts)) == ["mine.py"]
    assert json.loads(blank_card(spec, resolve("byol/joint")))["method"] == "byol/joint"


@pytest.mark.parametrize(
    ("method", "trials"),
    [
        ("moco_v2/joint", 8),
        ("moco_v2/mas", 8 + 10),  # five with each of two objectives
        ("byol/cassle", 8 + 5),
        ("supervised/mas_replay", 8 + 10),  # those of its half that has any
        ("moco_v2/reservoir", 8),
        ("random_init", 0),
    ],
)
def test_trials_are_all_those_that_options_were_chosen_by(method: str, trials: int) -> None:
    assert own_card(protocol_named("instance/nano"), resolve(method)).tuning.trials == trials


def test_a_shipped_card_is_cited_as_the_papers_of_its_parts() -> None:
    card = own_card(protocol_named("instance/nano"), resolve("moco_v2/cassle"))
    papers = [part.about.paper for part in resolve("moco_v2/cassle").parts]
    assert card.citation == "; ".join(papers) and card.description == f"After {card.citation}."


def test_an_installed_method_is_not_said_to_be_headwater_s(monkeypatch) -> None:
    spec, shipped = protocol_named("instance/nano"), resolve("moco_v2/mas")
    mine = type("Mine", (shipped.parts[0],), {"__module__": "theirs"})
    with pytest.raises(UsageError, match="needs a card"):
        own_card(spec, dataclasses.replace(shipped, parts=(mine, shipped.parts[1])))


def test_the_card_of_what_reads_the_pool_s_labels_says_so() -> None:
    spec = protocol_named("selection/nano")
    oracle, sept = (resolve(f"moco_v2/{name}+target=digits") for name in ("oracle", "sept"))
    assert own_card(spec, oracle).labels and not own_card(spec, sept).labels
    assert json.loads(blank_card(spec, oracle))["labels"]


def test_a_bundle_that_cannot_be_examined_is_not_kept(smoke_store, tmp_path, monkeypatch) -> None:
    def fails(*_: object) -> None:
        raise DataError("the images are not prepared")

    monkeypatch.setattr("leaderboard.submission.cli._tell", fails)
    words = [*WORDS, "--store", str(smoke_store), "--output", str(tmp_path / "out")]
    outcome = CliRunner().invoke(app, words)
    assert isinstance(outcome.exception, DataError) and "is not kept" in outcome.stderr
    assert not list(tmp_path.glob("*out*"))


def test_a_card_that_goes_around_is_the_same() -> None:
    card = own_card(protocol_named("instance/nano"), resolve("moco_v2/replay"))
    assert read_card(card.to_json().encode()) == card
    assert isinstance(card, Card)
