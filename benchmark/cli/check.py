"""`headwater check`: a method against the contract, in seconds."""

import dataclasses
from typing import Annotated

import typer

from benchmark.cli.output import JsonOption, print_json


def check(
    method: Annotated[str, typer.Argument(help="A name, or path/to/file.py:Class.")],
    set_: Annotated[
        list[str] | None, typer.Option("--set", help="An option of the method: name=value.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Try a method against every rule of the contract, on a few steps of the smoke streams.

    Example: headwater check moco_v2/replay
    """
    from benchmark.check import check as findings_of
    from benchmark.registry import load_shipped
    from benchmark.resolve import parse_options

    load_shipped()
    findings = []
    for finding in findings_of(method, parse_options(set_ or [])):
        findings.append(finding)
        if not as_json:
            print(f"{'ok    ' if finding.passed else 'BROKEN'} {finding}", flush=True)
    broken = sum(not finding.passed for finding in findings)
    if as_json:
        print_json([dataclasses.asdict(finding) for finding in findings])
    else:
        told = f"{broken} of {len(findings)} rules are broken" if broken else "meets the contract"
        print(f"{method}: {told}")
    raise typer.Exit(1 if broken else 0)
