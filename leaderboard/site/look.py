"""How a method looks in every chart and table: hue by objective, shape and dash by strategy."""

from collections.abc import Iterable
from dataclasses import dataclass

#: Hues in the style sheet (`--hue-0` ..), after the one of plain methods (`--hue-plain`).
HUES = 6
#: plotly's name of a marker, the path of the same shape in a box of -6..6, and the line's dash.
SHAPES = (
    ("circle", "M-4.5,0a4.5,4.5 0 1,0 9,0a4.5,4.5 0 1,0 -9,0Z", "solid"),
    ("diamond-open", "M0,-5L5,0L0,5L-5,0Z", "dash"),
    ("square", "M-4,-4H4V4H-4Z", "dot"),
    ("triangle-up", "M0,-5L5,4H-5Z", "dashdot"),
    ("triangle-down", "M0,5L5,-4H-5Z", "longdash"),
    ("square-open", "M-4,-4H4V4H-4Z", "longdashdot"),
    ("circle-open", "M-4.5,0a4.5,4.5 0 1,0 9,0a4.5,4.5 0 1,0 -9,0Z", "solid"),
    ("cross", "M-1.7,-5H1.7V-1.7H5V1.7H1.7V5H-1.7V1.7H-5V-1.7H-1.7Z", "1px,4px"),
    ("x", "M-5,-3L-3,-5L0,-2L3,-5L5,-3L2,0L5,3L3,5L0,2L-3,5L-5,3L-2,0Z", "8px"),
    ("diamond", "M0,-5L5,0L0,5L-5,0Z", "8px,2px"),
    ("triangle-up-open", "M0,-5L5,4H-5Z", "12px,2px"),
    ("triangle-down-open", "M0,5L5,-4H-5Z", "12px,4px,2px,4px"),
)
#: These look alike on every page; what is added comes after them, in the order of the names.
OBJECTIVES = ("barlow_twins", "byol", "moco_v2", "simclr", "supervised", "vicreg")
STRATEGIES = (
    *("sequential", "joint", "cassle", "cumulative", "first_chunk", "lump"),
    *("mas", "mas_replay", "replay", "reservoir", "si"),
)


@dataclass(frozen=True)
class Look:
    """Hue's name in the style sheet, marker, its path for the legend, and dash."""

    hue: str
    marker: str
    path: str
    dash: str

    @property
    def open(self) -> bool:
        """Whether the marker is an outline."""
        return self.marker.endswith("-open")


def looks(methods: Iterable[str]) -> dict[str, Look]:
    """A look for each method; two of a hue differ in shape, of up to 12 strategies.

    The hue is the objective's, and of more than six the shapes of the next six are shifted.

    Example:
        >>> found = looks(["moco_v2/joint", "moco_v2/sequential", "random_init"])
        >>> [(look.hue, look.marker) for look in found.values()]
        [('hue-2', 'diamond-open'), ('hue-2', 'circle'), ('hue-plain', 'circle')]
    """
    names = list(dict.fromkeys(methods))
    pairs = {name: name.partition("/")[::2] for name in names}
    objectives = _after(OBJECTIVES, (o for o, strategy in pairs.values() if strategy))
    strategies = _after(STRATEGIES, (s for _, s in pairs.values() if s))
    plain = [name for name in names if not pairs[name][1]]
    found = {}
    for name, (objective, strategy) in pairs.items():
        if strategy:
            more, number = divmod(objectives.index(objective), HUES)
            hue = f"hue-{number}"
            shape = SHAPES[(strategies.index(strategy) + more) % len(SHAPES)]
        else:
            hue, shape = "hue-plain", SHAPES[plain.index(name) % len(SHAPES)]
        found[name] = Look(hue, *shape)
    return found


def _after(known: tuple[str, ...], names: Iterable[str]) -> list[str]:
    return [*known, *sorted({*names}.difference(known))]


def plain_looks(names: Iterable[str]) -> dict[str, Look]:
    """A look for each name, whatever is in it: two differ in hue or in shape.

    Example:
        >>> [look.marker for look in plain_looks(["instance", "domain"]).values()]
        ['circle', 'diamond-open']
    """
    return {
        name: Look(f"hue-{number % HUES}", *SHAPES[number % len(SHAPES)])
        for number, name in enumerate(dict.fromkeys(names))
    }
