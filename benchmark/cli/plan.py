"""`headwater plan`: what a run will cost in time, disk and downloads, before anything is spent."""

import re
import sys
import textwrap
from enum import Enum
from typing import Annotated, Any, get_args

import typer

from benchmark.cli.output import DEFAULT_STORE, JsonOption, StoreOption, print_json
from benchmark.cli.run import EvaluationsOption, EveryOption, SharesOption, TasksOption, chosen
from benchmark.cost.words import facts, grid_facts, summary, told_number, told_range, told_time
from benchmark.errors import UsageError

#: Columns of the text, and where it starts under the table.
WIDTH, INDENT = 80, 11


class Grid(str, Enum):
    """Grids that can be planned by name."""

    paper = "paper"


def plan(
    protocol: Annotated[
        list[str] | None,
        typer.Option("-p", "--protocol", help="For instance instance/nano; may be repeated."),
    ] = None,
    method: Annotated[
        list[str] | None,
        typer.Option("-m", "--method", help="A name, or path/to/file.py:Class; may be repeated."),
    ] = None,
    seeds: Annotated[
        int | None, typer.Option(min=1, help="Replicates, from 0. Default: 1; of a grid 3.")
    ] = None,
    tasks: TasksOption = "",
    evaluations: EvaluationsOption = "",
    every_chunk: EveryOption = False,
    set_: Annotated[
        list[str] | None, typer.Option("--set", help="An option of the methods: name=value.")
    ] = None,
    shares: SharesOption = "",
    grid: Annotated[
        Grid | None, typer.Option(help="paper: all of Hu et al.'s models, at full scale.")
    ] = None,
    measure: Annotated[
        bool, typer.Option(help="Train and evaluate for some seconds, to know this machine.")
    ] = True,
    store: StoreOption = DEFAULT_STORE,
    as_json: JsonOption = False,
) -> None:
    """Say what a run will cost: cells, hours, disk and downloads, each with what it rests on.

    What the store has is not counted. Seconds come from its records of this kind of machine;
    else a few steps and short evaluations are done here and now. GPU-hours of the full tier rest
    on declared throughputs where there is no GPU.

    Example: headwater plan -p instance/nano -m moco_v2/sequential --seeds 3
    """
    from benchmark.cost.document import plan_document
    from benchmark.cost.estimate import Request, predict
    from benchmark.cost.paper import plan_paper
    from benchmark.evaluations import spread, tier_tasks
    from benchmark.registry import load_shipped
    from benchmark.resolve import parse_options, protocol_named
    from benchmark.result import Evaluation

    load_shipped()
    if grid is not None:
        if protocol or method or tasks or evaluations or every_chunk or set_:
            raise UsageError("--grid says what is planned; leave out -p, -m, and what goes with it")
        document = plan_paper(seeds or 3, store, measure=measure, tell=_tell)
    elif not protocol or not method:
        raise UsageError("say -p PROTOCOL and -m METHOD, or --grid paper")
    else:
        specs = [protocol_named(name) for name in protocol]
        options = parse_options(set_ or [])
        request = Request(
            specs,
            [
                [one for name in method for one in spread(spec, name, options, shares)]
                for spec in specs
            ],
            seeds or 1,
            chosen(tasks, tier_tasks(specs[0])),
            chosen(evaluations, get_args(Evaluation)),
            store,
            every_chunk,
        )
        document = plan_document(predict(request, measure=measure, tell=_tell), store=str(store))
    document["summary"] = summary(document)
    print_json(document) if as_json else _print(document)


def _tell(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _print(document: dict[str, Any]) -> None:
    from rich.console import Console

    console = Console()
    _print_lines(console, document)
    print()
    if "grid" in document:
        _print_grid(console, document["grid"])
    for heading, text in facts(document):
        _wrapped(heading, text)
    print()
    print("\n".join(_lines(document["summary"], WIDTH)))


def _print_lines(console: Any, document: dict[str, Any]) -> None:
    from rich.table import Table

    gpu = document["declared_gpu"]
    hours = (
        {line["name"]: told_number(line["seconds"] / 3600) for line in gpu["lines"]} if gpu else {}
    )
    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column("cells of", overflow="fold")
    headings = ["all", "there", "each takes", "all left", "±"]
    if gpu:  # hours of the devices that count stand where those of single cells would
        headings[2:] = ["all left", "±", f"{gpu['device']}-h"]
    for heading in headings:
        table.add_column(heading, justify="right", no_wrap=True)
    mixed = len({tuple(line["basis"]) for line in document["lines"]}) > 1
    if mixed:  # else it is said once, under the table
        table.add_column("by", overflow="fold")
    for line in document["lines"]:
        table.add_row(
            line["name"],
            f"{line['cells']:,}",
            f"{line['done']:,}",
            *(_times(line)[1:] if gpu else _times(line)),
            *([hours[line["name"]]] if gpu else []),
            *([", ".join(line["basis"])] if mixed else []),
        )
    console.print(table)


def _times(line: dict[str, Any]) -> tuple[str, str, str]:
    """What one cell takes, all that are left, and by how much these may be off."""
    if not line["left"]:
        return "", "nothing", ""
    each = told_range(line["one_low"], line["one_high"])
    return each, told_time(line["seconds"]), f"{line['within']:.0%}"


def _print_grid(console: Any, grid: dict[str, Any]) -> None:
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    table.add_column("stream")
    for heading in ("models", "GPU-hours, training", "evaluation"):
        table.add_column(heading, justify="right")
    for stream in grid["streams"]:
        hours = [told_number(stream[f"hours_{part}"]) for part in ("training", "evaluation")]
        table.add_row(stream["protocol"], f"{stream['models']:,}", *hours)
    console.print(table)
    print()
    for heading, text in grid_facts(grid):
        _wrapped(heading, text)


def _wrapped(heading: str, text: str) -> None:
    for number, line in enumerate(_lines(text, WIDTH - INDENT)):
        print(f"{heading if number == 0 else '':<{INDENT}}{line}")


def _lines(text: str, width: int) -> list[str]:
    """A text in lines; a number stays with its unit."""
    held = re.sub(r"(?<=\d) (?=(?:[kMGT]?B|s|min|h|days|years)\b)", "\N{NO-BREAK SPACE}", text)
    lines = textwrap.wrap(held, width, break_on_hyphens=False)
    return [line.replace("\N{NO-BREAK SPACE}", " ") for line in lines]
