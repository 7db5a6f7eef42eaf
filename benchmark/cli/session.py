"""Several methods one after the other, with progress; what `run` and `demo` share."""

from collections.abc import Callable, Sequence
from pathlib import Path

from benchmark.cells import plan
from benchmark.cli.progress import RunProgress
from benchmark.errors import DataError
from benchmark.execute import run
from benchmark.needs import require_data, wanted
from benchmark.protocol import ProtocolSpec
from benchmark.resolve import ResolvedMethod
from benchmark.store import Store


def run_methods(
    protocol: ProtocolSpec,
    methods: Sequence[ResolvedMethod],
    store_path: Path,
    *,
    replicate: int = 0,
    tasks: Sequence[str] | None = None,
    evaluations: Sequence[str] | None = None,
    after_method: Callable[[], None] = lambda: None,
) -> dict[str, dict[str, int]]:
    """Run methods in order.

    Args:
        protocol: the protocol.
        methods: the methods, resolved.
        store_path: folder of the records.
        replicate: number of the repetition.
        tasks: downstream tasks to evaluate on; None for all of the protocol.
        evaluations: ways in which to evaluate; None for those that are ranked.
        after_method: called after each method for which something was computed.

    Returns:
        For each method how many cells were computed, found, and failed: of the last, those too
        that start from one that did.

    Raises:
        DataError: images that are needed are not there; names them all.
    """
    store = Store(store_path)
    try:
        plans = [plan(protocol, method, replicate, tasks, evaluations) for method in methods]
    except DataError:  # hashes of the full tier are known once it is prepared: say all at once
        require_data(protocol, wanted(protocol, tasks, evaluations))
        raise
    todo = [cell for cells in plans for cell in cells if store.state(cell) != "done"]
    outcomes = {}
    with RunProgress(protocol, todo) as progress:
        for method, cells in zip(methods, plans, strict=True):
            outcome = run(protocol, method, store, progress, replicate=replicate, cells=cells)
            outcomes[method.folder] = {
                "computed": outcome.computed - len(outcome.failed),
                "found": outcome.found,
                "failed": len(outcome.failed),
            }
            if outcome.computed:
                after_method()
    return outcomes
