"""What the doctor's tests share."""

from collections.abc import Callable

import pytest

from benchmark.doctor import Finding


@pytest.fixture
def told() -> Callable[..., None]:
    """Asserts a finding's state, that words are there, and a remedy where one is due."""

    def told(finding: Finding, state: str, *words: str) -> None:
        assert finding.state == state, finding
        assert all(word in f"{finding.found} -> {finding.remedy}" for word in words), finding
        assert bool(finding.remedy) == (state != "ok")

    return told
