"""What a rerun is allowed to differ by, against numbers worked out by hand."""

import hashlib
import math
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from benchmark.errors import UsageError
from benchmark.result import FileRef, Metric, Record
from leaderboard.aggregate import Located
from leaderboard.submission.examine import examine
from leaderboard.submission.judge import Luck, Rerun, conclusion, judge, luck_in
from leaderboard.submission.records import Entry


@pytest.fixture
def claim(untouched: Path) -> Callable[..., Entry]:
    """A record that claims some headline."""
    entry = next(e for e in examine(untouched).entries if e.path.endswith("linear.shapes.json"))

    def made(value: float, error: float | None, predictions: str = "a" * 64) -> Entry:
        metric = Metric(value=value, unit="%", n=100, standard_error=error)
        file = FileRef(name="linear.shapes.npz", sha256=predictions)
        fields = {"metrics": {"top1": metric}, "predictions": file}
        return Entry(entry.path, entry.root, entry.record.model_copy(update=fields))

    return made


def test_the_interval_by_hand(claim: Callable[..., Entry]) -> None:
    def told(*numbers: float, quantile: float = 2.0) -> tuple[str, float]:
        mine, (value, error) = claim(*numbers[:2]), numbers[2:]
        here = Located(Path("nowhere"), claim(value, error, "b" * 64).record)
        one = judge(mine, here, quantile)
        assert one.difference == pytest.approx(value - numbers[0])
        return one.verdict, one.allowed

    # 2 * sqrt(3^2 + 4^2) = 10
    assert told(50.0, 3.0, 60.0, 4.0) == ("agrees", 10.0)
    assert told(50.0, 3.0, 40.0, 4.0) == ("agrees", 10.0)
    assert told(50.0, 3.0, 60.1, 4.0) == ("differs", 10.0)
    assert told(50.0, 3.0, 39.9, 4.0) == ("differs", 10.0)
    assert told(50.0, 3.0, 60.1, 4.0, quantile=2.2414) == ("agrees", pytest.approx(11.207))
    # no standard error at 0 and 100 %: the other's counts, and of two rounding alone is forgiven
    assert told(100.0, 0.0, 92.0, 4.0) == ("agrees", 8.0)
    assert told(100.0, 0.0, 91.0, 4.0) == ("differs", 8.0)
    assert told(100.0, 0.0, 100.0, 0.0) == ("agrees", 0.0)
    assert told(100.0, 0.0, 100.0 - 1e-9, 0.0) == ("agrees", 0.0)
    assert told(100.0, 0.0, 99.9, 0.0) == ("differs", 0.0)
    assert told(0.0, 0.0, 100.0, 0.0) == ("differs", 0.0)


def test_the_same_bits_need_the_same_predictions(claim: Callable[..., Entry]) -> None:
    mine, here = claim(50.0, 3.0), Located(Path("nowhere"), claim(50.0, 3.0).record)
    assert judge(mine, here, 2.0).verdict == "same bits"
    other = Located(Path("nowhere"), claim(50.0, 3.0, "b" * 64).record)
    assert judge(mine, other, 2.0).verdict == "agrees"
    moved = Located(Path("nowhere"), claim(60.0, 3.0).record)
    assert judge(mine, moved, 2.0).verdict == "differs"


def test_average_precision_has_its_error_from_the_predictions(claim, tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    label = (random.random((80, 5)) < 0.3).astype(np.uint8)
    score = (label + random.normal(size=label.shape)).astype(np.float32)
    np.savez(tmp_path / "linear.shapes.npz", index=np.arange(80), label=label, score=score)
    digest = hashlib.sha256((tmp_path / "linear.shapes.npz").read_bytes()).hexdigest()

    def of(value: float, predictions: str) -> Entry:
        entry = claim(value, None, predictions)
        metrics = {"map11": entry.record.metrics["top1"]}
        return Entry(entry.path, entry.root, entry.record.model_copy(update={"metrics": metrics}))

    here = Located(tmp_path / "linear.shapes.json", of(60.0, digest).record)
    error = here.evidence().standard_error()
    assert 1 < error < 10
    allowed = 2 * math.sqrt(2) * error
    for value, verdict in {60 + 0.99 * allowed: "agrees", 60 + 1.01 * allowed: "differs"}.items():
        one = judge(of(value, "a" * 64), here, 2.0)
        assert (one.verdict, one.allowed) == (verdict, pytest.approx(allowed))


def test_a_rerun_by_another_harness_says_so(claim: Callable[..., Entry]) -> None:
    mine = claim(50.0, 3.0)
    other: Record = claim(51.0, 3.0, "b" * 64).record.model_copy(update={"key": "f" * 64})
    told = str(judge(mine, Located(Path("nowhere"), other), 2.0))
    assert told.startswith("agrees: ") and "50.00 is claimed, 51.00 found, 8.49 of diff" in told
    assert told.endswith("; the harness here is another version than theirs")


def test_what_another_seed_moves_is_allowed_but_not_by_the_judged_methods_own() -> None:
    def entry(method: str, seed: int, value: float, task: str = "shapes") -> Any:
        metrics = {"top1": SimpleNamespace(value=value)}
        record = SimpleNamespace(
            task=SimpleNamespace(evaluation="linear", name=task),
            metrics=metrics,
            method=SimpleNamespace(name=method),
            stream=SimpleNamespace(chunks_seen=2),
        )
        return SimpleNamespace(run=("instance/smoke@1", method, seed), record=record)

    mine = [entry("mine", 0, 10.0), entry("mine", 1, 90.0)]
    a = [entry("a", seed, value) for seed, value in enumerate((50.0, 52.0))]
    b = [entry("b", seed, value) for seed, value in enumerate((50.0, 54.0, 58.0))]
    other = [entry("a", seed, value, "flags") for seed, value in enumerate((0.0, 2.0))]
    assert math.isnan(Luck(mine).variance(mine[0].record))  # not known, and not 0
    # (1 x 2 + 2 x 16) / 3, by the squares of deviations and their degrees of freedom
    assert Luck([*mine, *a, *b, *other]).variance(mine[0].record) == pytest.approx(34 / 3)
    assert Luck([*mine, *other]).variance(mine[0].record) == pytest.approx(2)
    assert math.isnan(Luck([*mine, *a[:1]]).variance(mine[0].record))


def test_where_luck_is_not_known_only_test_images_are_allowed_for(claim, tmp_path: Path) -> None:
    mine, quantile = claim(50.0, 3.0), 2.0

    def told(value: float, predictions: str = "b" * 64, luck: float = math.nan) -> Rerun:
        here = Located(tmp_path, claim(value, 4.0, predictions).record)
        return judge(mine, here, quantile, luck)

    assert [told(v).verdict for v in (60.0, 40.0)] == ["agrees"] * 2
    assert [told(v).verdict for v in (60.1, 39.9)] == ["cannot be told"] * 2
    assert told(50.0, "a" * 64).verdict == "same bits"
    assert told(60.1, luck=0.0).verdict == "differs"
    # 2 * sqrt(3^2 + 4^2 + 2 x 28) = 18
    assert (told(68.0, luck=28.0).verdict, told(68.0, luck=28.0).allowed) == ("agrees", 18.0)
    assert told(68.1, luck=28.0).verdict == "differs"
    one = told(70.0)
    assert one.allowed == 10.0 and "name a store of several seeds by --luck" in str(one)
    assert one.document()["verdict"] == "cannot be told"


def test_the_conclusion_says_what_cannot_be_told(claim: Callable[..., Entry]) -> None:
    mine = claim(50.0, 3.0)
    same, unknown, differs = (
        Rerun(mine, verdict, 50.0, 1.0) for verdict in ("same bits", "cannot be told", "differs")
    )
    assert conclusion([same, unknown], 8) == (
        "neither reproduced nor refuted: 1 of 2 drawn from 8 evaluations agree, "
        "1 with the same bits, and of 1 it cannot be told"
    )
    assert conclusion([differs, unknown], 8).startswith("not reproduced: 0 of 2 drawn from 8 ")
    assert conclusion([same], 8).startswith("reproduced: 1 of 1 drawn from 8 evaluations agree, 1")


def test_a_store_tells_luck_by_its_own_records_of_the_tier(
    claim: Callable[..., Entry], tmp_path: Path
) -> None:
    def put(place: str, method: str, seed: int, value: float, **other: str) -> None:
        record = claim(value, 3.0).record
        seeds = record.seeds.model_copy(update={"replicate": seed})
        named = record.method.model_copy(update={"name": method})
        protocol = record.protocol.model_copy(update=other)
        fields = {"seeds": seeds, "method": named, "protocol": protocol}
        path = tmp_path / place / method / f"seed{seed}" / "after-chunk2/linear.shapes.json"
        path.parent.mkdir(parents=True)
        path.write_text(record.model_copy(update=fields).to_json())

    mine = claim(50.0, 3.0)
    with pytest.raises(UsageError, match="no store at"):
        luck_in(tmp_path / "nowhere", [mine])
    assert luck_in(tmp_path, [mine]) is None
    for seed, value in enumerate((50.0, 90.0)):  # of the judged method, a bundle, another tier
        put("instance-smoke@1", mine.run[1], seed, value)
        put("mine/results/instance-smoke@1", "sock/puppet", seed, value)
        put("me@1/instance-smoke@1", "sock/puppet", seed, value)
        put("instance-nano@1", "a/b", seed, value, id="instance/nano@1")
    luck = luck_in(tmp_path, [mine])
    assert luck is not None and math.isnan(luck.variance(mine.record))
    for seed, value in enumerate((50.0, 52.0)):
        put("instance-smoke@1", "a/b", seed, value)
    luck = luck_in(tmp_path, [mine])
    assert luck is not None and luck.variance(mine.record) == pytest.approx(2)
