"""The README's words on the track of selections, and on retrieval."""

from collections.abc import Mapping
from typing import Any

from leaderboard import words
from leaderboard.selection import Track
from leaderboard.selection_words import TENTH, beside, hypothesis
from leaderboard.site.selection import TITLES

NONE_YET = "There are no results of this track yet."


def selection(track: Track | None) -> str:
    """The hypothesis, and a table of all choices of a tenth of the pool, and of all of it."""
    if track is None:
        return NONE_YET
    kinds = [kind for kind in TITLES if any(track.average(c, kind) for c in track.choices)]
    shown = [choice for choice in track.choices if choice.share in (TENTH, 1.0)]
    lines = [f"| Method | Of the pool | Seeds | {' | '.join(TITLES[kind] for kind in kinds)} |"]
    lines.append("| :-- | --: | --: |" + " --: |" * len(kinds))

    def place(choice: Any) -> float:
        average = track.average(choice, kinds[0]) if kinds else None
        return -average.value if average else 0.0

    for choice in sorted(shown, key=place):
        numbers = [words.interval(track.average(choice, kind)) for kind in kinds]
        lines.append(
            f"| `{choice.method}` | {choice.of_pool} | {len(track.runs[choice])} | "
            f"{' | '.join(numbers)} |"
        )
    claims = hypothesis(track) or ["What SEPT claims cannot be told yet: runs are missing."]
    return "\n".join([*claims, *beside(track), "", *lines])


def retrieval(measured: Mapping[str, Any]) -> str:
    """What `python -m benchmark.retrieval.bench` printed."""
    lines = [
        "| Vectors | Build | Bytes a vector | Recall at 10 | Lists probed | Queries a second | "
        "One more target of 1,000 images | Indexing anew |",
        "| --: " * 8 + "|",
    ]
    for one in measured["sizes"]:
        lines.append(
            f"| {one['vectors']:,} | {one['build_seconds']:.0f} s | {one['bytes_per_vector']:.0f} "
            f"| {one['recall_at_10'][str(one['probes'])]:.3f} | {one['probes']} "
            f"| {one['queries_per_second']:,.0f} | {one['one_more_target_seconds']:.2f} s "
            f"| {one['times_cheaper_than_indexing_again']:,.0f} times as long |"
        )
    pool, layout = measured["pool"], measured["layout"]
    lines += [
        "",
        f"Generated vectors of {measured['dimensions']} dimensions in {layout['lists']:,} lists, "
        f"kept as {layout['code']}; recall against exact search. At this pace a pool of "
        f"{pool['vectors']:,} takes {pool['gigabytes']:.0f} GB and {pool['build_hours']:.1f} hours "
        f"to index.",
    ]
    return "\n".join(lines)
