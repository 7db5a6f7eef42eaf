"""Which training images keep their label where only a share of the labels is given."""

import numpy as np
from numpy.typing import NDArray

from benchmark.data.home import sha256_text
from benchmark.data.imageset import ImageSet


def labelled_places(images: ImageSet, split: str, share: float) -> NDArray[np.int64]:
    """Places, within a split, of the images whose label may be used.

    Of every class the share, rounded up, so at least one image; those whose ids have the smallest
    hashes, so that 1 % is a part of 10 %, and the same for every method and machine. Of sets whose
    images have several labels the share of all images, rounded up.

    Args:
        images: the set.
        split: "train" or "val".
        share: of the labels, above 0 and at most 1.

    Returns:
        (n,) int64, ascending, into `images.indices(split)`.

    Example:
        >>> from benchmark.data.procedural import smoke_set
        >>> from benchmark.registry import TASKS, load_shipped
        >>> load_shipped()
        >>> shapes = TASKS.get("shapes")().data()
        >>> len(shapes.indices("train")), len(labelled_places(shapes, "train", 0.01))
        (256, 8)
    """
    rows = images.indices(split)
    labels = images.labels[rows]
    kinds = labels if labels.ndim == 1 else np.zeros(len(rows), np.int64)
    rank = np.argsort([sha256_text("labelled", images.ids[row]) for row in rows.tolist()])
    kept = []
    for kind in np.unique(kinds):
        members = rank[kinds[rank] == kind]
        kept.append(members[: int(np.ceil(share * len(members)))])
    return np.sort(np.concatenate(kept))
