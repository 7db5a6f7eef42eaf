"""`headwater list`: what there is."""

from enum import Enum
from typing import Any

from benchmark.cli.output import JsonOption, print_rows


class Kind(str, Enum):
    """What can be listed."""

    protocols = "protocols"
    methods = "methods"
    tasks = "tasks"
    data = "data"


def list_(kind: Kind, as_json: JsonOption = False) -> None:
    """List protocols, methods, tasks, or the data's packages with their licences.

    Methods are listed as their objectives and strategies and which go together; with --json, one by
    one.

    Example: headwater list data
    """
    from benchmark.registry import load_shipped

    load_shipped()
    if kind is Kind.methods and not as_json:
        from benchmark.cli.methods import print_methods

        return print_methods()
    print_rows(_ROWS[kind](as_json), as_json)


def _protocols(as_json: bool) -> list[dict[str, Any]]:
    from benchmark.registry import PROTOCOLS

    protocols = sorted(map(PROTOCOLS.get, PROTOCOLS.names()), key=lambda spec: spec.place)
    if not as_json:
        return [
            {
                "protocol": spec.id,
                "chunks": spec.chunks,
                "images": f"{spec.pool_images[0]:,}",
                "classes": f"{spec.classes:,}",
                "visits": f"{spec.budget.image_visits:,}",
                "digest": spec.digest[:12],
            }
            for spec in protocols
        ]
    return [
        {
            "protocol": spec.id,
            "chunks": spec.chunks,
            "images": spec.pool_images[0],
            "classes": spec.classes,
            "image_visits": spec.budget.image_visits,
            "boundaries": spec.boundaries,
            "tasks": len(spec.tasks),
            "digest": spec.digest,
        }
        for spec in protocols
    ]


def _methods(as_json: bool) -> list[dict[str, Any]]:
    from benchmark.cli.methods import method_rows

    return method_rows()


def _tasks(as_json: bool) -> list[dict[str, Any]]:
    from benchmark.registry import TASKS

    tasks = [TASKS.get(name) for name in TASKS.names()]
    return [
        {
            "task": f"{spec.name}@{spec.version}",
            "tier": spec.tier,
            "classes": task.n_classes() or None,
            "metric": spec.metric,
            "evaluations": list(spec.evaluations),
            "on_request": list(spec.further),
            "what": spec.title,
        }
        for task in tasks
        for spec in (task.spec,)
    ]


def _data(as_json: bool) -> list[dict[str, Any]]:
    from benchmark.data.prepare import licences
    from benchmark.registry import TASKS

    return [dict(row) for row in licences(TASKS.get(name).spec for name in TASKS.names())]


_ROWS = {
    Kind.protocols: _protocols,
    Kind.methods: _methods,
    Kind.tasks: _tasks,
    Kind.data: _data,
}
