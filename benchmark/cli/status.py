"""`headwater status`: what of a run is done, failed, missing or stale."""

from collections import Counter
from pathlib import Path
from typing import Annotated

import typer

from benchmark.cli.output import DEFAULT_STORE, JsonOption, StoreOption, print_rows


def status(
    protocol: Annotated[str, typer.Option("-p", "--protocol")] = "instance/nano",
    method: Annotated[
        list[str] | None,
        typer.Option(
            "-m",
            "--method",
            help="Default: every shipped method, with all options it was run with.",
        ),
    ] = None,
    seed: Annotated[int, typer.Option(min=0)] = 0,
    store: StoreOption = DEFAULT_STORE,
    as_json: JsonOption = False,
) -> None:
    """Count the cells of each method by their state; stale ones with the reason.

    A store without checkpoints, as the results of the repository, counts its pre-training as stale.

    Example: headwater status -p instance/nano
    """
    from benchmark.cells import plan
    from benchmark.registry import METHODS, load_shipped
    from benchmark.resolve import grid, parse_options, protocol_named, resolve
    from benchmark.store import Store

    load_shipped()
    spec, records = protocol_named(protocol), Store(store)
    rows = []
    shipped = [*METHODS.names(), *grid()]
    for name in method or [*shipped, *_variants(store / spec.folder, seed, shipped)]:
        plain, *options = name.split("+")
        cells = plan(spec, resolve(plain, parse_options(options), spec.tier), seed)
        states = [records.state(cell) for cell in cells]
        counts = Counter(state.partition(":")[0] for state in states)
        reasons = {state.partition(": ")[2] for state in states if state.startswith("stale")}
        rows.append(
            {
                "method": name,
                **{state: counts[state] for state in ("done", "failed", "missing", "stale")},
                "why_stale": "; ".join(sorted(reasons)),
            }
        )
    print_rows(rows, as_json)


def _variants(folder: Path, seed: int, shipped: list[str]) -> list[str]:
    """Shipped methods with other options that a store has runs of, as `method+option=value`."""
    found = sorted(
        path.parent.relative_to(folder).as_posix() for path in folder.rglob(f"seed{seed}")
    )
    return [name for name in found if "+" in name and name.partition("+")[0] in shipped]
