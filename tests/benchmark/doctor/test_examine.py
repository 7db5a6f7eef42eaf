"""The doctor asks every check, and none of them can end it."""

import subprocess
import sys
from pathlib import Path

import pytest

from benchmark.doctor import Finding, compiled, data, examine, packages
from benchmark.errors import HeadwaterError


@pytest.fixture
def well(monkeypatch) -> None:
    """Every check that takes long is well."""
    monkeypatch.setattr(packages, "openmmlab", lambda: Finding.of("openmmlab", "well"))
    monkeypatch.setattr(data, "nano", lambda: Finding.of("nano data", "well"))
    monkeypatch.setattr(data, "registry", lambda source: Finding.of(source.registry, "asked"))


def test_a_check_that_raises_is_a_problem_and_the_others_go_on(
    told, well, monkeypatch, tmp_path
) -> None:
    def broken() -> Finding:
        raise ImportError("libcudart is not there")

    monkeypatch.setattr(compiled, "torch_pair", broken)
    findings = {finding.name: finding for finding in examine(tmp_path, offline=True)}
    told(findings["torch"], "problem", "ImportError: libcudart is not there")
    told(findings["store"], "ok")


def test_the_registries_are_asked_for_packages_of_the_nano_tier(well, tmp_path) -> None:
    asked = [finding.name for finding in examine(tmp_path) if finding.found == "asked"]
    assert asked == ["npm", "pypi"]
    assert "asked" not in [finding.found for finding in examine(tmp_path, offline=True)]


@pytest.mark.parametrize("fails", [False, True])
def test_mmdet_is_imported_only_when_all_is_asked_for(
    told, well, monkeypatch, tmp_path, fails
) -> None:
    calls = []

    def import_mmdet() -> None:
        calls.append(1)
        if fails:
            raise HeadwaterError("mmcv's compiled operators do not load")

    monkeypatch.setattr("tasks.detection.operators.import_mmdet", import_mmdet)
    assert "mmdet" not in [finding.name for finding in examine(tmp_path, offline=True)]
    assert not calls
    findings = {f.name: f for f in examine(tmp_path, offline=True, everything=True)}
    assert calls
    told(findings["mmdet"], *(["problem", "operators do not load"] if fails else ["ok"]))


def test_what_the_tests_run_on_is_well(told, own_home: Path, tmp_path: Path) -> None:
    findings = {finding.name: finding for finding in examine(tmp_path, offline=True)}
    for name in ("python", "torch", "packages", "openmmlab", "operators", "store"):
        told(findings[name], "ok")


def test_a_broken_torch_cannot_keep_the_doctor_from_starting() -> None:
    code = "import sys; sys.modules['torch'] = None; import benchmark.doctor, benchmark.cli.doctor"
    subprocess.run([sys.executable, "-c", code], check=True)
