"""The paper's whole grid at full scale: what all its models would cost."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmark.cells import Cell
from benchmark.cost.document import disk_document, plan_document
from benchmark.cost.estimate import Plan, Request, Tell, predict
from benchmark.cost.outline import Outline
from benchmark.resolve import protocol_named, resolve

#: The paper's streams, objectives and strategies (Hu et al., ICLR 2022).
STREAMS = ("instance", "random-class", "distant-class", "domain")
OBJECTIVES = ("moco_v2", "supervised")
ALONG = ("sequential", "replay", "mas", "mas_replay")
JOINT = ("first_chunk", "joint")
#: How many models the paper says that it pre-trained.
PAPER_MODELS = 500
GPUS = 8


def plan_paper(
    seeds: int = 3,
    store: Path = Path("runs"),
    *,
    measure: bool = True,
    tell: Tell = lambda _: None,
) -> dict[str, Any]:
    """The grid as JSON has it.

    Args:
        seeds: replicates of everything; how many the paper has is not known to us.
        store: folder of records.
        measure: whether a few steps are taken here.
        tell: told what is going on.

    Returns:
        What `plan_document` has, and `grid`: models by stream, how their number comes about, hours
        by stream, and what as many models as the paper's would cost.
    """
    protocols = [protocol_named(f"{stream}/full") for stream in STREAMS]
    names = [f"{objective}/{how}" for objective in OBJECTIVES for how in (*ALONG, *JOINT)]
    methods = [resolve(name, tier="full") for name in names]
    request = Request(protocols, [methods] * len(protocols), seeds, store=store)
    plan = predict(request, measure=measure, tell=tell, more=with_prefixes)
    document = plan_document(plan, store=str(store))
    return document | {"grid": _grid(plan, seeds)}


def with_prefixes(outline: Outline) -> Outline:
    """Joint training with the models of every shorter prefix of the stream, each from scratch.

    That of the first chunk is `first_chunk`. No method of Headwater trains the others: `cumulative`
    trains on the same images, and goes on from the weights before.
    """
    if not outline.method.name.endswith("/joint"):
        return outline
    replicates = []
    for cells in outline.replicates:
        more: list[Cell] = []
        for chunks in range(2, outline.protocol.chunks):
            more += _prefix(cells, chunks)
        replicates.append((*cells, *more))
    return replace(outline, replicates=tuple(replicates))


def _prefix(cells: tuple[Cell, ...], chunks: int) -> list[Cell]:
    """The cells of a joint model, of some first chunks only; no record is of them."""
    here: dict[str, Any] = {
        "folder": cells[0].folder.rpartition("/")[0] + f"/after-chunk{chunks}",
        "chunks": tuple(range(1, chunks + 1)),
        "chunks_seen": chunks,
        "determined_by": {"prefix": chunks},
    }
    phase = replace(cells[0], **here)
    return [phase, *(replace(cell, parent=phase, **here) for cell in cells[1:])]


def _grid(plan: Plan, seeds: int) -> dict[str, Any]:
    declared = plan.rates.on_declared_gpus()
    streams: dict[str, dict[str, Any]] = {}
    for outline in plan.told:
        stream = streams.setdefault(
            outline.protocol.id,
            {
                "protocol": outline.protocol.id,
                "chunks": outline.protocol.chunks,
                "models": 0,
                "hours_training": 0.0,
                "hours_evaluation": 0.0,
            },
        )
        for cell in outline.cells:
            hours = declared.seconds(outline.protocol, cell, outline.method) / 3600
            trains = cell.kind == "pretrain"
            stream["models"] += trains
            stream["hours_training" if trains else "hours_evaluation"] += hours
    models = sum(stream["models"] for stream in streams.values())
    hours = sum(s["hours_training"] + s["hours_evaluation"] for s in streams.values())
    chunks = [stream["chunks"] for stream in streams.values()]
    along = len(ALONG)
    return {
        "name": "paper",
        "streams": [
            {key: round(v, 1) if isinstance(v, float) else v for key, v in stream.items()}
            for stream in streams.values()
        ],
        "models": models,
        "how": (
            f"On a stream of T chunks {', '.join(ALONG)} leave a model after every chunk, {along} "
            f"T, and joint training from scratch on the first 1, 2, ..., T chunks leaves T more, "
            f"of which the first is first_chunk and the last joint. With {_listed(chunks)} chunks "
            f"that are {(along + 1) * sum(chunks)} models, times {len(OBJECTIVES)} objectives "
            f"({' and '.join(OBJECTIVES)}) and {seeds} seeds: {models}. The paper counts "
            f"{PAPER_MODELS}; how these come about is not known to us."
        ),
        "declared_gpu_hours": round(hours),
        "days_on_8": round(hours / 24 / GPUS, 1),
        "hours_a_model": round(hours / models, 1),
        "as_many_as_the_paper": {
            "models": PAPER_MODELS,
            "declared_gpu_hours": round(hours / models * PAPER_MODELS),
            "days_on_8": round(hours / models * PAPER_MODELS / 24 / GPUS, 1),
            "checkpoint_bytes": round(disk_document(plan)["checkpoints"] / models * PAPER_MODELS),
        },
    }


def _listed(numbers: list[int]) -> str:
    return ", ".join(map(str, numbers[:-1])) + f" and {numbers[-1]}"
