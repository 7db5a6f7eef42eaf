"""`headwater run`: pre-train methods on a protocol's stream, and evaluate them."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, get_args

import typer

from benchmark.cli.output import DEFAULT_STORE, JsonOption, StoreOption, print_json
from benchmark.errors import UsageError

TasksOption = Annotated[
    str, typer.Option(help="Only these tasks, separated by commas; all: also those on request.")
]
EvaluationsOption = Annotated[
    str, typer.Option(help="Only these evaluations, likewise; all: also those on request.")
]


def run(
    protocol: Annotated[str, typer.Option("-p", "--protocol", help="For instance instance/nano.")],
    method: Annotated[
        list[str],
        typer.Option("-m", "--method", help="A name, or path/to/file.py:Class; may be repeated."),
    ],
    seed: Annotated[int, typer.Option(min=0, help="Number of the replicate.")] = 0,
    tasks: TasksOption = "",
    evaluations: EvaluationsOption = "",
    set_: Annotated[
        list[str] | None, typer.Option("--set", help="An option of the method: name=value.")
    ] = None,
    store: StoreOption = DEFAULT_STORE,
    as_json: JsonOption = False,
) -> None:
    """Run methods on a protocol; only what is missing from the store is computed.

    Example: headwater run -p instance/nano -m moco_v2/sequential --seed 0
    """
    from benchmark.cells import tier_tasks
    from benchmark.cli.session import run_methods
    from benchmark.registry import load_shipped
    from benchmark.resolve import parse_options, protocol_named, resolve
    from benchmark.result import Evaluation

    load_shipped()
    spec = protocol_named(protocol)
    options = parse_options(set_ or [])
    outcomes = run_methods(
        spec,
        [resolve(name, options, spec.tier) for name in method],
        Path(store),
        replicate=seed,
        tasks=chosen(tasks, tier_tasks(spec)),
        evaluations=chosen(evaluations, get_args(Evaluation)),
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


def chosen(text: str, every: Sequence[str]) -> list[str] | None:
    """The names of a list with commas; all of them for `all`, None for an empty one.

    Raises:
        UsageError: commas, and nothing between them.

    Example:
        >>> chosen("digits, flags", ["digits"]), chosen("all", ["digits"]), chosen("", [])
        (['digits', 'flags'], ['digits'], None)
    """
    names = [name.strip() for name in text.split(",") if name.strip()]
    if text and not names:
        raise UsageError(f"{text!r} names nothing; separate names by commas, or say all")
    return list(every) if names == ["all"] else names or None
