"""What the keeper of a store writes down after an examination."""

import dataclasses
import json
import os
import shutil
import sqlite3
import zlib
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner, Result

from benchmark.cli.main import app
from benchmark.errors import DataError, UsageError
from leaderboard.cache import EVIDENCE
from leaderboard.submission.examine import examine
from leaderboard.submission.judge import Rerun
from leaderboard.submission.records import Entry
from leaderboard.submission.vouch import vouch
from leaderboard.trust import TRUST, Trust, read_trust

RUN = ("instance/smoke@1", "supervised/replay")
CELL = "after-chunk2/linear.shapes"


def headwater(*words: object) -> Result:
    return CliRunner().invoke(app, [str(word) for word in words])


def tier(store: Path, folder: Path) -> str:
    """What a page would say of the records in a folder."""
    hashes = [str(entry.record.sha256) for entry in examine(folder).entries]
    return read_trust(store).tier(*RUN, hashes)


def test_validate_puts_down_rescored_and_the_store_is_as_good_as_before(
    smoke_store: Path, tmp_path: Path
) -> None:
    store = shutil.copytree(smoke_store, tmp_path / "store")
    assert headwater("validate", store).exit_code == 0 and not (store / TRUST).exists()
    outcome = headwater("validate", store, "--trust", store / TRUST)
    assert outcome.exit_code == 0
    *_, told, last = outcome.stdout.strip().splitlines()
    assert told.endswith("trust.json: supervised/replay on instance/smoke@1 is rescored")
    assert last.startswith(f"{store} is accepted")
    content = (store / TRUST).read_bytes()
    assert (store / EVIDENCE).is_file()
    (entry,) = read_trust(store).vouched
    assert (entry.run, entry.tier, entry.records) == (RUN, "rescored", 12)
    assert entry.evidence == "8 of 8 evaluations computed again from their predictions"
    assert str(tmp_path).encode() not in content
    assert examine(store).accepted  # its own file is no finding
    assert headwater("validate", store, "--trust", store / TRUST).exit_code == 0
    assert (store / TRUST).read_bytes() == content
    assert tier(store, store) == "rescored"
    (store / f"instance-smoke@1/supervised/replay/seed0/{CELL}.json").unlink()
    assert tier(store, store) == "self-reported"


def test_a_refused_method_loses_its_entry(untouched, forger, tmp_path: Path) -> None:
    file = tmp_path / "keep" / TRUST
    assert headwater("validate", untouched, "--trust", file).exit_code == 0
    assert tier(file.parent, untouched) == "rescored"
    with forger.record(CELL) as fields:
        fields["metrics"]["top1"]["value"] += 1
    outcome = headwater("validate", forger.bundle, "--trust", file)
    assert outcome.exit_code == 1 and "is self-reported" in outcome.stdout
    assert read_trust(file.parent).vouched == ()


def test_verify_puts_down_reproduced_and_validate_leaves_it(untouched, tmp_path: Path) -> None:
    file = tmp_path / TRUST
    words = ("verify", untouched, "--cells", 1, "--seed", 0, "--trust", file)
    outcome = headwater(*words)
    assert outcome.exit_code == 0, outcome.output
    (entry,) = read_trust(tmp_path).vouched
    assert entry.tier == "reproduced" and entry.evidence.endswith(
        "from their predictions, 1 rerun, 1 of these with the same bits"
    )
    content = file.read_bytes()
    assert headwater("validate", untouched, "--trust", file).exit_code == 0
    assert file.read_bytes() == content


def test_what_differs_loses_its_entry_and_others_stay(untouched: Path, tmp_path: Path) -> None:
    file, examined = tmp_path / TRUST, examine(untouched)
    evaluations = [e for e in examined.entries if e.record.kind == "evaluation"]
    agrees = Rerun(evaluations[0], "agrees", 50.0, 1.0)
    differs = Rerun(evaluations[1], "differs", None, 0.0, "it failed")
    (entry,) = vouch(file, examined, [agrees]).values()
    assert entry is not None and entry.tier == "reproduced"
    other = entry.model_copy(update={"method": "another", "fingerprint": "f" * 64})
    Trust(vouched=(entry, other)).write(file)
    assert vouch(file, examined) == {RUN: entry}
    assert vouch(file, examined, [agrees, differs]) == {RUN: None}
    assert read_trust(tmp_path).vouched == (other,)


def test_reproduced_is_of_these_records_and_no_others(untouched, packed, smoke_store, tmp_path):
    file, both = tmp_path / TRUST, examine(untouched)
    evaluation = next(e for e in both.entries if e.record.kind == "evaluation")
    vouch(file, both, [Rerun(evaluation, "same bits", 50.0, 1.0)])
    one = examine(packed(smoke_store, tmp_path / "one", seeds=[1]))
    (entry,) = vouch(file, one).values()
    assert entry is not None and (entry.tier, entry.records) == ("rescored", 6)


def test_one_refused_method_does_not_harm_another(smoke_store: Path, tmp_path: Path) -> None:
    store, protocol = shutil.copytree(smoke_store, tmp_path / "store"), "instance-smoke@1"
    bad = store / protocol / "supervised/joint/seed0"
    shutil.copytree(store / protocol / "supervised/replay/seed0", bad)
    for path in bad.rglob("*.json"):  # their hash is not that of their text any more
        path.write_text(path.read_text().replace("supervised/replay", "supervised/joint"))
    assert vouch(store / TRUST, examine(store))[RUN] is None  # it is in no record whose it is
    for path in bad.rglob("*.json"):
        fields = json.loads(path.read_text())
        del fields["sha256"]
        path.write_text(json.dumps(fields))
    told = vouch(store / TRUST, examine(store))
    assert told[RUN[0], "supervised/joint"] is None
    assert told[RUN] is not None and told[RUN].tier == "rescored"


@pytest.mark.parametrize("limit", ["OF_STORE", "unreadable"])
def test_what_was_not_looked_at_loses_nothing(
    limit: str, smoke_store: Path, tmp_path: Path, monkeypatch
) -> None:
    store = shutil.copytree(smoke_store, tmp_path / "store")
    words = ("validate", store, "--trust", store / TRUST)
    assert headwater(*words).exit_code == 0
    (entry,) = read_trust(store).vouched
    reproduced = entry.model_copy(update={"tier": "reproduced"})
    other = entry.model_copy(update={"method": "another"})
    Trust(vouched=(reproduced, other)).write(store / TRUST)
    content, kept = ((store / name).read_bytes() for name in (TRUST, EVIDENCE))
    if limit == "unreadable":
        real = os.scandir

        def scandir(path: Path) -> object:
            if Path(path).name == "seed1":
                raise PermissionError(13, "Permission denied")
            return real(path)

        monkeypatch.setattr("leaderboard.submission.folder.os.scandir", scandir)
    else:
        monkeypatch.setattr(f"leaderboard.submission.examine.{limit}", 20)
    outcome = headwater(*words)
    assert outcome.exit_code == 1 and "trust.json is left as it was" in outcome.stdout
    assert [(store / name).read_bytes() for name in (TRUST, EVIDENCE)] == [content, kept]


def test_many_errors_of_one_method_do_not_harm_another(untouched: Path, tmp_path: Path) -> None:
    file, examined = tmp_path / TRUST, examine(untouched)
    (entry,) = vouch(file, examined).values()
    first = examined.entries[0]
    protocol = first.record.protocol.id.replace("/", "-")
    method = first.record.method.model_copy(update={"name": "x/" + "y" * 300})
    theirs = Entry(
        f"results/{protocol}/{method.name}/seed0/after-chunk2/pretrain.json",
        "results/",
        first.record.model_copy(update={"method": method}),
    )
    for number in range(100):
        examined.findings.add("B02", f"{theirs.path}{number}", "too much", "less")
    both = dataclasses.replace(examined, entries=(*examined.entries, theirs))
    assert vouch(file, both) == {RUN: entry, (RUN[0], method.name): None}
    examined.findings.add("K01", f"{RUN[0]} {RUN[1]} seed 1", "a phase is missing", "run it")
    assert set(vouch(file, both).values()) == {None}


def test_what_cannot_be_told_changes_nothing(untouched: Path, tmp_path: Path) -> None:
    file, examined = tmp_path / TRUST, examine(untouched)
    evaluations = [e for e in examined.entries if e.record.kind == "evaluation"]
    agrees = Rerun(evaluations[0], "agrees", 50.0, 1.0)
    unknown = Rerun(evaluations[1], "cannot be told", 50.0, 1.0)
    (rescored,) = vouch(file, examined, [unknown]).values()
    assert rescored is not None and rescored.tier == "rescored"
    assert vouch(file, examined, [agrees, unknown]) == {RUN: rescored}  # not all agree
    (reproduced,) = vouch(file, examined, [agrees]).values()
    assert reproduced is not None and reproduced.tier == "reproduced"
    assert vouch(file, examined, [unknown]) == {RUN: reproduced}
    assert read_trust(tmp_path).vouched == (reproduced,)


def test_reproduced_needs_every_evaluation_rescored(untouched: Path, tmp_path: Path) -> None:
    file, examined = tmp_path / TRUST, examine(untouched)
    evaluation = next(e for e in examined.entries if e.record.kind == "evaluation")
    agrees = Rerun(evaluation, "same bits", 50.0, 1.0)
    fewer = dataclasses.replace(examined, rescored=examined.rescored[1:])
    assert vouch(file, fewer, [agrees]) == {RUN: None}
    (entry,) = vouch(file, examined, [agrees]).values()
    assert entry is not None and entry.tier == "reproduced"
    assert vouch(file, fewer, [agrees]) == {RUN: entry}  # they were, when this was put down


@pytest.mark.parametrize("place", ["", "results/", "results/instance-smoke@1/", "source/"])
@pytest.mark.parametrize("name", ["trust.json", "Trust.json"])
def test_a_bundle_brings_no_trust(place: str, name: str, forger, codes) -> None:
    (forger.bundle / place / name).write_text('{"schema_version": 1, "vouched": []}')
    forger.seal()
    assert codes(forger.bundle) - {"R02"} == {"S06"}


def test_trust_is_not_written_into_a_bundle(bundle: Path) -> None:
    outcome = headwater("validate", bundle, "--trust", bundle / TRUST)
    assert isinstance(outcome.exception, UsageError) and "lies in the bundle" in str(
        outcome.exception
    )
    assert not (bundle / TRUST).exists()


def test_a_record_does_not_say_itself_how_far_it_is_trusted(forger, codes) -> None:
    with forger.record(CELL) as fields:
        fields["trust"] = "reproduced"
    assert codes(forger.bundle) == {"R09"}


def test_a_broken_file_is_told_before_anything_is_examined(tmp_path: Path) -> None:
    (tmp_path / TRUST).write_text("{")
    outcome = headwater("verify", tmp_path / "nowhere", "--trust", tmp_path / TRUST)
    assert isinstance(outcome.exception, DataError)


def test_evidence_that_was_altered_is_found(smoke_store: Path, tmp_path: Path) -> None:
    store = shutil.copytree(smoke_store, tmp_path / "store")
    assert headwater("validate", store, "--trust", store / TRUST).exit_code == 0
    assert headwater("validate", store).exit_code == 0
    with closing(sqlite3.connect(store / EVIDENCE)) as file, file:
        rows = file.execute("SELECT name, it FROM kept").fetchall()
        for name, content in rows:
            known = zlib.decompress(content)
            parts = np.frombuffer(known, np.float32, offset=16) / 10
            file.execute("UPDATE kept SET it = ? WHERE name = ?",
                         (zlib.compress(known[:16] + parts.tobytes()), name))  # fmt: skip
    outcome = headwater("validate", store)
    assert outcome.exit_code == 1
    told = f"error P06 {EVIDENCE}: what it keeps of 8 evaluations is not theirs; remove it, and"
    assert told in outcome.stdout
    (store / EVIDENCE).unlink()
    assert headwater("validate", store, "--trust", store / TRUST).exit_code == 0
    assert headwater("validate", store).exit_code == 0


def test_what_cannot_be_written_or_is_no_store_is_said(smoke_store: Path, tmp_path: Path) -> None:
    store = shutil.copytree(smoke_store, tmp_path / "store")
    (store / EVIDENCE).mkdir()
    outcome = headwater("validate", store, "--trust", store / TRUST)
    assert str(outcome.exception).endswith(f"{EVIDENCE} cannot be written: Is a directory")
    assert not list(store.glob(f".{EVIDENCE}*"))
    assert "is a folder; name a file" in str(
        headwater("validate", store, "--trust", store).exception
    )
    inside = headwater("validate", store / "instance-smoke@1").exception
    assert str(inside).endswith(f"is the folder of one protocol; name the store, {store}")
