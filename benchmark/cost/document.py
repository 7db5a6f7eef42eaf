"""A plan as one JSON document: what `headwater plan --json` prints."""

from typing import Any

import torch

from benchmark.cost.declared import DETECTION_SOURCE, V100
from benchmark.cost.disk import Sizes, downloads, written_bytes
from benchmark.cost.estimate import Plan, lines_of
from benchmark.cost.measure import BUSY
from benchmark.cost.outline import phase_steps
from benchmark.cost.rates import Basis
from benchmark.cost.sums import Line, relative_error, within

#: What a basis means.
BASES: dict[Basis, str] = {
    "records": "the store's records of this kind of machine",
    "measured": "steps taken here just now",
    "calibrated": "the shipped table, times what a few short evaluations take here",
    "shipped": "the shipped table as it is, nothing of it measured here",
    "declared": f"not measured here: {V100.source}; {DETECTION_SOURCE}",
    "guessed": "nothing like it was measured: by its forwards, or as others of its kind",
}


def plan_document(plan: Plan, *, store: str = "") -> dict[str, Any]:
    """A plan as JSON has it.

    Args:
        plan: what `predict` found.
        store: name of the store.

    Returns:
        Cells, lines of the table, time on this machine with a 95 % range, time on declared GPUs at
        the full tier, bytes of disk and of downloads, notes on what was measured, warnings.
    """
    protocols = list({outline.protocol.id: outline.protocol for outline in plan.told}.values())
    cells = [cell for outline in plan.told for cell in outline.cells]
    states = [state for of in plan.found for state in of]
    left = [(o, cell) for o, some in zip(plan.told, plan.left, strict=True) for cell in some]
    phases = [(o, cell) for o, cell in left if cell.kind == "pretrain" and cell.chunks]
    steps = sum(phase_steps(o.protocol, o.built, cell.chunks) for o, cell in phases)
    bases = dict.fromkeys(basis for line in plan.lines for basis in line.bases)
    gpu = _declared(plan)
    if gpu:
        bases["declared"] = None
    return {
        "protocols": [protocol.id for protocol in protocols],
        "methods": list(dict.fromkeys(outline.method.folder for outline in plan.told)),
        "seeds": len(plan.told[0].replicates),
        "store": store,
        "machine": {
            "device": plan.rates.machine[0],
            "platform": plan.rates.machine[1],
            "threads": plan.rates.machine[2],
            "torch": plan.rates.machine[3],
            "gpus": torch.cuda.device_count(),
        },
        "cells": {
            "total": len(cells),
            "pretrain": sum(cell.kind == "pretrain" for cell in cells),
            "evaluation": sum(cell.kind == "evaluation" for cell in cells),
            **{state: states.count(state) for state in ("done", "failed", "left")},
            "keyed": all(outline.keyed for outline in plan.told),
        },
        "models": len(phases),
        "image_visits": sum(o.protocol.phase_visits(cell.chunks) for o, cell in phases),
        "steps": steps,
        "lines": [line_document(line) for line in plan.lines],
        "time": _time(plan.seconds, plan.error, plan.rates.machine[2]),
        "declared_gpu": gpu,
        "disk": disk_document(plan),
        "downloads": downloads_document(plan),
        "bases": {basis: BASES[basis] for basis in bases},
        "notes": list(plan.notes),
        "warnings": _warnings(plan, bool(phases)),
    }


def line_document(line: Line) -> dict[str, Any]:
    """A line of the table."""
    error = relative_error([line])
    low, high = within(line.seconds, error)
    left = line.cells - line.done - line.failed
    return {
        "name": line.name,
        "kind": line.kind,
        "cells": line.cells,
        "done": line.done,
        "failed": line.failed,
        "left": left,
        "seconds": round(line.seconds, 1),
        "low": round(low, 1),
        "high": round(high, 1),
        "within": round(within(1.0, error)[1] - 1, 2),
        "one_low": round(line.low, 2) if left else 0.0,
        "one_high": round(line.high, 2),
        "basis": list(line.bases),
    }


def _time(seconds: float, error: float, threads: int) -> dict[str, Any]:
    low, high = within(seconds, error)
    on_gpu = torch.cuda.is_available()
    return {
        "seconds": round(seconds, 1),
        "low": round(low, 1),
        "high": round(high, 1),
        "core_hours": None if on_gpu else round(seconds * threads / 3600, 3),
        "gpu_hours": round(seconds / 3600, 3) if on_gpu else None,
    }


def _declared(plan: Plan) -> dict[str, Any] | None:
    """The same on declared GPUs; None where nothing is of the full tier, or a GPU is here."""
    if torch.cuda.is_available() or any(o.protocol.tier != "full" for o in plan.told):
        return None
    lines = lines_of(plan.rates.on_declared_gpus(), plan.told, plan.found)
    seconds = sum(line.seconds for line in lines)
    training = sum(line.seconds for line in lines if line.kind == "pretrain")
    low, high = within(seconds, relative_error(lines))
    return {
        "device": V100.device,
        "images_per_second": round(V100.images_per_second),
        "of": V100.method,
        "source": V100.source,
        "gpu_hours": round(seconds / 3600, 1),
        "low": round(low / 3600, 1),
        "high": round(high / 3600, 1),
        "gpu_hours_training": round(training / 3600, 1),
        "days_on_8": round(seconds / 86_400 / 8, 2),
        "lines": [line_document(line) for line in lines],
    }


def disk_document(plan: Plan) -> dict[str, int]:
    """Bytes that a plan writes, and those that it needs aside while a phase runs."""
    total = dict.fromkeys(
        ("checkpoints", "checkpoints_if_only_last_kept", "records", "predictions", "shared"), 0
    )
    aside, common = 0, set[tuple[str, str]]()
    for outline, cells in zip(plan.told, plan.left, strict=True):
        protocol = outline.protocol
        sizes = Sizes.of(protocol, outline.built)
        final = max(cell.phase for cell in outline.cells)
        for cell in cells:
            record, predictions, shared = written_bytes(protocol, plan.rates.reference, cell)
            total["records"] += record
            total["predictions"] += predictions
            once = f"{protocol.id}/{cell.folder.split('/')[-2]}", cell.name
            total["shared"] += 0 if once in common else shared
            common.add(once)
            if cell.kind == "pretrain":
                written = sizes.checkpoint(protocol, cell)
                total["checkpoints"] += written
                total["checkpoints_if_only_last_kept"] += written if cell.phase == final else 0
                aside = max(aside, sizes.snapshot if cell.chunks else 0)
    kept = sum(value for name, value in total.items() if name != "checkpoints_if_only_last_kept")
    return {"bytes": kept, **total, "aside_while_a_phase_runs": aside}


def downloads_document(plan: Plan) -> list[dict[str, Any]]:
    """The sets that a plan needs and that are not prepared."""
    left = [cell for cells in plan.left for cell in cells]
    protocols = list({outline.protocol.id: outline.protocol for outline in plan.told}.values())
    needed = protocols if left else []
    return [each.document() for each in downloads(needed, left, plan.rates.reference)]


def _warnings(plan: Plan, trains: bool) -> list[str]:
    told = []
    if (plan.others or 0) > BUSY:
        told.append(
            f"other programs took {plan.others:.0%} of the processor while this was measured: it "
            f"is for a machine that stays so, and likely too long for a quiet one"
        )
    if not all(outline.keyed for outline in plan.told):
        told.append(
            "the images of the full tier are not prepared, so that no record in the store can be "
            "told to be of these cells: all count as left"
        )
    if trains and any(o.protocol.tier == "full" for o in plan.told) and plan.notes:
        told.append("the full tier's steps were taken on images in memory: loading files is extra")
    return told
