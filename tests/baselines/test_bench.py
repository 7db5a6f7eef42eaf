"""The benchmark takes every contestant's turns and pairs them by round."""

import time
from collections.abc import Callable

from baselines import bench


def test_contestants_take_turns_and_the_first_round_does_not_count(monkeypatch) -> None:
    turns: list[str] = []

    def contestant(name: str) -> Callable[[], float]:
        def measure() -> float:
            turns.append(name)
            time.sleep(0.2)  # no part of Headwater's time
            return float(len(turns))

        return measure

    monkeypatch.setattr(bench, "TURN", 1)
    monkeypatch.setattr(bench, "_bare", lambda: contestant("bare"))
    monkeypatch.setattr(bench, "_lightly", lambda _: {"other": contestant("other")})
    started = time.perf_counter()
    rates = bench.race(3)
    elapsed = time.perf_counter() - started
    assert turns[:4] == ["bare", "other", "bare", "other"]
    assert {name: len(values) for name, values in rates.items()} == dict.fromkeys(
        ("bare", "headwater", "other"), 3
    )
    assert rates["bare"] == [float(n) for n in (len(turns) - 5, len(turns) - 3, len(turns) - 1)]
    batch = bench._objective().config.batch_size
    measured = sum(batch / rate for rate in rates["headwater"])
    assert measured < elapsed - 0.2 * len(turns)
