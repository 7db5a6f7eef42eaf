"""Errors that a user sees: one sentence, no traceback, and the exit status."""


class HeadwaterError(Exception):
    """What was examined is wrong or failed: one sentence that says what, where, what to do."""

    exit_status = 1


class UsageError(HeadwaterError):
    """What was asked for makes no sense: an unknown name, a misspelt option."""

    exit_status = 2


class DataError(HeadwaterError):
    """Data that cannot be had, or is not what was pinned."""
