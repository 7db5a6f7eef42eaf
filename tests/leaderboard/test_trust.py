"""Trust is what the keeper of a store wrote down, and it lapses when a record changes."""

from pathlib import Path

import pytest

from benchmark.errors import DataError
from leaderboard.trust import TRUST, Trust, Vouched, fingerprint, read_trust

HASHES = [letter * 64 for letter in "abc"]


def vouched(method: str = "mine", tier: str = "rescored", protocol: str = "p@1") -> Vouched:
    return Vouched(
        protocol=protocol,
        method=method,
        tier=tier,  # type: ignore[arg-type]
        fingerprint=fingerprint(HASHES),
        records=len(HASHES),
        evidence="what was done",
    )


def test_the_fingerprint_is_of_the_set_of_records() -> None:
    assert fingerprint(HASHES) == fingerprint(reversed(HASHES))
    others = [HASHES[:2], [*HASHES, "d" * 64], [*HASHES[:2], "d" * 64], []]
    assert len({fingerprint(HASHES), *map(fingerprint, others)}) == 5


@pytest.mark.parametrize("tier", ["rescored", "reproduced"])
def test_it_lapses_when_a_record_changes_is_added_or_removed(tier: str) -> None:
    trust = Trust(vouched=(vouched(tier=tier),))
    assert trust.tier("p@1", "mine", HASHES) == tier
    assert trust.tier("p@1", "mine", iter(HASHES[::-1])) == tier
    for other in (HASHES[:2], [*HASHES, "d" * 64], [*HASHES[:2], "d" * 64], []):
        assert trust.tier("p@1", "mine", other) == "self-reported"
    assert trust.tier("p@1", "another", HASHES) == "self-reported"
    assert trust.tier("p@2", "mine", HASHES) == "self-reported"


def test_the_same_entries_give_the_same_bytes(tmp_path: Path) -> None:
    entries = [vouched("b"), vouched("a"), vouched("a", protocol="o@1")]
    Trust(vouched=tuple(entries)).write(tmp_path / TRUST)
    content = (tmp_path / TRUST).read_bytes()
    Trust(vouched=tuple(entries[::-1])).write(tmp_path / TRUST)
    assert (tmp_path / TRUST).read_bytes() == content and content.endswith(b"}\n")
    runs = [entry.run for entry in read_trust(tmp_path).vouched]
    assert runs == [("o@1", "a"), ("p@1", "a"), ("p@1", "b")]
    assert [path.name for path in tmp_path.iterdir()] == [TRUST]


def test_no_file_vouches_for_nothing(tmp_path: Path) -> None:
    assert read_trust(tmp_path).tier("p@1", "mine", HASHES) == "self-reported"


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        b"\xff\xfe",
        b'{"vouched": [{"protocol": "p@1"}]}',
        b'{"schema_version": 2}',
        b'{"vouched": [], "more": 1}',
        Trust(vouched=(vouched(),)).model_dump_json().replace("rescored", "divine").encode(),
        Trust(vouched=(vouched(), vouched())).model_dump_json().encode(),
    ],
)
def test_a_broken_file_is_told_in_a_sentence(content: bytes, tmp_path: Path) -> None:
    (tmp_path / TRUST).write_bytes(content)
    with pytest.raises(DataError, match=r"trust\.json .*; remove it, and write it again by"):
        read_trust(tmp_path)


def test_a_folder_of_that_name_is_told_too(tmp_path: Path) -> None:
    (tmp_path / TRUST).mkdir()
    with pytest.raises(DataError, match="is a folder; name a file"):
        read_trust(tmp_path)
