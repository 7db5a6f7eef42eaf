"""What a downstream task is: a declaration, the building of its data, and its evaluations."""

import importlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

from numpy.typing import NDArray

from benchmark.data.imageset import ImageSet, Sample, load_image_set
from benchmark.data.source import Library, Source
from benchmark.encoder import Encoder
from benchmark.errors import UsageError
from benchmark.result import Evaluation, Metric

#: What a set that has the linear evaluation has on request.
LABELLED: tuple[Evaluation, ...] = (
    *("linear_1pct", "linear_10pct", "linear_5shot", "linear_10shot"),
    *("finetune", "finetune_5shot", "finetune_10shot"),
    "knn",
)


@dataclass(frozen=True)
class TaskSpec:
    """Declaration of a task.

    Args:
        name: as in the tables, lower case.
        version: goes up when anything that moves a number changes.
        title: one line for the page: what is to be told from what.
        metric: of the linear evaluations and of fine-tuning; means nothing without these.
        classes: names of the classes, in the order of the labels.
        evaluations: the ways in which a checkpoint is evaluated on it, and ranked.
        further: other ways, on request: `headwater run --evaluations NAMES`, or `all`.
        sources: the packages its images come from.
        data_sha256: hash of the prepared split file; None while a new task is being written.
        tier: smoke, nano or full.
    """

    name: str
    version: int
    title: str
    metric: Literal["top1", "mean_per_class", "map11"]
    classes: tuple[str, ...]
    sources: tuple[Source, ...]
    data_sha256: str | None
    evaluations: tuple[Evaluation, ...] = ("linear", "fewshot")
    further: tuple[Evaluation, ...] = (*LABELLED, "fewshot_logistic")
    tier: Literal["smoke", "nano", "full"] = "nano"

    @property
    def linear_metric(self) -> str | None:
        """The metric, if there is an evaluation that is measured by it."""
        measured = {"linear", *LABELLED} & {*self.evaluations, *self.further}
        return self.metric if measured else None


@dataclass(frozen=True)
class TaskResult:
    """Outcome of one evaluation.

    Args:
        metrics: name to number; the first is the headline.
        predictions: arrays from which the metrics can be computed again, saved beside the record
            (no object arrays; they are written as npz and read without pickle).
        shared: arrays that are the same for every method, such as which images play in which
            episode; written once for a protocol and replicate.
    """

    metrics: Mapping[str, Metric]
    predictions: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    shared: Mapping[str, NDArray[Any]] = field(default_factory=dict)


@dataclass(frozen=True)
class Evaluator:
    """Where an evaluation is implemented; imported when it runs, since mmdet takes 20 s.

    Args:
        function: `module:function`, called with task, encoder and seed.
        modules: those whose code decides the result.
    """

    function: str
    modules: tuple[str, ...]


class Task:
    """A downstream data set with its evaluations; one file each, registered by a decorator.

    A subclass gives `spec` and `build`; `tasks/nano/digits.py` is the shortest example.
    """

    spec: ClassVar[TaskSpec]
    #: Evaluations that this task has done otherwise than `EVALUATIONS` says.
    own: ClassVar[Mapping[str, Evaluator]] = {}
    #: Fields of `tasks.detection.detector.Recipe` in which this task's detector differs.
    detection: ClassVar[Mapping[str, Any]] = {}

    def build(self, library: Library) -> Iterator[Sample]:
        """Yield the samples, in a fixed order, from the packages that `spec.sources` pin."""
        raise UsageError(f"task {self.spec.name!r} does not say how its data are built")

    @classmethod
    def n_classes(cls) -> int:
        """Number of classes."""
        return len(cls.spec.classes)

    def data(self) -> ImageSet:
        """The prepared data.

        Raises:
            DataError: not prepared, or not what is declared.
        """
        return load_image_set(f"tasks/{self.spec.name}", expected_sha256=self.spec.data_sha256)

    def data_sha256(self) -> str:
        """Hash of the split file, as declared or, for a task still being written, as found."""
        return self.spec.data_sha256 or self.data().sha256

    def source(self, evaluation: str) -> tuple[object, ...]:
        """Classes and modules whose code decides what an evaluation gives."""
        return (type(self), *self._evaluator(evaluation).modules)

    def require(self, evaluation: str) -> None:
        """Check, before anything runs, that what an evaluation reads is there.

        Raises:
            DataError: something is not; says what, and how to get it.
        """
        self.data().require()

    def evaluate(self, encoder: Encoder, *, evaluation: str, seed: int) -> TaskResult:
        """Evaluate a frozen encoder; `seed` fixes the episodes or the detector's training.

        Raises:
            UsageError: the task has no such evaluation.
        """
        if evaluation not in (*self.spec.evaluations, *self.spec.further):
            raise UsageError(f"task {self.spec.name!r} has no evaluation {evaluation!r}")
        module, function = self._evaluator(evaluation).function.split(":")
        result: TaskResult = getattr(importlib.import_module(module), function)(self, encoder, seed)
        return result

    def _evaluator(self, evaluation: str) -> Evaluator:
        return self.own.get(evaluation) or EVALUATIONS[evaluation]


def _probe(function: str, *modules: str) -> Evaluator:
    """An evaluation in `tasks.probes`, with the modules of that room that it rests on."""
    own = function.partition(":")[0]
    return Evaluator(
        f"tasks.probes.{function}", tuple(f"tasks.probes.{name}" for name in (own, *modules))
    )


_LOGISTIC = ("logistic", "lbfgs", "newton")
_LINEAR = (*_LOGISTIC, "metrics", "labels")
_FEW = (
    "benchmark.data.few",
    *(f"tasks.probes.{name}" for name in ("few", "finetune", "linear", *_LINEAR)),
)
_DETECTION = ("evaluate", "detector", "metrics", "pictures")

#: Name to where it is done. A change in the code of its modules makes its records stale.
EVALUATIONS: dict[str, Evaluator] = {
    "linear": _probe("linear:evaluate_linear", *_LINEAR),
    "linear_1pct": _probe("linear:evaluate_linear_1pct", *_LINEAR),
    "linear_10pct": _probe("linear:evaluate_linear_10pct", *_LINEAR),
    "finetune": _probe("finetune:evaluate_finetune", "linear", "metrics"),
    **{
        f"{kind}_{shots}shot": Evaluator(f"tasks.probes.few:evaluate_{kind}_{shots}shot", _FEW)
        for kind in ("linear", "finetune")
        for shots in (5, 10)
    },
    "knn": _probe("nearest:evaluate_knn", "knn", "linear", "metrics"),
    "fewshot": _probe("fewshot:evaluate_fewshot", "metrics"),
    "fewshot_logistic": _probe(
        "fewshot_logistic:evaluate_fewshot_logistic", "fewshot", "metrics", *_LOGISTIC
    ),
    "stream": _probe(
        "chunks:evaluate_chunks", "stream", "discriminant", "knn", "similarity", "metrics"
    ),
    "sharpness": _probe(
        "sharpness:evaluate_sharpness", "similarity", "stream", "discriminant", "knn", "metrics"
    ),
    "detection": Evaluator(
        "tasks.detection.evaluate:evaluate_detection",
        tuple(f"tasks.detection.{name}" for name in _DETECTION),
    ),
}
