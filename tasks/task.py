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


@dataclass(frozen=True)
class TaskSpec:
    """Declaration of a task.

    Args:
        name: as in the tables, lower case.
        version: goes up when anything that moves a number changes.
        title: one line for the page: what is to be told from what.
        metric: of the linear evaluation.
        classes: names of the classes, in the order of the labels.
        evaluations: the ways in which a checkpoint is evaluated on it.
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
    tier: Literal["smoke", "nano", "full"] = "nano"


@dataclass(frozen=True)
class TaskResult:
    """Outcome of one evaluation.

    Args:
        metrics: name to number; the first is the headline.
        predictions: arrays from which the metrics can be computed again, saved beside the record
            (no object arrays; they are written as npz and read without pickle).
    """

    metrics: Mapping[str, Metric]
    predictions: Mapping[str, NDArray[Any]] = field(default_factory=dict)


class Task:
    """A downstream data set with its evaluations; one file each, registered by a decorator.

    A subclass gives `spec` and `build`; `tasks/nano/digits.py` is the shortest example.
    """

    spec: ClassVar[TaskSpec]

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
        return (type(self), *EVALUATIONS[evaluation].modules)

    def evaluate(self, encoder: Encoder, *, evaluation: str, seed: int) -> TaskResult:
        """Evaluate a frozen encoder; `seed` fixes the episodes or the detector's training.

        Raises:
            UsageError: the task has no such evaluation.
        """
        if evaluation not in self.spec.evaluations:
            raise UsageError(f"task {self.spec.name!r} has no evaluation {evaluation!r}")
        module, function = EVALUATIONS[evaluation].function.split(":")
        result: TaskResult = getattr(importlib.import_module(module), function)(self, encoder, seed)
        return result


@dataclass(frozen=True)
class _Evaluation:
    """Where an evaluation is implemented; imported when it runs, since mmdet takes 20 s."""

    function: str
    modules: tuple[str, ...]


_PROBE = ("tasks.probes.logistic", "tasks.probes.lbfgs", "tasks.probes.metrics")
EVALUATIONS: dict[str, _Evaluation] = {
    "linear": _Evaluation("tasks.probes.linear:evaluate_linear", ("tasks.probes.linear", *_PROBE)),
    "fewshot": _Evaluation("tasks.probes.fewshot:evaluate_fewshot", ("tasks.probes.fewshot",)),
    "stream": _Evaluation(
        "tasks.probes.chunks:evaluate_chunks",
        tuple(
            f"tasks.probes.{name}"
            for name in ("chunks", "stream", "discriminant", "knn", "metrics")
        ),
    ),
    "detection": _Evaluation(
        "tasks.detection.evaluate:evaluate_detection",
        tuple(
            f"tasks.detection.{name}" for name in ("evaluate", "detector", "metrics", "pictures")
        ),
    ),
}
