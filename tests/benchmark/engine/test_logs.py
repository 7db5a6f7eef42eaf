"""TensorBoard's files say what the records say."""

import pytest

from benchmark.cells import plan
from benchmark.cli.session import How, run_methods
from benchmark.resolve import protocol_named, resolve
from benchmark.store import Store

SMOKE, METHOD = "instance/smoke@1", "supervised/sequential"


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # TensorBoard's own
def test_the_curve_is_in_tensorboards_files(home, tmp_path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    spec, method = protocol_named(SMOKE), resolve(METHOD)
    how = How(workers=0, logs=tmp_path / "logs")
    outcome = run_methods(spec, [method], tmp_path / "runs", tasks=["shapes"], how=how)
    assert outcome[METHOD]["failed"] == 0
    for cell in plan(spec, method, 0):
        if cell.kind == "pretrain":
            (file,) = (tmp_path / "logs" / cell.folder).rglob("events.out.*")
            events = EventAccumulator(str(file))
            events.Reload()
            told = [(event.step, event.value) for event in events.Scalars("loss")]
            curve = Store(tmp_path / "runs").record(cell).curve
            assert [step for step, _ in told] == [point.visits for point in curve]
            assert [loss for _, loss in told] == pytest.approx([p.loss for p in curve], rel=1e-6)
