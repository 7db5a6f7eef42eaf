"""`headwater status`: what of a run is done, failed, missing or stale."""

from collections import Counter
from typing import Annotated

import typer

from benchmark.cli.output import DEFAULT_STORE, JsonOption, StoreOption, print_rows


def status(
    protocol: Annotated[str, typer.Option("-p", "--protocol")] = "instance/nano",
    method: Annotated[
        list[str] | None, typer.Option("-m", "--method", help="Default: every shipped method.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0)] = 0,
    store: StoreOption = DEFAULT_STORE,
    as_json: JsonOption = False,
) -> None:
    """Count the cells of each method by their state; stale ones with the reason.

    Example: headwater status -p instance/nano
    """
    from benchmark.cells import plan
    from benchmark.registry import METHODS, load_shipped
    from benchmark.resolve import grid, protocol_named, resolve
    from benchmark.store import Store

    load_shipped()
    spec, records = protocol_named(protocol), Store(store)
    rows = []
    for name in method or [*METHODS.names(), *grid()]:
        states = [records.state(cell) for cell in plan(spec, resolve(name), seed)]
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
