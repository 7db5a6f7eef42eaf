"""`headwater run`: pre-train methods on a protocol's stream, and evaluate them."""

from pathlib import Path
from typing import Annotated

import typer

from benchmark.cli.output import DEFAULT_STORE, JsonOption, StoreOption, print_json


def run(
    protocol: Annotated[str, typer.Option("-p", "--protocol", help="For instance instance/nano.")],
    method: Annotated[
        list[str],
        typer.Option("-m", "--method", help="A name, or path/to/file.py:Class; may be repeated."),
    ],
    seed: Annotated[int, typer.Option(min=0, help="Number of the replicate.")] = 0,
    tasks: Annotated[str, typer.Option(help="Only these tasks, separated by commas.")] = "",
    set_: Annotated[
        list[str] | None, typer.Option("--set", help="An option of the method: name=value.")
    ] = None,
    store: StoreOption = DEFAULT_STORE,
    as_json: JsonOption = False,
) -> None:
    """Run methods on a protocol; only what is missing from the store is computed.

    Example: headwater run -p instance/nano -m moco_v2/sequential --seed 0
    """
    from benchmark.cli.session import run_methods
    from benchmark.registry import load_shipped
    from benchmark.resolve import parse_options, protocol_named, resolve

    load_shipped()
    spec = protocol_named(protocol)
    options = parse_options(set_ or [])
    outcomes = run_methods(
        spec,
        [resolve(name, options, spec.tier) for name in method],
        Path(store),
        replicate=seed,
        tasks=[name for name in tasks.split(",") if name] or None,
    )
    if as_json:
        print_json({"store": str(store), "methods": outcomes})
    else:
        for name, outcome in outcomes.items():
            print(
                f"{name}: {outcome['computed']} cells computed, {outcome['found']} found, "
                f"{outcome['failed']} failed"
            )
    raise typer.Exit(1 if any(outcome["failed"] for outcome in outcomes.values()) else 0)
