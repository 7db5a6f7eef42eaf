"""What the tasks of the full tier have in common: images in files that the user has."""

from typing import ClassVar

from benchmark.data.files.fileset import FileSet
from benchmark.data.files.load import load_full
from benchmark.data.imageset import ImageSet
from tasks.task import Task

#: Side in pixels at which features are taken, as in linusericsson/ssl-transfer.
SIZE = 224


class FullTask(Task):
    """A downstream set in its original layout; a subclass gives `spec` and `files`."""

    files: ClassVar[FileSet]

    def data(self) -> ImageSet:
        """The prepared set.

        Raises:
            DataError: not prepared.
        """
        return load_full(self.files.name, SIZE)

    @classmethod
    def n_classes(cls) -> int:
        """As published; the names are known once the set is prepared."""
        return cls.files.classes
