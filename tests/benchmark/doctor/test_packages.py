"""What the doctor says of the versions that are installed."""

import importlib
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from benchmark.doctor import packages

REQUIRED = ("torch>=2.6", "torchvision>=0.21", "scipy>=1.13", "mmengine==0.10.7", "mmdet==3.3.0")
REQUIRED = (*REQUIRED, "mmcv-lite>=2.0.1,<2.2", 'ray>=2.40; extra == "ray"')
WELL = {"torch": "2.9.0+cpu", "torchvision": "0.24.0", "scipy": "1.15.0"}
ORIGINALS = {"mmengine": "0.10.7", "mmdet": "3.3.0", "mmcv-lite": "2.1.0"}
IMPORTED_AS = {"mmcv-lite": "mmcv", "onedl-mmcv": "mmcv", "onedl-mmengine": "mmengine"}
IMPORTED_AS["onedl-mmdetection"] = "mmdet"


@pytest.fixture
def installed(tmp_path: Path, monkeypatch) -> Callable[[dict[str, str]], None]:
    """Makes these distributions, and headwater, all that is installed."""

    def install(versions: dict[str, str]) -> None:
        for name, version in {**versions, "headwater": "0.1.0"}.items():
            folder = tmp_path / "site" / f"{name.replace('-', '_')}-{version}.dist-info"
            folder.mkdir(parents=True)
            lines = [f"Requires-Dist: {line}" for line in REQUIRED if name == "headwater"]
            head = ["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}"]
            (folder / "METADATA").write_text("\n".join([*head, *lines, "", ""]))
            (folder / "top_level.txt").write_text(IMPORTED_AS.get(name, name))
        monkeypatch.setattr(sys, "path", [str(tmp_path / "site")])
        importlib.invalidate_caches()

    return install


@pytest.mark.parametrize(
    ("version", "state"),
    [("3.9.19", "problem"), ("3.10.0", "ok"), ("3.13.9", "ok"), ("3.14.0", "problem")],
)
def test_python(told, version: str, state: str) -> None:
    told(packages.python(version), state, version)


def test_declared_packages(installed, told) -> None:
    installed(WELL)
    told(packages.packages(), "ok", "3")  # neither Ray, which is optional, nor OpenMMLab's


@pytest.mark.parametrize(
    ("versions", "word"),
    [
        ({"torch": "2.9.0", "torchvision": "0.24.0"}, "no scipy"),
        (WELL | {"torch": "2.5.1"}, "torch 2.5.1 is not >=2.6"),
    ],
)
def test_declared_packages_that_are_missing_or_old(installed, told, versions, word: str) -> None:
    installed(versions)
    told(packages.packages(), "problem", word, "pip install")


@pytest.mark.parametrize(
    ("versions", "state", "words"),
    [
        (ORIGINALS, "ok", ["mmengine 0.10.7", "mmdet 3.3.0", "mmcv-lite 2.1.0"]),
        (
            {"onedl-mmengine": "0.10.9", "onedl-mmdetection": "3.4.6", "onedl-mmcv": "2.3.3"},
            "ok",
            ["onedl-mmengine 0.10.9", "onedl-mmdetection 3.4.6", "onedl-mmcv 2.3.3"],
        ),
        (ORIGINALS | {"onedl-mmcv": "2.3.3"}, "problem", ["pip uninstall mmcv-lite onedl-mmcv"]),
        (ORIGINALS | {"mmcv": "2.1.0"}, "problem", ["pip uninstall mmcv mmcv-lite"]),
        (ORIGINALS | {"mmdet": "3.2.0"}, "problem", ["pip install 'mmdet==3.3.0'"]),
        ({"mmengine": "0.10.7", "mmdet": "3.3.0", "mmcv": "2.1.0"}, "ok", ["mmcv 2.1.0"]),
        ({"mmengine": "0.10.7", "mmdet": "3.3.0", "mmcv": "2.2.0"}, "problem", ["uninstall mmcv"]),
        ({"mmengine": "0.10.7", "mmcv-lite": "2.1.0"}, "problem", ["no mmdet", "pip install"]),
    ],
)
def test_openmmlab(told, installed, versions: dict[str, str], state: str, words: list[str]) -> None:
    installed(versions)
    told(packages.openmmlab(), state, *words)


def test_the_lock_names_the_first_that_differ(told, installed, tmp_path: Path) -> None:
    installed({"a-a": "1.0", "bb": "1.0", "cc": "1.0", "dd": "1.0", "ee": "2.0", "gg": "1.0+cpu"})
    path = tmp_path / "requirements.lock"
    same = ["a.a==1.0 \\\n    --hash=sha256:00 \\\n    --hash=sha256:01", "# a note", "ff==9"]
    same += ["gg==1.0", "bb==7 ; python_version < '3'"]
    path.write_text("\n".join(same))
    told(packages.lock(path), "ok")
    path.write_text("\n".join([*same, "bb==2", "cc==1.0", "ee==1.0", "dd==3", "a-a==4"]))
    words = ("bb 1.0 is not ==2, ee 2.0 is not ==1.0, dd 1.0 is not ==3, and 1 more", str(path))
    told(packages.lock(path), "warning", *words)
    told(packages.lock(tmp_path / "none"), "ok", "no checkout")
