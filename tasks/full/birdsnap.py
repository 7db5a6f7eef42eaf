"""Birdsnap: `images/<species>/*.jpg`, `images.txt` and `test_images.txt`.

The images were published as addresses, many of which are dead by now, so that copies differ and the
numbers of images are not checked. A line of `images.txt` is tab-separated under a heading that
names a column `path`; images that the copy lacks are left out.
"""

from pathlib import Path

from benchmark.data.files.fileset import Contents, FileSet, Found, lines_of
from benchmark.errors import DataError
from benchmark.registry import TASKS
from tasks.full._task import FullTask
from tasks.task import TaskSpec


def layout(root: Path) -> Contents:
    """Training images are those of `images.txt` that `test_images.txt` does not list."""
    heading, *rows = (line.split("\t") for line in lines_of(root / "images.txt"))
    if "path" not in heading:
        raise DataError(f"{root / 'images.txt'} has no column called path; it is not as published")
    paths = [row[heading.index("path")] for row in rows]
    test = set(lines_of(root / "test_images.txt"))
    samples = [
        Found(f"images/{path}", path.partition("/")[0], "test" if path in test else "train")
        for path in paths
        if (root / "images" / path).is_file()
    ]
    return Contents(samples, sorted({path.partition("/")[0] for path in paths}))


@TASKS.register("birdsnap")
class Birdsnap(FullTask):
    """Species of North American birds."""

    files = FileSet(
        name="birdsnap",
        layout=layout,
        classes=500,
        images={},
        homepage="https://thomasberg.org",
        terms="no licence stated; images by their photographers",
        citation="Berg et al., Birdsnap, CVPR 2014",
        validation=True,
    )
    spec = TaskSpec(
        name="birdsnap",
        version=1,
        title="species of North American birds",
        metric="top1",
        classes=(),
        sources=(),
        data_sha256=None,
        tier="full",
    )
