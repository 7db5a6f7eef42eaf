"""How far the runs in a store were examined by whoever keeps it: the file `trust.json`.

A number is self-reported until somebody else has looked at it. `headwater validate --trust` writes
down which methods' metrics were computed again from their predictions, `headwater verify --trust`
of which cells were run again. The file belongs to the keeper of the store: a bundle that brings one
is refused, and a record that claims a tier for itself, too. What it says of a method lapses as soon
as one of the method's records changes, is added or removed.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, ValidationError

from benchmark.canonical import sha256_of, write_whole
from benchmark.errors import DataError
from benchmark.result import Count, Sha256, Strict

Tier = Literal["self-reported", "rescored", "reproduced"]

#: Name of the file, at the root of a store.
TRUST = "trust.json"


class Vouched(Strict):
    """What the keeper of a store vouches for.

    Args:
        protocol: id, such as `instance/nano@1`.
        method: its name as in the records.
        tier: metrics computed again from predictions, or cells run again too.
        fingerprint: of all records of the method on the protocol, see `fingerprint`.
        records: their number.
        evidence: what was done, in a few words.
    """

    protocol: str
    method: str
    tier: Literal["rescored", "reproduced"]
    fingerprint: Sha256
    records: Count
    evidence: Annotated[str, Field(max_length=500)]

    @property
    def run(self) -> tuple[str, str]:
        """Protocol and method."""
        return self.protocol, self.method


class Trust(Strict):
    """All that the keeper of a store vouches for: one entry a protocol and method.

    Example:
        >>> records = ["0" * 64, "1" * 64]
        >>> entry = Vouched(
        ...     protocol="instance/nano@1", method="mine", tier="rescored", records=2,
        ...     fingerprint=fingerprint(records), evidence="1 evaluation computed again",
        ... )
        >>> trust = Trust(vouched=(entry,))
        >>> trust.tier("instance/nano@1", "mine", reversed(records))
        'rescored'
        >>> trust.tier("instance/nano@1", "mine", records[:1])
        'self-reported'
    """

    schema_version: Literal[1] = 1
    vouched: tuple[Vouched, ...] = ()

    def tier(self, protocol: str, method: str, hashes: Iterable[str]) -> Tier:
        """How far a method's records were examined.

        Args:
            protocol: id of the protocol.
            method: name of the method.
            hashes: the `sha256` of each of its records on the protocol, in any order.

        Returns:
            `self-reported` where nothing is said, or was said of other records.
        """
        entry = self.of(protocol, method)
        if entry is None or entry.fingerprint != fingerprint(hashes):
            return "self-reported"
        return entry.tier

    def of(self, protocol: str, method: str) -> Vouched | None:
        """What is said of a method, lapsed or not."""
        return next((e for e in self.vouched if e.run == (protocol, method)), None)

    def write(self, path: Path) -> None:
        """Write the file, whole or not at all; the same entries give the same bytes."""
        ordered = Trust(vouched=tuple(sorted(self.vouched, key=lambda entry: entry.run)))
        write_whole(path, (ordered.model_dump_json(indent=1) + "\n").encode())


def fingerprint(hashes: Iterable[str]) -> str:
    """Hash over the hashes of some records, whatever their order.

    Args:
        hashes: the `sha256` of each record.

    Example:
        >>> fingerprint(["a", "b"]) == fingerprint(["b", "a"]) != fingerprint(["a"])
        True
    """
    return sha256_of(sorted(hashes))


def read_trust(store: Path) -> Trust:
    """What the keeper of a store vouches for; nothing where there is no file.

    Args:
        store: folder of the records.

    Raises:
        DataError: the file is not what `headwater validate --trust` writes.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as store:
        ...     read_trust(Path(store)).vouched
        ()
    """
    return read_trust_file(store / TRUST)


def read_trust_file(path: Path) -> Trust:
    """The same for a file of any name.

    Raises:
        DataError: the file is not what `headwater validate --trust` writes.
    """
    mend = "remove it, and write it again by `headwater validate STORE --trust FILE`"
    if path.is_dir():
        raise DataError(f"{path} is a folder; name a file, such as {TRUST} of your store")
    try:
        trust = Trust.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        return Trust()
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}; {mend}") from error
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "the document"
        raise DataError(f"{path} cannot be read: {where}: {first['msg']}; {mend}") from error
    runs = [entry.run for entry in trust.vouched]
    if twice := sorted({" on ".join(reversed(run)) for run in runs if runs.count(run) > 1}):
        raise DataError(f"{path} speaks of {twice[0]} twice; {mend}")
    return trust
