"""`headwater pack` and `headwater validate`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from benchmark.cli.output import DEFAULT_STORE, JsonOption, StoreOption, print_json
from benchmark.errors import DataError, UsageError

if TYPE_CHECKING:
    from leaderboard.submission.examine import Examined


def pack(
    method: Annotated[str, typer.Option("-m", "--method", help="As in `headwater run`.")],
    protocol: Annotated[str, typer.Option("-p", "--protocol")] = "instance/nano",
    set_: Annotated[
        list[str] | None, typer.Option("--set", help="An option of the method: name=value.")
    ] = None,
    seeds: Annotated[
        int | None, typer.Option(min=1, help="That many replicates, from 0. Default: all.")
    ] = None,
    store: StoreOption = DEFAULT_STORE,
    card: Annotated[
        Path | None, typer.Option(help="The method card; not needed for a shipped method.")
    ] = None,
    new_card: Annotated[
        Path | None, typer.Option(help="Write a card to be filled in there, and pack nothing.")
    ] = None,
    output: Annotated[Path, typer.Option("--output", help="A new folder.")] = Path("bundle"),
    as_json: JsonOption = False,
) -> None:
    """Pack a method's records, source and card into a folder, and validate it.

    Example: headwater pack -m moco_v2/sequential --output bundle
    """
    from benchmark.canonical import write_whole
    from benchmark.registry import load_shipped
    from benchmark.resolve import parse_options, protocol_named, resolve
    from benchmark.store import Store
    from leaderboard.submission.card import read_card
    from leaderboard.submission.pack import blank_card, own_card
    from leaderboard.submission.pack import pack as write_bundle

    load_shipped()
    spec = protocol_named(protocol)
    resolved = resolve(method, parse_options(set_ or []), spec.tier)
    if new_card is not None:
        if new_card.exists():
            raise UsageError(f"{new_card} is there already; choose another name")
        write_whole(new_card, blank_card(spec, resolved).encode())
        print(f"{new_card}: fill it in, then: headwater pack -m {method} --card {new_card}")
        return
    if card is None:
        told = own_card(spec, resolved)
    else:
        try:
            told = read_card(card.read_bytes())
        except DataError as error:
            raise UsageError(f"{card} is no method card: {error}") from error
    write_bundle(
        spec, resolved, Store(store), told, output, None if seeds is None else range(seeds)
    )
    _tell(output, as_json)


def validate(
    folder: Annotated[Path, typer.Argument(help="A bundle, or a store of records.")],
    as_json: JsonOption = False,
) -> None:
    """Examine a bundle by all rules, and compute every metric again from its predictions.

    Nothing in it is executed. All findings are told at once; the last line and the exit status say
    whether there are errors.

    Example: headwater validate bundle
    """
    _tell(folder, as_json)


def _tell(folder: Path, as_json: bool) -> None:
    """Examine a folder, and say what was found."""
    from rich.console import Console
    from rich.status import Status

    from leaderboard.submission.examine import examine

    console = Console(stderr=True)
    with Status("", console=console) as status:
        examined = examine(folder, lambda path: status.update(f"examining {path}"))
    if as_json:
        print_json(document(examined))
    else:
        for finding in examined.findings.found:
            print(finding)
        for sentence in examined.findings.left_out():
            print(sentence)
        print(f"{folder} is {examined.verdict}")
    raise typer.Exit(0 if examined.accepted else 1)


def document(examined: "Examined") -> dict[str, Any]:
    """What `--json` prints."""
    from dataclasses import asdict

    return {
        "kind": examined.kind,
        "accepted": examined.accepted,
        "errors": examined.findings.errors,
        "records": len(examined.entries),
        "rescored": len(examined.rescored),
        "findings": [asdict(finding) for finding in examined.findings.found],
        "verdict": examined.verdict,
    }
