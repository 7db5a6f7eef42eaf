"""Whether compiled code loads and computes: torch's, torchvision's, mmcv's, on the GPU, too."""

import importlib.machinery
import importlib.util
import os
import warnings
from importlib.metadata import EntryPoint, version
from pathlib import Path

from benchmark.doctor.finding import Finding, words

#: Known by its name alone, as in `registry.SHIPPED`: what imports mmdet belongs to the tasks.
IMPORT_MMDET = EntryPoint("mmdet", "tasks.detection.operators:import_mmdet", "headwater.doctor")
DRIVER = Path("/proc/driver/nvidia/version")


def torch_pair() -> Finding:
    """Whether torch and torchvision are of one build."""
    found = f"torch {version('torch')}, torchvision {version('torchvision')}"
    try:
        _suppress("cpu")
    except Exception as error:
        return Finding.of(
            "torch",
            f"{found} do not go together: {words(error)}",
            problem="Install both in one command and from one place: "
            "pip install torch torchvision --force-reinstall",
        )
    return Finding.of("torch", found)


def gpu(driver: Path = DRIVER) -> Finding:
    """The GPU that torch sees, tried with an operator of torchvision; none is fine, too.

    Args:
        driver: a file that is there where a driver of NVIDIA's is.
    """
    import torch

    with warnings.catch_warnings(record=True) as said:  # torch warns of a driver that is too old
        warnings.simplefilter("always")
        there = torch.cuda.is_available()
    if there:
        device = torch.cuda.get_device_properties(0)
        count = f"{n} x " if (n := torch.cuda.device_count()) > 1 else ""
        toolkit = f"CUDA {torch.version.cuda}" if torch.version.cuda else "ROCm"
        found = f"{count}{device.name}, {device.total_memory / (1 << 30):.1f} GiB, {toolkit}"
        try:
            _suppress("cuda")
        except Exception as error:
            return Finding.of(
                "gpu",
                f"{found}, which does not compute: {words(error)}",
                problem="Install torch and torchvision both built for this GPU and its driver, or "
                "hide the GPU: export CUDA_VISIBLE_DEVICES=",
            )
        return Finding.of("gpu", found)
    if os.environ.get("CUDA_VISIBLE_DEVICES") in ("", "-1") or not driver.exists():
        return Finding.of("gpu", "none is visible; the CPU will do")
    built = f"is built for CUDA {torch.version.cuda}" if torch.version.cuda else "has no CUDA"
    why = words(said[0].message) if said else f"torch {built}"
    return Finding.of(
        "gpu",
        f"there is a driver of NVIDIA's, but torch sees no GPU: {why}",
        warning="Install a torch built for a CUDA that the driver supports (nvidia-smi names it), "
        "or leave it: the CPU will do.",
    )


def operators() -> Finding:
    """Whose operators detection uses: mmcv's compiled ones, or torchvision's in their place."""
    package = importlib.util.find_spec("mmcv")
    if package is None:
        return Finding.of("operators", "no mmcv", problem="Install it: pip install mmcv-lite")
    # Not by find_spec("mmcv._ext"), which imports all of mmcv.
    places = package.submodule_search_locations
    compiled = importlib.machinery.PathFinder.find_spec("mmcv._ext", places)
    if compiled is None or compiled.loader is None:
        return Finding.of("operators", "torchvision's, for mmcv brings no compiled ones")
    import torch  # the libraries that they are linked to

    try:
        compiled.loader.exec_module(importlib.util.module_from_spec(compiled))
    except ImportError as error:
        return Finding.of(
            "operators",
            f"mmcv's compiled ones do not load: {words(error)}",
            problem=f"Install the mmcv built for torch {torch.__version__}, or mmcv-lite instead.",
        )
    return Finding.of("operators", "mmcv's compiled ones")


def mmdet() -> Finding:
    """Import mmdet as detection does."""
    IMPORT_MMDET.load()()
    return Finding.of("mmdet", "can be imported")


def _suppress(device: str) -> None:
    """One of torchvision's compiled operators, which fails where the two do not go together."""
    import torch
    import torchvision  # noqa: F401  (registers torch.ops.torchvision)

    boxes = torch.tensor([[0.0, 0, 10, 10], [0, 0, 10, 9]], device=device)
    kept = torch.ops.torchvision.nms(boxes, torch.tensor([0.5, 0.9], device=device), 0.5)
    if kept.tolist() != [1]:
        raise RuntimeError(f"torchvision::nms keeps {kept.tolist()} where it should keep [1]")
