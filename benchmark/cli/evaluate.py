"""`headwater evaluate`: the downstream tasks on a checkpoint from elsewhere."""

from pathlib import Path
from typing import Annotated, Any, get_args

import typer

from benchmark.cli.output import JsonOption, StoreOption, print_json, print_rows
from benchmark.cli.run import EvaluationsOption, TasksOption, chosen


def evaluate(
    checkpoint: Annotated[Path, typer.Option(help="File of weights: .pth, .ckpt, .safetensors.")],
    arch: Annotated[str, typer.Option(help="For instance resnet50, or timm:vit_tiny_patch16_224.")],
    protocol: Annotated[
        str, typer.Option("-p", "--protocol", help="Whose tasks and evaluation seeds are used.")
    ] = "instance/nano",
    tasks: TasksOption = "",
    evaluations: EvaluationsOption = "",
    normalisation: Annotated[
        str,
        typer.Option(
            help="Of the input: imagenet, headwater, symmetric or unit; default: the network's."
        ),
    ] = "",
    seed: Annotated[int, typer.Option(min=0, help="Number of the replicate.")] = 0,
    store: StoreOption = Path("evaluated"),
    as_json: JsonOption = False,
) -> None:
    """Evaluate a network that was trained elsewhere on the downstream tasks.

    It is read without running anything in it: state dicts of torchvision and timm, checkpoints of
    lightly, solo-learn, MoCo, DINO, mmselfsup, VISSL and Headwater. Every weight of the backbone
    must be there. What it was trained on is not known here, so it is not ranked.

    Example: headwater evaluate --checkpoint resnet18.pth --arch resnet18 --tasks digits
    """
    from benchmark.cells import plan
    from benchmark.cli.session import How, run_methods
    from benchmark.evaluations import tier_tasks
    from benchmark.outside.method import OutsideCheckpoint
    from benchmark.registry import load_shipped
    from benchmark.resolve import protocol_named
    from benchmark.result import Evaluation
    from benchmark.store import Store

    load_shipped()
    spec = protocol_named(protocol)
    named = chosen(tasks, tier_tasks(spec)), chosen(evaluations, get_args(Evaluation))
    method = OutsideCheckpoint.of(checkpoint, arch, normalisation or None)
    outcome = run_methods(
        spec,
        [method],
        store,
        replicates=[seed],
        tasks=named[0],
        evaluations=named[1],
        how=How(workers=0, retry_failed=True),  # other processes know names only
    )[method.folder]
    rows: list[dict[str, Any]] = []
    for cell in plan(spec, method, seed, *named):
        record = Store(store).record(cell)
        if cell.kind == "pretrain":
            continue
        about = {"task": cell.task, "evaluation": cell.evaluation}
        if record.status == "failed":
            rows.append({**about, "metric": "failed", "value": record.cause, "standard_error": ""})
        for name, metric in record.metrics.items():
            value = metric.value if as_json else f"{metric.value:.2f} {metric.unit}"
            error: Any = metric.standard_error
            if not as_json:
                error = "" if error is None else f"{error:.2f}"
            rows.append({**about, "metric": name, "value": value, "standard_error": error})
    used = {
        "checkpoint": str(checkpoint),
        "arch": arch,
        "weights": method.outside.source,
        "left_out": list(method.outside.dropped),
        "normalisation": method.config["normalisation"],
        "store": str(store),
    }
    if as_json:
        print_json({**used, "results": rows})
    else:
        print_rows([{"field": key, "value": value} for key, value in used.items()], False)
        print()
        print_rows(rows, False)
    raise typer.Exit(1 if outcome["failed"] else 0)
