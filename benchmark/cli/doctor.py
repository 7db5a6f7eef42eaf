"""`headwater doctor`: whether this machine can run Headwater, and what to do."""

import dataclasses
import shutil
import textwrap
from typing import TYPE_CHECKING, Annotated

import typer

from benchmark.cli.output import DEFAULT_STORE, JsonOption, StoreOption, print_json

if TYPE_CHECKING:
    from benchmark.doctor import Finding

_INDENT = " " * 20


def doctor(
    store: StoreOption = DEFAULT_STORE,
    offline: Annotated[
        bool, typer.Option("--offline", help="Do not ask npm and pip for their registries.")
    ] = False,
    all_: Annotated[bool, typer.Option("--all", help="Import mmdet, too: up to 20 s.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Say whether this machine can run Headwater, and what to do about what is not well.

    Nothing is changed. Exits with 1 if there is a problem; with a warning, Headwater still runs.

    Example: headwater doctor --offline
    """
    from benchmark.doctor import examine

    findings = []
    for finding in examine(store, offline=offline, everything=all_):
        findings.append(finding)
        if not as_json:
            print(_told(finding), flush=True)
    states = [finding.state for finding in findings]
    if as_json:
        print_json([dataclasses.asdict(finding) for finding in findings])
    else:
        counts = [(states.count(state), state) for state in ("problem", "warning")]
        told = [f"{count} {state}{'s' * (count > 1)}" for count, state in counts if count]
        print(f"\n{', '.join(told) or 'all is well'}")
    raise typer.Exit(1 if "problem" in states else 0)


def _told(finding: "Finding") -> str:
    """State, name and what was found, wrapped; the remedy under it."""
    width = max(60, min(100, shutil.get_terminal_size().columns))
    lines = [f"{finding.state:<8} {finding.name:<10} {finding.found}"]
    if finding.remedy:
        lines.append(f"{_INDENT}-> {finding.remedy}")
    # Whole words only, so that a path or an option can be copied.
    return "\n".join(
        textwrap.fill(
            line,
            width,
            subsequent_indent=_INDENT + " " * 3 * (number > 0),
            break_long_words=False,
            break_on_hyphens=False,
        )
        for number, line in enumerate(lines)
    )
