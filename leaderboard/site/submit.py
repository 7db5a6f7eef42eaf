"""The page that says how to submit, to do it again and to correct, and what is checked."""

from typing import Any

from leaderboard.submission.findings import RULES

#: What to type, in order: what it is for, and the command.
STEPS = (
    ("Check the method against the contract", "headwater check path/to/mine.py:Mine"),
    (
        "Run it, three seeds; it may be stopped and goes on where it was",
        "headwater run -p instance/nano -m path/to/mine.py:Mine --seeds 3",
    ),
    ("Look at it beside the baselines", "headwater compare Mine --store runs"),
    ("Write the method card", "headwater pack -m path/to/mine.py:Mine --new-card card.json"),
    (
        "Fill it in, and pack",
        "headwater pack -m path/to/mine.py:Mine --card card.json --output mine",
    ),
    ("Examine the bundle as it will be examined", "headwater validate mine"),
    (
        "Put it into a fork of the repository, and open a pull request",
        "cp -r mine results/ && git add results/mine && git commit -m 'Submit mine'",
    ),
)
#: Likewise, for whoever doubts a number.
AGAIN = (
    (
        "All metrics but the CKA from their predictions, of all records",
        "headwater validate results",
    ),
    (
        "Cells drawn at random, pre-training included",
        "headwater verify results --cells 2 --store rerun",
    ),
    (
        "A bundle whose method is not installed here",
        "headwater verify mine --cells 2 -m path/to/mine.py:Mine",
    ),
)
TIERS = (
    ("self-reported", "nobody but the authors has looked at the records"),
    (
        "rescored",
        "every metric but the CKA, which rests on features that are not saved, was computed again "
        "from the predictions, by the labels installed here",
    ),
    ("reproduced", "cells drawn at random were run again, pre-training included, and agree"),
)
_AREAS = {
    "S": "Files",
    "M": "Manifest",
    "C": "Card",
    "X": "Source",
    "R": "Records",
    "P": "Predictions",
    "K": "Completeness",
    "D": "Seeds",
    "B": "Budget",
}


def submit_context() -> dict[str, Any]:
    """What the template `submit.html` shows.

    Example:
        >>> sum(len(rules) for _, rules in submit_context()["areas"]) == len(RULES)
        True
    """
    areas: dict[str, list[tuple[str, str]]] = {}
    for code, rule in RULES.items():
        areas.setdefault(_AREAS.get(code[0], "Others"), []).append((code, rule))
    return {"steps": STEPS, "again": AGAIN, "tiers": TIERS, "areas": list(areas.items())}
