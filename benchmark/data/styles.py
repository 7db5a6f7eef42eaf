"""The twelve styles in which eight teams drew emoji, each a pinned package."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from benchmark.data.source import Source

Domain = Literal["flat", "gradient", "three-d", "line", "legacy"]

#: The five style families, in the order of the domain-incremental stream.
DOMAINS: tuple[Domain, ...] = ("flat", "gradient", "three-d", "line", "legacy")


def _iconify(name: str, version: str, digest: str, licence: str, by: str) -> Source:
    return Source(name, "npm", f"@iconify-json/{name}", version, digest, licence, by)


NAMES = Source(
    "emoji-datasource",
    "npm",
    "emoji-datasource",
    "16.0.0",
    "2006725061dc0098daa832d65f854a7bec0740af2eb47cb5b23d89f7e2c849f9",
    "MIT",
    "Cal Henderson, emoji-data",
    "only its emoji.json, names and groups, is read; its picture sheets are not openly licensed",
)


@dataclass(frozen=True)
class Style:
    """One way of drawing all emoji.

    Args:
        source: its package.
        design: the team's drawing; styles of one design are not independent of each other.
        domain: the style family it belongs to; None for designs held out for the tasks.
    """

    source: Source
    design: str
    domain: Domain | None


_MICROSOFT = "Microsoft, Fluent Emoji"
_EMOJI_ONE = "Emoji One, kept by EmojiTwo"

#: Name to style, in the order of ids.
STYLES: Mapping[str, Style] = {
    style.source.name: style
    for style in (
        Style(
            _iconify(
                "twemoji",
                "1.2.5",
                "19046dff7d8707ce96212ec86468b36ac5f8e60409629dd13f809265c6d0ebb7",
                "CC-BY-4.0",
                "Twitter, Inc. and other contributors, Twemoji",
            ),
            "twemoji",
            "flat",
        ),
        Style(
            _iconify(
                "fluent-emoji-flat",
                "1.2.6",
                "7d064769dee690815f823bc5bcc511d957198caf9f5edd8dd9c1aa48a6aeb175",
                "MIT",
                _MICROSOFT,
            ),
            "fluent",
            "flat",
        ),
        Style(
            _iconify(
                "noto",
                "1.2.9",
                "3e918d88fc945c0bb3d468dbace6f88caef67f01c9f0e7bcae0915a042e8f1ad",
                "Apache-2.0",
                "Google, Noto Emoji",
            ),
            "noto",
            "gradient",
        ),
        Style(
            _iconify(
                "emojione",
                "1.2.3",
                "26a14f44284407e8bcde91799388dca2bfd91dbcd55a97f425524a1c5b73610e",
                "CC-BY-4.0",
                _EMOJI_ONE,
            ),
            "emojione",
            "gradient",
        ),
        Style(
            Source(
                "fluent-emoji-3d",
                "npm",
                "@lobehub/fluent-emoji-3d",
                "1.1.0",
                "c1bb7eee7de090205a232518a9ab4adb3df458bfbe8a1f78232991194c8b2e58",
                "MIT",
                f"{_MICROSOFT}; packaged by LobeHub",
            ),
            "fluent",
            "three-d",
        ),
        Style(
            _iconify(
                "fluent-emoji",
                "1.2.7",
                "8044210dbf11e016d4de85f15d01a243423bd832457e7e2491df1b751c0e272b",
                "MIT",
                _MICROSOFT,
            ),
            "fluent",
            "three-d",
        ),
        Style(
            _iconify(
                "fluent-emoji-high-contrast",
                "1.2.6",
                "0b92d48c90d2200bd499e3cdd09a127ca6a8c8ddefd34c35eb5a1e4994012ae0",
                "MIT",
                _MICROSOFT,
            ),
            "fluent",
            "line",
        ),
        Style(
            _iconify(
                "emojione-monotone",
                "1.2.1",
                "40b90004bafb406b59266155ef9b7e1dd67bf2947fc8db8d07388776f4d0d04e",
                "CC-BY-4.0",
                _EMOJI_ONE,
            ),
            "emojione",
            "line",
        ),
        Style(
            _iconify(
                "noto-v1",
                "1.2.5",
                "2bf62c26c2c2884aa99e90aec942cdaee17a5921f05690694f4978ad4b017c37",
                "Apache-2.0",
                "Google, Noto Emoji, first design",
            ),
            "noto-v1",
            "legacy",
        ),
        Style(
            _iconify(
                "emojione-v1",
                "1.2.3",
                "6641d59d48a42823fdc2b84e7427e9f302944eb98d2c7d94d6e67c139e7b37b3",
                "CC-BY-SA-4.0",
                "Emoji One, first design",
            ),
            "emojione-v1",
            "legacy",
        ),
        Style(
            _iconify(
                "openmoji",
                "1.2.29",
                "03181e2c156cab35cf4a62f1f7886bd971d59212e75ac3f189d5a4cae3930fc5",
                "CC-BY-SA-4.0",
                "OpenMoji, HfG Schwäbisch Gmünd",
            ),
            "openmoji",
            None,
        ),
        Style(
            _iconify(
                "fxemoji",
                "1.2.2",
                "f3e72b3c59d05e1db03b7e308d55c0d05bd7ba3f625a90da1b79313c12858eef",
                "Apache-2.0",
                "Mozilla, Firefox OS Emoji",
            ),
            "fxemoji",
            None,
        ),
    )
}

#: Everything that `benchmark.data.emoji` reads.
EMOJI_SOURCES: tuple[Source, ...] = (
    NAMES,
    *(style.source for style in STYLES.values()),
)

#: Those whose drawings are in the pool, with the names.
POOL_SOURCES: tuple[Source, ...] = (
    NAMES,
    *(style.source for style in STYLES.values() if style.domain),
)
