"""Which arrays an evaluation saves, in which shapes, and which of them are its answers."""

import hashlib
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tasks.task import LABELLED, Task

#: Name of an array to its axes: the same letter, the same length; a number is the length.
_Shapes = Mapping[str, str]

_STREAM = ("prediction", "pooled_prediction", "knn_prediction", "knn_pooled_prediction")
_EPISODES = dict.fromkeys(("prediction_5shot", "prediction_1shot"), "ewq")
_SAVED: Mapping[str, _Shapes] = {
    "fewshot": _EPISODES,
    "fewshot_logistic": _EPISODES,
    "stream": dict.fromkeys(("chunk", "index", "label", *_STREAM), "n"),
    "sharpness": {"radius": "r", "prediction": "rkn", "cka": "rk", "loss_at_rest": "c"}
    | dict.fromkeys(("index", "label", "prediction_at_rest"), "n")
    | {"loss": "rkc"},
    "detection": {"image": "n", "box": "n4", "label": "n", "score": "n"}
    | {"truth_image": "t", "truth_box": "t4", "truth_label": "t"},
}
_SHARED = {"support": "ews", "query": "ewq"}

#: Numbers that are hashed at a time.
_AT_ONCE = 2**20


def shapes_of(task: Task, evaluation: str) -> _Shapes | None:
    """The arrays that an evaluation may save; None for one that only the task itself knows.

    Example:
        >>> from benchmark.registry import TASKS, load_shipped
        >>> load_shipped()
        >>> shapes_of(TASKS.get("digits")(), "knn")
        {'index': 'n', 'label': 'n', 'prediction': 'n'}
    """
    if evaluation in task.own:
        return None
    if evaluation not in ("linear", *LABELLED):
        return _SAVED.get(evaluation)
    several = task.spec.metric == "map11"
    answer = {"label": "nc", "score": "nc"} if several else {"label": "n", "prediction": "n"}
    return {"index": "n", **answer} | ({"weight": ""} if evaluation.startswith("linear") else {})


def shapes_of_shared(evaluation: str) -> _Shapes:
    """The arrays that all methods have in common."""
    return _SHARED if evaluation.startswith("fewshot") else {}


def misfit(arrays: Mapping[str, NDArray[Any]], shapes: _Shapes) -> str:
    """What is wrong with the names and shapes of some arrays; empty if nothing is.

    Example:
        >>> misfit({"box": np.zeros((3, 4)), "score": np.zeros(2)}, {"box": "n4", "score": "n"})
        'score is of shape (2,), and the others give (3,)'
    """
    if strange := sorted(set(arrays) - set(shapes)):
        return f"arrays that the evaluation does not have: {', '.join(strange)}"
    known: dict[str, int] = {}
    for name, array in arrays.items():
        axes = shapes[name]
        if array.ndim != len(axes):
            return f"{name} has {array.ndim} axes, and {len(axes)} are wanted"
        sizes = zip(axes, array.shape, strict=True)
        wanted = tuple(int(a) if a.isdigit() else known.setdefault(a, n) for a, n in sizes)
        if array.shape != wanted:
            return f"{name} is of shape {array.shape}, and the others give {wanted}"
    return ""


def digest_of_answers(arrays: Mapping[str, NDArray[Any]]) -> str:
    """Hash of what was answered, by values: kinds of numbers and what else is saved do not count.

    Where no array is called an answer, all are.

    Example:
        >>> one = {"prediction": np.array([1, 2]), "index": np.array([0, 1])}
        >>> other = {"prediction": np.array([1, 2], np.uint8), "index": np.array([5, 6])}
        >>> digest_of_answers(one) == digest_of_answers(other)
        True
    """
    answers = [n for n in arrays if "prediction" in n or n in ("score", "box")]
    digest = hashlib.sha256()
    for name in sorted(answers or arrays):
        array = arrays[name]
        wide = array.dtype
        if array.dtype.kind != "U":
            wide = np.dtype(np.float64 if array.dtype.kind == "f" else np.int64)
        digest.update(f"{name} {array.shape} ".encode())
        flat = array.ravel()
        for start in range(0, flat.size, _AT_ONCE):
            digest.update(flat[start : start + _AT_ONCE].astype(wide).tobytes())
    return digest.hexdigest()
