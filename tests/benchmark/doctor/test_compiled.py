"""What the doctor says of compiled code that loads and computes, or does not."""

import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
import torchvision  # noqa: F401  (registers torch.ops.torchvision)

from benchmark.doctor import compiled


@pytest.fixture
def package(tmp_path: Path, monkeypatch) -> Callable[..., None]:
    """Makes a package of a name go before the installed one."""

    def make(name: str, **modules: str) -> None:
        folder = tmp_path / "first" / name
        folder.mkdir(parents=True)
        for module, code in {"__init__": "", **modules}.items():
            (folder / f"{module}.py").write_text(code)
        monkeypatch.syspath_prepend(folder.parent)
        monkeypatch.delitem(sys.modules, name, raising=False)

    return make


def test_a_torchvision_of_another_build_does_not_load(told, package) -> None:
    package("torchvision", __init__="raise RuntimeError('operator torchvision::nms is not there')")
    told(compiled.torch_pair(), "problem", "do not go together: RuntimeError: operator", "force")


@pytest.mark.parametrize("kept", [torch.tensor([0, 1]), NotImplementedError("no kernel")])
def test_a_torchvision_of_another_build_does_not_compute(told, monkeypatch, kept) -> None:
    def nms(*_: object) -> torch.Tensor:
        if isinstance(kept, Exception):
            raise kept
        return kept

    monkeypatch.setattr(torch.ops.torchvision, "nms", nms)
    told(compiled.torch_pair(), "problem", "do not go together", "pip install torch torchvision")


def graphics(monkeypatch, there: bool, *, warns: str = "", fails: str = "") -> None:
    def available() -> bool:
        if warns:
            warnings.warn(warns, stacklevel=2)
        return there

    def probe(device: str) -> None:
        assert device == "cuda"
        if fails:
            raise RuntimeError(fails)

    device = SimpleNamespace(name="Some GPU", total_memory=24 << 30)
    monkeypatch.setattr(torch.cuda, "is_available", available)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda _: device)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    monkeypatch.setattr(torch.version, "cuda", "13.0")
    monkeypatch.setattr(compiled, "_suppress", probe)


def test_a_gpu(told, monkeypatch) -> None:
    graphics(monkeypatch, True)
    told(compiled.gpu(), "ok", "2 x Some GPU, 24.0 GiB, CUDA 13.0")
    graphics(monkeypatch, True, fails="no kernel image")
    told(compiled.gpu(), "problem", "Some GPU", "no kernel image", "CUDA_VISIBLE_DEVICES=")


def test_no_gpu_is_fine_unless_there_is_a_driver(told, monkeypatch, tmp_path: Path) -> None:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    graphics(monkeypatch, False)
    driver = tmp_path / "version"
    told(compiled.gpu(driver), "ok", "none")
    driver.touch()
    told(compiled.gpu(driver), "warning", "built for CUDA 13.0")
    graphics(monkeypatch, False, warns="the driver is too old")
    told(compiled.gpu(driver), "warning", "the driver is too old")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    told(compiled.gpu(driver), "ok", "none")


@pytest.mark.parametrize(
    ("modules", "state", "word"),
    [
        ({}, "ok", "torchvision's"),
        ({"_ext": "nms = 1"}, "ok", "compiled"),
        ({"_ext": "raise ImportError('undefined symbol')"}, "problem", "undefined symbol"),
    ],
)
def test_operators_are_found_without_importing_mmcv(told, package, modules, state, word) -> None:
    package("mmcv", **({"__init__": "raise AssertionError('was imported')"} | modules))
    told(compiled.operators(), state, word)


def test_operators_without_mmcv(told, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "mmcv", None)
    told(compiled.operators(), "problem", "no mmcv", "pip install mmcv-lite")
