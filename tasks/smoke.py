"""The smoke tier's task: shapes that the stream has not shown."""

from collections.abc import Iterator

from benchmark.data.imageset import ImageSet, Sample
from benchmark.data.procedural import CLASSES, shapes, smoke_set
from benchmark.data.source import Library
from benchmark.registry import TASKS
from tasks.task import Task, TaskSpec


@TASKS.register("shapes")
class Shapes(Task):
    """Which of eight shapes, in other places and colours; procedural, for tests."""

    spec = TaskSpec(
        name="shapes",
        version=1,
        title="eight procedural shapes",
        metric="top1",
        classes=CLASSES,
        sources=(),
        data_sha256="554599fcbb480023a05783575b02e1b54983810c00350c8521ce74f8d526b96c",
        tier="smoke",
    )

    def build(self, library: Library) -> Iterator[Sample]:
        return shapes("tasks/shapes", 32)

    def data(self) -> ImageSet:
        assert self.spec.data_sha256 is not None
        return smoke_set("tasks/shapes", 32, self.spec.data_sha256)
