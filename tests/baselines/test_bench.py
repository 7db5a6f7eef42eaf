"""The benchmark takes every contestant's turns and pairs them by round."""

import time
from collections.abc import Callable

import numpy as np
import pytest

from baselines import bench_methods, bench_steps
from benchmark.resolve import resolve


def test_contestants_take_turns_and_the_first_round_does_not_count(monkeypatch) -> None:
    turns: list[str] = []

    def contestant(name: str) -> Callable[[], float]:
        def measure() -> float:
            turns.append(name)
            time.sleep(0.2)  # no part of Headwater's time
            return float(len(turns))

        return measure

    monkeypatch.setattr(bench_steps, "TURN", 1)
    started = time.perf_counter()
    others = {"bare": contestant("bare"), "other": contestant("other")}
    rates = bench_steps.race("moco_v2/sequential", 3, others)
    elapsed = time.perf_counter() - started
    assert turns[:4] == ["bare", "other", "bare", "other"]
    assert {name: len(values) for name, values in rates.items()} == dict.fromkeys(
        ("bare", "headwater", "other"), 3
    )
    assert rates["bare"] == [float(n) for n in (len(turns) - 5, len(turns) - 3, len(turns) - 1)]
    batch = resolve("moco_v2/sequential").config["batch_size"]
    measured = sum(batch / rate for rate in rates["headwater"])
    assert measured < elapsed - 0.2 * len(turns)


def test_ratios_are_taken_round_by_round() -> None:
    rates = {"a": [1.0, 2.0, 9.0], "b": [2.0, 2.0, 3.0]}
    assert bench_steps.over(rates, "a", "b") == [0.5, 1.0, 3.0]


def test_the_network_s_operations_are_counted_by_hand() -> None:
    method = bench_steps.built("supervised/sequential")
    forward = bench_methods.flops(method, (0, 1))
    # conv1 16^2 x 32 x 27; two 3x3 convolutions a block and, from the second on, a 1x1 shortcut
    count = 16**2 * 32 * 27 + 16**2 * 32 * 9 * 32 * 2
    for side, wide in ((8, 64), (4, 128), (2, 256)):
        count += side**2 * wide * (9 * wide // 2 + 9 * wide + wide // 2)
    count += 256 * method.objective.setting.n_classes
    assert forward == 2 * count
    assert 2.9 * forward < bench_methods.flops(method, (1, 0)) < 3 * forward  # but for the images


@pytest.mark.parametrize("objective", ["supervised"])
def test_strategies_are_measured_against_sequential_training(monkeypatch, objective) -> None:
    monkeypatch.setattr(bench_steps, "TURN", 1)
    monkeypatch.setattr(bench_methods, "AGAINST_SEQUENTIAL", {objective: ("replay", "mas")})
    told = bench_methods.strategy_rates(objective, 3)
    assert [*told] == ["supervised/replay", "supervised/mas"]
    for row in told.values():
        low, middle, high = row["slower_than_sequential"]
        assert -1 < low <= middle <= high
    assert told["supervised/mas"]["end_of_chunk_seconds"] > 0
    second = bench_methods.Second("supervised/replay")
    kept = second.method.memory.rows()
    assert len(kept) == 128 and np.isin(kept.numpy(), second.steps.order.rows).all()
