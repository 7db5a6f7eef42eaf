"""`headwater show`: one protocol, method or task in full; the overlap of streams and tasks."""

import dataclasses
import inspect
import re
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from benchmark.cli.output import JsonOption, print_json, print_rows
from benchmark.errors import DataError, UsageError

if TYPE_CHECKING:
    from benchmark.protocol import ProtocolSpec


class Kind(str, Enum):
    """What can be shown."""

    protocols = "protocols"
    methods = "methods"
    tasks = "tasks"
    overlap = "overlap"


def show(
    kind: Kind,
    name: Annotated[str, typer.Argument(help="As `headwater list` prints it.")],
    picture: Annotated[
        Path | None,
        typer.Option(
            help="Write a PNG: for protocols a row of images a chunk, for overlap a pair a row."
        ),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Show one protocol, method or task in full.

    `show overlap PROTOCOL` compares every streamed image with every test image of the protocol's
    tasks and lists the duplicates.

    Example: headwater show protocols instance/nano@1 --picture stream.png
    """
    from benchmark.registry import load_shipped

    load_shipped()
    if kind is Kind.overlap:
        from benchmark.cli.overlap import show_overlap

        return show_overlap(name, picture, as_json)
    if picture is not None:
        if kind is not Kind.protocols:
            raise UsageError(
                f"--picture shows a protocol's stream or its overlap; {kind.value} have none"
            )
        from benchmark.resolve import protocol_named
        from benchmark.streams.picture import write_contact_sheet

        write_contact_sheet(protocol_named(name), picture)
    document = _DOCUMENT[kind](name)
    if as_json:
        return print_json(document)
    chunks = document.pop("chunks", None) if kind is Kind.protocols else None
    document = _READABLE.get(kind, dict)(document)
    told = {key: _told(value) for key, value in document.items()}
    known = {key: value for key, value in told.items() if value not in ("", [], ())}
    print_rows([{"field": key, "value": value} for key, value in known.items()], False)
    if chunks and (len(chunks[0]) > 1 or document["domains"]):
        print()
        print_rows([{key: _told(value) for key, value in row.items()} for row in chunks], False)
    if picture is not None:
        print(f"\nthe picture: {picture}")


def _told(value: Any) -> Any:
    """A dictionary as `key value, key value`, numbers with commas, yes and no."""
    if value is None or isinstance(value, bool):
        return {None: "", True: "yes", False: "no"}[value]
    if isinstance(value, dict):
        return ", ".join(f"{key} {_told(item)}" for key, item in value.items())
    return f"{value:,}" if isinstance(value, int) else value


def _protocol(name: str) -> dict[str, Any]:
    from benchmark.evaluations import labels_given, offered
    from benchmark.registry import TASKS
    from benchmark.resolve import protocol_named
    from benchmark.selection import SelectionOptions

    spec = protocol_named(name)
    evaluations: dict[str, int] = {}
    for task in spec.task_names:
        ranked = TASKS.get(task).spec.evaluations
        if spec.selects:
            ranked = [one for one in offered(task) if one in labels_given(SelectionOptions().shots)]
        for evaluation in ranked:
            evaluations[evaluation] = evaluations.get(evaluation, 0) + 1
    manifest, chunks = _manifest(spec)
    return {
        "protocol": spec.id,
        "digest": spec.digest,
        "stream": spec.stream,
        "tier": spec.tier,
        "pool": spec.pool,
        "pool_sha256": spec.pool_sha256,
        "pool_images": dict(zip(("streamed", "held_out"), spec.pool_images, strict=True)),
        "classes": spec.classes,
        "domains": list(spec.domains),
        "boundaries": spec.boundaries,
        "overlap": spec.overlap,
        "image_visits": spec.references(),
        "arch": spec.arch,
        "view_size": spec.view_size,
        "stream_seed": spec.stream_seed,
        "tasks": list(spec.tasks),
        "evaluations": ({} if spec.selects else {"stream": spec.chunks}) | evaluations,
        **manifest,
        "chunks": chunks,
    }


def _manifest(spec: "ProtocolSpec") -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """What is known of the chunks, and where their ids come from."""
    from benchmark.streams.picture import chunk_title

    lists = spec.class_lists
    titles = [{"chunk": chunk_title(spec, number + 1)} for number in range(spec.chunks)]
    distance = _distance(lists.get("distance"))
    try:
        manifest = spec.manifest
    except DataError as error:
        key = (
            "classes" if spec.boundaries else "own_classes"
        )  # neighbours of a blurred one add some
        told = [{key: len(names)} for names in lists.get("classes", [()] * spec.chunks)]
        rows = [title | (known if lists else {}) for title, known in zip(titles, told, strict=True)]
        return distance | {"manifest": f"not built here: {error}", "ids_sha256": None}, rows
    about = manifest.about
    if "distance" in about:
        distance = _distance(about["distance"])
    where = "built here from your images" if spec.tier == "full" else "part of the project"
    rows, facts = [], about.get("chunks", [{}] * spec.chunks)
    for number, title in enumerate(titles):
        rows.append(
            title
            | {"images": manifest.sizes[number], "held_out": manifest.held_out_sizes[number]}
            | {key: _counts(value) for key, value in facts[number].items()}
        )
    return distance | {"manifest": where, "ids_sha256": manifest.digest}, rows


def _distance(known: dict[str, float] | None) -> dict[str, Any]:
    """Mean distance of classes, in edges, where the stream is one of classes."""
    if known is None:
        return {}
    return {"class_distance": {"within": known["within"], "between": known["between"]}}


def _counts(value: Any) -> Any:
    """One name alone, or a count of images by name."""
    if isinstance(value, dict) and len(value) == 1:
        return next(iter(value))
    return value


def _method(name: str) -> dict[str, Any]:
    from benchmark.cli.methods import method_row
    from benchmark.resolve import resolve

    method = resolve(name)
    at_full = resolve(name, tier="full").config
    docs = [inspect.cleandoc(part.__doc__ or "") for part in method.parts]
    return {
        **method.reference().model_dump(mode="json"),
        "at_full": {key: told for key, told in at_full.items() if told != method.config[key]},
        **{key: told for key, told in method_row(method).items() if key != "method"},
        "what": "\n\n".join(docs),
    }


def _task(name: str) -> dict[str, Any]:
    from benchmark.registry import TASKS

    task = TASKS.get(name.partition("@")[0])
    return {
        **dataclasses.asdict(task.spec),
        "metric": task.spec.linear_metric,
        "n_classes": task.n_classes() or None,
        "what": inspect.cleandoc(task.__doc__ or ""),
    }


def _readable_method(document: dict[str, Any]) -> dict[str, Any]:
    """A method's document for people, in the words of `headwater list methods`."""
    told = {
        **document,
        "forwards": " + ".join(map(str, document["forwards"] or ())),
        "what": _unwrapped(document["what"]),
    }
    # with a longer word the hashes would not fit a line of 80
    return {"numbers" if key == "extra_parameters" else key: told[key] for key in told}


def _readable_task(document: dict[str, Any]) -> dict[str, Any]:
    """A task's document for people: a line a source, whose hash --json has."""
    sources = [
        f"{source['package']} {source['version']}, {source['licence']}: {source['attribution']}"
        + (f"; {source['note']}" if source["note"] else "")
        for source in document["sources"]
    ]
    told = {
        **document,
        "classes": document["classes"] or document["n_classes"],  # names are not always known
        "n_classes": None,
        "sources": "\n".join(sources),
        "what": _unwrapped(document["what"]),
    }
    return {"on request" if key == "further" else key: told[key] for key in told}


def _unwrapped(text: str) -> str:
    """A docstring's paragraphs, each on one line; its source and indented lines stay on their own.

    Example:
        >>> _unwrapped("One,\\ntwo.\\nSource: three:\\n    four")
        'One, two.\\nSource: three:\\n    four'
    """
    return re.sub(r"(?<=\S)\n(?=\S)(?!Source:)", " ", text)


_DOCUMENT = {Kind.protocols: _protocol, Kind.methods: _method, Kind.tasks: _task}
_READABLE = {Kind.methods: _readable_method, Kind.tasks: _readable_task}
