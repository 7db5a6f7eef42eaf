"""The nano tier's pre-training pool: 652 emoji in ten styles of six designs."""

from collections import defaultdict
from collections.abc import Iterator, Sequence

from benchmark.data.emoji import Drawing, Emoji, EmojiBook, emoji_book, render_drawings
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
    stream-side accuracy is measured on it.

    Args:
        library: where the packages are read from.

    Returns:
        Samples, labelled with the identity of the emoji and described by the extra columns
        style, design, domain, group, subgroup, codepoints; and the names of the classes.

    Raises:
        DataError: a package cannot be had or is not what was pinned.
    """
    book = emoji_book(library)
    return list(_samples(book)), [emoji.name for emoji in book.objects()]


def _samples(book: EmojiBook) -> Iterator[Sample]:
    shown = [
        (label, emoji, style)
        for style in STYLES
        if STYLES[style].domain
        for label, emoji in enumerate(book.objects())
        if style in emoji.styles
    ]
    shown, drawings = _unambiguous(book, shown)
    images = render_drawings(drawings, POOL_SIZE)
    ids = [f"{style}/{emoji.codepoints}" for _, emoji, style in shown]
    splits = hold_out(ids, [label for label, _, _ in shown])
    for (label, emoji, style), name, drawing, image in zip(
        shown, ids, drawings, images, strict=True
    ):
        extra = {
            "style": style,
            "design": STYLES[style].design,
            "domain": str(STYLES[style].domain),
            "group": emoji.group,
            "subgroup": emoji.subgroup,
            "codepoints": emoji.codepoints,
        }
        yield Sample(name, image, label, splits[name], drawing.sha256, extra=extra)


def _unambiguous(
    book: EmojiBook, shown: list[tuple[int, Emoji, str]]
) -> tuple[list[tuple[int, Emoji, str]], list[Drawing]]:
    """Leave out a drawing that its style has used for another emoji already (CD and DVD)."""
    first: dict[str, tuple[tuple[int, Emoji, str], Drawing]] = {}
    for one in shown:
        drawing = book.drawing(one[2], one[1].codepoints)
        first.setdefault(drawing.sha256, (one, drawing))
    return [one for one, _ in first.values()], [drawing for _, drawing in first.values()]


def hold_out(ids: Sequence[str], labels: Sequence[int]) -> dict[str, Split]:
    """Give "test" to a fifth of every class, chosen by a hash of the id, "train" to the rest.

    Example:
        >>> splits = hold_out(["a", "b", "c", "d", "e"], [0] * 5)
        >>> sorted(splits.values())
        ['test', 'train', 'train', 'train', 'train']
    """
    classes: dict[int, list[str]] = defaultdict(list)
    for name, label in zip(ids, labels, strict=True):
        classes[label].append(name)
    splits: dict[str, Split] = {}
    for members in classes.values():
        members.sort(key=lambda name: sha256_text("pool hold-out", name))
        out = max(1, round(len(members) / _HELD_OUT))
        splits |= {name: "test" if n < out else "train" for n, name in enumerate(members)}
    return splits
