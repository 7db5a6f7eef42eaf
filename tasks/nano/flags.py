"""Flags of countries, one image of each country and design; no design is on two sides.

Countries whose flag is, in one of the sets, drawn the same as another's are left out. What the
3-D package shows for flags are waved cloths in the manner of Noto's.
"""

from collections.abc import Iterator

from benchmark.data.drawn import Drawing, Entry, draw
from benchmark.data.emoji import emoji_book
from benchmark.data.imageset import Sample, Split
from benchmark.data.render import svg_document
from benchmark.data.source import Library, Source
from benchmark.data.styles import EMOJI_SOURCES
from benchmark.registry import TASKS
from tasks.task import Task, TaskSpec

FLAG = Source(
    "flag",
    "npm",
    "@iconify-json/flag",
    "1.2.12",
    "42246bc20f6154739a192172d71ffe477747ad38278f2e912ec43f4dcb5a15e0",
    "MIT",
    "Panayiotis Lipiridis, flag-icons",
)
CIRCLE = Source(
    "circle-flags",
    "npm",
    "@iconify-json/circle-flags",
    "1.2.11",
    "ee9a03f6a6fdd79cc6325bdcb7bb93b83d331e60b16e226188f154a64b6bb4a9",
    "MIT",
    "HatScripts, circle-flags",
)

SIDES: dict[str, Split] = {
    "flag": "train",
    "twemoji": "train",
    "fluent-emoji-3d": "train",
    "emojione-v1": "val",
    "circle-flags": "test",
    "openmoji": "test",
    "emojione": "test",
}

#: Under these codes the round set has the flags of languages: Arabic, Interlingue, Ido, Latin.
LANGUAGES = ("ar", "ie", "io", "la")

COUNTRIES = """
ad ae af ag ai al am ao aq ar as at au aw ax az ba bb bd be bf bg bh bi bj bm bn bo br bs bt bw
by bz ca cc cd cf cg ch ci ck cl cm cn co cr cu cv cw cx cy cz de dj dk dm do dz ec ee eg eh er
es et eu fi fj fk fm fo fr ga gb gd ge gg gh gi gl gm gn gq gr gs gt gu gw gy hk hn hr ht hu ic id
ie il im in io iq ir is it je jm jo jp ke kg kh ki km kn kp kr kw ky kz la lb lc li lk lr ls lt
lu lv ly ma md me mg mh mk ml mm mn mo mp mq mr ms mt mu mv mw mx my mz na nc ne nf ng ni nl no
np nr nu nz om pa pe pf pg ph pk pl pn pr ps pt pw py qa ro rs ru rw sa sb sc sd se sg si sk sl
sm sn so sr ss st sv sx sy sz tc tf tg th tj tk tl tm tn to tr tt tv tw tz ua ug un us uy uz va
vc ve vg vi vn vu ws xk ye za zm zw
"""
CLASSES = tuple(COUNTRIES.split())


@TASKS.register("flags")
class Flags(Task):
    """Which country a flag belongs to."""

    spec = TaskSpec(
        name="flags",
        version=1,
        title="which country a flag belongs to; train and test differ in design",
        metric="top1",
        classes=CLASSES,
        sources=(FLAG, CIRCLE, *EMOJI_SOURCES),
        data_sha256="8661bd996ddb8cd038864fa913905920114988a5d832ee9690fc36f89220a6a8",
    )

    def build(self, library: Library) -> Iterator[Sample]:
        """Yield the flags, design by design, each in the order of the country codes."""
        book = emoji_book(library)
        emoji = {country(one.codepoints): one for one in book.emoji if one.group == "Flags"}
        sets = {
            "flag": (library.json(FLAG, "package/icons.json"), "-4x3"),
            "circle-flags": (library.json(CIRCLE, "package/icons.json"), ""),
        }
        entries = []
        for design in SIDES:
            for label, code in enumerate(CLASSES):
                if design == "circle-flags" and code in LANGUAGES:
                    continue
                if design in sets:
                    icons, suffix = sets[design]
                    drawing = Drawing(svg_document(icons, code + suffix))
                elif design in emoji[code].styles:
                    drawing = book.drawing(design, emoji[code].codepoints)
                else:
                    continue
                extra = {"group": code, "design": design}
                entries.append(Entry(f"{design}/{code}", drawing, label, extra))
        return draw(entries, [SIDES[entry.extra["design"]] for entry in entries], 32)


def country(codepoints: str) -> str:
    """Two-letter code of a flag emoji, "" for other flags.

    Example:
        >>> country("1f1eb-1f1ee"), country("1f3f4")
        ('fi', '')
    """
    letters = [int(part, 16) - 0x1F1E6 for part in codepoints.split("-")]
    if len(letters) != 2 or not all(0 <= letter < 26 for letter in letters):
        return ""
    return "".join(chr(ord("a") + letter) for letter in letters)
