"""What a check of this machine found."""

from dataclasses import dataclass
from typing import Literal

State = Literal["ok", "warning", "problem"]


@dataclass(frozen=True)
class Finding:
    """What one check found.

    Args:
        name: what was looked at.
        state: "ok", "warning" (it runs, but) or "problem" (it does not run, or not rightly).
        found: in a few words.
        remedy: what to do, one sentence; empty where all is well.
    """

    name: str
    state: State
    found: str
    remedy: str = ""

    @classmethod
    def of(cls, name: str, found: str, *, problem: str = "", warning: str = "") -> "Finding":
        """A finding whose state follows from which remedy is needed.

        Example:
            >>> Finding.of("disk", "full", warning="free some space").state
            'warning'
        """
        state: State = "problem" if problem else "warning" if warning else "ok"
        return cls(name, state, found, problem or warning)


def words(error: object) -> str:
    """An error's kind and words on one line, as far as anyone reads.

    Example:
        >>> words(ValueError("no\\nsuch thing"))
        'ValueError: no such thing'
    """
    return f"{type(error).__name__}: {' '.join(str(error).split())}"[:300]
