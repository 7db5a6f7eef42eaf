"""The README's tables of the methods: references, rates, and how the defaults were chosen."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from baselines import tune
from benchmark.registry import OBJECTIVES, STRATEGIES
from benchmark.resolve import resolve
from leaderboard.words import BLANK, joined, number


def references() -> str:
    """Objectives and strategies, with their papers and what each was held against."""
    lines = []
    for registry in (OBJECTIVES, STRATEGIES):
        lines += [
            f"| {registry.kind.capitalize()} | Paper | Stores | Held against |",
            "| :-- | :-- | :-- | :-- |",
        ]
        for name in registry.names():
            about = registry.get(name).about
            told = f"[{about.held_against}]({about.test.partition('::')[0]})"
            lines.append(f"| `{name}` | {about.paper} | {about.stores} | {told} |")
        lines.append("")
    return "\n".join(lines[:-1])


def method_rates(measured: dict[str, Any]) -> str:
    """What `headwater bench methods --json` printed."""
    lines = [
        "| Objective | Forwards | Images a second | Over bare | Augmentation, of a step "
        "| Of the peak |",
        "| :-- | :-- | --: | --: | --: | --: |",
    ]
    for name, told in measured["objectives"].items():
        lines.append(
            f"| `{name}` | {told['forwards']} | {told['images_per_second']:,} "
            f"| {_median(told['over_bare'])} | {_median(told['augmentation_share'], percent=True)} "
            f"| {100 * told['share_of_peak']:.0f} % |"
        )
    lines += [
        "",
        "| Method | Slower a visit than sequential | Forwards | Over these forwards bare |",
        "| :-- | --: | :-- | --: |",
    ]
    for name, told in measured["strategies"].items():
        slower = told.get("slower_than_sequential")
        over = told.get("over_bare")
        lines.append(
            f"| `{name}` | {_median(slower, percent=True) if slower else ''} "
            f"| {told.get('forwards', '')} | {_median(over) if over else ''} |"
        )
    peak = measured["peak"]
    note = (
        f"Medians of {measured['rounds']} rounds in one run with their quartiles, on "
        f"{measured['device']}, {measured['precision']}, {measured['threads']} threads; a matrix "
        f"product of {peak['size']} reaches {peak['gflops']:.0f} GFLOP/s there."
    )
    return "\n".join([*lines, "", note])


def _median(quartiles: list[float], *, percent: bool = False) -> str:
    low, middle, high = quartiles
    if percent:
        return f"{number(100 * middle)} % ({number(100 * low)} to {number(100 * high)})"
    return f"{middle:.2f} ({low:.2f} to {high:.2f})"


def trials(folder: Path) -> str:
    """What was tried for each part, what did best on the validation images, and what nano uses.

    The last need not be the best of each row, since a strategy has one default for all objectives.
    """
    lines = [
        "| Part | With | Tried | Best | Mean validation | Used | Mean validation | Worst |",
        "| :-- | :-- | :-- | :-- | --: | :-- | --: | --: |",
    ]
    for name, rows in _tuned(folder).items():
        for method in dict.fromkeys(row["method"] for row in rows):
            own = [row for row in rows if row["method"] == method]
            best, worst = (pick(own, key=lambda row: row["validation"]) for pick in (max, min))
            tried = "; ".join(f"{option} {_values(own, option)}" for option in best["options"])
            used = _used(own)
            scored = (f"{row['validation']:.1f} %" for row in own if row["options"] == used)
            lines.append(
                f"| `{name}` | `{method}` on `{best['protocol']}` | {tried} "
                f"| {_told(best['options'])} | {best['validation']:.1f} % "
                f"| {_told(used)} | {next(scored, BLANK)} | {worst['validation']:.1f} % |"
            )
    return "\n".join(lines)


def edges(folder: Path) -> str:
    """Which of the used values are the least or the greatest tried, of options with three or more.

    Beyond these a better one may lie.
    """
    found = []
    for name, rows in _tuned(folder).items():
        for option, value in _used(rows).items():
            tried = sorted({row["options"][option] for row in rows})
            if len(tried) > 2 and value in (tried[0], tried[-1]):
                end = "least" if value == tried[0] else "greatest"
                found.append(f"{option} {value:g} of `{name}` (the {end})")
    if not found:
        return "Of options with three values or more, none is used at an end of what was tried."
    return (
        f"Of options with three values or more, used at an end of what was tried, so that a better "
        f"one may lie beyond: {joined(found)}."
    )


def _tuned(folder: Path) -> dict[str, list[dict[str, Any]]]:
    """The trials of each part that has some, in the order of the names."""
    tuned = tune.OBJECTIVES | tune.STRATEGIES
    paths = {
        name: folder / f"{name}.json"
        for name in (*OBJECTIVES.names(), *STRATEGIES.names())
        if name in tuned
    }
    return {
        name: json.loads(path.read_text(encoding="utf-8"))
        for name, path in paths.items()
        if path.is_file()
    }


def _used(rows: list[dict[str, Any]]) -> dict[str, float]:
    """What nano uses of the options that were tried."""
    config = resolve(rows[0]["method"], {}, "nano").config
    return {option: config[option] for option in rows[0]["options"]}


def memory_trials(folder: Path) -> str:
    """What less memory would give: every trial, a single training each."""
    lines = ["| Method | Keeps | Mean validation |", "| :-- | :-- | --: |"]
    for name in tune.MEMORY:
        path = folder / f"{name}.json"
        rows = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else []
        lines += [
            f"| `{row['method']}` | {_told(row['options'])} | {row['validation']:.1f} % |"
            for row in rows
        ]
    return "\n".join(lines)


def _told(options: Mapping[str, float]) -> str:
    return ", ".join(f"{option} {value:g}" for option, value in options.items())


def _values(rows: list[dict[str, Any]], option: str) -> str:
    return joined([f"{value:g}" for value in dict.fromkeys(row["options"][option] for row in rows)])
