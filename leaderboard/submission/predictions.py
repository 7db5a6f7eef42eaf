"""Rules of predictions: what they give is computed again, by the labels known here."""

import hashlib
import re
from collections.abc import Mapping, Sequence
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmark.errors import DataError, HeadwaterError
from benchmark.registry import TASKS
from benchmark.result import FileRef, Metric
from leaderboard import words
from leaderboard.aggregate import Located
from leaderboard.arrays import read_arrays
from leaderboard.cache import EVIDENCE, EvidenceCache, users_cache
from leaderboard.evidence import Evidence, all_evidence
from leaderboard.submission.answers import (
    digest_of_answers,
    misfit,
    shapes_of,
    shapes_of_shared,
)
from leaderboard.submission.findings import Findings
from leaderboard.submission.folder import Folder
from leaderboard.submission.records import Entry, protocol_of
from tasks.rescore import Misfit, Saved, rescore

#: Two sums of the same numbers may differ by so much, relatively and absolutely.
_ROUNDING = 1e-6

#: Metrics of the stream that rest on features, which are not saved.
_FROM_FEATURES = re.compile(r"cka_(chunk[1-9][0-9]*)")

#: Bytes that are kept of what methods have in common.
_HELD = 2**28

#: Share of predictions that two seeds may have in common, small sets being small.
_ALIKE = 0.5

_RERUN = "rerun the cell and pack again"
Digests = dict[tuple[str, str, int], dict[tuple[int, str, str], str]]


class Rescoring:
    """Reads predictions, computes their metrics again, and remembers how they looked.

    Args:
        folder: the files.
        findings: is told.
        store: whose own evidence is held against the predictions; None for a bundle, which has
            none.
    """

    def __init__(self, folder: Folder, findings: Findings, store: Path | None = None) -> None:
        self.folder, self.findings = folder, findings
        self.rescored: list[Entry] = []
        self._kept = EvidenceCache(users_cache())
        self._beside, self._other = EvidenceCache(None, store), 0
        self._from_features = 0
        self._digests: Digests = {}
        self._shared: dict[str, Mapping[str, NDArray[Any]] | None] = {}
        self._held = 0

    def examine(self, entry: Entry) -> None:
        """One evaluation, whose protocol, task and seeds are those known here.

        Raises:
            DataError: the images of a small tier are not prepared.
        """
        try:
            self._examine(entry)
        except HeadwaterError:
            raise
        except Exception as error:  # whatever numpy says of numbers that nobody thought of
            what = f"the predictions cannot be judged ({type(error).__name__})"
            self.findings.add("P03", entry.path, what, _RERUN)

    def look(self, entry: Entry) -> None:
        """A selection: what was chosen is there and plain; nothing of it is computed again."""
        self._arrays(entry, entry.record.predictions, entry.beside)

    def _examine(self, entry: Entry) -> None:
        record, task, spec = entry.record, entry.record.task, protocol_of(entry.record)
        assert task is not None and spec is not None
        before = self.findings.errors
        arrays = self._arrays(entry, record.predictions, entry.beside)
        shared = self._of_all(entry) if record.shared else {}
        if arrays is None or shared is None:
            return
        here, wrong = TASKS.get(task.name)(), ""
        if (shapes := shapes_of(here, task.evaluation)) is not None:
            wrong = misfit(arrays, shapes) or misfit(shared, shapes_of_shared(task.evaluation))
        if wrong:
            self.findings.add("P03", entry.path, wrong, _RERUN)
            return
        place = record.stream.chunks_seen, task.evaluation, task.name
        self._digests.setdefault(entry.run, {})[place] = digest_of_answers(arrays)
        saved = Saved(arrays, shared, spec, record.seeds.evaluation, record.stream.chunks_seen)
        try:
            metrics = rescore(here, task.evaluation, saved)
        except Misfit as error:
            self.findings.add("P03", entry.path, str(error), _RERUN)
            return
        except DataError as error:
            if spec.tier != "full":
                raise
            self._untold(entry, f"the data are not here: {error}")
            return
        if metrics is None:
            self._untold(entry, f"{task.evaluation} cannot be computed again here")
            return
        self._compare(entry, metrics)
        if self.findings.errors > before:
            return
        try:
            self._keep(entry, arrays)
        except DataError as error:
            self.findings.add("P03", entry.path, str(error), _RERUN)
            return
        self.rescored.append(entry)

    def _keep(self, entry: Entry, arrays: Mapping[str, NDArray[Any]]) -> None:
        """Put what predictions say of intervals into the cache, so that no page waits for it."""
        file, judged = entry.record.predictions, Located(Path(entry.path), entry.record).judged
        assert file is not None
        known = self._kept.read(file.sha256, judged)
        if known is None:
            known = all_evidence(arrays, judged)
            self._kept.write(file.sha256, known)
        told = self._beside.read(file.sha256, judged)
        self._other += told is not None and not _same(told, known)

    def _compare(self, entry: Entry, metrics: Mapping[str, Metric]) -> None:
        told = dict(entry.record.metrics)
        left = [name for name in told if name not in metrics]
        strange = [name for name in left if not _from_features(told[name], name, metrics)]
        if strange:
            what = f"metrics that the evaluation does not have: {', '.join(strange)}"
            self.findings.add("P04", entry.path, what, _RERUN)
        self._from_features += len(left) - len(strange)
        if told and next(iter(told)) != next(iter(metrics)):
            what = f"its headline is {next(iter(told))}, and should be {next(iter(metrics))}"
            self.findings.add("P04", entry.path, what, _RERUN)
        for name, known in metrics.items():
            if name not in told:
                self.findings.add("P04", entry.path, f"it does not tell {name}", _RERUN)
            elif wrong := _difference(told[name], known):
                self.findings.add("P04", entry.path, f"{name}: {wrong}", _RERUN)

    def _untold(self, entry: Entry, what: str) -> None:
        self.findings.add("P05", entry.path, what, "rerun it to make sure", "warning")

    def _of_all(self, entry: Entry) -> Mapping[str, NDArray[Any]] | None:
        """What all methods have in common; read once."""
        assert entry.record.shared is not None
        path = entry.shared(entry.record.shared.name)
        key = f"{path} {entry.record.shared.sha256}"
        if key not in self._shared:
            found = self._arrays(entry, entry.record.shared, entry.shared)
            self._held += sum(array.nbytes for array in (found or {}).values())
            if self._held > _HELD:
                self._shared, self._held = {}, 0
                return found
            self._shared[key] = found
        return self._shared[key]

    def _arrays(
        self, entry: Entry, file: FileRef | None, place: Any
    ) -> Mapping[str, NDArray[Any]] | None:
        """The arrays of a file that a record names; None, with a finding, if it has none."""
        if file is None:
            self.findings.add("P01", entry.path, "it names no predictions", _RERUN)
            return None
        path = place(file.name)
        if path not in self.folder.files:
            self.findings.add("P01", path, f"is not there, and {entry.path} names it", _RERUN)
            return None
        try:
            content = self.folder.read(path)
            if hashlib.sha256(content).hexdigest() != file.sha256:
                self.findings.add("P01", path, f"is not the file that {entry.path} names", _RERUN)
                return None
            return read_arrays(content)
        except DataError as error:
            self.findings.add("P02", path, str(error), _RERUN)
            return None

    def finish(self) -> None:
        """Say what cannot be computed again, and find seeds that have the same predictions."""
        self._kept.flush()
        if self._from_features:
            what = f"{self._from_features} CKAs rest on features, which are not saved"
            self.findings.add("P05", ".", what, "rerun the cells to make sure", "note")
        if self._other:
            what = f"what it keeps of {words.counted(self._other, 'evaluation')} is not theirs"
            self.findings.add("P06", EVIDENCE, what, "remove it, and validate with --trust")
        runs: dict[tuple[str, str], list[int]] = {}
        for protocol, method, seed in sorted(self._digests):
            runs.setdefault((protocol, method), []).append(seed)
        for (protocol, method), seeds in runs.items():
            for a, b in combinations(seeds, 2):
                mine, other = (self._digests[protocol, method, seed] for seed in (a, b))
                both = [place for place in mine if place in other]
                alike = sum(mine[place] == other[place] for place in both)
                if both and alike > _ALIKE * len(both):
                    what = f"seeds {a} and {b} have {alike} of {len(both)} predictions in common"
                    mend = "train each seed by itself"
                    self.findings.add("D02", f"{protocol} {method}", what, mend)


def _from_features(metric: Metric, name: str, known: Mapping[str, Metric]) -> bool:
    """Whether it can be the CKA of a chunk's held-out images, of which the accuracy is known."""
    found = _FROM_FEATURES.fullmatch(name)
    chunk = known.get(found[1]) if found else None
    return (
        chunk is not None
        and (metric.n, metric.unit, metric.higher_is_better) == (chunk.n, "%", True)
        and metric.standard_error is None
    )


def _same(told: Mapping[str, Evidence], known: Mapping[str, Evidence]) -> bool:
    """Whether two say the same, but for how sums are rounded."""
    return told.keys() == known.keys() and all(
        one.identity == (other := known[name]).identity
        and one.parts.shape == other.parts.shape
        and np.allclose(one.parts, other.parts, rtol=1e-3, atol=1e-5)
        for name, one in told.items()
    )


def _difference(told: Metric, known: Metric) -> str:
    """How a metric differs from what the predictions give; empty if it does not."""
    for name in ("unit", "higher_is_better", "n"):
        if getattr(told, name) != getattr(known, name):
            return f"{name} is {getattr(told, name)}, and should be {getattr(known, name)}"
    pairs = {"": (told.value, known.value), "its standard error ": (0.0, 0.0)}
    if (told.standard_error is None) != (known.standard_error is None):
        return "its standard error is told without being known, or the other way about"
    if told.standard_error is not None and known.standard_error is not None:
        pairs["its standard error "] = told.standard_error, known.standard_error
    for what, (a, b) in pairs.items():
        if abs(a - b) > _ROUNDING * (1 + abs(b)):
            return f"{what}{a:.6g} is told, and the predictions give {b:.6g}"
    return ""


def same_weights(entries: Sequence[Entry], findings: Findings) -> None:
    """Find seeds of a method that ended with the same weights."""
    seen: dict[tuple[str, str, int, str], Entry] = {}
    for entry in entries:
        record = entry.record
        if record.kind != "pretrain" or record.status != "ok":
            continue
        if record.checkpoint is None:
            findings.add("D01", entry.path, "it does not tell the hash of its weights", _RERUN)
            continue
        protocol, method, _ = entry.run
        key = protocol, method, record.stream.chunks_seen, record.checkpoint.sha256
        other = seen.setdefault(key, entry)
        if other.run != entry.run:
            what = f"its weights are those of {other.path}"
            findings.add("D01", entry.path, what, "train each seed by itself")
