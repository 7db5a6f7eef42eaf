"""Every way of cheating that we could think of is found, by its rule, hashes mended or not."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from benchmark.canonical import sha256_of
from benchmark.provenance import code_of
from leaderboard.aggregate import read_results
from leaderboard.submission.examine import examine
from tasks.probes.logistic import WEIGHTS

LAST = "after-chunk2"


def test_an_honest_bundle_is_accepted(bundle: Path) -> None:
    examined = examine(bundle)
    assert examined.accepted, examined.findings.found
    assert examined.kind == "bundle" and examined.card.authors
    assert len(examined.entries) == 12
    assert len(examined.rescored) == 8  # all evaluations
    assert {f.code for f in examined.findings.found} == {"P05"}
    assert examined.verdict.startswith("accepted: a bundle: 12 records, 8 of 8 evaluations")


def test_a_store_is_examined_too(smoke_store: Path, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr("leaderboard.cache.home", lambda: tmp_path)
    assert len(read_results(smoke_store).unseen()) == 8
    examined = examine(smoke_store)
    assert read_results(smoke_store).unseen() == []  # what was examined, no page waits for
    assert examined.accepted and examined.kind == "store" and len(examined.rescored) == 8
    assert "without card, source and manifest" in examined.verdict


def test_a_weight_of_another_kind_of_processor_is_accepted(bundle: Path, forger) -> None:
    with forger.predictions(f"{LAST}/linear.shapes") as arrays:
        arrays["weight"] = np.nextafter(arrays["weight"], 1e6)  # numpy's powers differ by as much
    examined = examine(bundle)
    assert examined.accepted, examined.findings.found


def changed_score(forger):
    with forger.record(f"{LAST}/linear.shapes") as fields:
        fields["metrics"]["top1"]["value"] += 1


def changed_error(forger):
    with forger.record(f"{LAST}/linear.shapes") as fields:
        fields["metrics"]["top1"]["standard_error"] /= 2


def other_headline(forger):
    with forger.record(f"{LAST}/linear.shapes") as fields:
        fields["metrics"] = dict(sorted(fields["metrics"].items()))
        assert next(iter(fields["metrics"])) == "mean_per_class"


def invented_metric(forger):
    with forger.record(f"{LAST}/fewshot.shapes") as fields:
        fields["metrics"]["cheating"] = next(iter(fields["metrics"].values()))


def cka_of(name, evaluation, **changes):
    def forge(forger):
        with forger.record(f"{LAST}/{evaluation}") as fields:
            like = next(iter(fields["metrics"].values()))
            fields["metrics"][name] = {**like, "standard_error": None, **changes}

    forge.__name__ = f"{name} of {evaluation}"
    return forge


def changed_prediction(forger):
    with forger.predictions(f"{LAST}/linear.shapes") as arrays:
        wrong = np.flatnonzero(arrays["prediction"] != arrays["label"])[:1]
        arrays["prediction"][wrong] = arrays["label"][wrong]


def changed_answer_of_an_episode(forger):
    with forger.predictions(f"{LAST}/fewshot.shapes") as arrays:
        arrays["prediction_5shot"][0] = np.arange(5)[:, None]


def changed_answer_on_the_stream(forger):
    with forger.predictions(f"{LAST}/stream.chunks") as arrays:
        arrays["knn_prediction"] = arrays["label"].copy()


def swapped_labels(forger):
    with forger.predictions(f"{LAST}/linear.shapes") as arrays:
        arrays["label"] = arrays["prediction"].copy()
    with forger.record(f"{LAST}/linear.shapes") as fields:
        for metric in fields["metrics"].values():
            metric |= {"value": 100.0, "standard_error": 0.0}


def weight_off_the_grid(forger):
    with forger.predictions(f"{LAST}/linear.shapes") as arrays:
        arrays["weight"] = arrays["weight"] * 1.001


def swapped_episodes(forger):
    path = forger.bundle / "results/instance-smoke@1/shared/seed0/fewshot.shapes.npz"
    with np.load(path) as file:
        arrays = dict(file)
    arrays["query"] = arrays["query"][::-1]
    np.savez_compressed(path, **arrays)
    import hashlib

    for chunk in (LAST,):
        with forger.record(f"{chunk}/fewshot.shapes") as fields:
            content = path.read_bytes()
            digest = hashlib.sha256(content).hexdigest()
            fields["shared"] |= {"sha256": digest, "size": len(content)}


def fewer_images(forger):
    with forger.predictions(f"{LAST}/linear.shapes") as arrays:
        for name in ("index", "label", "prediction"):
            arrays[name] = arrays[name][:-5]


def dropped_task(forger):
    forger.path(f"{LAST}/linear.shapes").unlink()
    forger.seal()


def dropped_phase(forger):
    for path in (forger.bundle / "results/instance-smoke@1").glob("*/*/seed0/after-chunk1/*"):
        path.unlink()
    forger.seal()


def dropped_last_chunk(forger):
    shutil.rmtree(forger.path(f"{LAST}/pretrain").parent)
    forger.seal()


def copied_seed(forger):
    for path in sorted((forger.path("x").parent).rglob("*")):
        target = Path(str(path).replace("seed0", "seed1"))
        if path.suffix == ".npz":
            shutil.copy(path, target)
    for chunk, names in {
        "after-chunk1": ("pretrain", "stream.chunks"),
        LAST: ("pretrain", "stream.chunks", "linear.shapes", "fewshot.shapes"),
    }.items():
        for name in names:
            other = json.loads(forger.path(f"{chunk}/{name}", 1).read_text())["seeds"]
            fields = json.loads(forger.path(f"{chunk}/{name}").read_text())
            forger.write(forger.path(f"{chunk}/{name}", 1), fields | {"seeds": other})


def made_up_seed(forger):
    with forger.record(f"{LAST}/linear.shapes") as fields:
        fields["seeds"]["evaluation"] += 1


def doctored_ledger(forger):
    with forger.record("after-chunk1/pretrain") as fields:
        fields["ledger"]["served"][0]["images"] -= 100
        fields["ledger"]["served"][0]["repeats"] -= 100


def more_visits(forger):
    with forger.record("after-chunk1/pretrain") as fields:
        more = 2 * fields["cost"]["image_visits"]
        fields["ledger"]["served"][0]["images"] += more
        fields["ledger"]["served"][0]["repeats"] += more
        fields["cost"]["image_visits"] += more


def fewer_steps(forger):
    with forger.record("after-chunk1/pretrain") as fields:
        fields["cost"]["optimiser_steps"] -= 1


def chunk_that_was_closed(forger):
    with forger.record("after-chunk1/pretrain") as fields:
        line = fields["ledger"]["served"][0]
        fields["ledger"]["served"] = [line | {"chunk": 2}]


def more_images_than_there_are(forger):
    with forger.record("after-chunk1/pretrain") as fields:
        line = fields["ledger"]["served"][0]
        line |= {"distinct": line["images"], "repeats": 0}


def no_ledger(forger):
    with forger.record("after-chunk1/pretrain") as fields:
        fields["ledger"] = None


def other_curve(forger):
    with forger.record("after-chunk1/pretrain") as fields:
        fields["curve"] = fields["curve"][:-1]


def other_protocol(forger):
    with forger.record(f"{LAST}/linear.shapes") as fields:
        fields["protocol"]["digest"] = "0" * 64


def other_data(forger):
    with forger.record(f"{LAST}/linear.shapes") as fields:
        fields["task"]["data_sha256"] = "0" * 64


def other_configuration(forger):
    with forger.record(f"{LAST}/pretrain") as fields:
        fields["method"]["config"]["lr"] = 0.5


def claimed_trust(forger):
    with forger.record(f"{LAST}/linear.shapes") as fields:
        fields["trust"] = "reproduced"


def failed_cell(forger):
    with forger.record(f"{LAST}/linear.shapes") as fields:
        fields |= {"status": "failed", "error": "no reason", "metrics": {}, "predictions": None}


def record_where_none_belongs(forger):
    path = forger.bundle / "results/x/seedx/after-chunkx/evil.json"
    path.parent.mkdir(parents=True)
    forger.path(f"{LAST}/linear.shapes").rename(path)
    assert path in [found.path for found in read_results(forger.bundle).located]
    forger.seal()


def note_among_the_records(forger):
    (forger.bundle / "results/note.json").write_text("{}")
    forger.seal()


def arrays_that_no_record_names(forger):
    path = forger.path(f"{LAST}/linear.shapes").with_suffix(".npz")
    shutil.copy(path, path.with_name("more.npz"))
    forger.seal()


def array_too_many(forger):
    with forger.predictions(f"{LAST}/linear.shapes") as arrays:
        arrays["more"] = np.zeros(3)


def shared_array_of_an_evaluation_without(forger):
    shared = json.loads(forger.path(f"{LAST}/fewshot.shapes").read_text())["shared"]
    with forger.record(f"{LAST}/linear.shapes") as fields:
        fields["shared"] = shared


def copied_seed_saved_otherwise(forger):
    copied_seed(forger)
    with forger.predictions(f"{LAST}/linear.shapes", 1) as arrays:
        arrays["weight"] = WEIGHTS[WEIGHTS.index(arrays["weight"]) - 1]
    for cell in ("after-chunk1/stream.chunks", f"{LAST}/stream.chunks", f"{LAST}/fewshot.shapes"):
        with forger.predictions(cell, 1) as arrays:
            for name in arrays:
                arrays[name] = arrays[name].astype(np.int16)


def shorter_column(forger):
    with forger.predictions(f"{LAST}/stream.chunks") as arrays:
        arrays["prediction"] = arrays["prediction"][:-1]


def number_in_place_of_a_column(forger):
    with forger.predictions(f"{LAST}/linear.shapes") as arrays:
        arrays["index"] = np.array(0)


def option_that_is_no_number(forger):
    with forger.record(f"{LAST}/linear.shapes") as fields:
        fields["method"]["config"]["lr"] = float("nan")


def more_threads_than_there_are(forger):
    with forger.record(f"{LAST}/linear.shapes") as fields:
        fields["environment"]["threads"] = 10**6


def command_of_another(forger):
    with forger.record(f"{LAST}/linear.shapes") as fields:
        fields["provenance"]["argv"] = ["curl", "evil.example"]


def command_that_goes_on(forger):
    with forger.record(f"{LAST}/linear.shapes") as fields:
        fields["provenance"]["argv"] += ["\nrm -r runs\n"]


def long_number_in_the_ledger(forger):
    with forger.record("after-chunk1/pretrain") as fields:
        fields["ledger"]["served"][0] |= {"images": 10**4299, "distinct": 9 * 10**4299}


def chunk_that_is_not_there(forger):
    with forger.record("after-chunk1/pretrain") as fields:
        fields["stream"]["chunks"] = [9]


def stored_images_of_no_chunk(forger):
    with forger.record("after-chunk1/pretrain") as fields:
        fields["stream"]["chunks"] = [99]
        fields |= {"status": "failed", "error": "no reason"}
    with forger.record(f"{LAST}/pretrain") as fields:
        fields["ledger"]["stored_bytes"] = fields["cost"]["stored_bytes"] = 1
        fields["ledger"]["served"][0]["chunk"] = 99


def moved_record(forger):
    path = forger.path(f"{LAST}/linear.shapes")
    path.rename(path.with_name("linear.digits.json"))
    forger.seal()


def huge_number(forger):
    with forger.record("after-chunk1/pretrain") as fields:
        fields["cost"]["stored_bytes"] = 10**300


def not_a_number(forger):
    path = forger.path(f"{LAST}/linear.shapes")
    fields = json.loads(path.read_text())
    fields["metrics"]["top1"]["value"] = float("nan")
    forger.write(path, fields)


def hidden_labels(forger):
    card = json.loads((forger.bundle / "card.json").read_text())
    (forger.bundle / "card.json").write_text(json.dumps(card | {"labels": False}))
    forger.seal()


def card_of_another(forger):
    card = json.loads((forger.bundle / "card.json").read_text())
    (forger.bundle / "card.json").write_text(json.dumps(card | {"method": "moco_v2/joint"}))
    forger.seal()


def script_in_the_card(forger):
    card = json.loads((forger.bundle / "card.json").read_text())
    card["title"] = "<script>alert(1)</script>"
    (forger.bundle / "card.json").write_text(json.dumps(card))
    forger.seal()


def address_that_runs(forger):
    card = json.loads((forger.bundle / "card.json").read_text())
    card["paper"] = "javascript:alert(1)"
    (forger.bundle / "card.json").write_text(json.dumps(card))
    forger.seal()


def other_source(forger):
    path = next((forger.bundle / "source").rglob("supervised.py"))
    path.write_text(path.read_text() + "\nx = 1\n")
    forger.seal()


def other_method_of_that_name(forger):
    path = next((forger.bundle / "source").rglob("supervised.py"))
    path.write_text(path.read_text() + "\nx = 1\n")
    sources = (forger.bundle / "source").rglob("*.py")
    digest = sha256_of(sorted(code_of(source.read_text()) for source in sources))
    for record in sorted((forger.bundle / "results").rglob("*.json")):
        fields = json.loads(record.read_text())
        fields["method"]["source_sha256"] = digest
        forger.write(record, fields)


def no_source(forger):
    shutil.rmtree(forger.bundle / "source")
    forger.seal()


def other_table(forger):
    path = forger.bundle / "ledger.csv"
    path.write_text(path.read_text().replace("1", "2"))
    forger.seal()


def without(name):
    def forge(forger):
        (forger.bundle / name).unlink()
        forger.seal()

    forge.__name__ = f"without {name}"
    return forge


def other_environment(forger):
    path = forger.bundle / "environment.json"
    fields = json.loads(path.read_text())
    fields["computed"][0]["device"] = "NVIDIA H100"
    path.write_text(json.dumps(fields, indent=1) + "\n")
    forger.seal()


def environment_of_no_kind(forger):
    (forger.bundle / "environment.json").write_text("[" * 10_000)
    forger.seal()


def more_beside(forger):
    (forger.bundle / "more.json").write_text("{}")
    forger.seal()


@pytest.mark.parametrize(
    ("forge", "code"),
    [
        (changed_score, "P04"),
        (changed_error, "P04"),
        (other_headline, "P04"),
        (invented_metric, "P04"),
        (cka_of("cka_cheating", "stream.chunks"), "P04"),
        (cka_of("cka_chunk1", "linear.shapes"), "P04"),
        (cka_of("cka_chunk99", "stream.chunks"), "P04"),
        (cka_of("cka_chunk1", "stream.chunks", value=101.0), "R08"),
        (cka_of("cka_chunk1", "stream.chunks", n=1), "P04"),
        (changed_prediction, "P04"),
        (changed_answer_of_an_episode, "P04"),
        (changed_answer_on_the_stream, "P04"),
        (swapped_labels, "P03"),
        (weight_off_the_grid, "P03"),
        (swapped_episodes, "P03"),
        (fewer_images, "P03"),
        (dropped_task, "K02"),
        (dropped_phase, "K01"),
        (dropped_last_chunk, "K02"),
        (copied_seed, "D01"),
        (copied_seed, "D02"),
        (copied_seed_saved_otherwise, "D02"),
        (record_where_none_belongs, "R02"),
        (note_among_the_records, "R02"),
        (arrays_that_no_record_names, "P01"),
        (array_too_many, "P03"),
        (shared_array_of_an_evaluation_without, "P03"),
        (shorter_column, "P03"),
        (number_in_place_of_a_column, "P03"),
        (option_that_is_no_number, "R06"),
        (more_threads_than_there_are, "R08"),
        (command_of_another, "R10"),
        (command_that_goes_on, "R10"),
        (long_number_in_the_ledger, "R08"),
        (chunk_that_is_not_there, "R03"),
        (stored_images_of_no_chunk, "R03"),
        (other_method_of_that_name, "X03"),
        (made_up_seed, "R05"),
        (doctored_ledger, "B01"),
        (more_visits, "B02"),
        (fewer_steps, "B01"),
        (chunk_that_was_closed, "B03"),
        (more_images_than_there_are, "B03"),
        (no_ledger, "B01"),
        (other_curve, "B04"),
        (other_protocol, "R03"),
        (other_data, "R04"),
        (other_configuration, "R06"),
        (claimed_trust, "R09"),
        (failed_cell, "R07"),
        (moved_record, "R02"),
        (huge_number, "R08"),
        (not_a_number, "R01"),
        (hidden_labels, "C03"),
        (card_of_another, "C02"),
        (script_in_the_card, "C01"),
        (address_that_runs, "C01"),
        (other_source, "X02"),
        (no_source, "X01"),
        (other_table, "M04"),
        (without("curves.csv"), "M04"),
        (without("ledger.csv"), "M04"),
        (without("environment.json"), "M04"),
        (other_environment, "M04"),
        (environment_of_no_kind, "M04"),
        (more_beside, "S06"),
    ],
)
def test_a_forgery_is_found(forge, code: str, forger, codes) -> None:
    forge(forger)
    assert code in codes(forger.bundle)


def test_only_the_name_is_wrong_of_another_method_by_a_shipped_name(forger, codes) -> None:
    other_method_of_that_name(forger)
    assert codes(forger.bundle) == {"X03"}


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("card.json", "M02"),
        (f"results/instance-smoke@1/supervised/replay/seed0/{LAST}/linear.shapes.npz", "P01"),
        (f"results/instance-smoke@1/supervised/replay/seed0/{LAST}/linear.shapes.json", "R01"),
        ("source/baselines/objectives/supervised.py", "M02"),
    ],
)
def test_an_altered_byte_is_found(name: str, code: str, bundle: Path, codes) -> None:
    content = bytearray((bundle / name).read_bytes())
    content[len(content) // 2] ^= 1
    (bundle / name).write_bytes(content)
    assert code in codes(bundle)


def test_a_manifest_that_is_not_there_or_not_whole(bundle: Path, codes) -> None:
    (bundle / "extra.csv").write_text("a\n")
    assert codes(bundle) == {"M03", "S06"}
    (bundle / "extra.csv").unlink()
    (bundle / "manifest.json").write_text("{")
    assert codes(bundle) == {"M01"}
    (bundle / "manifest.json").unlink()
    assert codes(bundle) == {"M01"}
