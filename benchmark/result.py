"""The record of one cell: everything needed to trust, compare and rerun a number."""

import hashlib
import json
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError

from benchmark.errors import DataError

#: How a record ends.
_HASH_LINE = ',\n "sha256": "{}"\n}}\n'

Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Finite = Annotated[float, Field(allow_inf_nan=False)]
Evaluation = Literal[
    "linear",
    "fewshot",
    "detection",
    "stream",
    "linear_1pct",
    "linear_10pct",
    "linear_5shot",
    "linear_10shot",
    "finetune",
    "finetune_5shot",
    "finetune_10shot",
    "knn",
    "fewshot_logistic",
    "detection_frozen",
    "sharpness",
]
Count = Annotated[int, Field(ge=0)]


class Strict(BaseModel):
    """Frozen, and refuses fields it does not know."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Metric(Strict):
    """One number with what is needed to read it.

    `standard_error` is over the `n` test units (images, episodes or directions), in `unit`; None
    where the metric has no closed form for it (average precision). A difference of percentages is
    in `points`, one of training losses in `loss`.
    """

    value: Finite
    unit: Literal["%", "AP", "points", "loss"]
    higher_is_better: bool = True
    n: Count
    standard_error: Annotated[float, Field(ge=0, allow_inf_nan=False)] | None = None


class FileRef(Strict):
    """A file beside the record, by its name, content and size in bytes."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]
    sha256: Sha256
    size: Count | None = None


class ProtocolRef(Strict):
    """The protocol that a cell belongs to: its id (`instance/nano@1`) and digest."""

    id: str
    digest: Sha256


class StreamRef(Strict):
    """Which chunks (numbered from 1) the phase read, and how many the model has seen in all."""

    chunks: tuple[int, ...]
    chunks_seen: Count
    manifest_sha256: Sha256


class MethodRef(Strict):
    """The method, its resolved configuration and its source, by hash (docstrings left out)."""

    name: str
    version: int
    config: dict[str, JsonValue]
    config_sha256: Sha256
    source_sha256: Sha256


class TaskRef(Strict):
    """The downstream data set, how it was evaluated, and the hash of its split file."""

    name: str
    version: int
    evaluation: Evaluation
    data_sha256: Sha256


class Seeds(Strict):
    """The replicate's number and the three seeds derived from it; never one for all."""

    replicate: Count
    stream: Count
    training: Count
    evaluation: Count


class Cost(Strict):
    """What the cell used. `image_visits` counts images read from the stream, once per reading."""

    image_visits: Count
    optimiser_steps: Count
    stored_bytes: Count
    extra_parameters: Count
    seconds: Annotated[float, Field(ge=0, allow_inf_nan=False)]
    peak_memory_bytes: Count


class Served(Strict):
    """What the reader served of one chunk: images, different ones among them, and repeats."""

    chunk: Count
    images: Count
    distinct: Count
    repeats: Count


class Ledger(Strict):
    """What a phase was served, as the reader counted it, and what was stored beyond the backbone.

    `stored_bytes` counts the images of closed chunks, kept or open again, as the pool gives them,
    uncompressed, at the most they were; `held_bytes` the method's parameters and buffers beyond
    its backbone, such as heads, momentum encoders, queues and importances. `labelled`: whether
    labels came with the images; None in records of old.
    """

    served: tuple[Served, ...]
    stored_bytes: Count
    held_bytes: Count = 0
    labelled: bool | None = None


class Chosen(Strict):
    """What a selection chose from, how much, and what it cost, each part in seconds.

    `extraction_seconds` are those of the pool's features, which targets share where they are
    computed in one process: 0 where they were there already.
    """

    target: str
    pool: Count
    budget: Count
    images: Count
    extraction_seconds: Annotated[float, Field(ge=0, allow_inf_nan=False)]
    index_seconds: Annotated[float, Field(ge=0, allow_inf_nan=False)]
    retrieval_seconds: Annotated[float, Field(ge=0, allow_inf_nan=False)]


class Environment(Strict):
    """Where and how the cell ran: `precision` of the forwards, `compiled` backbones or not.

    `cpu` is the kind of processor, since two kinds round differently; records of before
    2026-11-27 do not name it.
    """

    python: str
    torch: str
    platform: str
    cpu: str | None = None
    device: str
    threads: Count
    deterministic: bool
    precision: Literal["float32", "bfloat16"] = "float32"
    compiled: bool = False
    lock_sha256: Sha256 | None


class Provenance(Strict):
    """How the cell came to be: the command, start and end (UTC, ISO 8601), the tool's version."""

    argv: tuple[str, ...]
    started: str
    ended: str
    headwater: str


class CurvePoint(Strict):
    """One point of the training curve: mean loss since the point before."""

    visits: Count
    loss: Finite
    images_per_second: Finite


class Record(Strict):
    """One cell: a selection of images, a phase of pre-training, or one evaluation of a checkpoint.

    `shared` is in the protocol's folder, under `shared/seed<k>/`: what is the same for all methods,
    such as which images play in which episode. The other files lie beside the record. `sha256` is
    of the record's own text before it, so that a damaged one is known.

    Raises:
        pydantic.ValidationError: unknown field, wrong type, NaN or infinity.
    """

    schema_version: Literal[1] = 1
    kind: Literal["selection", "pretrain", "evaluation"]
    status: Literal["ok", "failed"]
    error: str | None = None
    key: Sha256
    protocol: ProtocolRef
    stream: StreamRef
    method: MethodRef
    task: TaskRef | None = None
    seeds: Seeds
    metrics: dict[str, Metric] = {}
    predictions: FileRef | None = None
    shared: FileRef | None = None
    checkpoint: FileRef | None = None
    ledger: Ledger | None = None
    selection: Chosen | None = None
    curve: tuple[CurvePoint, ...] = ()
    cost: Cost
    environment: Environment
    provenance: Provenance
    trust: Literal["self-reported", "rescored", "reproduced"] = "self-reported"
    sha256: Sha256 | None = None

    @property
    def cause(self) -> str:
        """Of a failed cell's traceback, the line that says what went wrong."""
        lines = [line.strip() for line in (self.error or "").splitlines() if line.strip()]
        return lines[-1] if lines else "no cause was recorded"

    def to_json(self) -> str:
        """The record as text, keys in the order of the schema, the hash of the text before it last.

        The text ends with a newline.
        """
        fields = self.model_dump(mode="json", exclude={"sha256"})
        text = json.dumps(fields, indent=1, allow_nan=False).removesuffix("\n}")
        return text + _HASH_LINE.format(hashlib.sha256(text.encode()).hexdigest())


def parse_record(content: bytes) -> Record:
    """Check the text of a record.

    Returns:
        The record, with the hash that it ends with, if it does.

    Raises:
        DataError: not JSON, not the schema, or altered since it was written; names the first
            offending field.
    """
    try:
        record = Record.model_validate_json(content)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "the document"
        raise DataError(f"is not a Headwater record: {where}: {first['msg']}") from error
    if record.sha256 is not None:
        text = content.removesuffix(_HASH_LINE.format(record.sha256).encode())
        if hashlib.sha256(text).hexdigest() != record.sha256:
            raise DataError("was altered after it was written")
    return record


def read_record(path: Path) -> Record:
    """Read and check one record, and leave its hash out.

    Raises:
        DataError: as from `parse_record`; names the file.
    """
    content = path.read_bytes()
    try:
        record = parse_record(content)
    except DataError as error:
        raise DataError(f"{path} {error}; rerun the cell") from error
    return record.model_copy(update={"sha256": None})
