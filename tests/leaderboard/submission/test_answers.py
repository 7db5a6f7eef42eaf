"""Which arrays an evaluation may save, and what counts as its answer."""

import zipfile
from pathlib import Path

import numpy as np
import pytest

from benchmark.registry import TASKS, load_shipped
from leaderboard.arrays import read_arrays
from leaderboard.submission.answers import digest_of_answers, misfit, shapes_of, shapes_of_shared

RESULTS = Path(__file__).parents[3] / "results"
TRUTH = {f"truth_{name}": np.zeros(2) for name in ("image", "label")}
FOUND = {"box": np.zeros((3, 4)), **{n: np.zeros(3) for n in ("image", "label", "score")}}
BOXES = {**FOUND, **TRUTH, "truth_box": np.zeros((2, 4))}


@pytest.fixture(autouse=True)
def _shipped() -> None:
    load_shipped()


def test_difficult_objects_are_those_of_voc_alone() -> None:
    shapes = shapes_of(TASKS.get("scenes")(), "detection")
    assert misfit(BOXES, shapes) == ""
    told = misfit(BOXES | {"truth_difficult": np.ones(2, bool)}, shapes)
    assert told == "arrays that the evaluation does not have: truth_difficult"
    assert shapes_of(TASKS.get("voc2007")(), "detection") is None  # only the task itself knows


@pytest.mark.parametrize(
    ("name", "array"), [("box", np.zeros((3, 5))), ("score", np.zeros(4)), ("image", np.array(0))]
)
def test_an_array_of_another_shape(name: str, array: np.ndarray) -> None:
    assert misfit(BOXES | {name: array}, shapes_of(TASKS.get("scenes")(), "detection"))


def test_only_answers_make_a_difference() -> None:
    one = {"prediction": np.array([1, 2]), "weight": np.array(0.1)}
    assert digest_of_answers(one) == digest_of_answers(one | {"weight": np.array(1.0)})
    assert digest_of_answers(one) != digest_of_answers(one | {"prediction": np.array([2, 1])})
    assert digest_of_answers({"a": np.zeros(1)}) != digest_of_answers({"a": np.ones(1)})


def test_the_committed_records_have_what_is_known_of_each_evaluation() -> None:
    for cell in ("*.faces", "*.scenes", "*.chunks"):
        for path in sorted(RESULTS.glob(f"*nano@1/moco_v2/*/seed0/after-chunk*/{cell}.npz"))[::9]:
            way, task = path.stem.split(".")
            shapes = shapes_of(TASKS.get(task)(), way)
            assert misfit(read_arrays(path.read_bytes()), shapes) == "", path
    (path, *_) = sorted(RESULTS.glob("*nano@1/shared/seed0/fewshot.*.npz"))
    assert misfit(read_arrays(path.read_bytes()), shapes_of_shared("fewshot")) == ""
    with zipfile.ZipFile(path) as archive:
        assert {member.compress_type for member in archive.infolist()} == {zipfile.ZIP_DEFLATED}
