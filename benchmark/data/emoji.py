"""Which package holds which emoji, by code point, and the drawings themselves.

The sets name their icons differently. Some carry a table from code points to names; in the others
an icon is found by the names that those tables, and Unicode's own list, give to its code point.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from benchmark.data.drawn import Drawing
from benchmark.data.render import svg_document
from benchmark.data.source import Library
from benchmark.data.styles import NAMES, STYLES

#: Groups of Unicode's list that show things rather than people and signs.
OBJECT_GROUPS = (
    "Animals & Nature",
    "Food & Drink",
    "Travel & Places",
    "Activities",
    "Objects",
)

#: An object emoji is kept if at least this many of the twelve styles draw it.
ENOUGH_STYLES = 8


@dataclass(frozen=True)
class Emoji:
    """One emoji.

    Args:
        codepoints: lower-case hexadecimal joined by "-", without the variation selector fe0f.
        name: of the Unicode list, as a slug: "dog-face".
        group, subgroup: Unicode's.
        styles: names of the styles that draw it.
    """

    codepoints: str
    name: str
    group: str
    subgroup: str
    styles: tuple[str, ...]


class EmojiBook:
    """All emoji of the Unicode list, and how each style draws them.

    Args:
        library: where the packages of `EMOJI_SOURCES` are read from.

    Raises:
        DataError: one of the packages cannot be had.
    """

    def __init__(self, library: Library) -> None:
        self._library = library
        listed = library.json(NAMES, "package/emoji.json")
        self._icons: dict[str, Any] = {}
        tables: dict[str, dict[str, str]] = {}
        self._pictures: dict[str, dict[str, str]] = {}
        for name, style in STYLES.items():
            members = library.members(style.source)
            if "package/icons.json" in members:
                table = library.json(style.source, "package/chars.json")
                tables[name] = {plain_codepoints(c): icon for c, icon in table.items()}
                self._icons[name] = library.json(style.source, "package/icons.json")
            else:
                self._pictures[name] = {
                    plain_codepoints(m.rsplit("/", 1)[-1][:-5]): m
                    for m in members
                    if m.endswith(".webp")
                }
        self._found: dict[str, Mapping[str, str]] = {
            **match_names(listed, self._icons, tables),
            **self._pictures,
        }
        slugs = tables["openmoji"]
        self.emoji: tuple[Emoji, ...] = tuple(
            Emoji(
                codepoints=(points := plain_codepoints(entry["unified"])),
                name=slugs.get(points, _squash(entry["short_name"])),
                group=entry["category"],
                subgroup=entry["subcategory"],
                styles=tuple(style for style in STYLES if points in self._found[style]),
            )
            for entry in sorted(listed, key=lambda entry: entry["sort_order"])
        )

    def objects(self) -> tuple[Emoji, ...]:
        """The emoji of things that enough styles draw: the classes of the pool."""
        return tuple(
            e for e in self.emoji if e.group in OBJECT_GROUPS and len(e.styles) >= ENOUGH_STYLES
        )

    def drawing(self, style: str, codepoints: str) -> Drawing:
        """How a style draws an emoji that it has."""
        place = self._found[style][codepoints]
        if style in self._pictures:
            return Drawing(self._library.read(STYLES[style].source, place))
        return Drawing(svg_document(self._icons[style], place))


@lru_cache(maxsize=1)
def emoji_book(library: Library) -> EmojiBook:
    """The book of a library, read once: parsing it takes seconds."""
    return EmojiBook(library)


def plain_codepoints(text: str) -> str:
    """Code points as ids have them.

    Example:
        >>> plain_codepoints("2764-FE0F-200D-1F525")
        '2764-200d-1f525'
    """
    return "-".join(part for part in text.lower().split("-") if part != "fe0f")


def match_names(
    listed: Sequence[Mapping[str, Any]],
    icons: Mapping[str, Any],
    tables: Mapping[str, Mapping[str, str]],
) -> dict[str, dict[str, str]]:
    """Find the icon of every emoji in every set.

    From sure to less sure, each step for all emoji before the next: the set's own table; the
    names in other sets' tables; those names' aliases; Unicode's name; common short names. An icon
    is given to one emoji only, and in the later steps never one that bears the name of another.

    Args:
        listed: entries of emoji.json with "unified", "name", "short_names".
        icons: style to content of its icons.json.
        tables: style to code points to icon name; empty where the set has no table.

    Returns:
        Style to code points to icon name.
    """
    names: dict[str, set[str]] = defaultdict(set)
    aliases: dict[str, set[str]] = defaultdict(set)
    for style, table in tables.items():
        parents = {
            alias: entry["parent"]
            for alias, entry in icons[style].get("aliases", {}).items()
            if entry.keys() == {"parent"}  # a mirrored icon shows something else
        }
        children: dict[str, set[str]] = defaultdict(set)
        for alias, parent in parents.items():
            children[parent].add(alias)
        for points, name in table.items():
            names[points].add(name)
            parent = parents.get(name, name)
            aliases[points] |= {parent} | children[parent]
            if name.startswith("flag-"):
                aliases[points].add(name.replace("flag-", "flag-for-", 1))
    owners: dict[str, set[str]] = defaultdict(set)
    for points, told in names.items():
        for name in told:
            owners[_squash(name)].add(points)

    entries = [(plain_codepoints(entry["unified"]), entry) for entry in listed]
    found: dict[str, dict[str, str]] = {}
    for style, table in tables.items():
        steps: list[list[tuple[str, Iterable[str]]]] = [
            [(p, [table[p]]) for p, _ in entries if p in table],
            [(p, sorted(names[p])) for p, _ in entries],
            [(p, sorted(aliases[p])) for p, _ in entries],
            [(p, [entry["name"]]) for p, entry in entries],
            [(p, entry["short_names"]) for p, entry in entries],
        ]
        found[style] = _match_set(icons[style], steps, owners)
    return found


def _match_set(
    icons: Mapping[str, Any],
    steps: Sequence[Sequence[tuple[str, Iterable[str]]]],
    owners: Mapping[str, set[str]],
) -> dict[str, str]:
    aliases = icons.get("aliases", {})
    known: dict[str, str] = {}
    for name in (*icons["icons"], *aliases):
        known.setdefault(_squash(name), name)
    found: dict[str, str] = {}
    taken: set[str] = set()
    for number, step in enumerate(steps):
        for points, candidates in step:
            if points in found:
                continue
            for candidate in map(_squash, candidates):
                if number >= 2 and owners.get(candidate, {points}) != {points}:
                    continue
                icon = known.get(candidate)
                drawn = icon
                while drawn in aliases:
                    drawn = aliases[drawn]["parent"]
                if icon is not None and drawn is not None and drawn not in taken:
                    taken.add(drawn)
                    found[points] = icon
                    break
    return found


def _squash(name: str) -> str:
    """Letters and digits alone: sets differ in hyphens."""
    return re.sub("[^a-z0-9]", "", name.lower())
