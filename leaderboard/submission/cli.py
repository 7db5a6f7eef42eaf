"""`headwater pack`, `headwater validate` and `headwater verify`."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from benchmark.cli.output import DEFAULT_STORE, JsonOption, StoreOption, print_json
from benchmark.errors import DataError, UsageError

if TYPE_CHECKING:
    from leaderboard.submission.examine import Examined
    from leaderboard.submission.judge import Luck, Rerun
    from leaderboard.submission.records import Entry

FolderArgument = Annotated[Path, typer.Argument(help="A bundle, or a store of records.")]
TrustOption = Annotated[
    Path | None,
    typer.Option(
        "--trust",
        help="Put down what was found: trust.json of your store; and beside it, evidence.",
    ),
]


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

    A bundle that is refused, or cannot be examined, is not kept.

    Example: headwater pack -m moco_v2/sequential --output bundle
    """
    import shutil
    import sys

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
        options = "".join(f" --set {text}" for text in set_ or [])
        print(
            f"{new_card}: fill it in, then: headwater pack -p {spec.id} -m {method}{options} "
            f"--store {store} --card {new_card}"
        )
        return
    if card is None:
        told = own_card(spec, resolved)
    else:
        try:
            told = read_card(card.read_bytes())
        except OSError as error:
            raise UsageError(f"{card} cannot be read: {error.strerror}") from error
        except DataError as error:
            raise UsageError(f"{card} is no method card: {error}") from error
    write_bundle(
        spec, resolved, Store(store), told, output, None if seeds is None else range(seeds)
    )
    accepted = False
    try:
        _tell(output, as_json)
    except typer.Exit as verdict:
        accepted = not verdict.exit_code
        raise
    finally:  # nor one that could not be examined, which would be in the way of the next
        if not accepted:
            shutil.rmtree(output)
            print(f"headwater: {output} is not kept", file=sys.stderr)


def validate(
    folder: FolderArgument, trust: TrustOption = None, as_json: JsonOption = False
) -> None:
    """Examine a bundle by all rules, and compute metrics again from its predictions.

    Every metric but the CKA, which rests on features, is computed again; nothing in it is executed.
    All findings are told at once; the last line and the exit status say whether there are errors.
    With --trust, methods whose every evaluation was computed again are put down as rescored, for
    the leaderboard of the store whose trust.json it is; nothing if some of it was not looked at.

    Example: headwater validate bundle
    """
    _tell(folder, as_json, trust)


def verify(
    folder: FolderArgument,
    cells: Annotated[int, typer.Option(min=1, help="So many evaluations are drawn.")] = 2,
    seed: Annotated[
        int | None, typer.Option(min=0, help="Of the draw. Default: one that nobody can know.")
    ] = None,
    store: Annotated[
        Path | None,
        typer.Option(help="Your own, where to compute and go on from. Default: nothing is kept."),
    ] = None,
    method: Annotated[
        str | None,
        typer.Option("-m", "--method", help="path/to/file.py:Class, if it is not installed."),
    ] = None,
    threads: Annotated[
        int | None, typer.Option(min=1, help="Of every cell. Default: as in its record.")
    ] = None,
    luck: Annotated[
        Path | None,
        typer.Option(
            help="Store whose methods of several seeds tell how far another training moves a "
            "headline; bundles in it do not count. Default: the one of --trust, else ./results, "
            "else the folder itself, the first that has such evaluations."
        ),
    ] = None,
    trust: TrustOption = None,
    as_json: JsonOption = False,
) -> None:
    """Compute evaluations drawn at random again, with their pre-training, and compare.

    The folder is examined first, as by validate; if it is refused, nothing is rerun. Nothing in it
    is executed: the code that is installed here is, or the file that --method names, and it has to
    be the same as that of the records. On the same kind of machine, by as many threads, the same
    bits come of it; else a headline agrees if it differs by no more than other test images, and
    another seed in the records of --luck, could have moved it.
    That is a tolerance: small exaggerations are not found by it. Where no method there has several
    seeds, what moved further than by test images differs on the same kind of machine, and cannot
    be told on another. With --trust, a method of which cells were rerun and agree is put down as
    reproduced, and what cannot be told changes nothing.
    The exit status is 1 if the folder is refused or a cell differs; 3 if none differs, and of one
    it cannot be told.

    Example: headwater verify bundle --cells 3 --store rerun
    """
    from leaderboard.submission import verify as again
    from leaderboard.submission.judge import conclusion, settle

    for name, own in {"store": store, "luck": luck}.items():
        if own is not None and own.resolve().is_relative_to(folder.resolve()):
            raise UsageError(f"{own} lies in what is to be verified; choose another --{name}")
    if luck is not None and not luck.is_dir():
        raise UsageError(f"there is no store at {luck}; name one that `headwater run` wrote")
    examined = _examined(folder, trust)
    if not as_json:
        _print_findings(examined)
    reruns: list[Rerun] = []
    of = len(again.able(examined.entries))
    if examined.accepted:
        again.require_named(examined.entries, method)
        chosen = again.choose(examined.entries, cells, seed)
        if not as_json:
            print(f"drawn at random, {len(chosen)} of {of} evaluations:")
            print(*(f"  {entry.path}" for entry in chosen), sep="\n", flush=True)
        known, source = _luck(luck, trust, folder, examined, chosen)
        if not as_json:
            print(f"what another seed moves is taken from the records of {source}", flush=True)
        with _place(store) as place:
            counts = threads or again.threads_of(examined.entries)
            reruns = again.rerun(chosen, place, method, counts, known)
            reruns = settle(reruns, examined.entries, place)
    verdicts = {one.verdict for one in reruns}
    accepted = examined.accepted and "differs" not in verdicts
    verdict = conclusion(reruns, of) if examined.accepted else examined.verdict
    told = [] if trust is None else _vouched(trust, examined, reruns)
    if as_json:
        told_once = {"accepted": accepted, "drawn": [one.document() for one in reruns], "of": of}
        findings = document(examined)["findings"]
        print_json({**told_once, "verdict": verdict, "findings": findings})
    else:
        print(*reruns, *told, f"{folder} is {verdict}", sep="\n")
    raise typer.Exit((3 if "cannot be told" in verdicts else 0) if accepted else 1)


def _luck(
    luck: Path | None,
    trust: Path | None,
    folder: Path,
    examined: "Examined",
    chosen: "Sequence[Entry]",
) -> "tuple[Luck, Path]":
    """How far headlines move from seed to seed, and the folder whose records say it."""
    from leaderboard.submission.judge import Luck, luck_in

    if luck is not None:
        return luck_in(luck, chosen) or Luck([]), luck
    for store in (None if trust is None else trust.parent, Path("results")):
        if store is None or not store.is_dir():
            continue
        own = not store.resolve().is_relative_to(folder.resolve())  # what it says for itself
        if own and (found := luck_in(store, chosen)):
            return found, store
    return Luck(examined.entries), folder


@contextmanager
def _place(store: Path | None) -> Iterator[Path]:
    """Where cells are computed again: a store, or a folder that is gone afterwards."""
    import sys
    import tempfile

    if store is not None:
        yield store
        return
    with tempfile.TemporaryDirectory(prefix="headwater-verify-") as folder:
        try:
            yield Path(folder)
        except KeyboardInterrupt as error:
            print("headwater: stopped; nothing is kept without --store", file=sys.stderr)
            raise typer.Exit(130) from error


def _examined(folder: Path, trust: Path | None) -> "Examined":
    """Examine a folder, with its progress; a file of trust that cannot be used is told before."""
    from rich.console import Console
    from rich.status import Status

    from leaderboard.submission.examine import examine
    from leaderboard.submission.vouch import require_outside
    from leaderboard.trust import read_trust_file

    if trust is not None:
        read_trust_file(trust)
    with Status("", console=Console(stderr=True)) as status:
        examined = examine(folder, lambda path: status.update(f"examining {path}"))
    if trust is not None and examined.kind == "bundle":
        require_outside(trust, folder)
    return examined


def _tell(folder: Path, as_json: bool, trust: Path | None = None) -> None:
    """Examine a folder, and say what was found."""
    examined = _examined(folder, trust)
    told = [] if trust is None else _vouched(trust, examined)
    if as_json:
        print_json(document(examined))
    else:
        _print_findings(examined)
        print(*told, f"{folder} is {examined.verdict}", sep="\n")
    raise typer.Exit(0 if examined.accepted else 1)


def _print_findings(examined: "Examined") -> None:
    for finding in examined.findings.found:
        print(finding)
    for sentence in examined.findings.left_out():
        print(sentence)


def _vouched(trust: Path, examined: "Examined", reruns: "Sequence[Rerun]" = ()) -> list[str]:
    """Write down how far methods are trusted; a sentence for each."""
    from leaderboard.submission.vouch import is_whole, vouch

    if not is_whole(examined):
        return [f"{trust} is left as it was: not all was looked at; mend the errors S01 and S04"]
    return [
        f"{trust}: {method} on {protocol} is {entry.tier if entry else 'self-reported'}"
        for (protocol, method), entry in vouch(trust, examined, reruns).items()
    ]


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
        "left_out": [*examined.findings.left_out()],
        "verdict": examined.verdict,
    }
