"""Which files a method's hash covers, and what in them."""

from inspect import getfile
from pathlib import Path

import pytest

from benchmark.provenance import imported_files
from benchmark.resolve import resolve

HELPER = "SCALE = 2.0\n"
MINE = """
from benchmark import Config, Method, build_backbone
from benchmark.batch import Batch
{how}

class Mine(Method):
    def __init__(self, setting, config):
        super().__init__(setting, config)
        self.backbone = build_backbone(setting.arch)
"""


@pytest.mark.parametrize(
    "how", ["import helper", "from helper import SCALE", "import helper as other"]
)
def test_a_helper_beside_a_method_is_part_of_its_source(tmp_path: Path, how, monkeypatch) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    hashes = []
    for text in (HELPER, HELPER + "# why\n", "SCALE = 3.0\n"):
        (tmp_path / "helper.py").write_text(text)
        (tmp_path / "mine.py").write_text(MINE.format(how=how))
        hashes.append(resolve(f"{tmp_path}/mine.py:Mine").reference().source_sha256)
    assert hashes[0] == hashes[1] != hashes[2]
    assert {f.name for f in imported_files(tmp_path / "mine.py")} == {"mine.py", "helper.py"}


def test_imports_are_followed_in_a_package_and_relative_ones_too(tmp_path: Path) -> None:
    package = tmp_path / "methods"
    (package / "parts").mkdir(parents=True)
    for folder in (package, package / "parts"):
        (folder / "__init__.py").touch()
    (package / "one.py").write_text("from .parts import two\nimport numpy\nfrom . import four\n")
    (package / "parts" / "two.py").write_text("from methods.three import x\n")
    (package / "three.py").write_text("x = 1\nfrom methods import one\n")
    (package / "four.py").write_text("")
    (package / "five.py").write_text("")
    found = {file.name for file in imported_files(package / "one.py")}
    assert found == {"one.py", "two.py", "three.py", "four.py"}


def test_a_shipped_method_s_helpers_count() -> None:
    objective, strategy = resolve("moco_v2/mas_replay").parts
    names = [{f.name for f in imported_files(Path(getfile(c)))} for c in (objective, strategy)]
    assert names[0] == {"moco_v2.py", "_parts.py", "_distributed.py"}
    assert names[1] == {"mas_replay.py", "mas.py", "replay.py", "_quadratic.py"}
