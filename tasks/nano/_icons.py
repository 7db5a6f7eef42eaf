"""What `health` and `interface` share: sets of icons whose metadata sort them into categories."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import ClassVar

from benchmark.data.drawn import Drawing, Entry, draw, without_repeats
from benchmark.data.home import sha256_text
from benchmark.data.imageset import Sample
from benchmark.data.render import svg_document
from benchmark.data.source import Library
from benchmark.data.split import split_groups
from tasks.task import Task


class IconTask(Task):
    """Icons of one Iconify set, labelled with their category.

    A subclass gives `spec` with one source, and the members below.
    """

    #: What may stand at the end of a name, each after a hyphen, for a variant of the icon.
    suffixes: ClassVar[tuple[str, ...]]
    #: Variants taken, as the suffixes of the name; None for all.
    kept_suffixes: ClassVar[tuple[tuple[str, ...], ...] | None] = None
    #: Share of the images in test, 0-1.
    test_share: ClassVar[float]
    #: At most so many icons a category, chosen by a hash of the name; None for all.
    icons_per_class: ClassVar[int | None] = None
    #: Icons that show nothing, or exactly what another on another side shows.
    left_out: ClassVar[tuple[str, ...]] = ()

    def build(self, library: Library) -> Iterator[Sample]:
        """Yield the icons that have a category, in the order of their names."""
        (source,) = self.spec.sources
        icons = library.json(source, "package/icons.json")
        categories = library.json(source, "package/metadata.json")["categories"]
        labels = self._labels(categories)
        entries = [
            Entry(name, Drawing(svg_document(icons, name)), labels[base], {"group": base})
            for name in sorted(icons["icons"])
            for base, found in [split_name(name, self.suffixes)]
            if base in labels and name not in self.left_out
            if self.kept_suffixes is None or found in self.kept_suffixes
        ]
        entries = without_repeats(entries)
        splits = split_groups(
            self.spec.name,
            [entry.label for entry in entries],
            [entry.extra["group"] for entry in entries],
            test=self.test_share,
        )
        return draw(entries, splits, 32)

    def _labels(self, categories: Mapping[str, Sequence[str]]) -> dict[str, int]:
        """Icon, without its variants' suffixes, to class."""
        found: dict[str, set[int]] = defaultdict(set)
        for category, names in categories.items():
            for name in names:
                base, _ = split_name(name, self.suffixes)
                found[base].add(self.spec.classes.index(category))
        of_class: dict[int, list[str]] = defaultdict(list)
        for base, classes in found.items():
            if len(classes) == 1:
                of_class[min(classes)].append(base)
        for bases in of_class.values():
            bases.sort(key=lambda base: sha256_text("subsample", self.spec.name, base))
        return {
            base: label
            for label, bases in of_class.items()
            for base in bases[: self.icons_per_class]
        }


def split_name(name: str, suffixes: Sequence[str]) -> tuple[str, tuple[str, ...]]:
    """An icon's name without the suffixes of its variants, and these.

    Example:
        >>> split_name("blood-bag-outline-24px", ("24px", "outline"))
        ('blood-bag', ('outline', '24px'))
    """
    found: tuple[str, ...] = ()
    while "-" in name and name.rsplit("-", 1)[1] in suffixes:
        name, suffix = name.rsplit("-", 1)
        found = (suffix, *found)
    return name, found
