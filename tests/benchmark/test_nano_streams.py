"""The nano streams on the real data: drawn again, and run to their end with a short budget."""

import dataclasses
from pathlib import Path

import pytest

from benchmark.cells import plan
from benchmark.execute import run
from benchmark.pools import load_pool, pool_listing
from benchmark.protocol import Budget, ProtocolSpec
from benchmark.registry import PROTOCOLS
from benchmark.resolve import resolve
from benchmark.store import Store
from benchmark.streams.draw import draw, random_classes
from benchmark.streams.taxonomy import taxonomy

pytestmark = pytest.mark.data

STREAMS = (
    *("instance", "random-class", "distant-class", "domain"),
    *("blurred-instance", "blurred-class"),
)


class Silent:
    """Hears nothing."""

    def begin(self, cell) -> None: ...

    def end(self, cell, attempt) -> None: ...

    def look(self) -> None: ...


def nano(stream: str) -> ProtocolSpec:
    return PROTOCOLS.get(f"{stream}/nano@1")


@pytest.mark.parametrize("stream", STREAMS)
def test_the_manifest_is_what_drawing_gives(stream: str) -> None:
    spec = nano(stream)
    classes = []
    if spec.rule.endswith("class"):
        known = taxonomy(spec)
        classes = random_classes(spec, known.names)
        if spec.rule == "distant-class":
            classes = known.distant(spec.chunks)
        found = known.mean_distances(classes)
        told = spec.manifest.about["distance"]
        assert found == pytest.approx((told["within"], told["between"]), abs=1e-4)
    drawn = draw(spec, pool_listing(load_pool(spec)), classes)
    assert drawn.digest == spec.manifest.digest


@pytest.mark.parametrize("stream", STREAMS)
def test_every_stream_runs_to_its_end(stream: str, tmp_path: Path) -> None:
    short = nano(stream)
    short = dataclasses.replace(short, budget=Budget(image_visits=short.chunks * 128))
    method, store = resolve("moco_v2/sequential", {"batch_size": 64}), Store(tmp_path)
    cells = plan(short, method, 0, ["digits"])
    last = max(cell.phase for cell in cells)
    cells = [cell for cell in cells if cell.kind == "pretrain" or cell.phase == last]
    outcome = run(short, method, store, Silent(), cells=cells)
    assert (outcome.computed, outcome.failed) == (len(cells), ())
    trained = [store.record(cell) for cell in cells if cell.kind == "pretrain"]
    assert [record.stream.chunks for record in trained] == [(n + 1,) for n in range(short.chunks)]
    assert [line.images for r in trained for line in r.ledger.served] == [128] * short.chunks
