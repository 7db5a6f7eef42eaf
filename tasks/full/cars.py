"""Stanford Cars: `cars_train/`, `cars_test/`, and the annotations in `devkit/`."""

from pathlib import Path

from benchmark.data.files.fileset import Contents, FileSet, Found, class_name
from benchmark.data.files.matlab import read_mat
from benchmark.data.imageset import Split
from benchmark.registry import TASKS
from tasks.full._task import FullTask
from tasks.task import TaskSpec


def layout(root: Path) -> Contents:
    """`cars_meta.mat` has the names; the test labels are in `cars_test_annos_withlabels.mat`."""
    names = [str(name) for name in read_mat(root / "devkit" / "cars_meta.mat")["class_names"]]
    parts: tuple[tuple[Split, str], ...] = (
        ("train", "devkit/cars_train_annos.mat"),
        ("test", "cars_test_annos_withlabels.mat"),
    )
    samples = [
        Found(
            f"cars_{split}/{line.fname}",
            class_name(names, int(getattr(line, "class")) - 1, root / name),
            split,
        )
        for split, name in parts
        for line in read_mat(root / name)["annotations"]
    ]
    return Contents(samples, names)


@TASKS.register("cars")
class Cars(FullTask):
    """Makes, models and years of cars."""

    files = FileSet(
        name="cars",
        layout=layout,
        classes=196,
        images={"train": 8_144, "test": 8_041},
        homepage="https://ai.stanford.edu/~jkrause/cars/car_dataset.html",
        terms="for non-commercial research",
        citation="Krause et al., 3D Object Representations for Fine-Grained Categorization, 2013",
        validation=True,
    )
    spec = TaskSpec(
        name="cars",
        version=1,
        title="makes, models and years of cars",
        metric="top1",
        classes=(),
        sources=(),
        data_sha256=None,
        tier="full",
    )
