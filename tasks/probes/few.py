"""Evaluations with so many labels a class as a selection's target has."""

import copy

from benchmark.data.few import few_images
from benchmark.encoder import Encoder
from tasks.probes.finetune import evaluate_finetune
from tasks.probes.linear import evaluate_linear
from tasks.task import Task, TaskResult


def few(task: Task, shots: int) -> Task:
    """The task with so many labelled training images a class; see `benchmark.data.few`."""
    images, reduced = few_images(task.data(), shots), copy.copy(task)
    reduced.data = lambda: images  # type: ignore[method-assign]
    return reduced


def evaluate_linear_5shot(task: Task, encoder: Encoder, seed: int = 0) -> TaskResult:
    """`evaluate_linear` with 5 labels a class, of which one chooses the weight."""
    return evaluate_linear(few(task, 5), encoder, seed)


def evaluate_linear_10shot(task: Task, encoder: Encoder, seed: int = 0) -> TaskResult:
    """`evaluate_linear` with 10 labels a class, of which two choose the weight."""
    return evaluate_linear(few(task, 10), encoder, seed)


def evaluate_finetune_5shot(task: Task, encoder: Encoder, seed: int) -> TaskResult:
    """`evaluate_finetune` with 5 labels a class."""
    return evaluate_finetune(few(task, 5), encoder, seed)


def evaluate_finetune_10shot(task: Task, encoder: Encoder, seed: int) -> TaskResult:
    """`evaluate_finetune` with 10 labels a class."""
    return evaluate_finetune(few(task, 10), encoder, seed)
