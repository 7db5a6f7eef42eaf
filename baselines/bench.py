"""`headwater bench`: rates as ratios, measured in turns in one run."""

import sys
from enum import Enum
from typing import Annotated, Any

import typer

from benchmark.cli.output import JsonOption, print_json, print_rows


class What(str, Enum):
    """What can be measured."""

    steps = "steps"
    methods = "methods"
    loader = "loader"
    tasks = "tasks"


def bench(
    what: Annotated[
        What, typer.Argument(help="Training steps, all methods, loading files, or evaluating.")
    ] = What.steps,
    rounds: Annotated[int, typer.Option(min=3, help="Turns of each contestant.")] = 20,
    workers: Annotated[int, typer.Option(min=0, help="loader: processes that decode.")] = 2,
    as_json: JsonOption = False,
) -> None:
    """Measure rates as ratios taken in one run.

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

    Example: headwater bench loader --workers 2
    """
    if what is What.loader:
        from benchmark.data.files.bench import loader_rates

        return _print(loader_rates(workers, rounds), as_json)
    from benchmark.registry import load_shipped

    load_shipped()
    if what is What.tasks:
        from tasks.bench import task_rates

        return _print_tasks(task_rates(rounds, _tell), as_json)
    if what is What.methods:
        from baselines.bench_methods import method_rates

        document = method_rates(rounds)
        if as_json:
            return print_json(document)
        for part in ("objectives", "strategies"):
            print_rows([_row(name, told) for name, told in document[part].items()], False)
            print()
        return print(
            f"a matrix product of {document['peak']['size']} reaches "
            f"{document['peak']['gflops']:.0f} GFLOP/s on {document['device']}"
        )
    from baselines.bench_steps import step_rates

    _print(step_rates(rounds), as_json)


def _row(name: str, told: dict[str, Any]) -> dict[str, str]:
    """A row of figures: a median with its quartiles, or as it is."""
    return {"": name} | {
        key: "{1:.3f} ({0:.3f} to {2:.3f})".format(*value) if isinstance(value, list) else value
        for key, value in told.items()
    }


def _print(document: dict[str, Any], as_json: bool) -> None:
    if as_json:
        return print_json(document)
    for name, rate in document["images_per_second"].items():
        low, ratio, high = document["headwater_over"].get(name, (0, 0, 0))
        told = f"   headwater is {ratio:.2f} times this (quartiles {low:.2f}, {high:.2f})"
        print(f"{name:24s}{rate:8.0f} images/s{told if ratio else ''}")


def _tell(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _print_tasks(document: dict[str, Any], as_json: bool) -> None:
    if as_json:
        return print_json(document)
    sweeps = document["sweep"] | {"all twelve": document["sweep_total"]}
    sweeps |= {f"large, {how}": found for how, found in document["large"].items()}
    told = (("seconds", 2), ("sklearn", 1), ("ratio", 1), ("best", 2), ("sklearn_best", 2))
    rows = [
        {"sweep": name}
        | {key: f"{found[key]:.{places}f}" if key in found else "" for key, places in told}
        for name, found in sweeps.items()
    ]
    print_rows(rows, False)
    for name, found in {**document["episodes"], "one checkpoint": document["checkpoint"]}.items():
        print(f"{name}: " + ", ".join(f"{kind} {seconds:.2f} s" for kind, seconds in found.items()))
