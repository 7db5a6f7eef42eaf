"""A set with few labels: so many training images of each class, and no others."""

from dataclasses import replace

import numpy as np

from benchmark.data.home import sha256_text
from benchmark.data.imageset import ImageSet

#: Share of the few that the hyper-parameters are chosen by.
_VALIDATION = 0.2


def few_images(images: ImageSet, shots: int) -> ImageSet:
    """The set in which only some images of `train` are left to be trained on.

    Of every class those whose ids have the smallest hashes, so that 5 are among 10 and every
    machine has the same; of a set whose images have several labels, as many in all. A fifth of
    them, at least one of a class that has two, is `val`; the test images are as they were, and the
    others are of no split that anything reads.

    Args:
        images: with a split `train`.
        shots: images a class; 0 for the set as it is.

    Example:
        >>> from benchmark.registry import TASKS, load_shipped
        >>> load_shipped()
        >>> few = few_images(TASKS.get("shapes")().data(), 5)
        >>> [len(few.indices(split)) // len(few.class_names) for split in ("train", "val")]
        [4, 1]
    """
    if not shots:
        return images
    rows = images.indices("train")
    labels, wanted = images.labels[rows], shots
    if labels.ndim > 1:
        labels, wanted = np.zeros(len(rows), np.int64), shots * len(images.class_names)
    rank = np.argsort([sha256_text("few", images.ids[row]) for row in rows.tolist()])
    splits = np.where(images.splits == "test", "test", "unused")
    for kind in np.unique(labels):
        kept = rows[rank[labels[rank] == kind]][:wanted]
        held = max(1, round(_VALIDATION * len(kept))) if len(kept) > 1 else 0
        splits[kept[held:]], splits[kept[:held]] = "train", "val"
    return replace(images, name=f"{images.name}:{shots}shot", splits=splits)
