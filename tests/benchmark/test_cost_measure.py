"""What a plan measures, adds up and needs of the disk: against real files, and by hand."""

import io
import math
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from benchmark.batch import Setting
from benchmark.cells import plan
from benchmark.config import Config
from benchmark.cost.calibrate import between, network_speed, solver_speed
from benchmark.cost.declared import ARCHIVES
from benchmark.cost.disk import Sizes, downloads, optimiser_bytes
from benchmark.cost.document import plan_document
from benchmark.cost.estimate import Request, predict
from benchmark.cost.measure import Others, measure_training
from benchmark.cost.outline import outlines
from benchmark.cost.paper import plan_paper
from benchmark.cost.rates import Rates, Speed, Trained
from benchmark.cost.records import Spread
from benchmark.cost.reference import Known, shipped
from benchmark.cost.sums import Line, relative_error, within
from benchmark.execute import run
from benchmark.method import Method, build_backbone
from benchmark.optim import build_optimiser
from benchmark.registry import TASKS
from benchmark.resolve import ResolvedMethod, protocol_named, resolve
from benchmark.result import Record
from benchmark.store import Store

# --- measuring ---------------------------------------------------------------------------------


class Slow(Method):
    """Sleeps: 10 ms a step in the first chunk, 60 ms in a later one, 150 ms at its end."""

    def __init__(self, setting: Setting, config: Config) -> None:
        super().__init__(setting, config)
        self.backbone = build_backbone(setting.arch)
        self.weight = torch.nn.Parameter(torch.zeros(()))
        self.chunks = 0

    def training_step(self, batch: Any) -> torch.Tensor:
        time.sleep(0.06 if self.chunks else 0.01)
        return self.weight.square()

    def end_chunk(self, context: Any) -> None:
        self.chunks += 1
        time.sleep(0.15)


def test_steps_and_ends_are_measured_phase_by_phase() -> None:
    method = ResolvedMethod("slow.py:Slow", (Slow,), (Config(batch_size=8),))
    found = measure_training(method, protocol_named("instance/smoke"))
    assert 0.01 <= found.first.median * 8 < 0.06 <= found.later.median * 8
    assert 0.15 <= found.end_seconds < 1.5
    assert found.steps >= 6 and found.phase_seconds >= 0
    plain = measure_training(method, protocol_named("instance/smoke"), strategy=False)
    assert plain.later == plain.first and plain.end_seconds == 0


def test_the_speed_of_training_is_held_against_the_table() -> None:
    table = shipped()
    own, unit = table.training["nano"]["moco_v2/joint"].median, table.unit_seconds["nano"]
    trained = {
        ("nano", "moco_v2/joint"): Trained(Spread(2 * own, 0, 9), Spread(2 * own, 0, 9)),
        ("nano", "byol/joint"): Trained(Spread(64 * unit, 0, 9), Spread(64 * unit, 0, 9)),
    }
    methods = [resolve("moco_v2/joint"), resolve("byol/joint"), resolve("simclr/joint")]
    found = network_speed(table, "nano", trained, methods)
    assert found is not None and found.measured
    assert found.factor == pytest.approx(4.0)  # between 2 and 8, on the scale of ratios
    assert network_speed(table, "nano", {}, methods) is None


def test_two_speeds_that_differ_are_not_sure_in_the_middle() -> None:
    found = between(Speed(1.0, 0.1, True), Speed(4.0, 0.1, True))
    assert found.factor == pytest.approx(2.0)
    assert found.error == pytest.approx(math.hypot(math.log(4) / 2, 0.1))
    assert between(Speed(2.0, 0.1, True), Speed(2.0, 0.3, True)).error == pytest.approx(0.2)


def test_what_others_take_of_the_processor_is_told_where_the_system_knows() -> None:
    others = Others()
    start = time.perf_counter()
    while time.perf_counter() - start < 0.3:  # it is not taken for one of the others
        pass
    share = others.share()
    assert share is None or 0 <= share <= 1


def test_the_speed_of_solvers_is_measured_on_short_evaluations(own_home: Path) -> None:
    spec, method = protocol_named("instance/smoke"), resolve("random_init")
    known = Known(Spread(1.0, 0.1, 5), 0.001, (0, 0, 0))
    table = replace(shipped(), evaluations={"smoke": {"linear.shapes": known}})
    found = solver_speed(table, spec, method)
    assert found is not None and found.by == ("linear.shapes",)
    assert found.speed.factor > 1 and found.speed.error >= 0.15  # it was timed once
    digits = {"linear.digits": known}  # which is not prepared here
    assert solver_speed(replace(table, evaluations={"smoke": digits}), spec, method) is None
    assert solver_speed(replace(table, evaluations={}), spec, method) is None


def test_a_plan_goes_by_a_run_s_records(own_home: Path, tmp_path: Path) -> None:
    """Of a second replicate as long as the first one took, and nothing of the first."""

    class Quiet:
        def begin(self, *_: Any) -> None: ...

        def end(self, *_: Any) -> None: ...

    spec, method, store = protocol_named("instance/smoke"), resolve("supervised/mas"), tmp_path
    run(spec, method, Store(store), Quiet())  # type: ignore[arg-type]
    cells = plan(spec, method, 0)
    took = [
        Record.model_validate_json((store / c.folder / f"{c.name}.json").read_bytes())
        for c in cells
    ]
    document = plan_document(predict(Request([spec], [[method]], 2, store=store)))
    assert document["cells"] | {"keyed": True} == {
        "total": 12,
        "pretrain": 4,
        "evaluation": 8,
        "done": 6,
        "failed": 0,
        "left": 6,
        "keyed": True,
    }
    assert document["bases"].keys() == {"records"} and document["notes"] == []
    # The chunks' own evaluation, after either chunk, has one median for both.
    total = sum(r.cost.seconds for r in took)
    assert document["time"]["seconds"] == pytest.approx(10 + total, rel=0.02, abs=0.2)
    assert document["time"]["low"] < document["time"]["seconds"] < document["time"]["high"]
    assert document["downloads"] == []


# --- sums --------------------------------------------------------------------------------------


def test_errors_of_one_rate_add_up_and_those_of_different_ones_do_not() -> None:
    rates = Rates.of()
    spec = protocol_named("instance/nano")
    cells = [c for c in plan(spec, resolve("random_init"), 0) if c.evaluation == "linear"][:2]
    rate = replace(rates.rate(spec, cells[0]), seconds=10.0, error=0.3, shared=0.0)
    same, different = Line("a", "linear"), Line("b", "linear")
    for number in range(4):
        same.add(rate, "digits")
        different.add(rate, f"task {number}")
    assert relative_error([same]) == pytest.approx(0.3)
    assert relative_error([different]) == pytest.approx(0.15)
    assert relative_error([same, different]) == pytest.approx(math.hypot(12, 6) / 80)
    assert relative_error([]) == 0
    low, high = within(100.0, 0.1)
    assert low * high == pytest.approx(100**2) and high == pytest.approx(100 * math.exp(0.2))


# --- disk and downloads ------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["moco_v2/mas", "barlow_twins/joint"])
def test_bytes_of_a_checkpoint_are_those_of_the_file(name: str) -> None:
    spec = protocol_named("instance/smoke")
    built = resolve(name).build(spec, 0)
    file = io.BytesIO()
    torch.save({"method": built.state_dict()}, file)
    assert Sizes.of(spec, built).state == pytest.approx(file.tell(), rel=0.02)
    [told] = outlines(spec, [resolve(name)], 1)
    assert Sizes.of(spec, told.built) == Sizes.of(spec, built)  # on the meta device, too


@pytest.mark.parametrize("optimiser", ["adamw", "sgd", "lars"])
def test_bytes_of_an_optimiser_are_those_of_its_state(optimiser: str) -> None:
    built = resolve("supervised/joint", {"optimiser": optimiser}).build(
        protocol_named("instance/smoke"), 0
    )
    used = build_optimiser(built)
    for parameter in built.parameters():
        parameter.grad = torch.zeros_like(parameter)
    used.step()
    states_of = [t for state in used.state.values() for t in state.values() if torch.is_tensor(t)]
    assert optimiser_bytes(built) == pytest.approx(sum(t.nbytes for t in states_of), rel=0.001)


def test_a_blurred_stream_keeps_the_optimiser_until_its_end() -> None:
    spec = protocol_named("blurred-class/smoke")
    [told] = outlines(spec, [resolve("moco_v2/lump")], 1)
    sizes = Sizes.of(spec, told.built)
    first, second = (cell for cell in told.cells if cell.kind == "pretrain")
    assert sizes.checkpoint(spec, first) == sizes.checkpoint(spec, second) + sizes.optimiser
    assert sizes.kept == 8 * int(0.1 * 256)


def test_downloads_of_nano_are_each_package_once(own_home: Path) -> None:
    spec = protocol_named("instance/nano")
    [told] = outlines(spec, [resolve("random_init")], 2)
    found = downloads([spec], told.cells, shipped())
    assert [each.name for each in found[:2]] == ["pool", "tasks/objects"]
    assert len(found) == 13
    total = sum(each.size for each in found)
    assert 100e6 < total <= sum(shipped().archives.values())
    assert next(each.size for each in found if each.name == "tasks/digits") == 0  # scikit-learn's
    assert all(e.rendered > 0 and e.tier == "nano" and not e.assumed for e in found)
    [only] = outlines(spec, [resolve("random_init")], 1, ["digits"], ["linear"])
    assert [e.name for e in downloads([spec], only.cells, shipped())] == ["pool", "tasks/digits"]
    assert downloads([protocol_named("instance/smoke")], [], shipped()) == []


def test_sizes_are_declared_for_every_set_of_the_full_tier() -> None:
    tasks = [TASKS.get(name) for name in TASKS.names() if TASKS.get(name).spec.tier == "full"]
    assert ARCHIVES.keys() == {task.files.name for task in tasks} | {"imagenet", "domainnet"}
    assert all(known.size > 1e8 and known.source for known in ARCHIVES.values())


# --- the grid -------------------------------------------------------------------------------------


def test_the_paper_s_grid_is_counted_by_hand(own_home: Path, tmp_path: Path) -> None:
    document = plan_paper(3, tmp_path, measure=False)
    grid = document["grid"]
    assert [stream["models"] for stream in grid["streams"]] == [120, 120, 120, 150]
    assert grid["models"] == document["models"] == 3 * 2 * (3 * 5 * 4 + 5 * 5) == 510
    # Four strategies along the stream and joint training on 1, 2, 3 and 4 of 4 chunks, thrice, by
    # MoCo's 424 hours and three quarters of them.
    hours = 3 * 424 * (1 + 0.75) * (4 + (1 + 2 + 3 + 4) / 4)
    assert grid["streams"][0]["hours_training"] == pytest.approx(hours, rel=1e-3)
    domain = 3 * 424 * (33_525_000 / 256_233_400) * (1 + 0.75) * (4 + (1 + 2 + 3 + 4 + 5) / 5)
    assert grid["streams"][3]["hours_training"] == pytest.approx(domain, rel=1e-3)
    assert grid["as_many_as_the_paper"]["declared_gpu_hours"] == pytest.approx(
        grid["declared_gpu_hours"] * 500 / 510, rel=1e-3
    )
    assert "85 models" in grid["how"] and "not known to us" in grid["how"]
    assert [each["name"] for each in document["downloads"]][:2] == ["imagenet", "domainnet"]
    assert document["disk"]["checkpoints"] > 510 * 100e6
