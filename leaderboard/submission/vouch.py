"""What an examination lets the keeper of a store vouch for."""

from collections.abc import Sequence
from pathlib import Path

from benchmark.errors import UsageError
from leaderboard.cache import EvidenceCache, users_cache
from leaderboard.submission.examine import Examined
from leaderboard.submission.judge import Rerun
from leaderboard.submission.records import Entry
from leaderboard.trust import Trust, Vouched, fingerprint, read_trust_file

#: Protocol and method.
Run = tuple[str, str]


def vouch(
    file: Path, examined: Examined, reruns: Sequence[Rerun] = ()
) -> dict[Run, Vouched | None]:
    """Write down how far the methods of a folder were examined.

    A method whose records are all accepted is `rescored` if each of its evaluations was computed
    again from its predictions, and `reproduced` if a cell of it was rerun, too, and all that were
    agree. What was `reproduced` stays so while the records are the same. One that is refused, or
    of which a cell differs, is vouched for no more. One of which a cell was rerun that cannot be
    told of is vouched for as if none had been rerun. Nothing changes for methods that the folder
    does not have. What the predictions say of intervals is kept beside the file, so that no page
    that is built from the store has to compute it again.

    Args:
        file: the keeper's, `trust.json` at the root of a store; made if it is not there.
        examined: what was found in the folder.
        reruns: cells that were computed again.

    Returns:
        What is said of each method of the folder now; None for nothing.

    Raises:
        DataError: the file is there, and cannot be read.
    """
    trust = read_trust_file(file)
    refused = _refused(examined)
    told: dict[Run, Vouched | None] = {}
    for run in _runs(examined):
        entries = [entry for entry in examined.entries if entry.run[:2] == run]
        mine = [one for one in reruns if one.entry.run[:2] == run]
        told[run] = None
        verdicts = {one.verdict for one in mine}
        if run not in refused and "differs" not in verdicts:
            counted = () if "cannot be told" in verdicts else mine
            told[run] = _vouched(run, entries, examined, counted, trust.of(*run))
    others = [entry for entry in trust.vouched if entry.run not in told]
    Trust(vouched=(*others, *(entry for entry in told.values() if entry))).write(file)
    predictions = (entry.record.predictions for entry in examined.rescored)
    EvidenceCache(users_cache()).share(
        file.parent, (known.sha256 for known in predictions if known)
    )
    return told


def _vouched(
    run: Run,
    entries: Sequence[Entry],
    examined: Examined,
    reruns: Sequence[Rerun],
    before: Vouched | None,
) -> Vouched | None:
    """Of a method with nothing against it."""
    evaluations = sum(entry.record.kind == "evaluation" for entry in entries)
    rescored = sum(entry.run[:2] == run for entry in examined.rescored)
    now = fingerprint(str(entry.record.sha256) for entry in entries)
    known = before if before and before.fingerprint == now else None
    if not evaluations or rescored < evaluations or (known and not reruns):
        return known
    evidence = f"{rescored} of {evaluations} evaluations computed again from their predictions"
    if reruns:
        same = sum(one.verdict == "same bits" for one in reruns)
        evidence += f", {len(reruns)} rerun, {same} of these with the same bits"
    return Vouched(
        protocol=run[0],
        method=run[1],
        tier="reproduced" if reruns else "rescored",
        fingerprint=now,
        records=len(entries),
        evidence=evidence,
    )


def _runs(examined: Examined) -> list[Run]:
    return sorted({entry.run[:2] for entry in examined.entries})


def _refused(examined: Examined) -> set[Run]:
    """Methods that an error is about; all of them where it does not show which."""
    runs = set(_runs(examined))
    errors = [f.where for f in examined.findings.found if f.level == "error"]
    if len(errors) < examined.findings.errors:  # there are more than were kept
        return runs
    about: dict[Run, set[str]] = {run: {f"{run[0]} {run[1]} seed "} for run in runs}
    for entry in examined.entries:
        protocol, method, _ = entry.run
        about[protocol, method].add(f"{entry.root}{protocol.replace('/', '-')}/{method}/seed")
    refused: set[Run] = set()
    for where in errors:
        found = {
            run for run in runs if where == " ".join(run) or where.startswith(tuple(about[run]))
        }
        refused |= found or runs
    return refused


def require_outside(file: Path, folder: Path) -> None:
    """See to it that nothing is written into a bundle, and nothing that it says believed.

    Args:
        file: the keeper's.
        folder: the bundle.

    Raises:
        UsageError: the file lies in the bundle.
    """
    if file.resolve().is_relative_to(folder.resolve()):
        raise UsageError(f"{file} lies in the bundle; trust is written beside your own records")
