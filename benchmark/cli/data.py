"""Preparing a tier's data with progress; what `prepare` and `demo` share."""

import sys
import time


def prepare_tier(tier: str, *, verify: bool = False) -> list[str]:
    """Prepare a tier and tell on standard error how it goes; returns what was made.

    Raises:
        DataError: one sentence on what could not be had or made.
    """
    from rich.console import Console

    from benchmark.data.prepare import prepare_nano
    from benchmark.registry import TASKS, load_shipped

    load_shipped()
    started = time.monotonic()
    console = Console(stderr=True)
    with console.status(f"preparing the {tier} data") as status:

        def progress(what: str, done: int, total: int) -> None:
            text = f"preparing the {tier} data: {done}/{total} {what}"
            status.update(text)
            if not console.is_terminal:
                print(text, file=sys.stderr, flush=True)

        made = prepare_nano(TASKS, progress, verify=verify)
    seconds = time.monotonic() - started
    if made:
        console.print(f"{tier} data: {len(made)} image sets made in {seconds:.0f} s")
    return list(made)
