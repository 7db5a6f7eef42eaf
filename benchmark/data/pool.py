"""The nano tier's pre-training pool: 652 emoji in ten styles of six designs."""

from collections import defaultdict
from collections.abc import Sequence

from benchmark.data.drawn import Entry, draw, without_repeats
from benchmark.data.emoji import emoji_book
from benchmark.data.home import sha256_text
from benchmark.data.imageset import Sample, Split
from benchmark.data.source import Library
from benchmark.data.styles import STYLES

#: Name of the set; `load_image_set(POOL)` once `headwater prepare nano` has run.
POOL = "pool"

#: Hash of its split file.
POOL_SHA256 = "6a69ce07473e2b92799182e88790767354c3a75e7acb0e28c5ede8f41e5cadb8"

#: Pixels; training crops views of 32 from it.
POOL_SIZE = 40

#: One image in so many of every class is kept out of the streams.
_HELD_OUT = 5


def build_pool(library: Library) -> tuple[list[Sample], list[str]]:
    """Draw the pool; the designs held out for the tasks are not in it.

    A fixed fifth of every class's images has split "test": the streams never show it, and the
    stream-side accuracy is measured on it. Where a style draws two emoji the same (a CD and a
    DVD in black), only the first is taken.

    Args:
        library: where the packages are read from.

    Returns:
        Samples, labelled with the identity of the emoji and described by the extra columns
        style, design, domain, group, subgroup, codepoints; and the names of the classes.

    Raises:
        DataError: a package cannot be had or is not what was pinned.
    """
    book = emoji_book(library)
    things = book.objects()
    entries = [
        Entry(
            id=f"{name}/{emoji.codepoints}",
            drawing=book.drawing(name, emoji.codepoints),
            label=label,
            extra={
                "style": name,
                "design": style.design,
                "domain": style.domain,
                "group": emoji.group,
                "subgroup": emoji.subgroup,
                "codepoints": emoji.codepoints,
            },
        )
        for name, style in STYLES.items()
        if style.domain
        for label, emoji in enumerate(things)
        if name in emoji.styles
    ]
    entries = without_repeats(entries)
    splits = hold_out([entry.id for entry in entries], [entry.label for entry in entries])
    return list(draw(entries, splits, POOL_SIZE)), [emoji.name for emoji in things]


def hold_out(ids: Sequence[str], labels: Sequence[int]) -> list[Split]:
    """Give "test" to a fifth of every class, chosen by a hash of the id, "train" to the rest.

    Example:
        >>> sorted(hold_out(["a", "b", "c", "d", "e"], [0] * 5))
        ['test', 'train', 'train', 'train', 'train']
    """
    classes: dict[int, list[str]] = defaultdict(list)
    for name, label in zip(ids, labels, strict=True):
        classes[label].append(name)
    out: set[str] = set()
    for members in classes.values():
        members.sort(key=lambda name: sha256_text("pool hold-out", name))
        out.update(members[: max(1, round(len(members) / _HELD_OUT))])
    return ["test" if name in out else "train" for name in ids]
