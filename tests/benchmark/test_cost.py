"""What a plan counts, and what it takes a cell for: against `benchmark.cells.plan`, and by hand."""

import json
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from benchmark.cells import Cell, Planner, plan
from benchmark.cost.declared import V100
from benchmark.cost.document import plan_document
from benchmark.cost.estimate import Request, predict
from benchmark.cost.outline import outlines, states
from benchmark.cost.rates import Rates, Speed, Trained
from benchmark.cost.records import Spread, read_timings, this_machine
from benchmark.cost.reference import build, shipped, write
from benchmark.cost.units import evaluation_units, method_units
from benchmark.errors import DataError, UsageError
from benchmark.evaluations import tier_tasks
from benchmark.method import Method
from benchmark.registry import TASKS
from benchmark.resolve import ResolvedMethod, protocol_named, resolve

ZERO = "0" * 64


def record(cell: Cell, **changes: Any) -> dict[str, Any]:
    """A record of a cell on this machine, as a store has it, with what a plan reads of it."""
    device, platform, threads, version = this_machine()
    protocol, *method, _, _ = cell.folder.split("/")
    fields = {
        "key": cell.key,
        "status": "ok",
        "protocol": {"id": protocol.replace("-", "/")},
        "method": {"name": "/".join(method), "config": {"batch_size": 10}},
        "stream": {"chunks": list(cell.chunks), "chunks_seen": cell.chunks_seen},
        "task": {"name": cell.task, "evaluation": cell.evaluation} if cell.task else None,
        "cost": cost(1.0),
        "environment": {
            "device": device,
            "platform": platform,
            "threads": threads,
            "torch": version,
        },
    }
    return fields | changes


def put(store: Path, cell: Cell, **changes: Any) -> None:
    """Write such a record."""
    path = store / cell.folder / f"{cell.name}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(record(cell, **changes)))


def cost(seconds: float, visits: int = 0) -> dict[str, Any]:
    """Of so many visits of the budget, and some that the method made on top."""
    return {"seconds": seconds, "optimiser_steps": visits // 10, "image_visits": visits + 7}


# --- cells -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("protocol", "methods", "tasks", "evaluations"),
    [
        ("instance/smoke", ("moco_v2/mas_replay", "supervised/joint", "random_init"), None, None),
        ("domain/smoke", ("byol/cassle", "supervised/cumulative"), [], None),
        ("blurred-class/smoke", ("moco_v2/lump", "simclr/reservoir"), None, ["linear", "stream"]),
        ("instance/nano", ("vicreg/si", "moco_v2/first_chunk"), ["digits", "crowns"], None),
    ],
)
def test_the_cells_are_those_that_a_run_plans_keys_included(
    protocol: str, methods: tuple[str, ...], tasks: Any, evaluations: Any
) -> None:
    spec = protocol_named(protocol)
    resolved = [resolve(name) for name in methods]
    told = outlines(spec, resolved, 3, tasks, evaluations)
    for outline, method in zip(told, resolved, strict=True):
        assert outline.keyed
        for replicate in (0, 2):
            expected = plan(spec, method, replicate, tasks, evaluations)
            found = outline.replicates[replicate]
            assert [(c.folder, c.name) for c in found] == [(c.folder, c.name) for c in expected]
            assert [c.key for c in found] == [c.key for c in expected]
            assert [replace(c, parent=None) for c in found] == [
                replace(c, parent=None) for c in expected
            ]


def test_without_images_the_cells_are_the_same_but_for_their_keys(monkeypatch) -> None:
    spec, method = protocol_named("blurred-class/smoke"), resolve("supervised/reservoir")
    expected = plan(spec, method, 1)

    def missing(*_: Any) -> Any:
        raise DataError("no images")

    monkeypatch.setattr(Planner, "_common", missing)
    [told] = outlines(spec, [method], 2)
    assert not told.keyed
    for found, known in zip(told.replicates[1], expected, strict=True):
        assert replace(found, determined_by={}, parent=None) == replace(
            known, determined_by={}, parent=None
        )
        parents = [
            cell.parent and (cell.parent.folder, cell.parent.name) for cell in (found, known)
        ]
        assert parents[0] == parents[1]


def test_how_often_a_method_is_built_does_not_depend_on_the_replicates(monkeypatch) -> None:
    built: Counter[str] = Counter()
    build_it = ResolvedMethod.build

    def counted(self: ResolvedMethod, *given: Any) -> Method:
        built[self.name] += 1
        return build_it(self, *given)

    monkeypatch.setattr(ResolvedMethod, "build", counted)
    names = ("moco_v2/joint", "supervised/replay", "byol/mas")
    told = outlines(protocol_named("instance/smoke"), [resolve(n) for n in names], 50)
    assert built == dict.fromkeys(names, 1)
    assert sum(len(outline.cells) for outline in told) == 50 * (4 + 6 + 6)


def test_a_large_graph_is_planned_in_seconds(tmp_path: Path) -> None:
    names = ("moco_v2/sequential", "supervised/mas", "byol/cassle", "simclr/replay")
    request = Request(
        [protocol_named("instance/nano")], [[resolve(n) for n in names]], 80, store=tmp_path
    )
    start = time.process_time()
    document = plan_document(predict(request, measure=False))
    assert document["cells"]["total"] == 4 * 80 * (4 + 4 + 12 + 11 + 1)
    assert time.process_time() - start < 5


def test_at_the_full_tier_cells_are_counted_without_images(own_home: Path) -> None:
    spec = protocol_named("instance/full")
    [told] = outlines(spec, [resolve("moco_v2/sequential", tier="full")], 2)
    assert not told.keyed
    kinds = Counter(cell.evaluation or cell.kind for cell in told.replicates[1])
    assert kinds == {"pretrain": 4, "stream": 4, "linear": 12, "fewshot": 11, "detection": 1}
    assert next(told.built.parameters()).device.type == "meta"
    assert states(own_home, {}, told.cells, keyed=False) == ["left"] * len(told.cells)


@pytest.mark.parametrize(
    ("protocol", "methods", "told"),
    [
        ("blurred-class/smoke", ("moco_v2/lump", "moco_v2/mas"), "does not tell where"),
        ("instance/smoke", ("random_init", "moco_v2/joint+2049"), "fewer than a batch of 2049"),
    ],
)
def test_what_a_run_refuses_is_refused_of_every_method(
    protocol: str, methods: tuple[str, ...], told: str
) -> None:
    resolved = []
    for name in methods:
        plain, _, batch = name.partition("+")
        resolved.append(resolve(plain, {"batch_size": int(batch)} if batch else None))
    with pytest.raises(UsageError, match=told):
        outlines(protocol_named(protocol), resolved, 1)


# --- what a store has --------------------------------------------------------------------------


def test_a_store_s_cells_are_done_failed_or_left(tmp_path: Path) -> None:
    spec = protocol_named("instance/smoke")
    [told] = outlines(spec, [resolve("supervised/sequential")], 1)
    first, chunks, second, *rest = told.cells

    def found() -> list[str]:
        return list(states(tmp_path, read_timings(tmp_path), told.cells, keyed=True))

    assert found() == ["left"] * 6
    put(tmp_path, first)
    put(tmp_path, chunks, key=ZERO)  # of another source
    assert found() == ["done"] + ["left"] * 5
    put(tmp_path, second, status="failed")
    assert found() == ["done", "left", "failed", "failed", "failed", "failed"]
    for cell in (chunks, second, *rest):
        put(tmp_path, cell)
    assert found() == ["done"] * 6


def test_weights_that_are_not_kept_are_made_again_only_for_what_is_missing(tmp_path: Path) -> None:
    spec = protocol_named("instance/smoke")
    [told] = outlines(spec, [resolve("supervised/sequential")], 1)
    checkpoint = {"name": "checkpoint.pth", "sha256": ZERO}
    for cell in told.cells:
        put(tmp_path, cell, checkpoint=checkpoint if cell.kind == "pretrain" else None)

    def left() -> list[str]:
        found = states(tmp_path, read_timings(tmp_path), told.cells, keyed=True)
        pairs = zip(told.cells, found, strict=True)
        return [f"{cell.chunks_seen} {cell.name}" for cell, state in pairs if state == "left"]

    assert left() == []
    predictions = {"name": "linear.shapes.npz", "sha256": ZERO}
    put(tmp_path, told.cells[4], predictions=predictions)  # which are not there
    # The second phase is trained again, and starts from the weights after the first.
    assert left() == ["1 pretrain", "2 pretrain", "2 linear.shapes"]
    (tmp_path / told.cells[2].folder / "checkpoint.pth").write_bytes(b"")
    assert left() == ["2 linear.shapes"]


def test_what_is_no_record_is_passed_over(tmp_path: Path) -> None:
    assert read_timings(tmp_path / "nowhere") == {}
    folder = tmp_path / "p@1/m/seed0/after-chunk1"
    folder.mkdir(parents=True)
    for name, text in (("a", "{"), ("b", "[]"), ("c", '{"kind": "pretrain"}'), ("d", "null")):
        (folder / f"{name}.json").write_text(text)
    assert read_timings(tmp_path) == {}


# --- rates -------------------------------------------------------------------------------------


def test_seconds_are_the_median_of_this_machine_s_records(tmp_path: Path) -> None:
    spec, method = protocol_named("instance/nano"), resolve("moco_v2/mas")
    [told] = outlines(spec, [method], 4, tasks=["digits"], evaluations=["linear"])
    other = {"device": "a GPU", "platform": "?", "threads": 1, "torch": "2"}
    for number, seconds in enumerate((3.0, 5.0, 4.0)):
        # Without the chunks' own evaluation: four phases, then linear.digits.
        one, two, _, _, digits = told.replicates[number]
        put(tmp_path, one, cost=cost(10 * seconds, 1000))
        put(tmp_path, two, cost=cost(20 * seconds, 1000))
        put(tmp_path, digits, cost=cost(seconds))
    put(tmp_path, told.replicates[3][4], cost=cost(900.0), environment=other)
    put(tmp_path, told.replicates[3][0], cost=cost(900.0, 10), status="failed")
    rates = Rates.of(tmp_path)
    one, two, three, _, digits = told.replicates[3]
    visits = spec.phase_visits((1,))
    assert rates.seconds(spec, digits) == 4.0
    assert rates.seconds(spec, one, method) == pytest.approx(visits * 0.04)
    assert rates.seconds(spec, two, method) == pytest.approx(visits * 0.08)
    # Of the third phase there is no record: those after the first chunk tell, the first does not.
    assert rates.seconds(spec, three) == pytest.approx(visits * 0.08)
    assert rates.rate(spec, three, method).basis == "records"
    assert rates.known(spec, three) and not Rates.of().known(spec, three)


def test_without_records_the_shipped_table_tells_and_other_methods_go_by_their_forwards() -> None:
    spec, rates, table = protocol_named("instance/nano"), Rates.of(), shipped()
    moco, mine = resolve("moco_v2/sequential"), resolve("moco_v2/cassle")
    visits = spec.phase_visits((1,))
    cells = plan(spec, moco, 0, tasks=["digits"])
    own = table.training["nano"]["moco_v2/sequential"].median
    assert rates.seconds(spec, cells[0], moco) == pytest.approx(visits * own)
    assert rates.seconds(spec, cells[0]) == pytest.approx(visits * own)
    first, second = (c for c in plan(spec, mine, 0)[:4] if c.kind == "pretrain")
    unit = table.unit_seconds["nano"]
    assert rates.seconds(spec, first, mine) == pytest.approx(visits * 4 * unit)
    assert rates.seconds(spec, second, mine) == pytest.approx(visits * 5 * unit)
    digits = next(cell for cell in cells if cell.name == "linear.digits")
    seconds = table.evaluations["nano"]["linear.digits"].seconds.median
    assert rates.seconds(spec, digits) == seconds
    twice = replace(rates, solvers=Speed(2.0, 0.1, measured=True))
    assert twice.seconds(spec, digits) == 2 * seconds
    assert twice.rate(spec, digits).basis == "calibrated"


def test_the_shipped_table_has_every_ranked_evaluation_of_nano() -> None:
    table = shipped()
    spec = protocol_named("instance/nano")
    for name in ("chunks", *spec.task_names):
        for way in TASKS.get(name).spec.evaluations:
            known, own = table.evaluation("nano", f"{way}.{name}")
            assert own and known.seconds.median > 0 and known.sizes[0] > 0
    for name in tier_tasks(spec):
        for way in (*TASKS.get(name).spec.evaluations, *TASKS.get(name).spec.further):
            assert table.evaluation("nano", f"{way}.{name}")[0].seconds.median > 0


def test_what_was_measured_counts_first_and_later_phases_and_the_ends_of_chunks() -> None:
    spec, method = protocol_named("instance/smoke"), resolve("moco_v2/mas")
    first, later = Spread(0.001, 0.1, 9), Spread(0.002, 0.1, 9)
    trained = {("smoke", "moco_v2/mas"): Trained(first, later, end_seconds=3.0, phase_seconds=0.5)}
    rates = replace(Rates.of(), trained=trained)
    phases = [cell for cell in plan(spec, method, 0) if cell.kind == "pretrain"]
    told = [rates.seconds(spec, cell, method) for cell in phases]
    assert told == pytest.approx([1024 * 0.001 + 3.5, 1024 * 0.002 + 3.5])
    blurred = protocol_named("blurred-class/smoke")
    lump = replace(rates, trained={("smoke", "moco_v2/lump"): trained["smoke", "moco_v2/mas"]})
    phases = [c for c in plan(blurred, resolve("moco_v2/lump"), 0) if c.kind == "pretrain"]
    told = [lump.seconds(blurred, cell) for cell in phases]
    assert told == pytest.approx([1024 * 0.001 + 0.5, 1024 * 0.002 + 3.5])  # one end, the stream's


def test_declared_gpu_hours_are_moco_s_own(own_home: Path) -> None:
    """200 epochs of ImageNet: 53 hours on 8 GPUs, as facebookresearch/moco says."""
    spec = protocol_named("instance/full")
    gpu = Rates.of().on_declared_gpus()

    def hours(name: str) -> float:
        method = resolve(name, tier="full")
        [told] = outlines(spec, [method], 1)
        phases = [cell for cell in told.cells if cell.kind == "pretrain"]
        return sum(gpu.seconds(spec, cell, method) for cell in phases) / 3600

    assert hours("moco_v2/sequential") == pytest.approx(53 * 8)
    assert hours("moco_v2/joint") == pytest.approx(53 * 8)
    assert hours("supervised/sequential") == pytest.approx(53 * 8 * 3 / 4)
    assert hours("moco_v2/cumulative") == pytest.approx(53 * 8 * 2.5)
    # One forward more for each view with gradient, once a chunk is behind: 4, 5, 5 and 5 units.
    assert hours("moco_v2/cassle") == pytest.approx(53 * 8 * 19 / 16)
    [detection] = [
        cell
        for cell in outlines(spec, [resolve("random_init", tier="full")], 1)[0].cells
        if cell.evaluation == "detection"
    ]
    # 24,000 iterations of 0.551 s on 8 GPUs, and the test images.
    assert gpu.seconds(spec, detection) / 3600 == pytest.approx(24_000 * 0.551 * 8 / 3600, rel=0.02)


def test_units_by_hand(own_home: Path) -> None:
    assert method_units(resolve("byol/sequential")) == 3 * 2 + 2
    assert method_units(resolve("supervised/joint")) == 3
    assert method_units(resolve("moco_v2/cassle"), later=False) == 4
    assert method_units(resolve("random_init")) == 6  # it says nothing
    spec = protocol_named("instance/full")
    [told] = outlines(spec, [resolve("random_init", tier="full")], 1, ["food101"])
    units = {cell.evaluation: evaluation_units(spec, cell) for cell in told.cells[1:]}
    assert units["linear"] == 101_000
    assert units["stream"] == 1_281_167 + 2 * 50_000
    assert V100.images_per_second == pytest.approx(168, abs=0.5)


def test_the_table_is_made_from_records(tmp_path: Path) -> None:
    spec = protocol_named("instance/nano")
    store = tmp_path / "store"
    moco, none = (
        outlines(spec, [resolve(name)], 1, ["digits"], ["linear"])[0].cells
        for name in ("moco_v2/joint", "random_init")
    )
    put(store, moco[0], cost=cost(40.0, 10_000))
    put(store, moco[1], cost=cost(3.0), predictions={"name": "linear.digits.npz", "sha256": ZERO})
    (store / moco[1].folder / "linear.digits.npz").write_bytes(b"12345")
    put(store, none[0], cost=cost(0.1))
    put(store, none[1], cost=cost(1.0))
    table = build([store])
    assert table["training"]["nano"] == {
        "moco_v2/joint": {"seconds": 0.004, "deviation": 0.15, "count": 1}
    }
    assert table["unit_seconds"] == {"nano": 0.001}
    digits = table["evaluations"]["nano"]["linear.digits"]
    assert (digits["seconds"], digits["untrained"], digits["count"]) == (2.0, 1.0, 2)
    assert digits["bytes"][1] == 2  # between 5 and none
    path = write([store], tmp_path / "table.json")
    assert json.loads(path.read_bytes()) == table
    with pytest.raises(UsageError, match="no record of a finished cell"):
        build([tmp_path / "nothing"])
