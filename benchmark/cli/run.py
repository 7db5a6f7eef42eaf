"""`headwater run`: pre-train methods on a protocol's stream, and evaluate them."""

from collections.abc import Mapping, Sequence
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

EveryOption = Annotated[
    bool, typer.Option("--every-chunk", help="The tasks after every chunk, not only the last.")
]

SharesOption = Annotated[
    str, typer.Option(help="Of the pool, for selections: 0.01,0.1. Default: 0.1.")
]


def run(
    protocol: Annotated[str, typer.Option("-p", "--protocol", help="For instance instance/nano.")],
    method: Annotated[
        list[str],
        typer.Option("-m", "--method", help="A name, or path/to/file.py:Class; may be repeated."),
    ],
    seed: Annotated[int, typer.Option(min=0, help="Number of the replicate.")] = 0,
    seeds: Annotated[
        int | None, typer.Option(min=1, help="That many replicates, from 0, in place of one.")
    ] = None,
    tasks: TasksOption = "",
    evaluations: EvaluationsOption = "",
    every_chunk: EveryOption = False,
    set_: Annotated[
        list[str] | None, typer.Option("--set", help="An option of the method: name=value.")
    ] = None,
    shares: SharesOption = "",
    store: StoreOption = DEFAULT_STORE,
    executor: Annotated[str, typer.Option(help="local: processes here; ray: a cluster.")] = "local",
    workers: Annotated[
        int | None, typer.Option(min=0, help="Worker processes; 0: this one. Default: 1.")
    ] = None,
    threads: Annotated[
        int | None, typer.Option(min=1, help="Of each worker. Default: its share of the cores.")
    ] = None,
    gpus: Annotated[float, typer.Option(min=0, help="Of each cell on Ray; 0.5: two share.")] = 0.0,
    processes: Annotated[
        int, typer.Option(min=1, help="That train one phase together, by torchrun and DDP.")
    ] = 1,
    keep: Annotated[str, typer.Option(help="Weights after every phase: all, or last.")] = "all",
    retry_failed: Annotated[
        bool, typer.Option("--retry-failed", help="Compute again what failed.")
    ] = False,
    logs: Annotated[
        Path | None, typer.Option(help="Folder for TensorBoard's files (headwater[logs]).")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Run methods on a protocol; only what is missing from the store is computed.

    It may be stopped or killed at any time: the same command goes on from the last step that was
    put by. Several runs on one store share the work.

    On selection/nano, a selection runs for every target, unless one is --set, and for every share.

    Example: headwater run -p instance/nano -m moco_v2/sequential --seed 0
    """
    from benchmark.cli.session import How, run_methods
    from benchmark.evaluations import spread, tier_tasks
    from benchmark.registry import load_shipped
    from benchmark.resolve import parse_options, protocol_named
    from benchmark.result import Evaluation

    if keep not in ("all", "last"):
        raise UsageError(f"--keep is all or last, not {keep}")
    load_shipped()
    spec = protocol_named(protocol)
    options = parse_options(set_ or [])
    outcomes = run_methods(
        spec,
        [one for name in method for one in spread(spec, name, options, shares)],
        Path(store),
        replicates=[seed] if seeds is None else range(seeds),
        tasks=chosen(tasks, tier_tasks(spec)),
        evaluations=chosen(evaluations, get_args(Evaluation)),
        every=every_chunk,
        how=How(executor, workers, threads, gpus, processes, keep == "all", retry_failed, logs),
    )
    if as_json:
        print_json({"store": str(store), "methods": outcomes})
    else:
        for name, outcome in outcomes.items():
            print(told(name, outcome))
    raise typer.Exit(1 if any(outcome["failed"] for outcome in outcomes.values()) else 0)


def told(name: str, outcome: Mapping[str, int]) -> str:
    """What a run did of a method, in a line.

    Example:
        >>> told("mine", {"computed": 1, "found": 3, "failed": 0})
        'mine: 1 cell computed, 3 found, 0 failed'
        >>> told("mine", {"computed": 0, "found": 3, "failed": 2})
        'mine: 0 cells computed, 3 found, 2 failed; see headwater status, or add --retry-failed'
    """
    cells = "cell" if outcome["computed"] == 1 else "cells"
    line = f"{name}: {outcome['computed']} {cells} computed, {outcome['found']} found, "
    line += f"{outcome['failed']} failed"
    if outcome["failed"]:
        line += "; see headwater status, or add --retry-failed"
    return line


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
