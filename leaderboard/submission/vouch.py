"""What an examination lets the keeper of a store vouch for."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
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
    does not have, and for none at all where some of it was not looked at. What the predictions
    say of intervals is kept beside the file, so that no page that is built from the store has to
    compute it again.

    Args:
        file: the keeper's, `trust.json` at the root of a store; made if it is not there.
        examined: what was found in the folder.
        reruns: cells that were computed again.

    Returns:
        What is said of each method of the folder now, None for nothing; of none where some of the
        folder was not looked at.

    Raises:
        DataError: the file is there, and cannot be read.
    """
    trust = read_trust_file(file)
    if not is_whole(examined):
        return {}
    refused, before = _refused(examined), {entry.run: entry for entry in trust.vouched}
    rescored = Counter(entry.run[:2] for entry in examined.rescored)
    told: dict[Run, Vouched | None] = {}
    for run, entries in sorted(_runs(examined).items()):
        mine = [one for one in reruns if one.entry.run[:2] == run]
        told[run] = None
        verdicts = {one.verdict for one in mine}
        if run not in refused and "differs" not in verdicts:
            counted = () if "cannot be told" in verdicts else mine
            told[run] = _vouched(run, entries, rescored[run], counted, before.get(run))
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
    rescored: int,
    reruns: Sequence[Rerun],
    before: Vouched | None,
) -> Vouched | None:
    """Of a method with nothing against it."""
    evaluations = sum(entry.record.kind == "evaluation" for entry in entries)
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


def is_whole(examined: Examined) -> bool:
    """Whether all of a folder was looked at: none of it unreadable, and not too many files."""
    return not examined.findings.of(["S01", "S04"])


def _runs(examined: Examined) -> dict[Run, list[Entry]]:
    runs: dict[Run, list[Entry]] = {}
    for entry in examined.entries:
        runs.setdefault(entry.run[:2], []).append(entry)
    return runs


def _refused(examined: Examined) -> set[Run]:
    """Methods that an error is about; all of them where it does not show which."""
    runs = _runs(examined)
    about: dict[str, set[Run]] = {}
    for run, entries in runs.items():
        protocol, method = run
        starts = {f"{e.root}{protocol.replace('/', '-')}/{method}/seed" for e in entries}
        for start in (f"{protocol} {method}", f"{protocol} {method} seed ", *starts):
            about.setdefault(start, set()).add(run)
    refused: set[Run] = set()
    for where in examined.findings.places:
        found = [about[start] for start in _starts(where) if start in about]
        refused.update(*found or [set(runs)])
    return refused


def _starts(where: str) -> Iterator[str]:
    """What may name a method: a place as it is, and up to each of its seeds.

    Example:
        >>> list(_starts("b@1/mine/seed0/a.json"))
        ['b@1/mine/seed0/a.json', 'b@1/mine/seed']
    """
    yield where
    yield from (where[: found.end()] for found in re.finditer("/seed| seed ", where))


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
