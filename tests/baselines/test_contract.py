"""Every registered method meets the contract: the same check as `headwater check`."""

import pytest

from benchmark.check import check
from benchmark.registry import METHODS, load_shipped
from benchmark.resolve import grid, resolve

load_shipped()


@pytest.mark.parametrize("name", [*METHODS.names(), *grid()])
def test_method_meets_the_contract(name: str) -> None:
    # The importance is read from fewer images, one by one: that is most of the time otherwise.
    options = {"mas_images": 8} if "mas_images" in resolve(name).config else {}
    broken = [str(finding) for finding in check(name, options) if not finding.passed]
    assert not broken
