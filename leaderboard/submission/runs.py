"""Rules of whole runs: nothing is missing, and what was spent is what was allowed."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from benchmark.evaluations import STREAM_TASK, labels_given, offered
from benchmark.protocol import ProtocolSpec, SelectionSpec
from benchmark.registry import SELECTIONS, TASKS
from benchmark.result import Record
from leaderboard import words
from leaderboard.bounds import MOST
from leaderboard.scores import stops_after
from leaderboard.submission.findings import Findings
from leaderboard.submission.records import Entry, in_range, protocol_of

_RERUN = "rerun the cell and pack again"
_RUN = "run the method to its end and pack again"


def examine_runs(entries: Sequence[Entry], findings: Findings) -> None:
    """Each run of a method: its phases, its evaluations, and that all are of one version."""
    runs: dict[tuple[str, str, int], list[Entry]] = {}
    versions: dict[tuple[str, str], Entry] = {}
    for entry in entries:
        runs.setdefault(entry.run, []).append(entry)
        first = versions.setdefault(entry.run[:2], entry)
        for name in ("version", "config_sha256", "source_sha256"):
            if getattr(first.record.method, name) != getattr(entry.record.method, name):
                what = f"{name} is another one than in {first.path}"
                findings.add("R06", entry.path, what, "pack records of one version only")
    extractors = {
        (
            spec.arrivals.id,
            f"{entry.record.method.name.partition('/')[0]}/first_chunk",
            entry.run[2],
        )
        for entry in entries
        if entry.record.kind == "selection"
        and isinstance(spec := protocol_of(entry.record), SelectionSpec)
    }
    for (protocol, method, seed), found in runs.items():
        spec, where = protocol_of(found[0].record), f"{protocol} {method} seed {seed}"
        if spec is None:
            continue
        phases = {e.record.stream.chunks_seen: e for e in found if e.record.kind == "pretrain"}
        for what in (*_gaps(phases, found), *_end(spec, method, phases)):
            findings.add("K01", where, what, _RUN)
        alone = all(entry.record.kind == "pretrain" for entry in found)
        if alone and (protocol, method, seed) in extractors:
            missing = []  # it gives features to selections, and is no entry
        else:
            missing = _missing(spec, phases, found)
        if not any(entry.record.stream.chunks for entry in found):
            what = "it read nothing of the stream, so that there was no budget to examine"
            findings.add("B05", where, what, "make sure that it is not to be trained", "warning")
        if isinstance(spec, SelectionSpec) and all(in_range(entry.record) for entry in found):
            for entry, what in _choice(spec, phases, found):
                findings.add("B03", entry.path, what, _RERUN)
        if missing:
            count = words.counted(len(missing), "evaluation")
            what = f"{count} missing: {', '.join(missing)}"
            what += "; records that R01 refuses do not count" * bool(findings.of(["R01"]))
            findings.add("K02", where, what, _RUN)
        seen: set[int] = set()
        for _, entry in sorted(phases.items()):
            if not in_range(entry.record):  # R03 and R08 refuse it, and nothing can be reckoned
                continue
            if entry.record.status == "ok":
                examine_cost(entry, spec, seen, findings)
            seen |= set(entry.record.stream.chunks)


def _gaps(phases: Mapping[int, Entry], found: Sequence[Entry]) -> Iterator[str]:
    """Phases that are missing: each adds its chunks to those seen before."""
    seen: set[int] = set()
    for count, entry in sorted(phases.items()):
        seen |= set(entry.record.stream.chunks)
        if len(seen) != count:
            yield f"after {count} chunks, the phases account for {len(seen)}"
            seen = set(range(1, count + 1))
    for count in sorted({e.record.stream.chunks_seen for e in found} - set(phases)):
        yield f"there is no phase that ends after {count} chunks, and it is evaluated"


def _end(spec: ProtocolSpec, method: str, phases: Mapping[int, Entry]) -> Iterator[str]:
    """Whether what is trained on a stream is trained to where its method ends."""
    trained = any(entry.record.stream.chunks for entry in phases.values())
    if not trained or isinstance(spec, SelectionSpec):
        return
    last, end = max(phases), stops_after(method) or spec.chunks
    if last != end:
        yield f"its training ends after chunk {last}, and has to after chunk {end}"


def _missing(spec: ProtocolSpec, phases: Mapping[int, Entry], found: Sequence[Entry]) -> list[str]:
    """Names of the evaluations that are missing."""
    there = {
        (e.record.stream.chunks_seen, e.record.task.evaluation, e.record.task.name)
        for e in found
        if e.record.task
    }
    if isinstance(spec, SelectionSpec):
        chosen = [] if _selections(found) else ["selection"]
        return chosen + [
            f"{evaluation}.{task}"
            for task, evaluation in _of_selection(spec, found[0].record)
            if (1, evaluation, task) not in there
        ]
    last = max((count for count, *_ in there), default=0)
    last = max([last, *phases])
    wanted = [(count, way, STREAM_TASK) for count in phases for way in _ways(STREAM_TASK)]
    wanted += [(last, way, task) for task in spec.task_names for way in _ways(task)]
    return [
        f"{evaluation}.{task} after chunk {count}"
        for count, evaluation, task in wanted
        if (count, evaluation, task) not in there
    ]


def _selections(found: Sequence[Entry]) -> list[Entry]:
    return [entry for entry in found if entry.record.kind == "selection"]


def _of_selection(spec: SelectionSpec, record: Record) -> Iterator[tuple[str, str]]:
    """Task and evaluation of all that a selection's choice is judged by."""
    target, shots = record.method.config.get("target"), record.method.config.get("shots")
    wanted = labels_given(shots if isinstance(shots, int) else 0)
    for task in [str(target)] if target else spec.task_names:
        if task in TASKS:
            yield from ((task, way) for way in offered(task) if way in wanted)


def _choice(
    spec: SelectionSpec, phases: Mapping[int, Entry], found: Sequence[Entry]
) -> Iterator[tuple[Entry, str]]:
    """What was chosen, against the budget, and what was trained on, against what was chosen."""
    for entry in _selections(found):
        told, share = entry.record.selection, entry.record.method.config.get("share")
        if told is None:
            yield entry, "it does not say what was chosen"
            continue
        budget = 0
        if isinstance(share, int | float) and 0 < share <= 1:
            budget = spec.budget_images(float(share))
        if told.budget != budget or told.pool != spec.pool_images[0]:
            yield entry, f"a budget of {told.budget:,} images, which is {budget:,} here"
        selection = entry.record.method.name.partition("+")[0].rpartition("/")[2]
        own = selection in SELECTIONS and SELECTIONS.get(selection).of_target
        if told.images > budget and not own:
            yield entry, f"{told.images:,} images were chosen, and {budget:,} may be"
        ledger = phases[1].record.ledger if 1 in phases else None
        served = sum(line.distinct for line in ledger.served) if ledger else 0
        if served > told.images:
            yield phases[1], f"{served:,} different images, and {told.images:,} were chosen"


def _ways(task: str) -> Sequence[str]:
    """How a task is evaluated for the ranking."""
    ways: Sequence[str] = TASKS.get(task).spec.evaluations
    return ways


def examine_cost(entry: Entry, spec: ProtocolSpec, before: set[int], findings: Findings) -> None:
    """What a phase says that it used, against its ledger, its curve and the protocol.

    Args:
        entry: a finished phase.
        spec: its protocol.
        before: chunks that earlier phases read.
        findings: is told.
    """
    record = entry.record
    rules = {
        "B01": _ledger(record, spec),
        "B02": _budget(record, spec),
        "B03": _chunks(record, spec, before),
        "B04": _curve(record),
    }
    for code, told in rules.items():
        for what in told:
            findings.add(code, entry.path, what, _RERUN)


def _ledger(record: Record, spec: ProtocolSpec) -> Iterator[str]:
    cost, ledger = record.cost, record.ledger
    if ledger is None:
        if record.stream.chunks or cost.image_visits or cost.optimiser_steps:
            yield "there is no ledger of what it was served"
        return
    served = sum(line.images for line in ledger.served)
    if served != cost.image_visits:
        yield f"the ledger has {served:,} images, and the cost {cost.image_visits:,}"
    if ledger.stored_bytes != cost.stored_bytes:
        yield "the ledger and the cost differ in the bytes stored"
    for line in ledger.served:
        if line.distinct + line.repeats != line.images:
            yield f"chunk {line.chunk}: {line.distinct} distinct and {line.repeats} repeats"
    if record.stream.chunks or cost.optimiser_steps:
        yield from _steps(record, spec, served)


def _steps(record: Record, spec: ProtocolSpec, served: int) -> Iterator[str]:
    """The steps are those of the budget, and each was served a whole batch at the least."""
    batch, taken = _batch_size(record.method.config), record.cost.optimiser_steps
    if batch is None:
        yield "its options have no batch_size above 0, by which steps are counted"
        return
    chunks = record.stream.chunks
    steps = spec.phase_visits(chunks) // batch if chunks else 0
    if taken != steps:
        yield f"it took {taken} steps, and the budget gives {steps}"
    if chunks and not steps:
        yield f"a batch of {batch:,} images is more than the budget of the phase"
    if served < taken * batch:
        yield f"the ledger has {served:,} images, and its steps were served {taken * batch:,}"


def _batch_size(config: Mapping[str, Any]) -> int | None:
    """Images of a step; None if the options do not say, or say what cannot be.

    Example:
        >>> [_batch_size(config) for config in ({"batch_size": 64}, {"batch_size": True}, {})]
        [64, None, None]
    """
    batch = config.get("batch_size")
    known = isinstance(batch, int) and not isinstance(batch, bool) and 0 < batch <= MOST
    return batch if known else None


def _budget(record: Record, spec: ProtocolSpec) -> Iterator[str]:
    """The budget is that of the steps; what else a phase may read is bounded, and is counted.

    That is each image of its chunks once, as for the importance of weights, and with each image of
    its steps a stored one, as where these are mixed.
    """
    allowed = spec.phase_visits(record.stream.chunks) if record.stream.chunks else 0
    trained = max((point.visits for point in record.curve), default=0)
    if trained > allowed:
        yield f"it trained on {trained:,} image visits, and the phase has {allowed:,}"
    served = sum(line.images for line in record.ledger.served) if record.ledger else 0
    spent = max(record.cost.image_visits, served)
    on_top = sum(spec.manifest.sizes[chunk - 1] for chunk in record.stream.chunks)
    if record.ledger and record.ledger.stored_bytes:
        on_top += allowed
    if spent > allowed + on_top:
        yield (
            f"{spent:,} image visits, and the phase has {allowed:,}, with {on_top:,} on top for "
            "what is read beside its steps"
        )


def _chunks(record: Record, spec: ProtocolSpec, before: set[int]) -> Iterator[str]:
    if record.ledger is None:
        return
    numbers = [line.chunk for line in record.ledger.served]
    if len(set(numbers)) != len(numbers):
        yield "a chunk is in the ledger twice"
    for line in record.ledger.served:
        now = line.chunk in record.stream.chunks
        if not now and not (line.chunk in before and record.ledger.stored_bytes):
            yield f"chunk {line.chunk} was served, and was neither open nor stored"
        elif line.distinct > spec.manifest.sizes[line.chunk - 1]:
            size = spec.manifest.sizes[line.chunk - 1]
            yield f"{line.distinct:,} different images of chunk {line.chunk}, which has {size:,}"
    yield from _stored(record, spec)


def _stored(record: Record, spec: ProtocolSpec) -> Iterator[str]:
    """Images of earlier chunks that were at hand, and have to have been stored until then.

    Those are what was served of chunks that are closed, and the chunks that are open again. An
    image has at least as many pixels as the views that are cropped from it.
    """
    assert record.ledger is not None
    chunks = record.stream.chunks
    earlier = sum(line.distinct for line in record.ledger.served if line.chunk not in chunks)
    if again := [spec.manifest.chunks[chunk - 1] for chunk in sorted(chunks)[:-1]]:
        earlier += len(np.unique(np.concatenate(again)))
    least, stored = earlier * 3 * spec.view_size**2, record.ledger.stored_bytes
    if stored < least:
        yield (
            f"{stored:,} bytes were stored, and the {earlier:,} images of earlier chunks that were "
            f"read have at least {least:,}"
        )


def _curve(record: Record) -> Iterator[str]:
    visits = [point.visits for point in record.curve]
    if record.cost.optimiser_steps and not visits:
        yield "there is no curve"
    if any(later <= earlier for earlier, later in pairwise(visits)):
        yield "the curve does not go forward"
    batch = _batch_size(record.method.config)
    if visits and batch and visits[-1] != record.cost.optimiser_steps * batch:
        yield f"the curve ends at {visits[-1]:,} visits"
