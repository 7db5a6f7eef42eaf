"""Smileys, to be told by Unicode subgroup; no design is on two sides.

The classes of three emoji are merged with a neighbour: 14 of Unicode's 16. The same smiley, drawn
by another team, is in train and in test: that is the question.
"""

from collections.abc import Iterator

from benchmark.data.drawn import Entry, draw
from benchmark.data.emoji import emoji_book
from benchmark.data.imageset import Sample, Split
from benchmark.data.source import Library
from benchmark.data.styles import EMOJI_SOURCES, STYLES
from benchmark.registry import TASKS
from tasks.task import Task, TaskSpec

#: One style of each of the eight designs, and the side that it is on.
SIDES: dict[str, Split] = {
    "twemoji": "train",
    "noto": "train",
    "noto-v1": "train",
    "emojione": "train",
    "emojione-v1": "val",
    "fluent-emoji-flat": "test",
    "openmoji": "test",
    "fxemoji": "test",
}

MERGED = {"face-glasses": "face-hat", "monkey-face": "cat-face"}

CLASSES = (
    *("face-smiling", "face-affection", "face-tongue", "face-hand", "face-neutral-skeptical"),
    *("face-sleepy", "face-unwell", "face-hat", "face-concerned", "face-negative"),
    *("face-costume", "cat-face", "heart", "emotion"),
)


@TASKS.register("faces")
class Faces(Task):
    """Which mood a smiley shows, in designs other than those trained on."""

    spec = TaskSpec(
        name="faces",
        version=1,
        title="which mood a smiley shows; train and test differ in design",
        metric="mean_per_class",
        classes=CLASSES,
        sources=EMOJI_SOURCES,
        data_sha256="022d77a0c5c165ee5a19bc5b85c723426799a57b6be3c24f5a262be36d9137e3",
    )

    def build(self, library: Library) -> Iterator[Sample]:
        """Yield the group "Smileys & Emotion" in one style of each design."""
        book = emoji_book(library)
        entries = [
            Entry(
                f"{style}/{emoji.codepoints}",
                book.drawing(style, emoji.codepoints),
                CLASSES.index(MERGED.get(emoji.subgroup, emoji.subgroup)),
                {"group": emoji.codepoints, "design": STYLES[style].design, "name": emoji.name},
            )
            for style in SIDES
            for emoji in book.emoji
            if emoji.group == "Smileys & Emotion" and style in emoji.styles
        ]
        return draw(entries, [SIDES[entry.id.split("/")[0]] for entry in entries], 32)
