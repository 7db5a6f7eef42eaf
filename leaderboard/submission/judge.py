"""Whether a cell that was computed again supports what is claimed of it.

What agreement means. A rerun has the seeds of the claim, so that it is no second sample: on the
same kind of machine the same bits come of it. On another, training goes its own way from the last
bit on, and a headline is allowed to move by what other test images, and what another training run,
could have moved it; the latter as far as other methods in the records have several seeds. Where
none has, a headline that moved further than by test images cannot be told from an honest one, but
on the same kind of machine. That is a tolerance, not a test of honesty: it finds a number that was
made up, and lets pass one that is better by less than it allows. The differences, which are told of
every cell, show over many cells what one alone cannot; a cell that is not drawn is not looked at.
"""

import math
import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from benchmark.errors import DataError, UsageError
from benchmark.result import Metric, Record, read_record
from leaderboard.aggregate import Located, read_results
from leaderboard.submission.records import PLACE, Entry, protocol_of

Verdict = Literal["same bits", "agrees", "differs", "cannot be told"]

#: Two sums of the same numbers may differ by so much, relatively and absolutely.
_ROUNDING = 1e-6
#: What is said where nothing is known of luck.
_UNKNOWN = (
    "that is allowed for test images alone, and how far another training moves it is not known: "
    "name a store of several seeds by --luck, or compute it again on their kind of machine"
)


@dataclass(frozen=True)
class Rerun:
    """A cell that was computed again.

    Args:
        entry: what is claimed.
        verdict: the same predictions to the bit; or a headline within what is allowed; or neither;
            or it is further off, and nobody knows how far another training moves it.
        found: the headline here; None if the cell failed here.
        allowed: by how much it may differ from the claim.
        remark: what else is to be known: why it failed, or that the harness is another one.
        alike: whether it and all that it rests on is known to have been computed on the same kind
            of machine, by as many threads.
    """

    entry: Entry
    verdict: Verdict
    found: float | None
    allowed: float
    remark: str = ""
    alike: bool = False

    @property
    def headline(self) -> tuple[str, Metric]:
        """Name and claimed value of the first metric."""
        return next(iter(self.entry.record.metrics.items()))

    @property
    def difference(self) -> float | None:
        """Of the headline, here minus claimed; None if the cell failed here."""
        return None if self.found is None else self.found - self.headline[1].value

    def document(self) -> dict[str, Any]:
        """What `--json` prints of it."""
        name, claimed = self.headline
        return {
            "path": self.entry.path,
            "metric": name,
            "claimed": claimed.value,
            "found": self.found,
            "difference": self.difference,
            "allowed": self.allowed,
            "verdict": self.verdict,
            "alike": self.alike,
        }

    def __str__(self) -> str:
        name, claimed = self.headline
        told = f"{self.verdict}: {self.entry.path}: {name} {claimed.value:.2f} is claimed"
        if self.found is not None:
            told += f", {self.found:.2f} found"
            if self.verdict != "same bits":
                told += f", {self.allowed:.2f} of difference allowed"
        return f"{told}; {self.remark}" if self.remark else told


class Luck:
    """How far headlines move from seed to seed, in the records at hand.

    The variance over a method's seeds, pooled over all methods but the one that is judged: a number
    that was made up is not to widen what is allowed to itself.

    Args:
        entries: all records.
    """

    def __init__(self, entries: Sequence[Entry]) -> None:
        runs: dict[tuple[str, str, str, str, int], list[float]] = {}
        for entry in entries:
            record, (protocol, method, _) = entry.record, entry.run
            if record.task and record.metrics:
                place = record.task.evaluation, record.task.name, method, protocol
                values = runs.setdefault((*place, record.stream.chunks_seen), [])
                values.append(next(iter(record.metrics.values())).value)
        self._known = [
            (evaluation, task, method, statistics.variance(values), len(values) - 1)
            for (evaluation, task, method, *_), values in runs.items()
            if len(values) > 1
        ]

    def variance(self, record: Record) -> float:
        """Of a headline on its task, or where that is not known, on its evaluation; else NaN."""
        others = [
            (task == record.task.name, variance, freedom)
            for evaluation, task, method, variance, freedom in self._known
            if record.task and evaluation == record.task.evaluation
            if method != record.method.name
        ]
        found = [one for one in others if one[0]] or others
        if not found:
            return math.nan
        freedom = sum(count for *_, count in found)
        return sum(variance * count for _, variance, count in found) / freedom


def luck_in(store: Path, wanted: Sequence[Entry]) -> Luck | None:
    """How far headlines move in a store: its own records of the same evaluations and tiers.

    Bundles that lie in it do not count, since what strangers claim is not to widen what is allowed.

    Args:
        store: folder of the records.
        wanted: what is to be judged.

    Returns:
        None where it has no such records.

    Raises:
        UsageError: no such folder.
    """
    if not store.is_dir():
        raise UsageError(f"there is no store at {store}: name a folder that `headwater run` wrote")
    patterns = {
        f"*-{spec.tier}@*/**/seed*/after-chunk*/{task.evaluation}.*.json"
        for record in (entry.record for entry in wanted)
        if (task := record.task) and (spec := protocol_of(record))
    }
    paths = {
        path
        for pattern in patterns
        for path in store.glob(pattern)
        if (place := PLACE.fullmatch(path.relative_to(store).as_posix())) and not place["root"]
    }
    located = read_results(store, sorted(paths)).located
    return Luck([Entry(str(f.path), "", f.record) for f in located]) if located else None


def judge(entry: Entry, here: Located, quantile: float, luck: float = 0.0) -> Rerun:
    """Whether what came of a cell here supports what is claimed.

    The headlines agree if they differ by at most

        quantile * sqrt(se_claimed^2 + se_here^2 + 2 luck)

    as two independent training runs on two independent samples of test images would. Where the
    metric has no closed form (average precision), both standard errors are taken to be that of
    bootstrap samples of the predictions here. A standard error of 0, as of an accuracy of 0 or
    100 %, allows nothing by itself: then the other one counts, and where all is 0 only rounding is
    forgiven.

    Args:
        entry: what is claimed.
        here: what came of it here, with its predictions; it did not fail.
        quantile: of the normal distribution, with Bonferroni's correction for the cells drawn: that
            of 1 - 0.025 / cells.
        luck: variance of the headline over training runs; see `Luck`. NaN where it is not known:
            what is allowed is that of luck 0 then, and beyond it nothing can be told.
    """
    mine, record = entry.record, here.record
    name, claimed = next(iter(mine.metrics.items()))
    remark = "" if mine.key == record.key else "the harness here is another version than theirs"
    if name not in record.metrics:
        return Rerun(entry, "differs", None, 0.0, f"here the evaluation has no {name}")
    found = record.metrics[name]
    error = found.standard_error
    if error is None:
        seen = here.evidence()
        error = seen.standard_error() if seen else 0.0
        error = error if math.isfinite(error) else 0.0  # no resample had anything to find
    theirs = error if claimed.standard_error is None else claimed.standard_error
    known = math.isfinite(luck)
    allowed = quantile * math.sqrt(error**2 + theirs**2 + (2 * luck if known else 0.0))
    difference = found.value - claimed.value
    hashes = [r.predictions.sha256 for r in (mine, record) if r.predictions]
    verdict: Verdict = "differs"
    if difference == 0 and len(hashes) == 2 and hashes[0] == hashes[1]:
        verdict, remark = "same bits", ""
    elif abs(difference) <= allowed + _ROUNDING * (1 + abs(claimed.value)):
        verdict = "agrees"
    elif not known:
        verdict, remark = "cannot be told", "; ".join(filter(None, (remark, _UNKNOWN)))
    return Rerun(entry, verdict, found.value, allowed, remark)


def settle(reruns: Sequence[Rerun], claimed: Sequence[Entry], store: Path) -> list[Rerun]:
    """Say of each whether the same kind of machine computed all that it rests on.

    What could not be told differs, if so.

    Args:
        reruns: cells that were computed again.
        claimed: all records of the folder that they are from.
        store: where they were computed again.

    Returns:
        The same, in their order.
    """
    settled = [replace(one, alike=all(_alike(one.entry, claimed, store))) for one in reruns]
    return [
        replace(one, verdict="differs", remark="their kind of machine would give the same bits")
        if one.verdict == "cannot be told" and one.alike
        else one
        for one in settled
    ]


def _alike(entry: Entry, claimed: Sequence[Entry], store: Path) -> Iterator[bool]:
    """Of a cell and each that it rests on, whether the same bits were to be expected of it here."""
    seen = entry.record.stream.chunks_seen
    for one in claimed:
        record, path = one.record, store / one.path.removeprefix(one.root)
        below = record.kind != "evaluation" and record.stream.chunks_seen <= seen
        if one.run != entry.run or not (one.path == entry.path or below):
            continue
        try:
            here = read_record(path)
        except (DataError, OSError):
            yield False
            continue
        where = record.environment
        known = where.cpu is not None and where.deterministic
        # a choice rests on features of a method whose records may be nowhere
        yield known and record.kind != "selection"
        yield here.key == record.key and here.environment == where


def conclusion(reruns: Sequence[Rerun], of: int) -> str:
    """The verdict on all, such as `reproduced: 2 of 2 cells agree, 1 with the same bits`."""
    verdicts = [one.verdict for one in reruns]
    differ, same = verdicts.count("differs"), verdicts.count("same bits")
    unknown = verdicts.count("cannot be told")
    agree = len(reruns) - differ - unknown
    told = f"{agree} of {len(reruns)} drawn from {of} evaluations agree, {same} with the same bits"
    if unknown:
        told += f", and of {unknown} it cannot be told"
    known = "not reproduced" if differ else "neither reproduced nor refuted"
    return f"{known if differ or unknown else 'reproduced'}: {told}"
