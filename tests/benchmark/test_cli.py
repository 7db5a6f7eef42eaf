"""The command line as a user meets it."""

import dataclasses
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision.models import resnet18

from benchmark.cli.main import main
from benchmark.registry import TASKS

VERBS = (
    *("aggregate", "bench", "check", "demo", "doctor", "evaluate", "list", "plan", "prepare"),
    *("run", "show", "site", "status"),
)


class Done(NamedTuple):
    """What a command ended with."""

    code: int
    out: str
    err: str


@pytest.fixture
def headwater(capsys, monkeypatch) -> Callable[..., Done]:
    """Runs the command line in this process."""

    def call(*words: str) -> Done:
        monkeypatch.setattr(sys, "argv", ["headwater", *words])
        with pytest.raises(SystemExit) as ended:
            main()
        return Done(ended.value.code, *capsys.readouterr())

    return call


def test_help_names_every_verb_and_imports_no_torch() -> None:
    code = (
        "import sys; sys.argv = ['headwater', '--help'];"
        "from benchmark.cli.main import main;"
        "import atexit; atexit.register(lambda: print('torch' in sys.modules));"
        "main()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0
    assert done.stdout.strip().endswith("False")
    assert all(f" {verb} " in done.stdout for verb in VERBS)


@pytest.mark.parametrize("verb", [verb for verb in VERBS if verb != "site"])
def test_every_verb_has_an_example(headwater, verb: str) -> None:
    done = headwater(verb, "--help")
    assert done.code == 0
    assert f"Example: headwater {verb}" in done.out


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("lst",), "No such command 'lst'"),
        (("list", "nothing"), "'nothing' is not one of"),
        (("run", "-p", "instance/nan", "-m", "random_init"), "nearest: instance/nano@1"),
        (("run", "-p", "instance/smoke", "-m", "random"), "nearest: random_init"),
        (("run", "-p", "instance/smoke", "-m", "moco_v2/joint", "--set", "lrr=1"), "no option"),
        (("run", "-p", "instance/smoke", "-m", "random_init", "--tasks", "flag"), "has no task"),
        (("run", "-p", "instance/smoke", "-m", "random_init", "--tasks", ","), "names nothing"),
        (
            ("run", "-p", "instance/smoke", "-m", "random_init", "--evaluations", "linea"),
            "there is no evaluation 'linea'; there are: linear,",
        ),
        (
            (
                *("run", "-p", "instance/nano", "-m", "random_init"),
                *("--tasks", "crowns", "--evaluations", "linear"),
            ),
            "no evaluation linear: crowns has detection",
        ),
        (("evaluate", "--checkpoint", "no.pth", "--arch", "resnet18"), "there is no file no.pth"),
        (("evaluate", "--checkpoint", "no.pth", "--arch", "resnet19"), "nearest: "),
        (("show", "tasks", "digit"), "nearest: digits"),
        (("show", "tasks", "digits", "--picture", "x.png"), "--picture shows a protocol's stream"),
        (("prepare", "full"), "the full tier needs your images: --images DIR, or --hub"),
        (("prepare", "full", "--images", "/", "--set", "imagnet"), "no set is called 'imagnet'"),
        (("prepare", "full", "--images", "/nope"), "there is no folder /nope"),
        (("prepare", "full", "--images", "/", "--hub", "a/b@c"), "name two origins; choose one"),
        (("prepare", "full", "--images", "/"), "does not say which set it is: add --set NAME"),
        (("prepare", "full", "--set", "dtd", "--hub", "a/b@main"), "not OWNER/NAME@REVISION"),
        (("prepare", "nano", "--set", "imagenet"), "--hub and --set go with the full tier"),
    ],
)
def test_wrong_usage_is_one_sentence_and_exit_2(
    headwater, words: tuple[str, ...], told: str
) -> None:
    done = headwater(*words)
    assert done.code == 2
    assert told in done.err and "Traceback" not in done.err


def test_data_that_are_not_prepared_are_named_before_anything_runs(
    headwater, own_home: Path, tmp_path: Path
) -> None:
    store = tmp_path / "runs"
    words = ("run", "-p", "instance/nano", "-m", "random_init", "--store", str(store))
    done = headwater(*words)
    assert done.code == 1
    assert done.err.count("run: headwater prepare nano") == 13  # the pool and the twelve tasks
    assert "Traceback" not in done.err
    assert not store.exists()


@pytest.mark.parametrize("kind", ["protocols", "methods", "tasks", "data"])
def test_lists_are_one_json_document(headwater, kind: str) -> None:
    done = headwater("list", kind, "--json")
    rows = json.loads(done.out)
    assert done.code == 0 and rows
    assert len({tuple(row) for row in rows}) == 1  # the same keys in every row


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("list", "protocols"), ("blurred-instance/full@1", "256,233,400")),
        (("list", "methods"), ("momentum encoder,", "boundaries", "supervised")),
        (
            ("list", "tasks"),
            (
                "\nlinear_1pct ",
                "\nfinetune_10shot",
                "\nfewshot_logistic",
                "\ndetection_frozen",
                *("linear, detection", "caltech101@1", "which animal a silhouette", "sharpness"),
            ),
        ),
        (
            ("list", "data"),
            (
                *("@iconify-json/fluent-emoji-high-contrast", "pool, scenes, faces, flags, obj"),
                *("1.2.5, CC-BY-4.0", "Twitter, Inc. and other contributors,", "CC-BY-NC-SA-4.0"),
                *("redistributed", "openly licensed"),
            ),
        ),
        (("show", "protocols", "distant-class/nano"), ("class_distance  within", "Objects 238,")),
        (("show", "protocols", "selection/nano"), ("linear_10shot 12,", "finetune_10shot 12")),
        (("show", "methods", "byol/cassle"), ("2 + 4", "is a loss of the objective's own kind")),
        (
            ("show", "tasks", "digits"),
            ("metric       top1", "on request   linear_1pct, ", "sklearn any, CC-BY-4.0: E. Alpay"),
        ),
    ],
)
def test_lists_and_documents_are_readable_at_80_columns(
    headwater, monkeypatch, words: tuple[str, ...], told: tuple[str, ...]
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    printed = headwater(*words).out
    assert max(map(len, printed.splitlines())) <= 80
    assert [text for text in told if text not in printed] == []
    assert "{" not in printed


def test_the_hashes_of_a_method_are_whole_at_80_columns(headwater, monkeypatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    words = ("show", "methods", "moco_v2/replay")
    printed, document = headwater(*words).out, json.loads(headwater(*words, "--json").out)
    assert document["config_sha256"] in printed and document["source_sha256"] in printed
    assert f"numbers        {document['extra_parameters']:,}" in printed


def test_a_metric_is_told_where_something_is_measured_by_it(headwater) -> None:
    listed = {row["task"]: row for row in json.loads(headwater("list", "tasks", "--json").out)}
    told = {name: listed[f"{name}@1"]["metric"] for name in ("crowns", "chunks", "scenes")}
    assert told == {"crowns": None, "chunks": None, "scenes": "map11"}
    assert "map11" not in headwater("show", "tasks", "crowns").out
    document = json.loads(headwater("show", "tasks", "voc2007", "--json").out)
    assert (document["metric"], document["n_classes"]) == ("map11", 20)


def test_the_grid_of_methods_is_shown_with_papers_stores_and_needs(headwater) -> None:
    told = headwater("list", "methods").out
    for word in ("Grill et al.", "momentum encoder", "2 + 2", "boundaries", "labels"):
        assert word in told
    assert "10% of the images" in told and "random_init" in told
    rows = {row["method"]: row for row in json.loads(headwater("list", "methods", "--json").out)}
    assert "supervised/lump" not in rows
    assert rows["supervised/mas_replay"]["needs"] == ["labels", "boundaries"]
    assert rows["byol/cassle"]["forwards"] == [2, 4]
    # 256 x 256 + 256 and 256 x 128 + 128 weights of the projector; its copy; that of the backbone
    # with its statistics; 1,024 keys of 128 numbers
    head = 256 * 256 + 256 + 256 * 128 + 128
    extra = rows["moco_v2/joint"]["extra_parameters"] - 2 * head - 1024 * 128
    assert extra == rows["byol/joint"]["extra_parameters"] - byol_heads()


def byol_heads() -> int:
    """Twice the projector 256-512-128 and once the predictor 128-512-128, with batch norms."""
    norm = 4 * 512 + 1
    projector = 256 * 512 + norm + 512 * 128 + 128
    return 2 * projector + 128 * 512 + norm + 512 * 128 + 128


def test_run_then_again_then_status(headwater, own_home: Path, tmp_path: Path) -> None:
    words = ("-p", "instance/smoke", "-m", "random_init", "--store", str(tmp_path / "runs"))
    first = headwater("run", *words, "--json")
    again = headwater("run", *words, "--json")
    assert first.code == again.code == 0, first.err
    counts = [json.loads(done.out)["methods"]["random_init"] for done in (first, again)]
    assert counts[0] == {"computed": 4, "found": 0, "failed": 0}
    assert counts[1] == {"computed": 0, "found": 4, "failed": 0}
    (row,) = json.loads(headwater("status", *words, "--json").out)
    assert (row["done"], row["missing"], row["stale"]) == (4, 0, 0)


def test_status_lists_what_was_run_with_other_options(headwater, own_home, tmp_path: Path) -> None:
    where = ("-p", "instance/smoke", "--store", str(tmp_path / "runs"))
    assert headwater("run", "-m", "random_init", "--set", "lr=0.5", *where).code == 0
    rows = {row["method"]: row for row in json.loads(headwater("status", "--json", *where).out)}
    assert rows["random_init"]["done"] == 0
    varied = rows["random_init+lr=0.5"]
    assert varied["done"] > 0
    assert varied["missing"] == varied["failed"] == 0


def test_status_tells_how_to_see_methods_of_one_s_own(headwater, own_home, tmp_path: Path) -> None:
    for name in ("Mine", "Other+lr=0.5", "random_init"):
        (tmp_path / "instance-smoke@1" / name / "seed0").mkdir(parents=True)
    (tmp_path / "instance-smoke@1" / "shared" / "seed0").mkdir(parents=True)
    where = ("status", "-p", "instance/smoke", "--store", str(tmp_path))
    told = " ".join(headwater(*where).out.split())
    assert "begun too: Mine, Other+lr=0.5, of files of your own" in told
    assert "see one with -m path/to/file.py:Mine" in told
    assert "of your own" not in headwater(*where, "-m", "random_init").out


def test_every_stream_is_listed_at_nano_and_full(headwater) -> None:
    listed = {
        row["protocol"]: row for row in json.loads(headwater("list", "protocols", "--json").out)
    }
    streams = ("instance", "random-class", "distant-class", "domain")
    for stream in (*streams, "blurred-instance", "blurred-class"):
        for tier in ("nano", "full"):
            row = listed[f"{stream}/{tier}@1"]
            assert row["boundaries"] == (not stream.startswith("blurred"))
    printed = headwater("list", "protocols").out
    assert all(name in printed and row["digest"][:8] in printed for name, row in listed.items())


def test_a_protocol_is_shown_with_its_chunks_and_a_picture(headwater, own_home, tmp_path) -> None:
    path = tmp_path / "stream.png"
    words = ("show", "protocols", "domain/smoke", "--picture", str(path))
    document = json.loads(headwater(*words, "--json").out)
    assert document["protocol"] == "domain/smoke@1"
    assert document["evaluations"] == {"stream": 2, "linear": 1, "fewshot": 1}
    assert document["image_visits"]["joint_at_every_arrival"] == 3072
    assert document["manifest"] == "part of the project"
    assert [(row["chunk"], row["images"], row["held_out"]) for row in document["chunks"]] == [
        ("chunk 1, day", 128, 96),
        ("chunk 2, night", 128, 96),
    ]
    with Image.open(path) as sheet:
        rows = [np.asarray(sheet.crop((190, top, sheet.width, top + 64))) for top in (40, 112)]
    assert rows[0].mean() > 150 > rows[1].mean()  # dark on light, then light on dark
    printed = headwater(*words).out
    assert "joint_at_every_arrival 3,072" in printed and str(path) in printed


def test_a_protocol_of_the_full_tier_says_where_its_ids_come_from(headwater, own_home) -> None:
    document = json.loads(headwater("show", "protocols", "random-class/full", "--json").out)
    assert "run: headwater prepare full --set imagenet --images DIR" in document["manifest"]
    assert [row["classes"] for row in document["chunks"]] == [250] * 4
    assert document["ids_sha256"] is None


def test_a_run_at_the_full_tier_needs_the_images(headwater, own_home, tmp_path) -> None:
    store = tmp_path / "runs"
    done = headwater("run", "-p", "domain/full", "-m", "random_init", "--store", str(store))
    assert done.code == 1 and not store.exists()
    assert "run: headwater prepare full --set domainnet --images DIR" in done.err


def test_a_copy_that_is_not_as_published_ends_with_one_sentence(
    headwater, own_home, tmp_path
) -> None:
    for split in ("train", "val"):
        folder = tmp_path / "imagenet" / split / "n01440764"
        folder.mkdir(parents=True)
        Image.new("RGB", (8, 8)).save(folder / "n01440764_1.JPEG")
    done = headwater("prepare", "full", "--images", str(tmp_path))
    assert done.code == 1 and "Traceback" not in done.err
    assert "imagenet is not what was published: 1 classes, published are 1000" in done.err
    assert not (own_home / "full").exists()


def test_a_set_of_the_full_tier_is_prepared_and_told_of(headwater, own_home, tmp_path, monkeypatch):
    root = tmp_path / "sets" / "dtd"
    for split in ("train", "val", "test"):
        (root / "images" / "banded").mkdir(parents=True, exist_ok=True)
        (root / "labels").mkdir(exist_ok=True)
        (root / "labels" / f"{split}1.txt").write_text(f"banded/{split}.jpg\n")
        Image.new("RGB", (8, 8)).save(root / "images" / "banded" / f"{split}.jpg")
    task = TASKS.get("dtd")
    tiny = dataclasses.replace(task.files, classes=1, images={"train": 1, "val": 1, "test": 1})
    monkeypatch.setattr(task, "files", tiny)
    done = headwater("prepare", "full", "--images", str(root.parent), "--json")
    assert done.code == 0, done.err
    (row,) = json.loads(done.out)
    assert (row["set"], row["images"], row["classes"], row["manifests"]) == ("dtd", 3, 1, [])
    assert row["listing_sha256"] == task().data_sha256()


@pytest.mark.parametrize("name", ["x.pdf", "no/folder/x.png", "."])
def test_a_picture_goes_to_a_png_in_a_folder_that_is_there(
    headwater, own_home, tmp_path, name: str
) -> None:
    path = tmp_path / name
    done = headwater("show", "protocols", "instance/smoke", "--picture", str(path))
    assert done.code == 2 and "name a file ending in .png in a folder" in done.err
    assert [entry.name for entry in tmp_path.iterdir() if entry.name != "home"] == []


def test_a_checkpoint_from_elsewhere_is_evaluated(headwater, tmp_path: Path) -> None:
    path, store = tmp_path / "my net.pth", tmp_path / "evaluated"
    torch.save({"state_dict": resnet18().state_dict(), "epoch": 3}, path)
    words = ("evaluate", "--checkpoint", str(path), "--arch", "resnet18", "-p", "instance/smoke")
    words = (*words, "--store", str(store), "--evaluations", "linear,fewshot_logistic,finetune")
    done = headwater(*words, "--json")
    assert done.code == 0
    document = json.loads(done.out)
    assert document["weights"] == "120 keys: * in state_dict"
    assert document["left_out"] == ["fc"]
    results = {(row["evaluation"], row["metric"]): row for row in document["results"]}
    assert results.keys() == {
        *(("linear", name) for name in ("top1", "mean_per_class")),
        *(("fewshot_logistic", name) for name in ("5way5shot", "5way1shot")),
        *(("finetune", name) for name in ("top1", "mean_per_class")),
    }
    assert all(0 < row["value"] <= 100 and row["standard_error"] >= 0 for row in results.values())
    (record,) = store.rglob("pretrain.json")
    config = json.loads(record.read_text())["method"]["config"]
    assert config.keys() == {"arch", "checkpoint_sha256", "normalisation"}
    again = headwater(*words)
    assert again.code == 0 and "top1" in again.out and "imagenet" in again.out

    torch.save({"fc.weight": torch.zeros(2, 2)}, path)
    done = headwater(*words)
    assert done.code == 1 and "does not fit resnet18: none of its weights is there" in done.err
