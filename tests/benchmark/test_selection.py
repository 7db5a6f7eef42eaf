"""The track of selections, from a name on the command line to records, on the smoke tier."""

from pathlib import Path

import numpy as np
import pytest

from benchmark.cells import Planner, plan
from benchmark.check import check
from benchmark.data.few import few_images
from benchmark.engine.attempt import Attempt
from benchmark.errors import UsageError
from benchmark.execute import run
from benchmark.pools import load_pool
from benchmark.registry import SELECTIONS, TASKS, load_shipped
from benchmark.resolve import protocol_named, resolve
from benchmark.store import Store

load_shipped()
SMOKE, NANO = protocol_named("selection/smoke"), protocol_named("selection/nano")


class Silent:
    """Says nothing."""

    def begin(self, cell: object) -> None: ...

    def end(self, cell: object, attempt: Attempt) -> None: ...

    def look(self) -> None: ...


def test_the_pool_is_that_of_the_instance_stream() -> None:
    whole = NANO.arrivals.manifest
    assert NANO.manifest.sizes == (sum(whole.sizes),) == (5119,)
    assert NANO.manifest.chunk_ids(1) == [i for c in (1, 2, 3, 4) for i in whole.chunk_ids(c)]
    assert [NANO.budget_images(share) for share in NANO.shares] == [51, 256, 512, 1280, 5119]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    return Store(tmp_path_factory.mktemp("selections") / "runs")


def ran(store: Store, name: str, **options: object) -> dict[str, object]:
    method = resolve(name, options)
    outcome = run(SMOKE, method, store, Silent())
    assert outcome.failed == ()
    return {cell.name: store.record(cell) for cell in plan(SMOKE, method, 0)}


def test_sept_from_the_name_to_the_records(store: Store) -> None:
    found = ran(store, "moco_v2/sept", target="shapes", share=0.25)
    assert list(found) == [
        *("selection", "pretrain"),
        *("fewshot.shapes", "linear_10shot.shapes", "finetune_10shot.shapes"),
    ]
    told = found["selection"].selection
    assert (told.target, told.pool, told.budget, told.images) == ("shapes", 256, 64, 64)
    assert found["pretrain"].cost.image_visits == SMOKE.budget.image_visits
    (served,) = found["pretrain"].ledger.served
    assert (served.chunk, served.distinct) == (1, 64)
    assert found["linear_10shot.shapes"].metrics["top1"].n == 192
    again = run(
        SMOKE, resolve("moco_v2/sept", {"target": "shapes", "share": 0.25}), store, Silent()
    )
    assert (again.computed, again.found) == (0, 5)


def test_targets_share_the_extractor(store: Store) -> None:
    method = resolve("moco_v2/sept", {"target": "shapes", "shots": 5})
    before, cell = Planner().extractor(SMOKE, method, 0)
    assert before.name == "moco_v2/first_chunk"
    assert cell.folder.startswith("instance-smoke@1/moco_v2/first_chunk/seed0")
    assert store.state(cell) == "done"  # by the test before
    written = store.path(cell).stat().st_mtime_ns
    assert "linear_5shot.shapes" in ran(store, "moco_v2/sept", target="shapes", shots=5)
    assert store.path(cell).stat().st_mtime_ns == written


@pytest.mark.parametrize("name", ["random_k", "all", "reservoir_k", "cluster_balanced"])
def test_without_a_target_all_tasks_are_evaluated(store: Store, name: str) -> None:
    cells = plan(NANO, resolve(f"moco_v2/{name}"), 0)
    tasks = {cell.task for cell in cells if cell.task}
    assert tasks == set(NANO.task_names)
    assert {c.evaluation for c in cells if c.task == "scenes"} == {
        *("linear_10shot", "finetune_10shot", "detection")
    }
    found = ran(store, f"moco_v2/{name}")
    assert found["selection"].selection.images == (256 if name == "all" else 26)


def test_target_only_trains_on_the_target_s_images(store: Store) -> None:
    found = ran(store, "moco_v2/target_only", target="shapes")
    (served,) = found["pretrain"].ledger.served
    assert served.distinct == found["selection"].selection.images == 80
    with np.load(store.root / "selection-smoke@1/moco_v2/target_only+target=shapes/seed0"
                 / "after-chunk1/selection.npz") as arrays:  # fmt: skip
        rows = arrays["chosen"]
    images = TASKS.get("shapes")().data()
    assert set(images.splits[rows]) == {"train"}


def test_what_was_chosen_is_what_the_reader_opens(store: Store) -> None:
    with np.load(store.root / "selection-smoke@1/moco_v2/sept+share=0.25+target=shapes/seed0"
                 / "after-chunk1/selection.npz") as arrays:  # fmt: skip
        rows = arrays["chosen"]
        assert arrays["similarity"].max() <= 1 + 1e-5
    pool = load_pool(SMOKE)
    streamed = SMOKE.manifest.rows_in(pool.ids)[SMOKE.manifest.chunks[0]]
    assert np.isin(rows, streamed).all()  # nothing that is held out
    assert len(np.unique(rows)) == 64


def test_few_labels_are_part_of_more() -> None:
    images = TASKS.get("shapes")().data()
    five, ten = (few_images(images, shots) for shots in (5, 10))
    for few, shots in ((five, 5), (ten, 10)):
        kept = np.concatenate([few.indices("train"), few.indices("val")])
        assert np.bincount(images.labels[kept]).tolist() == [shots] * len(images.class_names)
        np.testing.assert_array_equal(few.indices("test"), images.indices("test"))
        assert set(images.splits[kept]) == {"train"}
    kept = [np.flatnonzero(np.isin(few.splits, ("train", "val"))) for few in (five, ten)]
    assert np.isin(kept[0], kept[1]).all()
    assert few_images(images, 0) is images


@pytest.mark.parametrize(
    ("protocol", "name", "options", "told"),
    [
        (SMOKE, "moco_v2/sequential", {}, "selects nothing"),
        (SMOKE, "moco_v2/sept", {}, "add --set target=NAME"),
        (SMOKE, "moco_v2/sept", {"target": "shape"}, "shapes"),
        (SMOKE, "moco_v2/sept", {"target": "shapes", "shots": 7}, "5, 10, 0"),
        (SMOKE, "moco_v2/random_k", {"target": "shapes"}, "looks at no target"),
        (SMOKE.arrivals, "moco_v2/sept", {"target": "shapes"}, "run it on selection/smoke"),
    ],
)
def test_what_makes_no_sense_is_said(protocol, name: str, options, told: str) -> None:
    with pytest.raises(UsageError, match=told):
        plan(protocol, resolve(name, options), 0)


@pytest.mark.parametrize("name", SELECTIONS.names())
def test_all_selections_meet_the_contract(name: str) -> None:
    broken = [finding for finding in check(f"moco_v2/{name}") if not finding.passed]
    assert broken == []


BROKEN = """
from benchmark import SELECTIONS, Selection

@SELECTIONS.register("{name}")
class Mine(Selection):
    def choose(self, given):
        return {choice}
"""


@pytest.mark.parametrize(
    ("name", "choice", "rule"),
    [
        ("too_many", "range(len(given.pool))", "keeps its budget"),
        ("by_chance", "__import__('random').sample(range(len(given.pool)), 5)", "repeats"),
        ("peeking", "[int(given.pool.labels[0])]", "declares what it looks at"),
    ],
)
def test_a_selection_that_breaks_the_contract_is_told(
    tmp_path: Path, name: str, choice: str, rule: str
) -> None:
    file = tmp_path / f"{name}.py"
    file.write_text(BROKEN.format(name=name, choice=choice))
    found = {f.rule: f for f in check(f"{file}:moco_v2/{name}")}
    broken = [told for told, finding in found.items() if not finding.passed]
    assert any(told.startswith(rule) for told in broken), found
