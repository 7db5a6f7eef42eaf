"""Emoji of things, in the two designs that no stream contains, to be told by Unicode subgroup.

Both designs of one emoji are on the same side. Subgroups of a few emoji are merged with their
neighbour, because one emoji cannot be on both sides: 42 classes of Unicode's 49.
"""

from collections.abc import Iterator

from benchmark.data.drawn import Entry, draw
from benchmark.data.emoji import emoji_book
from benchmark.data.imageset import Sample
from benchmark.data.source import Library
from benchmark.data.split import split_groups
from benchmark.data.styles import EMOJI_SOURCES
from benchmark.registry import TASKS
from tasks.task import Task, TaskSpec

DESIGNS = ("openmoji", "fxemoji")

#: Subgroup to the class it is counted in; the others are a class of their own.
MERGED = {
    "animal-amphibian": "animal-reptile",
    "arts & crafts": "writing",
    "hotel": "household",
    "medical": "science",
    "other-object": "household",
    "place-map": "place-geographic",
    "place-religious": "place-building",
}

CLASSES = (
    *("animal-mammal", "animal-bird", "animal-reptile", "animal-marine", "animal-bug"),
    *("plant-flower", "plant-other", "food-fruit", "food-vegetable", "food-prepared"),
    *("food-asian", "food-sweet", "drink", "dishware", "place-geographic", "place-building"),
    *("place-other", "transport-ground", "transport-water", "transport-air", "time"),
    *("sky & weather", "event", "award-medal", "sport", "game", "clothing", "sound", "music"),
    *("musical-instrument", "phone", "computer", "light & video", "book-paper", "money", "mail"),
    *("writing", "office", "lock", "tool", "science", "household"),
)


@TASKS.register("objects")
class Objects(Task):
    """What kind of thing an emoji of an unseen design shows."""

    spec = TaskSpec(
        name="objects",
        version=1,
        title="what kind of thing an emoji shows, in designs that no stream contains",
        metric="mean_per_class",
        classes=CLASSES,
        sources=EMOJI_SOURCES,
        data_sha256="3f7ff55fe65d4fffbcfe5424f9098d5b05f1e019ff75254704df60e3dccda369",
    )

    def build(self, library: Library) -> Iterator[Sample]:
        """Yield both designs' drawings of the emoji that the pool has too."""
        book = emoji_book(library)
        entries = [
            Entry(
                f"{design}/{emoji.codepoints}",
                book.drawing(design, emoji.codepoints),
                CLASSES.index(MERGED.get(emoji.subgroup, emoji.subgroup)),
                {"group": emoji.codepoints, "design": design, "name": emoji.name},
            )
            for design in DESIGNS
            for emoji in book.objects()
            if design in emoji.styles
        ]
        labels = [entry.label for entry in entries]
        groups = [entry.extra["group"] for entry in entries]
        return draw(entries, split_groups("objects", labels, groups, test=0.5), 32)
