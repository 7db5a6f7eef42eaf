"""The README's words on the track of selections, and on retrieval."""

from collections.abc import Mapping
from typing import Any

from leaderboard import words
from leaderboard.machines import machines_note
from leaderboard.selection import Track
from leaderboard.selection_words import TENTH, beside, choices, hypothesis
from leaderboard.table import escaped

NONE_YET = "There are no results of this track yet."


def selection(track: Track | None) -> str:
    """The hypothesis, and a table of all choices of a tenth of the pool, and of all of it."""
    if track is None:
        return NONE_YET
    rows = [row for row in choices(track) if row.pop("budget") in (TENTH, 1.0)]
    heads = [name.replace("_", " ").capitalize() for name in rows[0] if name != "remark"]
    lines = [f"| {' | '.join(heads)} |", "| :-- |" + " --: |" * (len(heads) - 1)]
    for row in rows:
        remark = f", {row.pop('remark')}".removesuffix(", ")
        lines.append(f"| `{row['method']}`{remark} | {' | '.join([*row.values()][1:])} |")
    claims = hypothesis(track) or ["What SEPT claims cannot be told yet: runs are missing."]
    told = [*claims, *beside(track)]
    machines = escaped(machines_note(track.results.runs(track.spec.id)))
    return "\n".join([*(f"- {line}" for line in told), "", *lines, "", machines])


def retrieval(measured: Mapping[str, Any]) -> str:
    """What `python -m benchmark.retrieval.bench` printed."""
    lines = [
        "| Kept as | Vectors | Build | Bytes a vector | Recall at 10 | Lists probed "
        "| Queries a second | One more target of 1,000 images | Indexing anew instead |",
        "| :-- " + "| --: " * 8 + "|",
    ]
    for one in measured["sizes"]:
        lines.append(
            f"| {one['code']} | {one['vectors']:,} | {one['build_seconds']:.0f} s "
            f"| {one['bytes_per_vector']:.0f} "
            f"| {one['recall_at_10'][str(one['probes'])]:.3f} | {one['probes']} "
            f"| {one['queries_per_second']:,.0f} | {one['one_more_target_seconds']:.2f} s "
            f"| {one['times_cheaper_than_indexing_again']:,.0f} times as long |"
        )
    pools = [
        f"{one['gigabytes']:.0f} GB and {one['build_hours']:.1f} hours as {one['code']}"
        for one in measured["pools"]
    ]
    lines += [
        "",
        f"Generated vectors of {measured['dimensions']} dimensions in "
        f"{measured['layout']['lists']:,} lists; SQ8 is scalar and PQ128 product "
        "quantisation to a byte a dimension; recall against exact search. Each further million "
        "taking as long as those between the two sizes, a pool of "
        f"{measured['pools'][0]['vectors']:,} takes {words.joined(pools)} to index.",
    ]
    return "\n".join(lines)
