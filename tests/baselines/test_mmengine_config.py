"""The full-tier MoCo v2 config by mmengine's Runner, against the harness's own loop."""

import itertools
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.runner import Runner

import baselines.moco_v2_r50_8gpu as config
from baselines.objectives.moco_v2 import MoCoV2
from benchmark.accelerate import Acceleration
from benchmark.engine.compute import Computer
from benchmark.engine.job import Job
from benchmark.errors import DataError, UsageError
from benchmark.outside.checkpoint import load_outside
from benchmark.phase import train_phase
from benchmark.pretrain import Part
from benchmark.protocol import Budget
from benchmark.registry import PROTOCOLS
from benchmark.rehearsal import build, difference
from benchmark.resolve import protocol_named, resolve
from benchmark.store import Store

CONFIG = Path(config.__file__)
ROOT = CONFIG.parents[1]
SMOKE = "instance/smoke@1"
# Shuffled over groups, as in the paper; a low rate, since what float32 rounds differently grows.
OPTIONS = {"batch_size": 64, "bn_groups": 4, "lr": 1e-4, "queue_size": 256, "optimiser": "sgd"}
VISITS, STEPS = 1024, 1024 // 2 // 64
NUMBERS = itertools.count()


def of_smoke(**changes) -> dict:
    """Changes that make the config a matter of seconds."""
    return {
        "model.protocol": SMOKE,
        **{f"model.options.{name}": value for name, value in OPTIONS.items()},
        "default_hooks.logger.interval": 1,
        "default_hooks.checkpoint.interval": 3,
        "default_hooks.checkpoint.max_keep_ckpts": -1,
        **changes,
    }


def runner(folder: Path, **changes) -> Runner:
    cfg = Config.fromfile(CONFIG)
    cfg.merge_from_dict(of_smoke(work_dir=str(folder), log_level="ERROR", **changes))
    # mmengine wants a name of its own for each
    cfg.experiment_name = f"smoke-{next(NUMBERS)}"
    return Runner.from_cfg(cfg)


def trained(folder: Path, **changes) -> Runner:
    made = runner(folder, **changes)
    made.train()
    made.visualizer.close()
    return made


def losses(made: Runner) -> list[float]:
    return made.message_hub.get_scalar("train/loss").data[0].tolist()


@pytest.fixture(scope="module", autouse=True)
def _short():
    """Half of the smoke tier's budget."""
    cut = replace(PROTOCOLS.get(SMOKE), budget=Budget(VISITS))
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(PROTOCOLS._registry.module_dict, SMOKE, cut)
        yield


@pytest.fixture(scope="module")
def reference():
    """What the harness's own loop gives: the losses of the two chunks, and the last state."""
    job = Job(SMOKE, "moco_v2/sequential", tuple(sorted(OPTIONS.items())))
    seeds = Computer(job.spec, job.method_itself, Store(Path()), 0).seeds
    method, reader = build(job.method_itself, job.spec, 0)
    curves, states = [], []
    for number in range(2):
        curve, _ = train_phase(
            method,
            reader,
            (number + 1,),
            steps=STEPS,
            seeds=(seeds.training, number),
            boundaries=True,
            part=Part(0, STEPS),
            acceleration=Acceleration(),
        )
        curves.append([point.loss for point in curve.points])
        states.append({name: value.clone() for name, value in method.state_dict().items()})
    return curves, states


@pytest.fixture(scope="module")
def first(tmp_path_factory) -> tuple[Runner, Path]:
    """A run of the first chunk by mmengine."""
    folder = tmp_path_factory.mktemp("chunk1")
    return trained(folder), folder


def test_its_numbers_are_the_published_ones() -> None:
    model = Config.fromfile(CONFIG).model
    assert (model.protocol, model.method) == ("instance/full@1", "moco_v2/sequential")
    spec = protocol_named(model.protocol)
    resolved = resolve(model.method, dict(model.options), spec.tier)
    full = resolved.config
    assert {name: full[name] for name in MoCoV2.full} == dict(MoCoV2.full)
    assert resolved.folder == model.method  # the seeds of headwater run
    told = " ".join(config.__doc__.split())
    for name, value in MoCoV2.full.items():
        assert f"{name} {value}" in told
    assert f"iter_{spec.phase_visits((1,)) // full['batch_size']}.pth" in told
    assert f"{full['batch_size'] // 8} a GPU" in told and full["bn_groups"] == 8


def test_the_chunks_have_the_harness_s_losses_and_weights(reference, first, tmp_path) -> None:
    (one, two), (after_one, after_two) = reference
    made, folder = first
    assert losses(made) == one
    assert difference(made.model.method.state_dict(), after_one) is None
    rates = made.message_hub.get_scalar("train/lr").data[0]
    assert rates[0] == OPTIONS["lr"] and rates[STEPS // 2] == pytest.approx(OPTIONS["lr"] / 2)
    assert list(folder.rglob("events.out.tfevents.*"))

    last = str(folder / f"iter_{STEPS}.pth")
    made = trained(tmp_path, **{"train_cfg.chunk": 2, "load_from": last})
    assert losses(made) == two
    assert difference(made.model.method.state_dict(), after_two) is None


def test_a_chunk_goes_on_from_a_checkpoint_of_headwater_run(reference, tmp_path) -> None:
    _, (state, _) = reference
    torch.save({"method": state}, tmp_path / "checkpoint.pth")
    changes = {"train_cfg.chunk": 2, "load_from": str(tmp_path / "checkpoint.pth")}
    made = runner(tmp_path, **changes)
    assert made.max_iters == STEPS  # builds the loop, as train() does
    made.load_or_resume()
    assert difference(made.model.method.state_dict(), state) is None


def test_a_resumed_run_has_the_same_bits(first, tmp_path, monkeypatch) -> None:
    from benchmark.streams.steps import PhaseSteps

    whole, folder = first
    read, get = [], PhaseSteps.__getitem__
    monkeypatch.setattr(PhaseSteps, "__getitem__", lambda s, k: read.append(k) or get(s, k))
    made = trained(tmp_path, resume=True, load_from=str(folder / "iter_6.pth"))
    assert read == list(range(6, STEPS))  # nothing that is behind
    assert losses(made) == losses(whole)
    assert difference(made.model.state_dict(), whole.model.state_dict()) is None


def test_the_backbone_of_a_checkpoint_can_be_evaluated(first) -> None:
    made, folder = first
    outside = load_outside(folder / f"iter_{STEPS}.pth", "resnet_nano")
    assert outside.backbone.normalisation.name == "headwater"
    assert (
        difference(outside.backbone.net.state_dict(), made.model.method.backbone.state_dict())
        is None
    )


def test_what_would_train_something_else_is_refused(first, tmp_path) -> None:
    _, folder = first
    last, middle = (str(folder / f"iter_{step}.pth") for step in (STEPS, 3))
    torch.save({"state_dict": {"weight": torch.zeros(1)}}, tmp_path / "stranger.pth")
    second = {"train_cfg.chunk": 2}
    with pytest.raises(
        UsageError, match="chunk 2 goes on from chunk 1: load_from= its last checkpoint"
    ):
        runner(tmp_path, **second).train()
    with pytest.raises(UsageError, match="to begin with is of done False, not True"):
        runner(tmp_path, **second, load_from=middle).train()
    with pytest.raises(UsageError, match="to be resumed is of chunk 1, not 2"):
        runner(tmp_path, **second, resume=True, load_from=last).train()
    with pytest.raises(UsageError, match="to begin with is of chunk 1, not 0"):
        runner(tmp_path, load_from=last).train()
    with pytest.raises(DataError, match="neither of this config nor of headwater run"):
        runner(tmp_path, load_from=str(tmp_path / "stranger.pth")).train()
    with pytest.raises(UsageError, match="has chunks 1 to 2"):
        runner(tmp_path, **{"train_cfg.chunk": 3}).train()
    with pytest.raises(UsageError, match="leave train_dataloader empty"):
        runner(tmp_path, **{"train_dataloader.batch_size": 4}).train()
    with pytest.raises(UsageError, match="follow from the method's options and the device"):
        runner(tmp_path, **{"optim_wrapper.type": "AmpOptimWrapper"}).train()
    with pytest.raises(UsageError, match="train it by headwater run -p instance/smoke@1"):
        runner(tmp_path, **{"model.method": "moco_v2/replay"})
    with pytest.raises(UsageError, match="queue_sise"):
        runner(tmp_path, **{"model.options.queue_sise": 4})


def test_processes_that_do_not_know_of_one_another(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(UsageError, match="add --launcher pytorch"):
        runner(tmp_path)


def test_two_processes_by_mmdets_tool_have_the_losses_of_one(reference, tmp_path) -> None:
    import mmdet

    tool = Path(mmdet.__file__).parent / ".mim" / "tools" / "train.py"
    # mmengine itself starts processes on GPUs alone
    on_cpu = tmp_path / "on_cpu.py"
    on_cpu.write_text(
        "import dataclasses, runpy, sys, torch.distributed as dist\n"
        "from benchmark.protocol import Budget\n"
        "from benchmark.registry import PROTOCOLS, load_shipped\n"
        "load_shipped()\n"
        f"cut = dataclasses.replace(PROTOCOLS.get({SMOKE!r}), budget=Budget({VISITS}))\n"
        f"PROTOCOLS._registry.module_dict[{SMOKE!r}] = cut\n"
        "dist.init_process_group('gloo')\n"
        "sys.argv = sys.argv[1:]\n"
        "runpy.run_path(sys.argv[0], run_name='__main__')\n"
        "dist.destroy_process_group()\n"
    )
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    command += ["--nproc-per-node", "2", on_cpu, tool, CONFIG, "--launcher", "pytorch"]
    command += ["--work-dir", tmp_path / "work", "--cfg-options"]
    command += [f"{name}={value}" for name, value in of_smoke().items()]
    done = subprocess.run(
        command,
        cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    (one, _), (after_one, _) = reference
    saved = torch.load(tmp_path / "work" / f"iter_{STEPS}.pth", weights_only=True)
    two = saved["message_hub"]["log_scalars"]["train/loss"]
    torch.testing.assert_close(two, torch.tensor(one).double(), rtol=1e-4, atol=1e-4)
    assert saved["headwater"]["done"] is True
    assert saved["method"].keys() == after_one.keys()
    for name, value in after_one.items():
        if value.is_floating_point():
            torch.testing.assert_close(saved["method"][name], value, rtol=0.05, atol=5e-3)
