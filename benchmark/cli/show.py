"""`headwater show`: one protocol or task in full."""

import dataclasses
from enum import Enum
from typing import Annotated, Any

import typer

from benchmark.cli.output import JsonOption, print_json, print_rows


class Kind(str, Enum):
    """What can be shown."""

    protocols = "protocols"
    methods = "methods"
    tasks = "tasks"


def show(
    kind: Kind,
    name: Annotated[str, typer.Argument(help="As `headwater list` prints it.")],
    as_json: JsonOption = False,
) -> None:
    """Show one protocol, method or task in full.

    Example: headwater show protocols instance/nano@1
    """
    from benchmark.registry import load_shipped

    load_shipped()
    document = _DOCUMENT[kind](name)
    if as_json:
        return print_json(document)
    print_rows([{"field": key, "value": value} for key, value in document.items()], False)


def _protocol(name: str) -> dict[str, Any]:
    from benchmark.resolve import protocol_named

    spec = protocol_named(name)
    return {
        "protocol": spec.id,
        "digest": spec.digest,
        **dataclasses.asdict(spec),
        "chunk_sizes": [len(chunk) for chunk in spec.manifest.chunks],
        "held_out_sizes": [len(chunk) for chunk in spec.manifest.held_out],
    }


def _method(name: str) -> dict[str, Any]:
    from benchmark.resolve import resolve

    method = resolve(name)
    docs = [(part.__doc__ or "").strip() for part in method.parts]
    return {**method.reference().model_dump(mode="json"), "what": "\n\n".join(docs)}


def _task(name: str) -> dict[str, Any]:
    from benchmark.registry import TASKS

    task = TASKS.get(name.partition("@")[0])
    return {**dataclasses.asdict(task.spec), "what": (task.__doc__ or "").strip()}


_DOCUMENT = {Kind.protocols: _protocol, Kind.methods: _method, Kind.tasks: _task}
