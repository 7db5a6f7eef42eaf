"""Who made a method: from its bundle's card, or from the registry of those that are shipped."""

from functools import cache
from pathlib import Path

from benchmark.errors import DataError, UsageError
from benchmark.registry import load_shipped
from benchmark.resolve import resolve
from leaderboard.aggregate import Located
from leaderboard.submission.bundle import CARD, RESULTS
from leaderboard.submission.card import read_card

#: Longest card that is read.
_MOST = 1 << 20


def about(found: Located, tier: str) -> dict[str, str]:
    """What a method's page says of its origin.

    Args:
        found: any record of the method.
        tier: of the protocol.

    Returns:
        Title to text, such as Paper, Licence, Authors; empty where nothing is known.
    """
    for folder in found.path.parents:
        if folder.name == RESULTS.rstrip("/") and (card := folder.parent / CARD).is_file():
            return _of_card(card)
    return _shipped(found.record.method.name.partition("+")[0], tier)


def _of_card(path: Path) -> dict[str, str]:
    try:
        if path.is_symlink() or path.stat().st_size > _MOST:
            return {}
        card = read_card(path.read_bytes())
    except (DataError, OSError):
        return {}
    told = {
        "Title": card.title,
        "Authors": ", ".join(card.authors),
        "Paper": card.paper,
        "Code": card.code,
        "Cite as": card.citation,
        "Licence": card.licence,
        "Extra data": card.extra_data,
        "Tuning": f"{card.tuning.trials} trials, on {card.tuning.on}",
    }
    return {title: text for title, text in told.items() if text}


@cache
def _shipped(name: str, tier: str) -> dict[str, str]:
    _load()
    try:
        method = resolve(name, {}, tier)
    except UsageError:
        return {}
    told = {"Paper": method.papers, "Licence": "MIT, as all of Headwater"}
    return {title: text for title, text in told.items() if text}


@cache
def _load() -> None:
    """Once: to look for plug-ins takes as long as to write a method's page."""
    load_shipped()
