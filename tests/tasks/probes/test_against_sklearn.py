"""The linear protocol on real features of nano against scikit-learn; the rest is in a record."""

import json
from pathlib import Path

import pytest

from benchmark.encoder import Encoder
from benchmark.registry import load_shipped
from benchmark.resolve import protocol_named, resolve
from tasks.against_sklearn import RECORD, compare

ROOT = Path(__file__).parents[3]


@pytest.mark.data
@pytest.mark.parametrize("name", ["digits", "objects"])
def test_the_whole_protocol_is_scikit_learns(name: str) -> None:
    load_shipped()
    spec = protocol_named("instance/nano")
    found = compare(name, Encoder(resolve("random_init").build(spec, 0), spec))
    assert found["weight"] == found["sklearn_weight"]
    assert found["test"] == pytest.approx(found["sklearn_test"], abs=0.2)
    assert found["loss"] < 1e-5
    assert found["differing"] < 0.1


def test_the_record_holds_what_the_readme_says() -> None:
    record = json.loads((ROOT / RECORD).read_text())
    for name, found in record.items():
        assert found["test"] == pytest.approx(found["sklearn_test"], abs=0.2), name
        assert found["differing"] < 0.1, name
