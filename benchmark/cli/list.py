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
    rows = _ROWS[kind](as_json)
    if kind is Kind.tasks and not as_json:
        return _print_tasks(rows)
    if kind is Kind.data and not as_json:
        rows = [_package(row) for row in rows]
    print_rows(rows, as_json)


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
                "digest": spec.digest[:8],
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
            "metric": spec.linear_metric,
            "evaluations": list(spec.evaluations),
            "on_request": list(spec.further),
            "what": spec.title,
        }
        for task in tasks
        for spec in (task.spec,)
    ]


def _print_tasks(rows: list[dict[str, Any]]) -> None:
    """Two tables: the tasks with what is ranked, and which have which evaluations on request."""
    shown = ("task", "tier", "classes", "evaluations", "what")
    print_rows([{name: row[name] for name in shown} for row in rows], False)
    names: dict[tuple[str, ...], list[str]] = {}
    for row in rows:
        names.setdefault(tuple(row["on_request"]), []).append(row["task"].partition("@")[0])
    further = [{"on request": "\n".join(key), "tasks": told} for key, told in names.items() if key]
    print()
    print_rows(further, False, "Not ranked; asked for by headwater run --evaluations NAMES, or all")


def _package(row: dict[str, Any]) -> dict[str, str]:
    """A package for people: two cells of some lines each, since names and credits are long."""
    about = (row["attribution"], ", ".join(row["used_by"]), row["note"])
    return {
        "package, version, licence": f"{row['package']}\n{row['version']}, {row['licence']}",
        "made by, used by, note": "\n".join(line for line in about if line),
    }


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
