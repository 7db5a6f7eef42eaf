"""Every objective and strategy says what it was held against, and that test is there."""

import ast
from pathlib import Path

import pytest

from benchmark.registry import OBJECTIVES, STRATEGIES, load_shipped

load_shipped()
ROOT = Path(__file__).parents[2]
PARTS = {name: kind.get(name) for kind in (OBJECTIVES, STRATEGIES) for name in kind.names()}


@pytest.mark.parametrize("name", PARTS)
def test_the_reference_is_named_and_its_test_exists(name: str) -> None:
    about = PARTS[name].about
    assert about.paper and about.held_against
    file, _, function = about.test.partition("::")
    module = ast.parse((ROOT / file).read_text(encoding="utf-8"))
    assert function in {node.name for node in module.body if isinstance(node, ast.FunctionDef)}
