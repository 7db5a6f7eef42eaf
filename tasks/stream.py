"""Accuracy on the stream's own chunks: what forgetting is measured by."""

from benchmark.registry import TASKS
from tasks.task import Task, TaskSpec


@TASKS.register("chunks")
class Chunks(Task):
    """Which class is it, of the held-out images of each chunk; the pool's labels."""

    spec = TaskSpec(
        name="chunks",
        version=1,
        title="classes of each chunk's held-out images",
        metric="top1",
        classes=(),
        sources=(),
        data_sha256=None,
        evaluations=("stream",),
        further=("sharpness",),
    )

    def data_sha256(self) -> str:
        """Left to the protocol, whose digest holds the pool and the chunks."""
        return "0" * 64
