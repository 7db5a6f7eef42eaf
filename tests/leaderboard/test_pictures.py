"""The README's pictures of the page are of the committed records; told without a browser."""

import json
from pathlib import Path

from benchmark.result import Metric
from leaderboard.aggregate import read_results
from tests.leaderboard.conftest import StoreWriter
from tests.leaderboard.pictures import FILE, records_sha256

COMMAND = "run python -m tests.leaderboard.pictures"


def test_the_pictures_are_of_the_committed_records(own_results: Path) -> None:
    path = own_results / FILE
    assert path.is_file(), f"no results/{FILE} says of which records the pictures are: {COMMAND}"
    document = json.loads(path.read_text(encoding="utf-8"))
    assert document == {"records_sha256": records_sha256(read_results(own_results))}, (
        f"the pictures of the page are not of the records in results/: {COMMAND}"
    )


def write(writer: StoreWriter, method: str, task: str, value: float) -> Path:
    return writer.write(method, 4, f"linear.{task}", {"top1": Metric(value=value, unit="%", n=9)})


def test_their_hash_follows_every_record_but_those_of_submissions(writer: StoreWriter) -> None:
    def now() -> str:
        return records_sha256(read_results(writer.root))

    write(writer, "mine", "flags", 1.0)
    one = now()
    write(writer, "mine", "mnist", 2.0)
    two = now()
    changed = write(writer, "mine", "mnist", 3.0)
    assert len({one, two, now()}) == 3
    changed.unlink()
    assert now() == one
    for place in ("theirs/results", "the@irs/results"):
        write(StoreWriter(writer.root / place), place[:-8], "flags", 4.0)
    assert len(read_results(writer.root).located) == 3 and now() == one
