"""The full tier's pre-training pools: ImageNet and DomainNet."""

import re
from pathlib import Path

from benchmark.data.files.fileset import Contents, FileSet, Found, class_folders, lines_of
from benchmark.data.imageset import Split
from benchmark.errors import DataError


def _imagenet(root: Path) -> Contents:
    """`train/n01440764/*.JPEG` and `val/n01440764/*.JPEG`."""
    splits: tuple[Split, Split] = ("train", "val")
    samples = [found for split in splits for found in class_folders(root, root / split, split)]
    return Contents.by_name(samples)


def _imagenet_hub_id(split: str, path: str) -> tuple[str, str]:
    """`n01440764_10026_n01440764.JPEG` is `train/n01440764/n01440764_10026.JPEG`.

    Example:
        >>> _imagenet_hub_id("val", "ILSVRC2012_val_00000293_n01440764.JPEG")
        ('val/n01440764/ILSVRC2012_val_00000293.JPEG', 'n01440764')
    """
    found = re.fullmatch(r"(.+)_(n\d{8})\.JPEG", path.rpartition("/")[2])
    if not found:
        return f"{split}/{path}", ""
    stem, synset = found.groups()
    return f"{split}/{synset}/{stem}.JPEG", synset


IMAGENET = FileSet(
    name="imagenet",
    layout=_imagenet,
    classes=1000,
    images={"train": 1_281_167, "val": 50_000},
    homepage="https://image-net.org",
    terms="for non-commercial research, after registration; never redistributed",
    citation="Russakovsky et al., ImageNet Large Scale Visual Recognition Challenge, IJCV 2015",
    hub_id=_imagenet_hub_id,
)

DOMAINS = ("sketch", "real", "painting", "quickdraw", "clipart")


def _domainnet(root: Path) -> Contents:
    """`sketch/aircraft_carrier/*.jpg` and the official lists `sketch_train.txt`, `sketch_test.txt`.

    A line of a list is a path and the number of the class, which gives the order of the classes.
    """
    names: dict[int, str] = {}
    samples: list[Found] = []
    splits: tuple[Split, Split] = ("train", "test")
    for domain in DOMAINS:
        for split in splits:
            for line in lines_of(root / f"{domain}_{split}.txt"):
                path, number = line.rsplit(maxsplit=1)
                name = path.split("/")[-2]
                if names.setdefault(int(number), name) != name:
                    raise DataError(
                        f"{root / f'{domain}_{split}.txt'} says that {path} has class {number}, "
                        f"which is {names[int(number)]} elsewhere; fetch the lists again"
                    )
                samples.append(Found(path, name, split, domain))
    return Contents(samples, [names[number] for number in sorted(names)])


DOMAINNET = FileSet(
    name="domainnet",
    layout=_domainnet,
    classes=345,
    images={"train": 373_809, "test": 161_161},
    homepage="https://ai.bu.edu/M3SDA",
    terms="for non-commercial research; fair use notice on the homepage",
    citation="Peng et al., Moment Matching for Multi-Source Domain Adaptation, ICCV 2019",
)
