"""The method card: who made it, under which licence, and what it used beyond the stream."""

import unicodedata
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, ValidationError

from benchmark.errors import DataError
from benchmark.result import Strict


def _printable(text: str) -> str:
    """Refuse what a page or a terminal would obey: controls, turned direction, markup."""
    for character in text:
        if character in "<>" or (unicodedata.category(character)[0] == "C" and character != "\n"):
            raise ValueError(f"has a character that is not allowed, {character!a}")
    return text


def _address(text: str) -> str:
    if text and not text.startswith(("https://", "http://")):
        raise ValueError("must begin with https:// or http://")
    return text


Line = Annotated[str, Field(min_length=1, max_length=200), AfterValidator(_printable)]
Text = Annotated[str, Field(max_length=4000), AfterValidator(_printable)]
Address = Annotated[
    str, Field(max_length=500), AfterValidator(_printable), AfterValidator(_address)
]


class Tuning(Strict):
    """What was spent on choosing hyper-parameters: configurations tried, and on which data."""

    trials: Annotated[int, Field(ge=0, le=10**6)]
    on: Line


class Card(Strict):
    """What the people behind a method say of it.

    Args:
        protocol: id, such as `instance/nano@1`.
        method: its name as in the records.
        title: one line for the tables.
        authors: as they want to be named.
        licence: of the source, by its SPDX identifier.
        labels: whether the stream's labels are used.
        extra_data: what was used beyond the stream, `none` if nothing: pre-trained weights, too.
        tuning: see `Tuning`.
        description: how it works, in a few sentences.
        paper, code: addresses; empty if there is none.
        citation: as it should be cited, BibTeX for instance.
    """

    schema_version: Literal[1] = 1
    protocol: Line
    method: Line
    title: Line
    authors: Annotated[tuple[Line, ...], Field(min_length=1, max_length=100)]
    licence: Line
    labels: bool
    extra_data: Line
    tuning: Tuning
    description: Text = ""
    paper: Address = ""
    code: Address = ""
    citation: Text = ""

    def to_json(self) -> str:
        """The card as text, ending with a newline."""
        return self.model_dump_json(indent=1) + "\n"


#: What is wrong with a field, in plain words; of anything else, as pydantic has it.
_PLAIN = {
    "missing": "is not there",
    "string_too_short": "is empty; fill it in",
    "too_short": "is empty; name at least one",
    "extra_forbidden": "is not known",
    "json_invalid": "is no JSON",
}


def read_card(content: bytes) -> Card:
    """Read and check a card.

    Raises:
        DataError: not JSON, or not what a card says; names all fields that are wrong.
    """
    try:
        return Card.model_validate_json(content)
    except ValidationError as error:
        wrong = [
            f"{'.'.join(str(part) for part in one['loc']) or 'the document'}: "
            f"{_PLAIN.get(one['type'], one['msg'])}"
            for one in error.errors(include_url=False, include_input=False)[:10]
        ]
        raise DataError("; ".join(wrong)) from error
