"""Streams without boundaries: one schedule over all chunks, of which the method is told nothing."""

import math
from typing import ClassVar

import pytest
import torch

from benchmark.batch import Setting
from benchmark.cells import plan
from benchmark.config import Config
from benchmark.execute import run
from benchmark.method import Method, build_backbone
from benchmark.pools import load_pool
from benchmark.resolve import ResolvedMethod, protocol_named, resolve
from benchmark.seeds import seed_for
from benchmark.store import Store
from benchmark.streams.reader import StreamReader
from benchmark.streams.steps import PhaseSteps, SampleOrder


class Silent:
    """Hears nothing."""

    def begin(self, cell) -> None: ...

    def end(self, cell, attempt) -> None: ...

    def look(self) -> None: ...


class Spying(Method):
    """Notes what it is told of the stream."""

    told: ClassVar[list[object]] = []

    def __init__(self, setting: Setting, config: Config) -> None:
        super().__init__(setting, config)
        self.backbone = build_backbone(setting.arch)

    def begin_chunk(self, context) -> None:
        self.told.append(("begin", context.chunks, context.steps))

    def end_chunk(self, context) -> None:
        self.told.append(("end", context.chunks, context.steps))

    def training_step(self, batch):
        self.told.append(batch.sample_ids.tolist())
        return self.backbone(batch.images.float()).square().mean()


def test_on_a_blurred_stream_the_method_is_not_told_where_a_chunk_ends(own_home, tmp_path) -> None:
    spec, store = protocol_named("blurred-class/smoke@1"), Store(tmp_path)
    method = ResolvedMethod("Spying", (Spying,), (Config(),))
    Spying.told.clear()
    run(spec, method, store, Silent(), tasks=[])
    first, *steps, last = Spying.told
    assert (first, last) == (("begin", (), 32), ("end", (), 32))
    assert all(isinstance(step, list) for step in steps) and len(steps) == 32
    served = [store.record(c).ledger.served for c in plan(spec, method, 0, []) if not c.task]
    assert [[line.chunk for line in lines] for lines in served] == [[1], [2]]


@pytest.mark.parametrize("optimiser", ["adamw", "sgd"])
def test_a_blurred_stream_is_trained_as_if_it_were_one_phase(own_home, tmp_path, optimiser) -> None:
    """Two cells with a checkpoint on disk between them, against one loop written out."""
    spec, store = protocol_named("blurred-instance/smoke@1"), Store(tmp_path)
    options = {"optimiser": optimiser, "lr": 0.01, "batch_size": 128}
    method = resolve("supervised/sequential", options)
    cells = [cell for cell in plan(spec, method, 0, []) if cell.kind == "pretrain"]
    for count in (1, 2):
        run(spec, method, store, Silent(), cells=cells[:count])
    trained = store.read_checkpoint(cells[1])["method"]

    alone = method.build(spec, 0).train()
    kind = {"adamw": torch.optim.AdamW, "sgd": torch.optim.SGD}[optimiser]
    extra = {"momentum": 0.9} if optimiser == "sgd" else {}
    steps = kind(alone.parameters(), lr=0.01, weight_decay=0.01, fused=True, **extra)
    reader = StreamReader(load_pool(spec), spec.manifest, labelled=True)
    seed = seed_for("train", spec.id, method.folder, 0)
    for chunk in (1, 2):
        names = (seed, chunk - 1)
        order = SampleOrder(reader.open((chunk,)), 8, 128, *names)
        for number, batch in enumerate(PhaseSteps(reader, order, *names).loader()):
            done = 8 * (chunk - 1) + number
            steps.param_groups[0]["lr"] = 0.01 * (1 + math.cos(math.pi * done / 16)) / 2
            steps.zero_grad()
            alone.training_step(batch).backward()
            steps.step()
    for name, value in alone.state_dict().items():
        torch.testing.assert_close(trained[name], value, rtol=1e-4, atol=1e-5)
