"""A whole run on the smoke tier: what is recorded, what is found again, what fails and how."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
import torch

from benchmark.batch import Setting
from benchmark.cells import Cell, plan
from benchmark.config import Config
from benchmark.encoder import Encoder
from benchmark.engine.attempt import Attempt
from benchmark.errors import UsageError
from benchmark.evaluations import tier_tasks
from benchmark.execute import run
from benchmark.method import Method, build_backbone
from benchmark.pools import load_pool
from benchmark.resolve import ResolvedMethod, protocol_named, resolve
from benchmark.result import Evaluation
from benchmark.seeds import seed_for
from benchmark.store import Store
from tasks.probes.similarity import linear_cka

SMOKE = "instance/smoke@1"


class Listener:
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.seen: list[str] = []

    def begin(self, cell: Cell) -> None:
        self.seen.append(cell.name)

    def end(self, cell: Cell, attempt: Attempt) -> None:
        assert attempt.record.key == cell.key

    def look(self) -> None:
        """Nothing: everything is told at once."""


def go(method: str, store: Store, **options: object):
    listener = Listener()
    outcome = run(protocol_named(SMOKE), resolve(method, options), store, listener)
    return outcome, listener.seen


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> Iterator[Store]:
    """A store with `supervised/sequential` done."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HEADWATER_HOME", str(tmp_path_factory.mktemp("home")))
        store = Store(tmp_path_factory.mktemp("runs"))
        go("supervised/sequential", store)
        yield store


def test_every_cell_is_recorded_in_its_place(finished: Store) -> None:
    base = finished.root / "instance-smoke@1/supervised/sequential/seed0"
    assert sorted(str(path.relative_to(base)) for path in base.rglob("*.json")) == [
        "after-chunk1/pretrain.json",
        "after-chunk1/stream.chunks.json",
        "after-chunk2/fewshot.shapes.json",
        "after-chunk2/linear.shapes.json",
        "after-chunk2/pretrain.json",
        "after-chunk2/stream.chunks.json",
    ]


def test_a_second_run_computes_nothing_and_one_missing_cell_is_one_cell(finished: Store) -> None:
    outcome, seen = go("supervised/sequential", finished)
    assert (outcome.computed, outcome.found, seen) == (0, 6, [])
    cell = plan(protocol_named(SMOKE), resolve("supervised/sequential"), 0)[4]
    finished.path(cell).unlink()
    outcome, seen = go("supervised/sequential", finished)
    assert (outcome.computed, seen) == (1, [cell.name])


def test_record_of_a_phase(finished: Store) -> None:
    cells = plan(protocol_named(SMOKE), resolve("supervised/sequential"), 0)
    first, second = (finished.record(cell) for cell in cells if cell.kind == "pretrain")
    assert first.cost.image_visits == second.cost.image_visits == 1024
    assert first.cost.optimiser_steps == 16
    assert (first.stream.chunks, second.stream.chunks) == ((1,), (2,))
    assert second.stream.chunks_seen == 2
    assert first.seeds.training == seed_for("train", SMOKE, "supervised/sequential", 0)
    assert len({first.seeds.stream, first.seeds.training, first.seeds.evaluation}) == 3
    assert first.provenance.argv[:3] == ("headwater", "run", "-p")
    # 256 x 8 weights and 8 biases of the classifier
    assert first.cost.extra_parameters == 2056


def test_metrics_follow_from_the_predictions(finished: Store) -> None:
    cells = plan(protocol_named(SMOKE), resolve("supervised/sequential"), 0)
    for cell in cells:
        record = finished.record(cell)
        if cell.kind == "pretrain":
            continue
        path = finished.path(cell).parent / record.predictions.name
        with np.load(path, allow_pickle=False) as saved:
            if cell.name == "linear.shapes":
                right = saved["label"] == saved["prediction"]
                assert record.metrics["top1"].value == pytest.approx(100 * right.mean())
            elif cell.name == "stream.chunks":
                right = (saved["label"] == saved["prediction"])[saved["chunk"] == 2]
                assert record.metrics["chunk2"].value == pytest.approx(100 * right.mean())
                assert record.metrics["chunk2"].n == 96


def stream_cells(method: str) -> list[Cell]:
    cells = plan(protocol_named(SMOKE), resolve(method), 0, [])
    return [cell for cell in cells if cell.kind == "evaluation"]


def test_features_are_compared_with_those_before_the_phase(finished: Store) -> None:
    spec, method = protocol_named(SMOKE), resolve("supervised/sequential")
    encoders = [Encoder(method.build(spec, 0), spec)]
    cells = stream_cells("supervised/sequential")
    for cell in cells:
        trained = method.build(spec, 0)
        trained.load_state_dict(finished.read_checkpoint(cell.parent)["method"])
        encoders.append(Encoder(trained, spec))
    pool = load_pool(spec)
    rows = spec.manifest.rows_in(pool.ids)[spec.manifest.held_out[1]]
    features = [encoder.features_of(pool.images, rows) for encoder in encoders]
    for number, cell in enumerate(cells):
        metrics = finished.record(cell).metrics
        alike = 100 * linear_cka(features[number], features[number + 1])
        assert metrics["cka_chunk2"].value == pytest.approx(alike, abs=0.01)
        pooled = {name for name in metrics if name.startswith("pooled")}
        assert pooled == {f"pooled_chunk{seen}" for seen in range(1, number + 2)}


def test_an_untrained_network_is_compared_with_nothing(own_home: Path, tmp_path: Path) -> None:
    store = Store(tmp_path)
    (cell,) = stream_cells("random_init")
    run(protocol_named(SMOKE), resolve("random_init"), store, Listener(), tasks=[])
    metrics = store.record(cell).metrics
    assert {"chunk1", "pooled_chunk1", "pooled_chunk2"} <= set(metrics)
    assert not any(name.startswith("cka") for name in metrics)


def test_looking_at_an_earlier_checkpoint_leaves_the_training_alone(own_home, tmp_path) -> None:
    spec, method = protocol_named(SMOKE), resolve("moco_v2/sequential")
    cells, states = plan(spec, method, 0, []), []
    for number in range(2):
        store = Store(tmp_path / str(number))
        # the first run looks after every phase, the second never
        todo = [cell for cell in cells if number == 0 or cell.kind == "pretrain"]
        assert not run(spec, method, store, Listener(), cells=todo).failed
        states.append(store.read_checkpoint(cells[-1].parent)["method"])
    assert states[0].keys() == states[1].keys()
    for key, value in states[0].items():
        if isinstance(value, torch.Tensor):
            assert torch.equal(value, states[1][key]), key
    # one run after the other, from the checkpoints on disk, finds the same
    assert not run(spec, method, store, Listener(), cells=cells).failed
    one, other = (Store(tmp_path / name).record(cells[-1]).metrics for name in "01")
    assert one == other


def test_an_earlier_checkpoint_that_is_gone_is_one_sentence(own_home, tmp_path) -> None:
    spec, method, store = protocol_named(SMOKE), resolve("supervised/sequential"), Store(tmp_path)
    cells = plan(spec, method, 0, [])
    run(spec, method, store, Listener(), cells=cells[:1] + cells[2:3])
    (store.path(cells[0]).parent / "checkpoint.pth").unlink()
    outcome = run(spec, method, store, Listener(), cells=cells[3:])
    assert outcome.failed == (cells[3].key,)
    cause = store.record(cells[3]).cause
    assert cause.endswith("after-chunk1/checkpoint.pth is not kept; run it again")


def test_joint_spends_the_same_budget_in_one_phase(own_home: Path, tmp_path: Path) -> None:
    store = Store(tmp_path)
    go("supervised/joint", store)
    (record,) = [
        store.record(cell)
        for cell in plan(protocol_named(SMOKE), resolve("supervised/joint"), 0)
        if cell.kind == "pretrain"
    ]
    assert record.cost.image_visits == 2048 and record.stream.chunks == (1, 2)


def test_training_learns_and_the_seed_fixes_the_bits(own_home: Path, tmp_path: Path) -> None:
    spec, method = protocol_named(SMOKE), resolve("supervised/joint", {"lr": 0.003})
    losses, states = [], []
    for number, replicate in enumerate((0, 0, 1)):
        store = Store(tmp_path / str(number))
        run(spec, method, store, Listener(), replicate=replicate, tasks=[])
        cell = plan(spec, method, replicate, [])[0]
        losses.append([point.loss for point in store.record(cell).curve])
        states.append(store.read_checkpoint(cell)["method"])
    assert losses[0] == losses[1] != losses[2]
    assert losses[0][-1] < losses[0][0] - 0.3  # of ln 8 = 2.08
    assert all(torch.equal(states[0][key], states[1][key]) for key in states[0])


class Exploding(Method):
    """Fails in its second phase."""

    def __init__(self, setting: Setting, config: Config) -> None:
        super().__init__(setting, config)
        self.backbone = build_backbone(setting.arch)
        self.phase = 0

    def begin_chunk(self, context) -> None:
        self.phase = context.chunks[0]

    def training_step(self, batch):
        if self.phase == 2:
            raise ArithmeticError("out of luck")
        return self.backbone(batch.images.float()).square().mean()


class Diverging(Exploding):
    """Has a loss that is not a number."""

    def training_step(self, batch):
        return super().training_step(batch) * float("nan")


def test_a_failed_cell_is_recorded_with_its_cause_and_the_rest_goes_on(own_home, tmp_path) -> None:
    spec, store = protocol_named(SMOKE), Store(tmp_path)
    method = ResolvedMethod("Exploding", (Exploding,), (Config(),))
    outcome = run(spec, method, store, Listener())
    assert len(outcome.failed) == 4  # the second phase and its three evaluations
    cells = plan(spec, method, 0)
    assert [store.state(cell) for cell in cells] == ["done", "done", "failed", *["missing"] * 3]
    assert "ArithmeticError: out of luck" in store.record(cells[2]).error


def test_a_loss_that_is_not_finite_fails_with_the_step(own_home, tmp_path) -> None:
    spec, store = protocol_named(SMOKE), Store(tmp_path)
    method = ResolvedMethod("Diverging", (Diverging,), (Config(),))
    run(spec, method, store, Listener())
    error = store.record(plan(spec, method, 0)[0]).error
    assert "the loss is nan at step 1" in error


def test_a_task_that_the_protocol_lacks_is_named(tmp_path) -> None:
    with pytest.raises(UsageError, match="no task 'flgs'; it has shapes"):
        plan(protocol_named(SMOKE), resolve("random_init"), 0, ["flgs"])


class Peeking(Exploding):
    """Asks for labels without saying so."""

    def training_step(self, batch):
        return super().training_step(batch) + batch.labels.sum()


class Keeping(Exploding):
    """Keeps two images of the first chunk, and reads them and one of its own in the second."""

    memory_share = 2 / 256

    def begin_chunk(self, context) -> None:
        self.first = context.chunks == (1,)

    def training_step(self, batch):
        if self.first:
            self.memory.keep(batch.sample_ids[:2])
            self.first = False
        elif len(self.memory.rows()):
            batch = self.memory.read(self.memory.rows()[:2], batch.seed)
        return self.backbone(batch.images.float()).square().mean()


def test_labels_are_withheld_from_methods_that_do_not_declare_them(own_home, tmp_path) -> None:
    spec, store = protocol_named(SMOKE), Store(tmp_path)
    method = ResolvedMethod("Peeking", (Peeking,), (Config(),))
    run(spec, method, store, Listener(), tasks=[])
    record = store.record(plan(spec, method, 0, [])[0])
    assert record.status == "failed"
    assert "asks for labels and does not declare it; say needs_labels = True" in record.error


def test_the_ledger_is_in_the_record(finished: Store) -> None:
    cells = plan(protocol_named(SMOKE), resolve("supervised/sequential"), 0)
    for number, cell in enumerate((c for c in cells if c.kind == "pretrain"), start=1):
        record = finished.record(cell)
        (line,) = record.ledger.served
        # 16 steps of 64 images from a chunk of 128: each image eight times
        assert line.model_dump() == {
            "chunk": number,
            "images": 1024,
            "distinct": 128,
            "repeats": 1024 - 128,
        }
        assert record.ledger.stored_bytes == 0


@pytest.mark.parametrize("again", [False, True])
def test_what_a_method_keeps_outlives_the_chunk_and_is_counted(own_home, tmp_path, again) -> None:
    spec, store = protocol_named(SMOKE), Store(tmp_path)
    method = ResolvedMethod("Keeping", (Keeping,), (Config(),))
    cells = [cell for cell in plan(spec, method, 0, []) if cell.kind == "pretrain"]
    if again:  # the second phase starts from the first one's checkpoint on disk
        run(spec, method, store, Listener(), cells=cells[:1])
    run(spec, method, store, Listener(), cells=cells)
    first, second = (store.record(cell) for cell in cells)
    assert first.ledger.stored_bytes == second.ledger.stored_bytes == 2 * 3 * 40 * 40
    replayed, own = second.ledger.served
    assert (replayed.chunk, replayed.images, replayed.distinct) == (1, 15 * 2 + 2, 2)
    assert own.chunk == 2


def test_a_batch_that_a_phase_cannot_fill_is_refused_before_anything_runs() -> None:
    with pytest.raises(UsageError, match="1024 image visits, fewer than a batch of 2000"):
        plan(protocol_named(SMOKE), resolve("moco_v2/sequential", {"batch_size": 2000}), 0)


def test_a_method_without_a_backbone_is_refused_before_anything_runs() -> None:
    class Empty(Method):
        """Forgot it."""

    with pytest.raises(UsageError, match="Empty sets no self"):
        plan(protocol_named(SMOKE), ResolvedMethod("Empty", (Empty,), (Config(),)), 0)


def test_all_evaluations_on_request_run_on_the_smoke_tier(tmp_path: Path) -> None:
    spec, method = protocol_named("instance/smoke"), resolve("random_init")
    store = Store(tmp_path)
    cells = plan(spec, method, 0, tier_tasks(spec), get_args(Evaluation))
    assert [cell.name for cell in cells] == [
        *("pretrain", "stream.chunks", "sharpness.chunks", "linear.shapes", "fewshot.shapes"),
        *("linear_1pct.shapes", "linear_10pct.shapes"),
        *("linear_5shot.shapes", "linear_10shot.shapes"),
        *("finetune.shapes", "finetune_5shot.shapes", "finetune_10shot.shapes"),
        *("knn.shapes", "fewshot_logistic.shapes"),
    ]
    outcome = run(spec, method, store, Listener(), cells=cells)
    assert outcome.failed == ()
    for cell in cells[1:]:
        record = store.record(cell)
        assert record.metrics and record.predictions, cell.name
        assert (record.shared is not None) == cell.name.startswith("fewshot"), cell.name


def test_tasks_are_evaluated_after_every_chunk_on_request(finished: Store) -> None:
    spec, method = protocol_named(SMOKE), resolve("supervised/sequential")
    usual, every = plan(spec, method, 0), plan(spec, method, 0, every=True)
    assert {cell.key for cell in usual} < {cell.key for cell in every}  # nothing is computed again
    added = [cell for cell in every if cell.key not in {one.key for one in usual}]
    assert [(cell.chunks_seen, cell.name) for cell in added] == [
        (1, f"{way}.{task}") for task in spec.task_names for way in ("linear", "fewshot")
    ]
    places = [every.index(cell) for cell in added]
    assert max(places) < next(
        place for place, cell in enumerate(every) if cell.name == "pretrain" and cell.phase
    )


def test_a_method_of_one_phase_has_no_more_cells_after_every_chunk() -> None:
    spec, method = protocol_named(SMOKE), resolve("supervised/joint")
    assert plan(spec, method, 0, every=True) == plan(spec, method, 0)


def test_what_every_chunk_adds_is_computed_alone_and_says_how(
    finished: Store, own_home, tmp_path: Path
) -> None:
    spec, method = protocol_named(SMOKE), resolve("supervised/sequential")
    store = Store(shutil.copytree(finished.root, tmp_path / "runs"))
    before = store.record(plan(spec, method, 0)[-1])
    outcome = run(spec, method, store, Listener(), every=True)
    cells = plan(spec, method, 0, every=True)
    usual = {cell.key for cell in plan(spec, method, 0)}
    added = [cell for cell in cells if cell.key not in usual]
    assert (outcome.computed, outcome.failed) == (len(added), ())
    record = store.record(added[0])
    assert record.provenance.argv[-1] == "--every-chunk"
    assert record.stream.chunks_seen == 1
    assert store.record(plan(spec, method, 0)[-1]) == before
    assert "--every-chunk" not in before.provenance.argv
