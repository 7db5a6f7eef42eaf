"""`headwater bench`: rates as ratios, measured in turns in one run."""

import subprocess
import sys
import tempfile
from collections.abc import Mapping
from enum import Enum
from pathlib import Path
from typing import Annotated, Any

import typer

from baselines.bench_table import (
    FILES,
    NOTE,
    Document,
    engine_lines,
    missing,
    read_document,
    rows,
    write_document,
)
from benchmark.cli.output import JsonOption, print_json, print_rows, table_of
from benchmark.errors import DataError, HeadwaterError, UsageError

#: Turns of each contestant, where nothing else is said.
ROUNDS, ENGINE_ROUNDS = 20, 3
#: Characters of a line that nobody's terminal bounds: the table's width, and a little more.
WIDTH = 100


class What(str, Enum):
    """What can be measured."""

    all = "all"
    steps = "steps"
    methods = "methods"
    loader = "loader"
    tasks = "tasks"
    engine = "engine"


def bench(
    what: Annotated[
        What,
        typer.Argument(
            help="Training steps, all methods, loading files, evaluating, or the engine."
        ),
    ] = What.all,
    rounds: Annotated[
        int | None,
        typer.Option(min=3, help=f"Turns of each contestant; {ROUNDS}, engine: {ENGINE_ROUNDS}."),
    ] = None,
    workers: Annotated[int, typer.Option(min=0, help="loader: processes that decode.")] = 2,
    output: Annotated[
        Path | None, typer.Option(help="Folder to write each document to, as it is finished.")
    ] = None,
    source: Annotated[
        Path | None, typer.Option("--from", help="Measure nothing: folder of such documents.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Measure rates as ratios taken in one run.

    `all`: each of the following in a process of its own, one after the other, and one table of
    their ratios to the peers and to the bare limit. With `--from` the table is of documents that
    an earlier `--output` wrote.

    `steps`: pre-training with MoCo v2 at nano. Bare: forward and backward of the query side and
    forward of the key side, on views in memory. lightly: its MoCo v2 example (install the extra
    `test`) on the same network, images and batch, in a process of its own with the settings that
    it comes with. All take turns of six steps.

    `methods`: every objective against its bare network, the share of the augmentation, strategies
    against sequential training and against the forwards that they state, and the share of the peak
    that a large matrix product reaches.

    `loader`: decoding generated 500 x 375 JPEGs as the full tier does, against torchvision's
    ImageFolder with DataLoader at equal workers.

    `tasks`: all evaluations of a checkpoint at nano, 600 few-shot episodes, and the sweep of 45
    weights against scikit-learn's warm-started L-BFGS as it comes (about ten minutes).

    `engine`: planning a graph of 10,000 cells, looking at the states of all, what a cell takes
    beyond its own work, and the evaluations of two checkpoints by one worker and by two.

    Example: headwater bench --output results
    """
    if source is not None and (output is not None or rounds is not None):
        raise UsageError("--from measures nothing: leave --output and --rounds out")
    if output is not None:
        output.mkdir(parents=True, exist_ok=True)  # not after an hour
    if what is not What.all:
        name = what.value
        document = read_document(source, name) if source else _measured(what, rounds, workers)
        if output is not None:
            write_document(output, name, document)
        return print_json(document) if as_json else _print_one(what, document)
    documents: dict[str, Document] = {}
    if source is not None:
        absent = missing(source)
        documents = {n: read_document(source, n) for n in FILES if n not in absent}
        lacking = f"{source} has no {', '.join(FILES[name] for name in absent)}"
    else:
        documents, absent = _measure_all(rounds, workers, output)
        lacking = f"there is no result of {', '.join(absent)}"
    if documents:
        print_json(documents) if as_json else _print_all(documents)
    if absent:
        commands = "; ".join(f"headwater bench {name} --output DIR" for name in absent)
        raise DataError(f"{lacking}; measure what is missing with: {commands}")


def _measured(what: What, rounds: int | None, workers: int) -> Document:
    """The document of one benchmark, measured here and now."""
    turns = rounds or (ENGINE_ROUNDS if what is What.engine else ROUNDS)
    if what is What.loader:
        from benchmark.data.files.bench import loader_rates

        return loader_rates(workers, turns)
    from benchmark.registry import load_shipped

    load_shipped()
    if what is What.tasks:
        from tasks.bench import task_rates

        return task_rates(turns, _tell)
    if what is What.engine:
        from benchmark.engine.bench import engine_rates

        return engine_rates(turns, _tell)
    if what is What.methods:
        from baselines.bench_methods import method_rates

        return method_rates(turns)
    from baselines.bench_steps import step_rates

    return step_rates(turns)


def _measure_all(
    rounds: int | None, workers: int, output: Path | None
) -> tuple[dict[str, Document], list[str]]:
    """The documents of all benchmarks, and the names of those that failed."""
    documents: dict[str, Document] = {}
    with tempfile.TemporaryDirectory() as aside:
        for number, name in enumerate(FILES, 1):
            _tell(f"headwater bench {name} ({number} of {len(FILES)})")
            options = ["--workers", str(workers)] + (["--rounds", str(rounds)] if rounds else [])
            try:
                documents[name] = _alone(name, options, output or Path(aside))
            except HeadwaterError as error:
                _tell(f"headwater: {error}")
    return documents, [name for name in FILES if name not in documents]


def _alone(name: str, options: list[str], folder: Path) -> Document:
    """The document of one benchmark, measured in a fresh process.

    There neither the memory that another kept nor its processes are in the way, so that the
    figures are those of the benchmark alone.
    """
    code = "from benchmark.cli.main import main; main()"
    command = [sys.executable, "-c", code, "bench", name, *options, "--output", str(folder)]
    done = subprocess.run(command, stdout=subprocess.DEVNULL, check=False)
    if done.returncode:
        raise HeadwaterError(f"headwater bench {name} ended with {done.returncode}")
    return read_document(folder, name)


def _print_all(documents: Mapping[str, Document]) -> None:
    """The one table; a narrow terminal does without the quartiles."""
    from rich.console import Console
    from rich.measure import Measurement

    console = Console(width=None if sys.stdout.isatty() else WIDTH)
    cells = [row.cells() for row in rows(documents)]
    table = table_of(cells)
    if Measurement.get(console, console.options.update(width=1000), table).maximum > console.width:
        table = table_of([{k: v for k, v in row.items() if k != "quartiles"} for row in cells])
    for column in table.columns:
        if column.header in ("here", "ratio", "quartiles"):
            column.justify, column.no_wrap = "right", True
    console.print(table)
    console.print(f"\n{NOTE}", markup=False, highlight=False)


def _print_one(what: What, document: Document) -> None:
    if what is What.methods:
        _print_methods(document)
    elif what is What.tasks:
        _print_tasks(document)
    elif what is What.engine:
        lines = engine_lines(document)
        print_rows(
            [dict(zip(("engine", "measured", "limit"), x, strict=True)) for x in lines], False
        )
    else:
        _print_rates(document)


def _print_methods(document: Document) -> None:
    """Tables of at most 80 characters, each of rows with the same figures."""
    for part in ("objectives", "strategies"):
        tables: dict[tuple[str, ...], list[dict[str, str]]] = {}
        for name, told in document[part].items():
            for keys in ([*told][:4], [*told][4:]):
                if keys:
                    row = _row(name, {key: told[key] for key in keys})
                    tables.setdefault(tuple(keys), []).append(row)
        for rows_alike in tables.values():
            print_rows(rows_alike, False)
            print()
    print(
        f"a matrix product of {document['peak']['size']} reaches "
        f"{document['peak']['gflops']:.0f} GFLOP/s on {document['device']}"
    )


def _row(name: str, told: dict[str, Any]) -> dict[str, str]:
    """A row of figures: a median with its quartiles, or as it is."""
    return {"": name} | {
        key: "{1:.3f} ({0:.3f} to {2:.3f})".format(*value) if isinstance(value, list) else value
        for key, value in told.items()
    }


def _print_rates(document: Document) -> None:
    for name, rate in document["images_per_second"].items():
        low, ratio, high = document["headwater_over"].get(name, (0, 0, 0))
        told = f"   headwater is {ratio:.2f} times this (quartiles {low:.2f}, {high:.2f})"
        print(f"{name:24s}{rate:8.0f} images/s{told if ratio else ''}")


def _tell(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _print_tasks(document: Document) -> None:
    sweeps = document["sweep"] | {"all twelve": document["sweep_total"]}
    sweeps |= {f"large, {how}": found for how, found in document["large"].items()}
    told = (("seconds", 2), ("sklearn", 1), ("ratio", 1), ("best", 2), ("sklearn_best", 2))
    lines = [
        {"sweep": name}
        | {key: f"{found[key]:.{places}f}" if key in found else "" for key, places in told}
        for name, found in sweeps.items()
    ]
    print_rows(lines, False)
    for name, found in {**document["episodes"], "one checkpoint": document["checkpoint"]}.items():
        print(f"{name}: " + ", ".join(f"{kind} {seconds:.2f} s" for kind, seconds in found.items()))
