"""What an examination finds: each thing with a code, where it is, and how to mend it."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

Level = Literal["error", "warning", "note"]

#: Longest part of a stranger's text that is repeated, and how many findings of one code.
_LONGEST, _MOST = 200, 50


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong, or worth knowing.

    Args:
        code: of the rule, such as P03; `RULES` says what each stands for.
        level: an error refuses the bundle.
        where: path inside the folder.
        what: is wrong, in a sentence.
        mend: what to do about it.
    """

    code: str
    level: Level
    where: str
    what: str
    mend: str

    def __str__(self) -> str:
        return f"{self.level} {self.code} {self.where}: {self.what}; {self.mend}"


#: Code to what the rule asks for.
RULES: dict[str, str] = {
    "S01": "the folder can be read",
    "S02": "plain files and folders only: no links, devices or sockets",
    "S03": "names of letters, digits and . _ - + = @, at most 12 folders deep",
    "S04": "at most 20,000 files and as many folders; 500,000 of each in a store of records",
    "S05": "no file larger than its kind may be",
    "S06": "kinds of files that a bundle consists of, and none that can be executed or unpickled",
    "M01": "the manifest is there and can be read",
    "M02": "every file that the manifest lists is there, with its hash",
    "M03": "every file is listed by the manifest",
    "M04": "the tables and the environment are there, and say what the records say",
    "C01": "the card is there and says what it must",
    "C02": "the card is of the method and protocol that the records are of",
    "C03": "labels that are used are declared",
    "X01": "the method's source is there and can be read",
    "X02": "the source is the one that the records were computed with",
    "X03": "a name that Headwater ships is of the method that it ships",
    "R01": "each record is a record, unaltered since it was written",
    "R02": "each record lies where what it says belongs",
    "R03": "the protocol is known here, with this digest and these chunks",
    "R04": "task, version and data are those known here",
    "R05": "the three seeds are those that follow from protocol, method and replicate",
    "R06": "all records are of one version and configuration of the method",
    "R07": "no cell failed",
    "R08": "numbers are within their range",
    "R09": "trust is earned here, not claimed",
    "R10": "the command is one of `headwater run`, and of this record",
    "R11": "texts are plain and short, and times are of the past",
    "P01": "the predictions are there and are those that the record names, and no others",
    "P02": "the predictions are plain arrays of moderate size",
    "P03": "the predictions are the evaluation's, of the images, labels and episodes known here",
    "P04": "each metric is what the predictions give",
    "P05": "metrics that predictions cannot give are said",
    "P06": "what is kept of the predictions is what they give",
    "K01": "every phase of the stream is there",
    "K02": "every evaluation that is ranked is there, for every seed",
    "D01": "different seeds have different weights",
    "D02": "different seeds have different predictions",
    "B01": "the ledger, the cost and the steps agree",
    "B02": "the budget is kept",
    "B03": "only the chunks of the phase were served, and no more images than there are",
    "B04": "the curve is of this phase",
    "B05": "what reads nothing of the stream is said to",
}


class Findings:
    """Collects findings; too many of one kind are counted, not kept."""

    def __init__(self) -> None:
        self.found: list[Finding] = []
        #: Where errors are, those left out too.
        self.places: set[str] = set()
        self._counts: dict[str, int] = {}

    def add(self, code: str, where: str, what: str, mend: str, level: Level = "error") -> None:
        """Add one; a stranger's words in it are shortened and made printable."""
        if code not in RULES:
            raise KeyError(code)
        self._counts[code] = self._counts.get(code, 0) + 1
        if level == "error":
            self.places.add(where)
        if self._counts[code] <= _MOST:
            self.found.append(Finding(code, level, plain(where), plain(what), mend))

    def left_out(self) -> Iterator[str]:
        """A sentence for each code of which there were too many to keep."""
        for code, count in self._counts.items():
            if count > _MOST:
                yield f"{code}: {count - _MOST:,} more of the same kind"

    @property
    def errors(self) -> int:
        """How many errors there are, those left out too."""
        levels = {finding.code: finding.level for finding in self.found}
        return sum(count for code, count in self._counts.items() if levels[code] == "error")

    def of(self, codes: Iterable[str]) -> list[Finding]:
        """Those with one of these codes."""
        wanted = set(codes)
        return [finding for finding in self.found if finding.code in wanted]


def plain(text: str) -> str:
    """A stranger's text on one line: nothing that a terminal obeys, and not without end.

    Example:
        >>> plain("a" + chr(27) + "[2Jb")
        'a?[2Jb'
    """
    shown = "".join(c if c.isprintable() else "?" for c in text[: _LONGEST + 1])
    return shown if len(text) <= _LONGEST else shown[:_LONGEST] + "..."


def plain_words(text: str) -> str:
    """A longer text with strangers' words in it, each as `plain` has it; lines stay.

    Example:
        >>> plain_words("a is ahead of b" + chr(27) + "[2J.\\nBy 3 points.")
        'a is ahead of b?[2J.\\nBy 3 points.'
    """
    return re.sub("[^ \u202f\n]+", lambda word: plain(word[0]), text)
