"""`headwater demo`: from nothing to a leaderboard page, on real images."""

from pathlib import Path
from typing import Annotated

import typer

from benchmark.cli.output import DEFAULT_STORE, JsonOption, StoreOption, print_json

PROTOCOL = "instance/nano@1"
#: In the order in which the page fills up.
METHODS = (
    "random_init",
    "moco_v2/sequential",
    "moco_v2/joint",
    "supervised/sequential",
    "supervised/joint",
)
#: Worker processes at the most; each holds some 1.2 GiB.
WORKERS = 4


def demo(
    store: StoreOption = DEFAULT_STORE,
    output: Annotated[
        Path | None, typer.Option(help="Folder of the page; default: STORE/site.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Prepare the nano data, run five methods on one stream, and build the page.

    What is finished is never computed again. Each worker has one thread, so that the same bits
    come of it on few cores and on many.

    Example: headwater demo
    """
    from benchmark.cli.data import prepare_tier
    from benchmark.cli.session import How, run_methods
    from benchmark.doctor.machine import cores
    from benchmark.publish import publisher
    from benchmark.registry import load_shipped
    from benchmark.resolve import protocol_named, resolve

    load_shipped()
    prepare_tier("nano")
    leaderboard = publisher()
    site = output or store / "site"
    outcomes = run_methods(
        protocol_named(PROTOCOL),
        [resolve(name) for name in METHODS],
        store,
        how=How(workers=max(1, min(int(cores()), WORKERS)), threads=1),
        after_method=lambda: typer.echo(
            f"the page so far: {leaderboard.build(store, site, METHODS).resolve()}", err=True
        ),
    )
    page = leaderboard.build(store, site, METHODS)
    if as_json:
        print_json({"page": str(page.resolve()), "methods": outcomes})
    else:
        leaderboard.print_table(store)
        print(f"\nThe page: {page.resolve()}")
    raise typer.Exit(1 if any(outcome["failed"] for outcome in outcomes.values()) else 0)
