"""What is evaluated: the tasks and evaluations that a run has, by default and on request."""

from collections.abc import Mapping, Sequence
from typing import Any, cast, get_args

from benchmark.errors import UsageError, nearest
from benchmark.protocol import ProtocolSpec, SelectionSpec
from benchmark.registry import TASKS
from benchmark.resolve import ResolvedMethod, resolve
from benchmark.result import Evaluation
from benchmark.selection import SelectionOptions

#: The evaluation of a checkpoint on the chunks' own held-out images.
STREAM_TASK = "chunks"


def refuse_idle(
    protocol: ProtocolSpec,
    names: Sequence[str],
    evaluations: Sequence[str],
    ways: Mapping[str, Sequence[str]],
) -> None:
    """Refuse tasks that are named and have none of the evaluations that are wanted of tasks."""
    of_tasks = [way for way in evaluations if way not in offered(STREAM_TASK)]
    idle = [name for name in names if not ways[name]]
    few = set(names) < set(tier_tasks(protocol))
    if (idle and of_tasks and few) or not any(ways.values()):
        told = "; ".join(f"{name} has {', '.join(offered(name))}" for name in idle[:3])
        raise UsageError(f"no evaluation {', '.join(of_tasks or evaluations)}: {told}")


def targets(protocol: SelectionSpec, method: ResolvedMethod, names: Sequence[str]) -> Sequence[str]:
    """What a selection is evaluated on: its target, or all tasks if it looks at none.

    Raises:
        UsageError: no selection, no target that it needs, one that it does not look at or that is
            not wanted, or labels that the protocol does not compare.
    """
    if not method.selects:
        raise UsageError(
            f"{protocol.id} compares selections, and {method.name} selects nothing: give one such "
            f"as moco_v2/sept"
        )
    options, uses_target = cast(SelectionOptions, method.configs[1]), method.parts[1].uses_target
    target, shots = options.target, options.shots
    if shots not in protocol.shots:
        told = ", ".join(map(str, protocol.shots))
        raise UsageError(f"{protocol.id} has {told} (all) training images a class, not {shots}")
    if uses_target and not target:
        raise UsageError(
            f"{method.name} selects for a target: add --set target=NAME, one of "
            f"{', '.join(protocol.task_names)}"
        )
    if target and not uses_target:
        raise UsageError(f"{method.name} looks at no target; leave out target={target}")
    if not target:
        return names
    tier_task(protocol, target)
    if target not in names:
        raise UsageError(f"{method.name} selects for {target}, and is evaluated on nothing else")
    return [target]


def labels_given(shots: int) -> list[str]:
    """Evaluations with the labels that a selection's target has, and by detection.

    Example:
        >>> labels_given(10)
        ['linear_10shot', 'fewshot', 'finetune_10shot', 'detection']
    """
    few = f"_{shots}shot" if shots else ""
    return [f"linear{few}", "fewshot", f"finetune{few}", "detection"]


def tier_task(protocol: ProtocolSpec, name: str) -> str:
    """The name, if it is that of a downstream task of the protocol's tier.

    Raises:
        UsageError: it is not.
    """
    there = tier_tasks(protocol)
    if name not in there:
        raise UsageError(f"{protocol.id} has no task {name!r}; it has {nearest(name, there)}")
    return name


def tier_tasks(protocol: ProtocolSpec) -> list[str]:
    """Names of all tasks of the protocol's tier: its own first, then those on request."""
    others = [t for t in TASKS.names() if t != STREAM_TASK and t not in protocol.task_names]
    return [*protocol.task_names, *(t for t in others if TASKS.get(t).spec.tier == protocol.tier)]


def chosen_evaluations(task: str, evaluations: Sequence[str] | None) -> list[Evaluation]:
    """Those of a task's evaluations that are wanted.

    Args:
        task: name of the task.
        evaluations: what is wanted; None for what is ranked.

    Raises:
        UsageError: no task has an evaluation of one of the names.
    """
    spec = TASKS.get(task).spec
    if evaluations is None:
        return list(spec.evaluations)
    unknown = [name for name in evaluations if name not in get_args(Evaluation)]
    if unknown:
        raise UsageError(
            f"there is no evaluation {unknown[0]!r}; there are: "
            f"{nearest(unknown[0], get_args(Evaluation))}"
        )
    return [name for name in offered(task) if name in evaluations]


def offered(task: str) -> tuple[Evaluation, ...]:
    """All evaluations that a task has: those that are ranked, then those on request."""
    spec = TASKS.get(task).spec
    return (*spec.evaluations, *spec.further)


def spread(
    protocol: ProtocolSpec, name: str, options: Mapping[str, Any], shares: str = ""
) -> list[ResolvedMethod]:
    """A method; a selection once for every target that it is not set for, and every share.

    Raises:
        UsageError: shares for what selects nothing, or that are no numbers.

    Example:
        >>> from benchmark.registry import PROTOCOLS, load_shipped
        >>> load_shipped()
        >>> found = spread(PROTOCOLS.get("selection/smoke@1"), "moco_v2/sept", {}, "0.1,0.5")
        >>> [method.folder for method in found]
        ['moco_v2/sept+target=shapes', 'moco_v2/sept+share=0.5+target=shapes']
    """
    first = resolve(name, options, protocol.tier)
    if not (protocol.selects and first.selects):
        if shares:
            raise UsageError(f"--shares are of a pool, and {name} on {protocol.id} has none")
        return [first]
    set_ = dict(first.options)  # those in its name, too
    targets: list[dict[str, Any]] = [{}]
    if first.parts[1].uses_target and "target" not in set_:
        targets = [{"target": task} for task in protocol.task_names]
    try:
        numbers = [float(text) for text in shares.split(",") if text.strip()]
    except ValueError as error:
        raise UsageError(f"--shares takes numbers such as 0.01,0.1, not {shares!r}") from error
    usual = first.config["share"]
    some: list[dict[str, Any]] = [{"share": n} if n != usual else {} for n in numbers] or [{}]
    return [
        resolve(first.name, {**set_, **target, **share}, protocol.tier)
        for share in some
        for target in targets
    ]
