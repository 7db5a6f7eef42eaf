"""The linear protocol against scikit-learn's, all of it: `python -m tasks.against_sklearn`.

The objective has one minimum, so that scikit-learn's L-BFGS in float64, started where ours ended
and run to a gradient of 1e-9, comes to rest at its own answer. What is compared is what the
protocol makes of both: the weight chosen, and the metric on test. An hour on two cores; a set that
is in the file is not computed again.
"""

import json
import sys
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from benchmark.canonical import write_whole
from benchmark.encoder import Encoder
from benchmark.registry import TASKS, load_shipped
from benchmark.resolve import protocol_named, resolve
from tasks.probes.logistic import WEIGHTS, Fit, fit_multinomial, fit_one_against_rest
from tasks.probes.metrics import METRICS

RECORD = Path("results/against-sklearn.json")
TOLERANCE = 1e-9
ITERATIONS = 30_000

Array = NDArray[Any]


@dataclass(frozen=True)
class Models:
    """Ours and scikit-learn's at some weights: coefficients (C, D), intercepts (C,), objective."""

    ours: list[tuple[Array, Array, float]]
    theirs: list[tuple[Array, Array, float]]


def compare(name: str, encoder: Encoder) -> dict[str, float]:
    """Carry out the protocol on one set by both.

    Args:
        name: of the task.
        encoder: gives the features.

    Returns:
        `weight` and `sklearn_weight` chosen; `test` and `sklearn_test`, in %; `loss`, the largest
        relative excess of our objective at any of the weights; `differing`, the share of validation
        predictions at all weights that differ, in %.
    """
    spec, images = TASKS.get(name).spec, TASKS.get(name)().data()
    value, several = METRICS[spec.metric][0], spec.metric == "map11"
    x = {split: encoder.features(images, split) for split in ("train", "val", "test")}
    y = {split: images.labels[images.indices(split)] for split in x}
    classes = len(images.class_names)
    swept = _both(x["train"], y["train"], WEIGHTS, classes, several)

    def answers(models: list[tuple[Array, Array, float]], split: str) -> list[Array]:
        scores = [x[split].astype(np.float64) @ w.T + b for w, b, _ in models]
        return scores if several else [s.argmax(1) for s in scores]

    told = {who: answers(getattr(swept, who), "val") for who in ("ours", "theirs")}
    chosen = {
        who: max((value(y["val"], a), w) for a, w in zip(told[who], WEIGHTS, strict=True))[1]
        for who in told
    }
    rest = tuple(w for w in WEIGHTS if w >= min(chosen.values()))
    features, labels = (np.concatenate([part["train"], part["val"]]) for part in (x, y))
    final = _both(features, labels, rest, classes, several)
    test = {
        who: value(y["test"], answers(getattr(final, who), "test")[rest.index(chosen[who])])
        for who in chosen
    }
    pairs = zip(told["ours"], told["theirs"], strict=True)
    differing = 0.0 if several else 100 * float(np.mean([np.mean(a != b) for a, b in pairs]))
    excess = [a[2] / b[2] - 1 for a, b in zip(swept.ours, swept.theirs, strict=True)]
    return {
        "weight": chosen["ours"],
        "sklearn_weight": chosen["theirs"],
        "test": test["ours"],
        "sklearn_test": test["theirs"],
        "loss": max(excess),
        "differing": differing,
    }


def _both(x: Array, y: Array, weights: tuple[float, ...], classes: int, several: bool) -> Models:
    features, labels = torch.from_numpy(x), torch.from_numpy(y)
    fit: Fit = (
        fit_one_against_rest(features, labels, weights=weights)
        if several
        else fit_multinomial(features, labels, classes=classes, weights=weights)
    )
    exact, models = x.astype(np.float64), Models([], [])
    for i, weight in enumerate(weights):
        w, b = (part[i].double().numpy() for part in (fit.coefficients, fit.intercepts))
        if several:
            columns = [
                _moved(exact, y[:, c], w[c : c + 1], b[c : c + 1], weight) for c in range(classes)
            ]
            found = [np.concatenate([column[k] for column in columns]) for k in (0, 1)]
            models.ours.append((w, b, sum(column[2] for column in columns)))
            models.theirs.append((found[0], found[1], sum(column[3] for column in columns)))
            continue
        there = np.unique(y)
        moved = _moved(exact, y, w[there], b[there], weight)
        theirs, shift = np.zeros_like(w), np.full_like(b, -np.inf)
        theirs[there], shift[there] = moved[:2]
        models.ours.append((w, b, moved[2]))
        models.theirs.append((theirs, shift, moved[3]))
    return models


def _moved(
    x: Array, y: Array, w: Array, b: Array, weight: float
) -> tuple[Array, Array, float, float]:
    """Where scikit-learn comes to rest from there, and the objective at both places."""
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression(C=1 / weight, tol=TOLERANCE, max_iter=ITERATIONS, warm_start=True)
    model.classes_, model.coef_, model.intercept_ = np.unique(y), w.copy(), b.copy()
    model.fit(x, y)
    found = model.coef_, model.intercept_
    return (*found, _objective(x, y, w, b, weight), _objective(x, y, *found, weight))


def _objective(x: Array, y: Array, w: Array, b: Array, weight: float) -> float:
    logits = x @ w.T + b
    if logits.shape[1] == 1:
        logits = np.concatenate([np.zeros_like(logits), logits], 1)
    logits -= logits.max(1, keepdims=True)
    own = logits[np.arange(len(y)), np.unique(y, return_inverse=True)[1]]
    return float((np.log(np.exp(logits).sum(1)) - own).sum() + weight / 2 * np.square(w).sum())


def main() -> None:
    """Compare the sets that are named, or all twelve, and keep the record."""
    warnings.simplefilter("ignore", category=UserWarning)
    load_shipped()
    spec = protocol_named("instance/nano")
    encoder = Encoder(resolve("random_init").build(spec, 0), spec)
    record = json.loads(RECORD.read_text()) if RECORD.is_file() else {}
    for name in sys.argv[1:] or spec.task_names:
        if name not in record:
            record[name] = compare(name, encoder)
            write_whole(RECORD, (json.dumps(record, indent=1) + "\n").encode())
        print(name, record[name], flush=True)


if __name__ == "__main__":
    main()
