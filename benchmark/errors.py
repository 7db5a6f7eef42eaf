"""Errors that a user sees: one sentence, no traceback, and the exit status."""

import difflib
from collections.abc import Iterable

#: How many nearest names are told; and of those there are, where none is near.
_NEAR, _KNOWN = 3, 12


class HeadwaterError(Exception):
    """What was examined is wrong or failed: one sentence that says what, where, what to do."""

    exit_status = 1


class UsageError(HeadwaterError):
    """What was asked for makes no sense: an unknown name, a misspelt option."""

    exit_status = 2


class DataError(HeadwaterError):
    """Data that cannot be had, or is not what was pinned."""


class Stopped(KeyboardInterrupt):
    """Somebody asked for the end; what was being computed has been put by."""


def nearest(name: str, known: Iterable[str]) -> str:
    """The names that were perhaps meant, for the message that there is none of that name.

    Args:
        name: that is not known.
        known: those that are.

    Returns:
        Up to three, the nearest first; where none is near, those there are, up to twelve of them.
        Dots say that there are more.

    Example:
        >>> nearest("liner", ["linear", "linear_1pct", "finetune", "fewshot"])
        'linear, linear_1pct, finetune, ...'
        >>> nearest("xyz", ["linear", "finetune", "fewshot"])
        'linear, finetune, fewshot'
        >>> nearest("xyz", map(str, range(100)))
        '0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, ...'
    """
    known = list(known)
    near = difflib.get_close_matches(name, known, n=_NEAR, cutoff=0.3)
    if near:
        return ", ".join(near + ["..."] * (len(near) < len(known)))
    return ", ".join(known[:_KNOWN] + ["..."] * (len(known) > _KNOWN))
