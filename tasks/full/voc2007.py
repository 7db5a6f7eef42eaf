"""PASCAL VOC 2007: `JPEGImages/`, and `ImageSets/Main/<class>_<split>.txt` for each class."""

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

from benchmark.data.files.fileset import Contents, FileSet, Found, lines_of
from benchmark.data.imageset import Split
from benchmark.data.listing import listing_path, read_listing
from benchmark.errors import DataError
from benchmark.registry import TASKS
from tasks.full._task import FullTask
from tasks.task import LABELLED, Evaluator, TaskSpec

CLASSES = (
    *("aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow"),
    *("diningtable", "dog", "horse", "motorbike", "person", "pottedplant", "sheep", "sofa"),
    *("train", "tvmonitor"),
)


def layout(root: Path) -> Contents:
    """A line is `000012 1`: 1 is present, -1 absent, 0 only as a difficult object, not positive."""
    splits: tuple[Split, ...] = ("train", "val", "test")
    samples = []
    for split in splits:
        present: dict[str, list[str]] = {}
        for name in CLASSES:
            path = root / "ImageSets" / "Main" / f"{name}_{split}.txt"
            flags = dict(line.split() for line in lines_of(path))
            if present and flags.keys() != present.keys():  # what is not listed is not absent
                raise DataError(f"{path} lists other images than the other classes; fetch it again")
            for image, flag in flags.items():
                present.setdefault(image, []).extend([name] if flag == "1" else [])
        samples += [
            Found(f"JPEGImages/{image}.jpg", tuple(names), split)
            for image, names in present.items()
        ]
    return Contents(samples, CLASSES)


_FINETUNED, _FROZEN = (
    Evaluator(
        f"tasks.detection.voc_evaluate:evaluate_voc_{kind}",
        tuple(
            f"tasks.detection.{name}"
            for name in ("voc_evaluate", "voc", "metrics", "detector", *configs)
        ),
    )
    for kind, configs in (
        ("finetuned", ("voc_r50_c4",)),
        ("frozen", ("voc_r50_c4", "voc_r50_c4_frozen")),
    )
)


@TASKS.register("voc2007")
class Voc2007(FullTask):
    """Which of twenty kinds of objects a photograph shows, and where: VOC 2007, and VOC 2012."""

    own: ClassVar[Mapping[str, Evaluator]] = {"detection": _FINETUNED, "detection_frozen": _FROZEN}
    files = FileSet(
        name="voc2007",
        layout=layout,
        classes=20,
        images={"train": 2_501, "val": 2_510, "test": 4_952},
        homepage="http://host.robots.ox.ac.uk/pascal/VOC/voc2007",
        terms="images from Flickr, under its terms",
        citation="Everingham et al., The PASCAL Visual Object Classes Challenge, IJCV 2010",
    )
    spec = TaskSpec(
        name="voc2007",
        version=1,
        title="which of twenty kinds of objects a photograph shows",
        metric="map11",
        classes=(),
        sources=(),
        data_sha256=None,
        evaluations=("linear", "detection"),
        further=(*LABELLED, "detection_frozen"),
        tier="full",
    )

    def detection_root(self) -> Path:
        """The folder that holds VOC2007, from which the set was prepared, and VOC2012.

        Raises:
            DataError: the set is not prepared, or not from a folder of that name.
        """
        self.data()
        root = Path(read_listing(listing_path(self.files.name)).about.get("root", ""))
        if root.name != "VOC2007":
            raise DataError(
                "detection on VOC reads the boxes of VOCdevkit/VOC2007 and VOCdevkit/VOC2012, and "
                "voc2007 was prepared from elsewhere; run: headwater prepare full --set voc2007 "
                "--images VOCdevkit/VOC2007"
            )
        return root.parent

    def require(self, evaluation: str) -> None:
        super().require(evaluation)
        if evaluation in self.own:
            from tasks.detection.voc_evaluate import require_voc

            require_voc(self.detection_root())
