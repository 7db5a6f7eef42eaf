"""Fixed splits that depend on names alone: the same on every machine and with every version."""

from collections import defaultdict
from collections.abc import Hashable, Sequence

from benchmark.data.home import sha256_text
from benchmark.data.imageset import Split

#: Of what is not test, the share that chooses hyper-parameters where nothing better is natural.
VALIDATION = 0.2


def split_groups(
    task: str, labels: Sequence[Hashable], groups: Sequence[str], *, test: float
) -> list[Split]:
    """Split samples within each class, whole groups at a time, in the order of a hash.

    Groups fill the class's share of "test", then a fifth of what is left goes to "val", the rest
    to "train"; a group on the border goes where its middle lies.

    Args:
        task: name of the task, so that two tasks are split independently.
        labels: the classes; a group's samples must have one label. One label for all samples
            makes the split ignore the classes.
        groups: samples that must stay together bear the same name.
        test: share of "test" to reach, 0-1, in samples.

    Returns:
        A split for each sample.

    Example:
        >>> split_groups("demo", [0] * 6, list("aabcde"), test=0.4)
        ['test', 'test', 'val', 'train', 'train', 'train']
    """
    classes: dict[Hashable, dict[str, list[int]]] = defaultdict(lambda: defaultdict(list))
    for row, (label, group) in enumerate(zip(labels, groups, strict=True)):
        classes[label][group].append(row)
    splits: list[Split] = ["train"] * len(labels)
    for members in classes.values():
        total = sum(len(rows) for rows in members.values())
        before = 0
        for group in sorted(members, key=lambda name: sha256_text("split", task, name)):
            middle = before + len(members[group]) / 2
            side: Split = "train"
            if middle < test * total:
                side = "test"
            elif middle < (test + VALIDATION * (1 - test)) * total:
                side = "val"
            for row in members[group]:
                splits[row] = side
            before += len(members[group])
    return splits
