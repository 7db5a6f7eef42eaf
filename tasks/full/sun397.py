"""SUN397: `a/abbey/*.jpg`, `ClassName.txt`, and the lists of its first partition."""

from pathlib import Path

from benchmark.data.files.fileset import Contents, FileSet, lines_of, listed
from benchmark.registry import TASKS
from tasks.full._task import FullTask
from tasks.task import TaskSpec


def layout(root: Path) -> Contents:
    """`Training_01.txt` and `Testing_01.txt`; a line is `/a/abbey/sun_aaalbzqrimafwbiv.jpg`."""
    names = [line.strip("/") for line in lines_of(root / "ClassName.txt")]
    train = listed(root / "Training_01.txt", "train")
    return Contents([*train, *listed(root / "Testing_01.txt", "test")], names)


@TASKS.register("sun397")
class Sun397(FullTask):
    """Kinds of scenes."""

    files = FileSet(
        name="sun397",
        layout=layout,
        classes=397,
        images={"train": 19_850, "test": 19_850},
        homepage="https://vision.princeton.edu/projects/2010/SUN",
        terms="for research; images from the web",
        citation="Xiao et al., SUN Database, CVPR 2010",
        validation=True,
    )
    spec = TaskSpec(
        name="sun397",
        version=1,
        title="kinds of scenes",
        metric="top1",
        classes=(),
        sources=(),
        data_sha256=None,
        tier="full",
    )
