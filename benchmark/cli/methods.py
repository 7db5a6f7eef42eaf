"""What `headwater list methods` shows: objectives, strategies, and the grid of the two."""

from collections.abc import Iterable
from typing import Any

from benchmark.cli.output import print_rows
from benchmark.method import About, Method
from benchmark.models import numbers
from benchmark.registry import METHODS, OBJECTIVES, SELECTIONS, STRATEGIES
from benchmark.resolve import ResolvedMethod, grid, protocol_named, resolve

#: Whose networks the counts are of.
PROTOCOL = "instance/nano@1"


def method_rows() -> list[dict[str, Any]]:
    """One row a method: papers, what it stores beyond the backbone, and what it needs."""
    return [method_row(resolve(name)) for name in [*METHODS.names(), *grid()]]


def method_row(method: ResolvedMethod) -> dict[str, Any]:
    """The row of one method."""
    abouts: list[About] = [part.about for part in method.parts]
    built = method.build(protocol_named(PROTOCOL), 0)
    return {
        "method": method.name,
        "paper": _distinct(about.paper for about in abouts),
        "stores": [*_distinct(about.stores for about in abouts), *_images(built)],
        "needs": _needs(built, method.needs_labels),
        "forwards": method.parts[-1].passes(method.parts[0]) if len(method.parts) > 1 else None,
        "extra_parameters": numbers(built) - numbers(built.backbone),
        "memory_share": built.memory_share,
        "held_against": _distinct(about.held_against for about in abouts),
        "what": "; ".join((part.__doc__ or "").split("\n")[0].rstrip(".") for part in method.parts),
    }


def print_methods() -> None:
    """Tables for people: objectives, strategies, which go together, and selections."""
    spec = protocol_named(PROTOCOL)
    plain = {name: resolve(f"{name}/sequential").build(spec, 0) for name in OBJECTIVES.names()}
    rows = [
        {
            "objective": name,
            "paper": OBJECTIVES.get(name).about.paper,
            "stores": OBJECTIVES.get(name).about.stores,
            "numbers": _millions(numbers(built) - numbers(built.backbone)),
            "needs": _needs(built, OBJECTIVES.get(name).needs_labels),
            "forwards": "{} + {}".format(*OBJECTIVES.get(name).passes),
        }
        for name, built in plain.items()
    ]
    print_rows(rows, False, "Objectives: at nano; forwards of an image with gradient + without")
    print()
    base = plain["moco_v2"]
    rows = []
    for name in STRATEGIES.names():
        built = resolve(f"moco_v2/{name}").build(spec, 0)
        rows.append(
            {
                "strategy": name,
                "paper": STRATEGIES.get(name).about.paper,
                "stores": [s for s in (STRATEGIES.get(name).about.stores, *_images(built)) if s],
                "numbers": _millions(numbers(built) - numbers(base)),
                "needs": _needs(built, False),
            }
        )
    print_rows(rows, False, "Strategies: numbers as stored with moco_v2 at nano")
    print()
    known = grid()
    print_rows(
        [
            {"strategy": strategy}
            | {o: "yes" if f"{o}/{strategy}" in known else "-" for o in OBJECTIVES.names()}
            for strategy in STRATEGIES.names()
        ],
        False,
        "Methods are objective/strategy; asked for, a pair without yes says why it makes no sense",
        names=True,
    )
    print(f"\nand, on their own: {', '.join(METHODS.names())}\n")
    rows = [
        {"selection": name, "paper": SELECTIONS.get(name).about.paper, "looks at": _looks_at(name)}
        for name in SELECTIONS.names()
    ]
    print_rows(rows, False, "Selections: in a strategy's place, on selection/nano", names=True)


def _looks_at(selection: str) -> list[str]:
    known = SELECTIONS.get(selection)
    return [
        *(["the target"] if known.uses_target else []),
        *(["features"] if known.uses_features else []),
        *(["the pool's labels"] if known.uses_pool_labels else []),
    ]


def _millions(count: int) -> str:
    return f"{count / 1e6:.2f} M" if count else ""


def _images(method: Method) -> list[str]:
    share = method.memory_share
    return [f"{share:.0%} of the images"] if share else []


def _needs(method: Method, labels: bool) -> list[str]:
    return [
        *(["labels"] if labels else []),
        *(["boundaries"] if method.needs_boundaries else []),
    ]


def _distinct(texts: Iterable[str]) -> list[str]:
    return [text for text in dict.fromkeys(texts) if text]
