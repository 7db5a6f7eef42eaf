"""What the track of selections says, in sentences and tables: the same in README and page."""

from typing import Any

from leaderboard import words
from leaderboard.selection import Choice, Track
from leaderboard.statistics import Estimate

#: The share at which SEPT's hypothesis is examined: a tenth of the images.
TENTH = 0.1
#: Kinds of evaluation, as headings.
TITLES = {
    "linear": "Linear probe",
    "finetune": "Fine-tuning",
    "fewshot": "Few-shot",
    "detection": "Detection",
}
_KINDS = {"linear": "by linear probe", "finetune": "after fine-tuning", "fewshot": "few-shot"}

_PASSING = "With the pool as a stream and no more than the choice in memory"
#: What a sentence begins with, a choice, and what it is held against.
_BESIDE = (
    ("Pre-trained on the target's own images and none of the pool's", "target_only", "sept"),
    ("Chosen around centres of the target", "simcore", "sept"),
    ("Chosen by the pool's labels", "oracle", "sept"),
    (_PASSING, "sept_stream", "sept"),
    (_PASSING, "reservoir_k", "random_k"),
)


def choice_of(track: Track, selection: str, share: float, shots: int = 10) -> Choice | None:
    """The choice of that selection, whatever the objective; None without records."""
    found = [
        choice
        for choice in track.choices
        if choice.method.rpartition("/")[2] == selection
        and (choice.share, choice.shots) == (share, shots)
    ]
    return found[0] if found else None


def hypothesis(track: Track) -> list[str]:
    """Whether a tenth of the images, well chosen, is better than any, and as good as all.

    A sentence a kind of number, with 95 % intervals; empty while something is missing.
    """
    sept, random = (choice_of(track, name, TENTH) for name in ("sept", "random_k"))
    whole = choice_of(track, "all", 1.0)
    told = []
    for kind, how in _KINDS.items():
        if sept is None or random is None or whole is None:
            continue
        over, under = (track.difference(sept, other, kind) for other in (random, whole))
        if over is None or under is None:
            continue
        count = words.counted(len(track.targets(kind)), "target")
        told.append(
            f"{how[0].upper()}{how[1:]}, averaged over {count}, sept at 10 % is "
            f"{words.interval(over, sign=True)} points from random_k at 10 % and "
            f"{words.interval(under, sign=True)} from all of the pool "
            f"({words.counted(over.seeds, 'seed')}): {_verdict(over, under)}."
        )
    return told


def _verdict(over: Estimate, under: Estimate) -> str:
    """In a clause.

    Example:
        >>> _verdict(Estimate(2.0, 1.0), Estimate(-0.5, 1.0))
        'better than chance, and no worse than all beyond the interval'
        >>> _verdict(Estimate(0.5, 1.0), Estimate(-2.5, 1.0))
        'not told from chance, and worse than all'
    """
    first = "not told from chance"
    if over.beyond_noise:
        first = "better than chance" if over.value > 0 else "worse than chance"
    second = "no worse than all beyond the interval"
    if under.beyond_noise:
        second = "better than all" if under.value > 0 else "worse than all"
    return f"{first}, and {second}"


def beside(track: Track) -> list[str]:
    """Other choices of a tenth, each held against the one that it is a variant of.

    With 95 % intervals, over the seeds that both have; those are left out of which something is
    missing.
    """
    told = []
    for intro, one, other in _BESIDE:
        a, b = (choice_of(track, name, TENTH) for name in (one, other))
        if a is None or b is None:
            continue
        apart = {
            how: found for kind, how in _KINDS.items() if (found := track.difference(a, b, kind))
        }
        if apart:
            points = [f"{words.interval(e, sign=True)} points {how}" for how, e in apart.items()]
            seeds = words.counted(min(e.seeds for e in apart.values()), "seed")
            told.append(f"{intro}, {one} is {words.joined(points)} from {other} ({seeds}).")
    return told


def costs(track: Track) -> list[dict[str, Any]]:
    """What each choice takes, each part apart: means over the records of a target, in seconds."""
    lines = []
    every = [f.record.selection for choice in track.choices for f in track.selections(choice)]
    once = max((one.extraction_seconds for one in every if one), default=0.0)
    for choice in track.choices:
        told = [f.record.selection for f in track.selections(choice) if f.record.selection]
        phases = [phase for run in track.runs_of(choice) for phase in run.phases.values()]
        if not told or not phases:
            continue
        lines.append(
            {
                "choice": choice,
                "images": sum(one.images for one in told) / len(told),
                # of those that look at features, whichever of a process came first
                "extraction": once if any(one.extraction_seconds for one in told) else 0.0,
                "index": sum(one.index_seconds for one in told) / len(told),
                "retrieval": sum(one.retrieval_seconds for one in told) / len(told),
                "training": sum(p.record.cost.seconds for p in phases) / len(phases),
                "visits": sum(p.record.cost.image_visits for p in phases) / len(phases),
            }
        )
    return lines


def choices(track: Track) -> list[dict[str, Any]]:
    """All choices with their averages in words, the best first."""
    kinds = [kind for kind in TITLES if any(track.average(c, kind) for c in track.choices)]

    def place(choice: Choice) -> float:
        average = track.average(choice, kinds[0]) if kinds else None
        return -average.value if average else 0.0

    return [
        {
            "method": choice.method,
            "remark": choice.remark,
            "budget": choice.share,
            "of_the_pool": choice.of_pool,
            "labels_a_class": str(choice.shots or "all"),
            "seeds": str(len(track.runs[choice])),
            **{TITLES[kind].lower(): words.interval(track.average(choice, kind)) for kind in kinds},
        }
        for choice in sorted(track.choices, key=place)
    ]
