"""What the evaluations of a checkpoint take, and the sweep of weights against scikit-learn's."""

import statistics
import time
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy

from benchmark.encoder import Encoder
from benchmark.registry import TASKS
from benchmark.resolve import protocol_named, resolve
from tasks.probes.fewshot import SHOTS, draw_episodes, nearest_prototypes
from tasks.probes.fewshot_logistic import logistic_answers
from tasks.probes.logistic import WEIGHTS, Fit, fit_multinomial, fit_one_against_rest
from tasks.probes.metrics import METRICS

PROTOCOL = "instance/nano"
#: Images, features and classes of the generated set that stands for one of the full tier.
LARGE = (20_000, 2_048, 10)
ITERATIONS = 5_000  # scikit-learn's most; linusericsson/ssl-transfer's choice
#: scikit-learn's tolerance as it comes, and a closer one for the large set, where the first ends at
#: more than twice the minimum at half of the weights.
TOLERANCE, CLOSER = 1e-4, 1e-5

Labels = NDArray[Any]
Features = NDArray[np.float32]
Model = tuple[NDArray[Any], NDArray[Any]]  # coefficients (C, D) and intercepts (C,)


def task_rates(rounds: int, tell: Callable[[str], object]) -> dict[str, Any]:
    """Seconds of all that a checkpoint is evaluated on, on the features of an untrained network.

    Args:
        rounds: times that our sweep is measured on each set; the median counts.
        tell: called with a line now and then.

    Returns:
        `sweep`: for each nano set the seconds of 45 weights, ours and scikit-learn's warm-started
        L-BFGS as it comes, their ratio, the best validation metric of both, and the median over the
        weights of how far each one's loss is above the lower of both, relatively; `large`: the same
        on generated features, with scikit-learn as it comes and with a closer tolerance;
        `episodes`: seconds of 600 episodes of each set by both heads;
        `checkpoint`: seconds of each kind of evaluation, features included.
    """
    spec = protocol_named(PROTOCOL)
    warnings.simplefilter("ignore", category=UserWarning)
    method = resolve("random_init").build(spec, 0)
    document: dict[str, Any] = {"threads": torch.get_num_threads(), "sweep": {}, "episodes": {}}
    document["checkpoint"] = _checkpoint(Encoder(method, spec), spec.task_names, tell)
    encoder = Encoder(method, spec)
    for name in spec.task_names:
        spec_of_task, images = TASKS.get(name).spec, TASKS.get(name)().data()
        parts = [
            (encoder.features(images, split), images.labels[images.indices(split)])
            for split in ("train", "val")
        ]
        document["sweep"][name] = _sweeps(spec_of_task.metric, parts[0], parts[1], rounds)
        tell(f"{name}: {document['sweep'][name]}")
        if "fewshot" in spec_of_task.evaluations:
            document["episodes"][name] = _episodes(encoder, name)
            tell(f"{name}: {document['episodes'][name]}")
    ours, theirs = (
        sum(found[key] for found in document["sweep"].values()) for key in ("seconds", "sklearn")
    )
    document["sweep_total"] = {"seconds": ours, "sklearn": theirs, "ratio": theirs / ours}
    document["large"] = large_rates()
    tell(f"large: {document['large']}")
    return document


def large_rates() -> dict[str, dict[str, float]]:
    """The sweep on generated features of the full tier's size; see `task_rates`."""
    train, val = _generated()
    return {
        name: _sweeps("top1", train, val, 1, tolerance)
        for name, tolerance in (("as it comes", TOLERANCE), ("closer", CLOSER))
    }


def _checkpoint(
    encoder: Encoder, names: Sequence[str], tell: Callable[[str], object]
) -> dict[str, float]:
    """Seconds of each kind of evaluation of one checkpoint, one after the other."""
    seconds = {"linear": 0.0, "fewshot": 0.0, "detection": 0.0}
    for name in names:
        task = TASKS.get(name)()
        for evaluation in task.spec.evaluations:
            started = time.perf_counter()
            task.evaluate(encoder, evaluation=evaluation, seed=0)
            seconds[evaluation] += time.perf_counter() - started
    seconds["all"] = sum(seconds.values())
    tell(f"checkpoint: {seconds}")
    return seconds


def _episodes(encoder: Encoder, name: str) -> dict[str, float]:
    """Seconds of 600 episodes with 5 shots and 600 with 1, from features, drawing included."""
    images = TASKS.get(name)().data()
    splits = ("train", "val", "test")
    features = torch.from_numpy(np.concatenate([encoder.features(images, s) for s in splits]))
    labels = np.concatenate([images.labels[images.indices(s)] for s in splits]).astype(np.int64)
    seconds = {}
    for head, answer in (("prototypes", nearest_prototypes), ("logistic", logistic_answers)):
        started = time.perf_counter()
        drawn = draw_episodes(labels, 0)
        for shots in (SHOTS, 1):
            answer(features, drawn, shots)
        seconds[head] = time.perf_counter() - started
    return seconds


def _sweeps(
    metric: str,
    train: tuple[Features, Labels],
    val: tuple[Features, Labels],
    rounds: int,
    tolerance: float = TOLERANCE,
) -> dict[str, float]:
    """45 weights by our solver and by scikit-learn's: seconds, losses, best on validation."""
    value, several = METRICS[metric][0], metric == "map11"
    classes = train[1].shape[1] if several else int(max(train[1].max(), val[1].max())) + 1

    def ours() -> list[Model]:
        features, known = (torch.from_numpy(array) for array in train)
        fit: Fit = (
            fit_one_against_rest(features, known)
            if several
            else fit_multinomial(features, known, classes=classes)
        )
        pairs = zip(fit.coefficients.numpy(), fit.intercepts.numpy(), strict=True)
        return [(coefficients, intercepts) for coefficients, intercepts in pairs]

    def best(models: list[Model]) -> float:
        scores = [val[0] @ w.T + b for w, b in models]
        return max(value(val[1], s if several else s.argmax(1)) for s in scores)

    times, models = [], []
    for _ in range(rounds):
        started = time.perf_counter()
        models = ours()
        times.append(time.perf_counter() - started)
    started = time.perf_counter()
    theirs = _sklearn(*train, several, classes, tolerance)
    sklearn = time.perf_counter() - started
    losses = np.array([_losses(*train, found) for found in (models, theirs)])
    excess = np.median(losses / losses.min(0) - 1, 1)
    seconds = statistics.median(times)
    return {
        "seconds": seconds,
        "sklearn": sklearn,
        "ratio": sklearn / seconds,
        "best": best(models),
        "sklearn_best": best(theirs),
        "excess": float(excess[0]),
        "sklearn_excess": float(excess[1]),
        "sklearn_tolerance": tolerance,
    }


def _sklearn(
    features: Features, labels: Labels, several: bool, classes: int, tolerance: float
) -> list[Model]:
    """Models (45), weakest weight first, by scikit-learn, warm-started from the strongest on."""
    if several:
        columns = [_sklearn(features, labels[:, c], False, 2, tolerance) for c in range(classes)]
        return [
            (np.concatenate([w for w, _ in some]), np.concatenate([b for _, b in some]))
            for some in zip(*columns, strict=True)
        ]
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression(warm_start=True, max_iter=ITERATIONS, tol=tolerance)
    models: list[Model] = []
    for weight in sorted(WEIGHTS, reverse=True):
        model.C = 1 / weight
        model.fit(features, labels)
        w, b = model.coef_, model.intercept_
        if classes > 2:  # else one row tells the two apart
            w, b = np.zeros((classes, w.shape[1])), np.full(classes, -np.inf)
            w[model.classes_], b[model.classes_] = model.coef_, model.intercept_
        models.append((w.copy(), b.copy()))
    return models[::-1]


def _losses(features: Features, labels: Labels, models: list[Model]) -> list[float]:
    """The objective of each model at its weight."""
    x, known = torch.from_numpy(features).double(), torch.from_numpy(labels)
    losses = []
    for weight, model in zip(WEIGHTS, models, strict=True):
        w, b = (torch.from_numpy(part).double() for part in model)
        logits = x @ w.T + b
        if known.dim() == 2:
            told = binary_cross_entropy_with_logits(logits, known.double(), reduction="sum")
        else:
            told = cross_entropy(logits, known, reduction="sum")
        losses.append(float(told) + weight / 2 * float(w.square().sum()))
    return losses


def _generated() -> tuple[tuple[Features, Labels], tuple[Features, Labels]]:
    """Correlated features that are not negative, as a ResNet-50 gives, of classes that overlap."""
    n, width, classes = LARGE
    draw = np.random.default_rng(0)
    mix = draw.normal(size=(128, width)) / 128**0.5
    centres = draw.normal(size=(classes, 128))
    parts = []
    for size in (n, n // 4):
        labels = draw.integers(0, classes, size)
        hidden = 0.35 * centres[labels] + draw.normal(size=(size, 128))
        mixed = hidden @ mix + 0.3 * draw.normal(size=(size, width))
        parts.append((np.maximum(mixed, 0).astype(np.float32), labels))
    return parts[0], parts[1]
