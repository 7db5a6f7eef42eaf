"""What strategies ask of the harness, and what a whole smoke run records of it."""

import dataclasses
from pathlib import Path

import pytest

from baselines import tune
from benchmark.cells import plan
from benchmark.errors import UsageError
from benchmark.execute import run
from benchmark.registry import OBJECTIVES, STRATEGIES
from benchmark.resolve import protocol_named, resolve
from benchmark.store import Store

SMOKE = "instance/smoke@1"
#: Strategies without trials, and why.
UNTUNED = {
    "sequential": "no options",
    "joint": "no options",
    "first_chunk": "no options",
    "cumulative": "no options",
    "replay": "keeps the paper's tenth",
    "reservoir": "keeps the paper's tenth",
    "mas_replay": "takes over the option of mas",
}


class Silent:
    """Hears nothing."""

    def begin(self, cell) -> None: ...

    def end(self, cell, attempt) -> None: ...

    def look(self) -> None: ...


@pytest.mark.parametrize(
    ("name", "phases"),
    [
        ("sequential", ((1,), (2,), (3,))),
        ("joint", ((1, 2, 3),)),
        ("first_chunk", ((1,),)),
        ("cumulative", ((1,), (1, 2), (1, 2, 3))),
        ("replay", ((1,), (2,), (3,))),
        ("mas_replay", ((1,), (2,), (3,))),
        ("cassle", ((1,), (2,), (3,))),
        ("lump", ((1,), (2,), (3,))),
    ],
)
def test_chunks_of_each_phase(name: str, phases) -> None:
    method = resolve(f"moco_v2/{name}").build(protocol_named(SMOKE), 0)
    assert method.phases(3) == phases


def records(name: str, folder: Path, **options):
    spec, store = protocol_named(SMOKE), Store(folder)
    method = resolve(name, options)
    run(spec, method, store, Silent(), tasks=[])
    cells = [cell for cell in plan(spec, method, 0, []) if cell.kind == "pretrain"]
    return [store.record(cell) for cell in cells]


def test_replay_mixes_what_it_kept_into_the_next_chunk(own_home, tmp_path) -> None:
    first, second = records("supervised/replay", tmp_path, replay_share=0.25)
    assert first.cost.image_visits == second.cost.image_visits == 1024
    past, own = second.ledger.served
    # 32 of 128 images were kept: a fifth of 160 is visited like the others, 1024 / 160 times each
    assert (past.chunk, past.distinct, own.distinct) == (1, 32, 128)
    assert past.images + own.images == 1024 and abs(past.images - 1024 / 5) <= 32
    assert second.ledger.stored_bytes == 64 * 3 * 40 * 40
    assert first.ledger.stored_bytes == 32 * 3 * 40 * 40


def test_past_images_of_a_reservoir_are_part_of_the_visits_and_lump_s_come_on_top(
    own_home, tmp_path
) -> None:
    options = {"reservoir_share": 0.05, "batch_size": 64}
    half = records("moco_v2/reservoir", tmp_path / "half", **options)
    assert [record.cost.image_visits for record in half] == [1024 - 32, 1024]
    mixed = records("moco_v2/lump", tmp_path / "mixed", **options)
    assert [record.cost.image_visits for record in mixed] == [2048 - 64, 2048]
    for record in (*half, *mixed):
        assert record.ledger.stored_bytes == 12 * 3 * 40 * 40  # of 256 images, at the most


def test_mas_counts_the_images_that_it_reads_and_the_numbers_that_it_holds(
    own_home, tmp_path
) -> None:
    plain = records("supervised/sequential", tmp_path / "plain")
    held = records("supervised/mas", tmp_path / "held", mas_images=20)
    assert [record.cost.image_visits for record in held] == [1024 + 20] * 2
    trained = sum(
        p.numel()
        for p in resolve("supervised/mas").build(protocol_named(SMOKE), 0).objective.parameters()
    )
    extra = held[0].cost.extra_parameters - plain[0].cost.extra_parameters
    assert extra == 2 * trained  # importance and old value
    assert held[0].ledger.held_bytes == plain[0].ledger.held_bytes + 4 * extra


def test_joint_and_cumulative_store_the_chunks_that_they_open_again(own_home, tmp_path) -> None:
    image = 3 * 40 * 40
    (joint,) = records("supervised/joint", tmp_path / "joint")
    first, second = records("supervised/cumulative", tmp_path / "cumulative")
    assert joint.ledger.stored_bytes == second.ledger.stored_bytes == 128 * image
    assert (first.ledger.stored_bytes, first.cost.image_visits) == (0, 1024)
    assert second.cost.image_visits == 2048


@pytest.mark.parametrize("strategy", ["mas", "si", "replay", "mas_replay", "cassle", "cumulative"])
def test_what_acts_at_boundaries_is_refused_where_none_are_told(strategy: str) -> None:
    spec = protocol_named("blurred-class/smoke@1")
    with pytest.raises(UsageError, match=r"acts where a chunk ends.*does not tell where: choose"):
        plan(spec, resolve(f"moco_v2/{strategy}"), 0)


def test_every_objective_gets_as_many_trials_and_every_strategy_too() -> None:
    assert set(tune.OBJECTIVES) == set(OBJECTIVES.names())
    assert {len(list(tune.trials(name))) for name in tune.OBJECTIVES} == {8}
    assert {len(o) for o in (tune.STRATEGIES | tune.MEMORY).values()} == {5}
    for name, options in (tune.OBJECTIVES | tune.STRATEGIES).items():
        part = (OBJECTIVES if name in tune.OBJECTIVES else STRATEGIES).get(name)
        for each in options:
            part.config_class(**each)


def defaults(strategy: str) -> dict[str, object]:
    fields = dataclasses.fields(STRATEGIES.get(strategy).config_class)
    return {field.name: field.default for field in fields}


def test_every_strategy_has_trials_or_a_reason_for_none() -> None:
    tuned = set(tune.STRATEGIES)
    assert not tuned & set(UNTUNED)
    assert tuned | set(UNTUNED) == set(STRATEGIES.names()), (
        "give the strategy trials in baselines/tune.py, or say in UNTUNED why it has none"
    )
    for name, reason in UNTUNED.items():
        assert (reason == "no options") == (not defaults(name))
    assert defaults("replay") == {"replay_share": 0.1}
    assert defaults("reservoir") == {"reservoir_share": 0.1}
    assert defaults("lump")["reservoir_share"] == 0.1  # what may be kept is the same for all
    assert defaults("mas_replay") == defaults("mas") | defaults("replay")
