"""Letters of nineteen writing systems in Noto Sans, split by character.

Each character is drawn in two weights, both on one side. The letters are those of Unicode 3.2,
whose table every Python carries unchanged: newer ones would make the set depend on the Python.
"""

import io
from collections.abc import Iterator
from hashlib import sha256
from unicodedata import ucd_3_2_0

from fontTools.ttLib import TTFont

from benchmark.data.home import sha256_text
from benchmark.data.imageset import Sample
from benchmark.data.render import Typeface
from benchmark.data.source import Library, Source
from benchmark.data.split import split_groups
from benchmark.registry import TASKS
from tasks.task import Task, TaskSpec

SOURCE = Source(
    "manimgx-fonts",
    "pypi",
    "manimgx-fonts",
    "2026.9.26.post1",
    "e5e21178263ddec3eef9414d2b52a1c90ac01062d3e9067460f3359f854c3e17",
    "OFL-1.1",
    "The Noto Project Authors, Noto Sans; packaged by the Academa Team",
)

CLASSES = (
    *("Arabic", "Armenian", "Bengali", "Devanagari", "Ethiopic", "Georgian", "Gujarati"),
    *("Gurmukhi", "Hebrew", "Kannada", "Khmer", "Lao", "Malayalam", "Myanmar", "Oriya"),
    *("Sinhala", "Tamil", "Telugu", "Thai"),
)

#: At most so many characters a script, chosen by a hash.
CHARACTERS = 48
WEIGHTS = (300, 800)

#: Alone it is drawn as another letter, U+0649, is.
LEFT_OUT = "\u06cc"


@TASKS.register("scripts")
class Scripts(Task):
    """Which writing system a letter belongs to."""

    spec = TaskSpec(
        name="scripts",
        version=1,
        title="which of nineteen writing systems a letter belongs to",
        metric="mean_per_class",
        classes=CLASSES,
        sources=(SOURCE,),
        data_sha256="abea0531c1e513a8f755571e4207b69645bfb64ad55e50dbaf6cf1ff79a72222",
    )

    def build(self, library: Library) -> Iterator[Sample]:
        """Yield the letters, script by script, each weight in the order of the code points."""
        shown = []
        for label, script in enumerate(CLASSES):
            font = library.read(SOURCE, f"manimgx_fonts/NotoSans{script}[wght].ttf")
            letters = letters_of(script, font)
            for weight in WEIGHTS:
                face = Typeface(font, 32, weight=weight)
                digest = sha256(font).hexdigest()
                shown += [(label, c, weight, face.draw(c), digest) for c in letters]
        groups = [f"{ord(character):04x}" for _, character, _, _, _ in shown]
        splits = split_groups("scripts", [row[0] for row in shown], groups, test=0.4)
        for (label, character, weight, image, digest), split, group in zip(
            shown, splits, groups, strict=True
        ):
            source = sha256_text(digest, character, str(weight))
            extra = {"group": group, "weight": str(weight)}
            yield Sample(f"{group}/{weight}", image, label, split, source, extra=extra)


def letters_of(script: str, font: bytes) -> list[str]:
    """Letters of a script that a font has, those of Unicode 3.2, in the order of code points."""
    with TTFont(io.BytesIO(font), lazy=True) as file:
        known = sorted(file.getBestCmap())
    letters = [
        character
        for character in map(chr, known)
        if character not in LEFT_OUT
        and ucd_3_2_0.category(character) in ("Lo", "Lu", "Ll")
        and ucd_3_2_0.name(character, "").startswith(script.upper() + " ")
        and ucd_3_2_0.decomposition(character) == ""
    ]
    letters.sort(key=lambda character: sha256_text("subsample", "scripts", character))
    return sorted(letters[:CHARACTERS])
