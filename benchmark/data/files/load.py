"""Prepared sets of the full tier, as the tasks and the streams see them."""

from pathlib import Path
from typing import Any

import numpy as np

from benchmark.data.files.decode import FileImages
from benchmark.data.files.sources import source_of
from benchmark.data.imageset import ImageSet
from benchmark.data.listing import SPLITS, listing_path, read_listing
from benchmark.errors import DataError


def load_full(name: str, size: int) -> ImageSet:
    """A prepared set whose images are decoded when they are read.

    Args:
        name: of the set.
        size: side in pixels of the square that each image becomes.

    Raises:
        DataError: it is not prepared, or its folder is not there any more.
    """
    path = listing_path(name)
    if not path.is_file():
        raise DataError(
            f"{name} is not prepared; run: headwater prepare full --set {name} --images DIR"
        )
    listing = read_listing(path)
    if "root" in listing.about and not Path(listing.about["root"]).is_dir():
        raise DataError(
            f"the images of {name} were in {listing.about['root']}, which is not there; bring the "
            f"folder back, or run: headwater prepare full --set {name} --images DIR"
        )
    source = source_of(listing.about, listing.ids)
    labels: Any = listing.labels.astype(np.uint8 if listing.labels.ndim == 2 else np.int64)
    extra = {}
    if listing.domains is not None:
        extra["domain"] = np.array(listing.domain_names)[listing.domains]
    return ImageSet(
        name=f"full/{name}",
        images=FileImages(source, size),
        ids=listing.ids,
        labels=labels,
        splits=np.array(SPLITS)[listing.splits],
        boxes=(),
        extra=extra,
        class_names=listing.class_names,
        sha256=listing.digest,
    )
