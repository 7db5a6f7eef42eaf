"""What a run reads, looked for before anything is computed."""

from collections.abc import Callable, Iterable, Sequence
from functools import partial

from benchmark.errors import DataError
from benchmark.evaluations import STREAM_TASK, chosen_evaluations
from benchmark.pools import load_pool
from benchmark.protocol import ProtocolSpec
from benchmark.registry import TASKS


def wanted(
    protocol: ProtocolSpec, tasks: Sequence[str] | None, evaluations: Sequence[str] | None
) -> list[tuple[str, str]]:
    """Task and evaluation of all that a run on a checkpoint comprises."""
    names = (STREAM_TASK, *(protocol.task_names if tasks is None else tasks))
    return [(name, way) for name in names for way in chosen_evaluations(name, evaluations)]


def require_data(
    protocol: ProtocolSpec, evaluations: Iterable[tuple[str | None, str | None]]
) -> None:
    """See to it that all images are there.

    Args:
        protocol: whose pool is needed.
        evaluations: task and evaluation of each; None for pre-training, which needs the pool alone.

    Raises:
        DataError: something is missing; one sentence for each thing, with how to get it.
    """
    missing: dict[str, None] = {}

    def look(need: Callable[[], object]) -> None:
        try:
            need()
        except DataError as error:
            missing[str(error)] = None

    look(lambda: load_pool(protocol).require())
    for task, evaluation in sorted((t, e) for t, e in evaluations if t and e and t != STREAM_TASK):
        look(partial(TASKS.get(task)().require, evaluation))
    if len(missing) > 1:
        raise DataError(f"{len(missing)} things are missing:\n- " + "\n- ".join(missing))
    if missing:
        raise DataError(next(iter(missing)))
