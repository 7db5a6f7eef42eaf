"""Cells are computed again: what is honest comes out the same, what was made up does not."""

import json
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from typer.testing import CliRunner, Result

from benchmark.canonical import sha256_of
from benchmark.cells import plan
from benchmark.cli.main import app
from benchmark.cli.progress import RunProgress
from benchmark.engine.compute import Computer
from benchmark.errors import HeadwaterError, Stopped, UsageError
from benchmark.execute import run
from benchmark.provenance import code_of
from benchmark.resolve import protocol_named, resolve
from benchmark.result import parse_record, read_record
from benchmark.store import Store
from leaderboard.reproduction import FILE, main, reproduction
from leaderboard.row import machine
from leaderboard.submission import verify
from leaderboard.submission.examine import examine
from leaderboard.submission.vouch import vouch
from leaderboard.trust import TRUST, read_trust
from tasks.probes.linear import measure

LAST = "after-chunk2"


def headwater(*words: object) -> Result:
    return CliRunner().invoke(app, [str(word) for word in words])


def sentence(outcome: Result) -> str:
    """What a person reads in the place of a traceback."""
    assert isinstance(outcome.exception, HeadwaterError), outcome.output
    return str(outcome.exception)


class Quiet:
    def begin(self, cell: object) -> None: ...

    def end(self, cell: object, attempt: object) -> None: ...

    def look(self) -> None: ...


def computed(store: Path, method: str, options: dict[str, Any], **chosen: Any) -> Path:
    """A store with one seed of a method."""
    spec, resolved = protocol_named("instance/smoke"), resolve(method, options)
    cells = plan(spec, resolved, 0, **chosen)
    assert not run(spec, resolved, Store(store), Quiet(), cells=cells).failed
    return store


@pytest.fixture(scope="session")
def again(untouched: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store in which all cells of the bundle's seed 0 have been computed again."""
    store = tmp_path_factory.mktemp("again") / "store"
    entries = [e for e in verify.able(examine(untouched).entries) if e.run[2] == 0]
    reruns = verify.rerun(entries, store)
    assert [one.verdict for one in reruns] == ["same bits"] * 4
    assert {one.entry.record.task.evaluation for one in reruns} == {"stream", "linear", "fewshot"}
    return store


def seed_that_draws(folder: Path, *endings: str) -> int:
    """A seed for which exactly these are drawn of the evaluations."""
    entries = examine(folder).entries
    for seed in range(10_000):
        paths = [entry.path for entry in verify.choose(entries, len(endings), seed)]
        if all(any(path.endswith(f"{e}.json") for path in paths) for e in endings):
            return seed
    raise AssertionError(endings)


def test_an_honest_bundle_has_the_same_bits(untouched: Path, again: Path) -> None:
    stream = "seed0/after-chunk1/stream.chunks"
    seed = seed_that_draws(untouched, stream, f"seed0/{LAST}/linear.shapes")
    words = ("verify", untouched, "--seed", seed, "--store", again)
    outcome = headwater(*words)
    assert outcome.exit_code == 0, outcome.output
    note, *lines = outcome.stdout.strip().splitlines()
    assert note.startswith("note P05")
    assert lines[0] == "drawn at random, 2 of 8 evaluations:"
    assert lines[1].endswith(f"{stream}.json")
    assert [line.partition(":")[0] for line in lines[-3:-1]] == ["same bits", "same bits"]
    verdict = "reproduced: 2 of 2 drawn from 8 evaluations agree, 2 with the same bits"
    assert lines[-1] == f"{untouched} is {verdict}"
    told = json.loads(headwater(*words, "--json").stdout)
    assert list(told) == ["accepted", "drawn", "of", "verdict", "findings"]
    assert told["accepted"] and told["of"] == 8 and told["verdict"] == verdict
    keys = ["path", "metric", "claimed", "found", "difference", "allowed", "verdict", "alike"]
    assert list(told["drawn"][0]) == keys
    assert told["drawn"][0]["verdict"] == "same bits" and told["drawn"][0]["difference"] == 0
    assert told["drawn"][0]["alike"] is True


def test_the_draw_is_even_and_known_by_its_seed(untouched: Path) -> None:
    entries = examine(untouched).entries
    drawn = [verify.choose(entries, 2, seed) for seed in range(400)]
    assert drawn[:3] == [verify.choose(entries[::-1], 2, seed) for seed in range(3)]
    counts = [sum(entry in two for two in drawn) for entry in verify.able(entries)]
    assert sum(counts) == 800 and min(counts) > 60  # 100 each, give or take 9
    assert len({tuple(e.path for e in verify.choose(entries, 2)) for _ in range(20)}) > 3
    assert len(verify.choose(entries, 100)) == 8
    with pytest.raises(HeadwaterError, match="no evaluation"):
        verify.choose([e for e in entries if e.record.kind == "pretrain"], 1)


def test_a_changed_score_is_refused_before_anything_is_rerun(forger, tmp_path: Path) -> None:
    with forger.record(f"{LAST}/linear.shapes") as fields:
        fields["metrics"]["top1"]["value"] += 1
    outcome = headwater("verify", forger.bundle, "--store", tmp_path / "again")
    assert outcome.exit_code == 1 and not (tmp_path / "again").exists()
    assert "error P04" in outcome.stdout
    assert " is refused: a bundle" in outcome.stdout.strip().splitlines()[-1]
    told = json.loads(headwater("verify", forger.bundle, "--json").stdout)
    assert not told["accepted"] and told["drawn"] == [] and told["of"] == 8
    assert [f["code"] for f in told["findings"] if f["level"] == "error"] == ["P04"]


def all_right(forger) -> None:
    """Every answer right, and every number and hash that follows from it."""
    cell = f"{LAST}/linear.shapes"
    with forger.predictions(cell) as arrays:
        arrays["prediction"] = arrays["label"].astype(arrays["prediction"].dtype)
        metrics = measure("top1", arrays["label"], arrays["prediction"])
    with forger.record(cell) as fields:
        fields["metrics"] = {n: metrics[n].model_dump(mode="json") for n in fields["metrics"]}


def test_made_up_predictions_that_fit_together_differ(forger, again: Path) -> None:
    all_right(forger)
    assert examine(forger.bundle).accepted  # nothing in the folder gives it away
    seed = seed_that_draws(forger.bundle, f"seed0/{LAST}/linear.shapes")
    words = ("verify", forger.bundle, "--cells", 1, "--seed", seed, "--store", again)
    outcome = headwater(*words)
    assert outcome.exit_code == 1, outcome.output
    *_, found, last = outcome.stdout.strip().splitlines()
    assert found.startswith("differs: results/") and "top1 100.00 is claimed" in found
    assert last.endswith(
        "not reproduced: 0 of 1 drawn from 8 evaluations agree, 0 with the same bits"
    )
    told = json.loads(headwater(*words, "--json").stdout)
    assert not told["accepted"] and told["drawn"][0]["difference"] < -told["drawn"][0]["allowed"]


def elsewhere(forger, *cells: str) -> None:
    """Records of seed 0 that say they were computed on another kind of machine."""
    for cell in cells:
        with forger.record(cell) as fields:
            fields["environment"]["cpu"] = "Another (family 1, model 1), AVX2"


def seeds_of_another(store: Path, forger, *values: float) -> Path:
    """A store with a method of several seeds, of which only the headlines matter."""
    fields = json.loads(forger.path(f"{LAST}/linear.shapes").read_text())
    del fields["sha256"]
    for seed, value in enumerate(values):
        fields["method"]["name"], fields["seeds"]["replicate"] = "other/one", seed
        fields["metrics"]["top1"]["value"] = value
        path = store / f"instance-smoke@1/other/one/seed{seed}/{LAST}/linear.shapes.json"
        path.parent.mkdir(parents=True)
        path.write_text(json.dumps(fields))
    return store


@pytest.mark.parametrize("part", ["linear.shapes", "pretrain"])
def test_one_method_from_another_machine_is_not_said_to_differ(
    part: str, forger, again: Path, tmp_path: Path, monkeypatch
) -> None:
    all_right(forger)
    elsewhere(forger, f"{LAST}/{part}")
    monkeypatch.chdir(tmp_path)  # where there is no ./results
    seed, trust = seed_that_draws(forger.bundle, f"seed0/{LAST}/linear.shapes"), tmp_path / TRUST
    words = ("verify", forger.bundle, "--cells", 1, "--seed", seed, "--store", again)
    (entry,) = vouch(trust, examine(forger.bundle)).values()
    assert entry is not None and entry.tier == "rescored"
    outcome = headwater(*words, "--trust", trust)
    assert outcome.exit_code == 3, outcome.output
    assert f"another seed moves is taken from the records of {forger.bundle}" in outcome.stdout
    *_, found, told, last = outcome.stdout.strip().splitlines()
    assert found.startswith("cannot be told: results/") and "name a store of several seeds" in found
    assert told.endswith("supervised/replay on instance/smoke@1 is rescored")
    assert "is neither reproduced nor refuted: 0 of 1 drawn from 8 evaluations agree" in last
    assert read_trust(tmp_path).vouched == (entry,)
    document = json.loads(headwater(*words, "--json").stdout)
    assert document["accepted"] and document["drawn"][0]["verdict"] == "cannot be told"
    near = seeds_of_another(tmp_path / "near", forger, 50.0, 50.1)
    outcome = headwater(*words, "--luck", near)
    assert outcome.exit_code == 1 and "not reproduced: 0 of 1 drawn" in outcome.stdout
    far = seeds_of_another(tmp_path / "far", forger, 10.0, 90.0)
    outcome = headwater(*words, "--luck", far, "--trust", trust)
    assert outcome.exit_code == 0 and "is reproduced: 1 of 1 drawn" in outcome.stdout
    assert read_trust(tmp_path).vouched[0].tier == "reproduced"


def test_whose_luck_it_is(forger, again: Path, tmp_path: Path, monkeypatch) -> None:
    all_right(forger)
    elsewhere(forger, f"{LAST}/linear.shapes")
    seed = seed_that_draws(forger.bundle, f"seed0/{LAST}/linear.shapes")
    words = ("--cells", 1, "--seed", seed, "--store", again)

    def told(folder: Path, *more: object) -> tuple[str, int]:
        outcome = headwater("verify", folder, *words, *more)
        (line,) = (one for one in outcome.stdout.splitlines() if one.startswith("what another"))
        return line.removeprefix("what another seed moves is taken from the records of "), (
            outcome.exit_code
        )

    monkeypatch.chdir(forger.bundle)  # ./results is the bundle's own, and does not count
    assert told(forger.bundle) == (str(forger.bundle), 3)
    monkeypatch.chdir(tmp_path)
    far = seeds_of_another(tmp_path / "results", forger, 10.0, 90.0)
    assert told(forger.bundle) == ("results", 0)
    near = seeds_of_another(tmp_path / "near", forger, 50.0, 50.1)
    assert told(forger.bundle, "--trust", near / TRUST) == (str(near), 1)
    assert told(forger.bundle, "--trust", near / TRUST, "--luck", far) == (str(far), 0)
    assert told(forger.bundle, "--luck", again) == (str(again), 3)  # of this method alone
    line = sentence(headwater("verify", forger.bundle, "--luck", forger.bundle / "results"))
    assert line.endswith("lies in what is to be verified; choose another --luck")
    line = sentence(headwater("verify", forger.bundle, "--luck", tmp_path / "nowhere"))
    assert line.endswith("nowhere; name one that `headwater run` wrote")
    assert "there is no store at" in sentence(
        headwater("verify", forger.bundle, *words, "--luck", tmp_path / "nowhere")
    )


def test_an_honest_bundle_from_another_machine_has_the_same_bits(forger, again: Path) -> None:
    elsewhere(forger, f"{LAST}/linear.shapes", f"{LAST}/pretrain")
    seed = seed_that_draws(forger.bundle, f"seed0/{LAST}/linear.shapes")
    outcome = headwater("verify", forger.bundle, "--cells", 1, "--seed", seed, "--store", again)
    assert outcome.exit_code == 0 and "reproduced: 1 of 1 drawn" in outcome.stdout


def test_other_source_is_said_and_none_of_it_is_run(forger, again: Path) -> None:
    ran = forger.bundle.parent / "ran"
    path = forger.bundle / "source/baselines/objectives/supervised.py"
    path.write_text(f"open({str(ran)!r}, 'w').close()\n{path.read_text()}")
    codes = [code_of(p.read_text()) for p in (forger.bundle / "source").rglob("*.py")]
    for record in forger.path("x").parent.parent.rglob("*/*.json"):
        fields = json.loads(record.read_text())
        fields["method"]["source_sha256"] = sha256_of(sorted(codes))
        forger.write(record, fields)
    assert {f.code for f in examine(forger.bundle).findings.found} == {"X03", "P05"}
    assert headwater("verify", forger.bundle, "--store", again).exit_code == 1
    told = sentence(headwater("verify", forger.bundle / "results", "--store", again))
    assert told.startswith("the source of supervised/replay here is not the one that its records")
    assert "install that version, or name the file with that source by --method" in told
    assert not ran.exists()


def test_other_options_are_said(untouched: Path) -> None:
    record = examine(untouched).entries[0].record
    config = {**record.method.config, "lr": 0.5}
    method = record.method.model_copy(update={"config": config, "config_sha256": sha256_of(config)})
    with pytest.raises(HeadwaterError, match=r"options of supervised/replay are not .*: lr; "):
        verify.method_of(record.model_copy(update={"method": method}), None, "smoke")


MINE = '''"""A network that is not trained."""

from benchmark import Method, build_backbone


class Mine(Method):
    def __init__(self, setting, config):
        super().__init__(setting, config)
        self.backbone = build_backbone(setting.arch)

    def phases(self, n_chunks):
        return ()
'''


def test_a_method_that_is_not_installed_is_named(tmp_path: Path) -> None:
    path, other = tmp_path / "mine.py", tmp_path / "other.py"
    path.write_text(MINE)
    other.write_text(MINE.replace("return ()", "return tuple()"))
    store = computed(tmp_path / "runs", f"{path}:Mine", {})
    words = ("verify", store, "--cells", 1, "--method")
    outcome = headwater(*words[:-1])
    assert outcome.exit_code == 1 and isinstance(outcome.exception, UsageError)  # main makes it 2
    assert "read its source, and if you trust it, add --method path/to/file.py:Mine" in sentence(
        outcome
    )
    assert headwater(*words, f"{path}:Mine").exit_code == 0
    assert "the source of Mine here is not" in sentence(headwater(*words, f"{other}:Mine"))
    told = sentence(headwater(*words, f"{path}:Yours"))
    assert told == "the records are not of Yours; their methods: Mine"


def test_untrained_with_options_and_an_evaluation_on_request(tmp_path: Path) -> None:
    store = computed(
        tmp_path / "runs",
        "random_init",
        {"batch_size": 32, "lr": 1e-4},
        evaluations=["stream", "linear", "fewshot", "linear_10pct"],
    )
    examined = examine(store)
    assert examined.accepted, examined.findings.found
    assert {e.record.method.name for e in examined.entries} == {
        "random_init+batch_size=32+lr=0.0001"
    }
    outcome = headwater("verify", store, "--cells", 9)
    assert outcome.exit_code == 0, outcome.output
    assert "4 of 4 drawn from 4 evaluations agree, 4 with the same bits" in outcome.stdout
    assert "linear_10pct.shapes.json" in outcome.stdout


def test_a_cell_that_fails_here_is_no_agreement(untouched: Path, tmp_path, monkeypatch) -> None:
    def fail(self: Computer, *_: object) -> None:
        raise RuntimeError("no memory")

    entries = verify.choose(examine(untouched).entries, 1, 0)
    with monkeypatch.context() as patch:
        patch.setattr(Computer, "_pretrain", fail)
        (one,) = verify.rerun(entries, tmp_path)
    assert (one.verdict, one.found, one.difference) == ("differs", None, None)
    assert str(one).endswith("is claimed; pretrain failed here: RuntimeError: no memory")
    (one,) = verify.rerun(entries, tmp_path)  # what failed there is tried again
    assert one.verdict == "same bits"


def test_it_goes_on_where_it_was_stopped(untouched: Path, tmp_path: Path, monkeypatch) -> None:
    seed = seed_that_draws(untouched, f"seed1/{LAST}/linear.shapes")
    entries = verify.choose(examine(untouched).entries, 1, seed)
    begun: list[str] = []
    begin = RunProgress.begin

    def stop_at(last: int) -> Callable[..., Any]:
        def told(self: RunProgress, cell: Any) -> Any:
            begun.append(f"{cell.chunks_seen} {cell.name}")
            if len(begun) == last:
                os.kill(os.getpid(), signal.SIGINT)
            return begin(self, cell)

        return told

    monkeypatch.setattr(RunProgress, "begin", stop_at(2))
    with pytest.raises(Stopped):
        verify.rerun(entries, tmp_path)
    monkeypatch.setattr(RunProgress, "begin", stop_at(0))
    (one,) = verify.rerun(entries, tmp_path)
    assert one.verdict == "same bits"
    assert begun == ["1 pretrain", "2 pretrain", "2 pretrain", "2 linear.shapes"]


def test_each_cell_has_the_threads_of_its_record(untouched: Path, tmp_path: Path) -> None:
    entries, usual = examine(untouched).entries, torch.get_num_threads()
    (chosen,) = verify.choose(entries, 1, seed_that_draws(untouched, f"seed0/{LAST}/linear.shapes"))
    as_claimed = verify.threads_of(entries)
    assert set(as_claimed.values()) == {chosen.record.environment.threads}
    told = {key: 3 + (key == chosen.record.key) for key in as_claimed}
    for place, threads in (("named", told), ("all", 3), ("none", None)):
        verify.rerun([chosen], tmp_path / place, threads=threads)
        assert torch.get_num_threads() == usual
    found = {
        place: {
            record.kind: record.environment.threads
            for path in (tmp_path / place).rglob(f"{LAST}/*.json")
            if (record := parse_record(path.read_bytes()))
        }
        for place in ("named", "all", "none")
    }
    assert found == {
        "named": {"pretrain": 3, "evaluation": 4},
        "all": {"pretrain": 3, "evaluation": 3},
        "none": {"pretrain": usual, "evaluation": usual},
    }


def test_nothing_is_compared_with_itself(smoke_store: Path, untouched: Path) -> None:
    for folder, store in ((smoke_store, smoke_store), (untouched, untouched / "results")):
        told = sentence(headwater("verify", folder, "--store", store))
        assert told.endswith("lies in what is to be verified; choose another --store")


def test_a_checkpoint_from_elsewhere_and_a_strange_name(untouched: Path) -> None:
    record = examine(untouched).entries[0].record
    for name, what in {
        "outside/resnet18-1234": "headwater evaluate",
        "no/such": "--method",
    }.items():
        method = record.method.model_copy(update={"name": name})
        with pytest.raises(HeadwaterError, match=what):
            verify.method_of(record.model_copy(update={"method": method}), None, "smoke")


def test_the_quantile_grows_with_the_cells(untouched: Path, again: Path) -> None:
    entries = [e for e in verify.able(examine(untouched).entries) if e.run[2] == 0]
    few, many = verify.rerun(entries[:1], again), verify.rerun(entries, again)
    # of 1 - 0.025 and 1 - 0.025 / 4
    assert many[0].allowed / few[0].allowed == pytest.approx(2.49771 / 1.95996, abs=1e-5)


def test_without_a_store_nothing_is_kept(untouched: Path, monkeypatch) -> None:
    places: list[Path] = []

    def stopped(chosen: object, store: Path, *_: object) -> None:
        assert store.is_dir()
        places.append(store)
        raise Stopped

    monkeypatch.setattr(verify, "rerun", stopped)
    outcome = headwater("verify", untouched)
    assert outcome.exit_code == 130 and not places[0].exists()
    assert "nothing is kept without --store" in outcome.stderr


@pytest.mark.parametrize("strategy", ["mas", "lump", "cumulative"])
def test_what_a_method_reads_beside_its_steps_is_within_the_budget(strategy, tmp_path) -> None:
    store = computed(tmp_path / "runs", f"moco_v2/{strategy}", {})
    examined = examine(store)
    visits = [e.record.cost.image_visits for e in examined.entries if e.record.kind == "pretrain"]
    assert sum(visits) > protocol_named("instance/smoke").budget.image_visits
    assert examined.accepted, examined.findings.found


def test_the_table_of_cells_computed_again_twice(tmp_path: Path) -> None:
    # not trained: so short a training ends elsewhere on another processor, by 3 threads
    store = computed(tmp_path / "store", "random_init", {})
    main(store=store, cells=1, seed=0, threads=3, keep=tmp_path / "again")
    document = json.loads((store / FILE).read_text())
    (same,), (other,) = (document[n]["drawn"] for n in ("as_recorded", "otherwise"))
    assert same["verdict"] == "same bits"
    assert other["path"] == same["path"] and other["verdict"] in ("same bits", "agrees")
    assert same["alike"] and not other["alike"]
    here = read_record(tmp_path / "again" / "as_recorded" / same["path"]).environment
    heading, _, row, _, allowed, _, _, _, told = reproduction(document).splitlines()
    assert allowed.startswith("Allowed is how far two headlines may be apart")
    assert heading == "| Cell | Claimed | Machine | As recorded | By 3 threads | Allowed |"
    assert row.startswith(f"| `{same['path'].removesuffix('.json')}` | ")
    assert "1 of 1 drawn from 3 evaluations agree, 1 with the same bits; 1 of the 1 of" in told
    assert f"again until {document['as_recorded']['ended']} on {machine(here)}. By as" in told
    assert f"{abs(other['found'] - other['claimed']):.2f} on average" in told
    assert "1 of 1 drawn" in told.partition("By 3 threads")[2]
