"""The walk-through of CONTRIBUTING, run as it stands."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

TEXT = (Path(__file__).parents[2] / "CONTRIBUTING.md").read_text(encoding="utf-8")
WALK = TEXT[TEXT.index("## A method\n") : TEXT.index("## What a method can use")].rstrip()


def test_the_walk_through_is_short() -> None:
    assert len(WALK.splitlines()) <= 60


def test_its_commands_work_on_its_file(own_home: Path, tmp_path: Path) -> None:
    (source,) = re.findall(r"```python\n(.*?)```", WALK, re.DOTALL)
    (commands,) = re.findall(r"```sh\n(.*?)```", WALK, re.DOTALL)
    (name,) = re.findall(r"`(\w+\.py)`, wherever you like", WALK)
    (tmp_path / name).write_text(source, encoding="utf-8")
    told = []
    for command in commands.splitlines():
        program, *words = shlex.split(command)
        assert program == "headwater"
        main = "from benchmark.cli.main import main; main()"
        done = subprocess.run(
            [sys.executable, "-c", main, *words], cwd=tmp_path, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stdout + done.stderr
        told.append(done.stdout)
    assert "siamese.py:simsiam/sequential: meets the contract" in told[0]
    assert "siamese.py:simsiam/cassle: meets the contract" in told[1]
    assert "simsiam/sequential: 6 cells computed" in told[2]
    assert "simsiam/replay: 6 cells computed" in told[2]
