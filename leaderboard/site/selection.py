"""The page of a track of selections: accuracy against budget, costs, and what was chosen.

A number that is of one cell leads to its record, a mean over targets to the row of its parts.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from benchmark.data.few import few_images
from benchmark.data.imageset import ImageSet
from benchmark.errors import DataError
from benchmark.pools import load_pool
from benchmark.registry import TASKS
from benchmark.streams.picture import stream_rows
from leaderboard import words
from leaderboard.arrays import read_arrays
from leaderboard.machines import machines_note
from leaderboard.selection import KINDS, Choice, Track
from leaderboard.selection_words import TENTH, TITLES, beside, costs, hypothesis
from leaderboard.site.charts import Figure, bars_of, figure_of, trace_of
from leaderboard.site.examples import may_be_shown
from leaderboard.site.folder import SiteFolder, slug
from leaderboard.site.look import Look, plain_looks
from leaderboard.site.shards import cell_address
from leaderboard.statistics import Estimate

#: Images of a target, and of the pool, that are shown.
_SHOWN = 12
#: How far two methods' points of the same share are apart, as a factor: intervals must be seen.
_APART = 1.025
#: The selection whose choice is shown.
_PICTURED = "sept"


def selection_context(track: Track, site: SiteFolder) -> dict[str, Any]:
    """What the template `selection.html` shows."""
    look = plain_looks(sorted({choice.method for choice in track.choices}))
    kinds = [kind for kind in KINDS if any(track.score(c, kind, t) for c in track.choices
                                           for t in track.targets(kind))]  # fmt: skip
    charts: dict[str, Figure] = {}
    for kind in kinds:
        for target in ["", *track.targets(kind)]:
            figure = budget_chart(track, kind, target, look)
            if figure:
                charts[f"{kind}-{target or 'average'}"] = figure
    tables = {kind: table(track, kind) for kind in kinds}
    return {
        "track": track,
        "id": slug(track.spec.id),
        "spec": track.spec,
        "ways": kinds,
        "titles": TITLES,
        "looks": look,
        "charts": charts,
        "tables": tables,
        "machines": machines_note(track.results.runs(track.spec.id)),
        "claims": [*hypothesis(track), *beside(track)],
        "costs": cost_lines(track, tables),
        "pictures": pictures(track, site),
        "pictured": f"{100 * TENTH:g} %, {main_shots(track) or 'all'} labels a class",
    }


def budget_chart(track: Track, kind: str, target: str, looks: Mapping[str, Look]) -> Figure | None:
    """A kind of number against the share that may be chosen; on average for an empty target."""
    traces, shots = [], main_shots(track)
    for lane, (method, look) in enumerate(looks.items()):
        apart = _APART ** (lane - (len(looks) - 1) / 2)
        points: list[tuple[Choice, Estimate]] = []
        for choice in track.choices:
            if choice.method == method and choice.shots == shots:
                found = track.score(choice, kind, target) if target else track.average(choice, kind)
                if found:
                    points.append((choice, found))
        if not points:
            continue
        values = [point for _, point in points]
        traces.append(
            trace_of(
                method,
                look,
                x=[round(100 * choice.share * apart, 4) for choice, _ in points],
                y=[round(point.value, 3) for point in values],
                error_y=bars_of(values),
                mode="lines+markers",
                customdata=[
                    [f"of the pool {choice.of_pool}", words.interval(e)] for choice, e in points
                ],
                hovertemplate="%{customdata[0]}: <b>%{customdata[1]}</b>"
                "<extra>%{fullData.name}</extra>",
            )
        )
    if not traces:
        return None
    shares = [100 * share for share in track.spec.shares]
    return figure_of(
        traces,
        height=360,
        margin={"l": 8, "r": 12, "t": 8, "b": 44},
        xaxis={
            "title": {"text": "images that may be chosen, % of the pool", "standoff": 8},
            "type": "log",
            "range": [math.log10(0.8 * min(shares)), math.log10(1.25 * max(shares))],
            "tickvals": shares,
            "ticktext": [f"{share:g}" for share in shares],
            "fixedrange": True,
            "zeroline": False,
        },
        yaxis={
            "title": {"text": "AP50" if kind == "detection" else "%", "standoff": 6},
            "fixedrange": True,
            "automargin": True,
            "zeroline": False,
            "nticks": 7,
        },
    )


def main_shots(track: Track) -> int:
    """The number of labels that most choices have."""
    shots = [choice.shots for choice in track.choices]
    return max(set(shots), key=lambda number: (shots.count(number), number))


def table(track: Track, kind: str) -> list[dict[str, Any]]:
    """A line for each choice, the best of a budget first: the average, and every target.

    Each score has the address of its record, of the first seed's where there are several.
    """
    targets = track.targets(kind)
    lines = [
        {
            "choice": choice,
            "id": f"{kind}-{slug(f'{choice.method}+shots={choice.shots}+share={choice.share}')}",
            "average": track.average(choice, kind),
            "scores": [
                (track.score(choice, kind, target), found and cell_address(found))
                for target in targets
                for found in [track.record(choice, kind, target)]
            ],
            "seeds": len(track.runs[choice]),
        }
        for choice in track.choices
        if any(track.score(choice, kind, target) for target in targets)
    ]

    def place(line: dict[str, Any]) -> tuple[int, float, bool, float]:
        choice, average = line["choice"], line["average"]
        score = average.value if average else 0.0
        return -choice.shots, -choice.share, average is None, -score

    return sorted(lines, key=place)


def cost_lines(
    track: Track, tables: Mapping[str, Sequence[Mapping[str, Any]]]
) -> list[dict[str, Any]]:
    """What each choice takes, and where it is seen.

    Args:
        track: of selections.
        tables: as `table` makes them, by kind: a mean over targets leads to a line of the first
            that has the choice, whose scores lead to the records of each target.

    Returns:
        Lines of `costs`, each with the addresses of its numbers: `chosen`, `extracted`, `trained`.
    """
    places: dict[Choice, str] = {}
    for row in (row for rows in tables.values() for row in rows):
        places.setdefault(row["choice"], f"#{row['id']}")
    every = [found for choice in track.choices for found in track.selections(choice)]
    seconds = [(told.extraction_seconds, f) for f in every if (told := f.record.selection)]
    lines = []
    for line in costs(track):
        choice = line["choice"]
        chosen = [found for found in track.selections(choice) if found.record.selection]
        trained = [found for run in track.runs_of(choice) for found in run.phases.values()]
        leads = dict.fromkeys(("chosen", "trained"), places.get(choice))
        if len({found.record.method.name for found in (*chosen, *trained)}) == 1:
            leads = {"chosen": cell_address(chosen[0]), "trained": cell_address(trained[0])}
        once = line["extraction"] and max(seconds, key=lambda pair: pair[0])[1]
        extracted = cell_address(once) if once else leads["chosen"]
        lines.append({**line, **leads, "extracted": extracted})
    return lines


def pictures(track: Track, site: SiteFolder) -> list[dict[str, str]]:
    """Of each target a row of its images, and one of the pool's images nearest to them."""
    found: list[dict[str, str]] = []
    if track.spec.tier == "full":
        return found  # its pool may not be passed on
    try:
        pool = load_pool(track.spec)
    except DataError:
        return []
    for choice in track.choices:
        wanted = (main_shots(track), TENTH)
        if not choice.method.endswith(f"/{_PICTURED}") or (choice.shots, choice.share) != wanted:
            continue
        for located in track.selections(choice):
            record = located.record
            told = record.selection
            if record.seeds.replicate or told is None or record.predictions is None:
                continue
            try:
                content = (located.path.parent / record.predictions.name).read_bytes()
                rows = picture_rows(pool, told.target, choice, read_arrays(content))
            except (DataError, OSError, KeyError, IndexError):
                continue  # it is damaged, or of other images: `validate` says which
            name = f"{slug(track.spec.id)}-{slug(told.target)}"
            found.append(
                {
                    "target": told.target,
                    "theirs": site.asset(f"{name}-target.png", rows[0]),
                    "chosen": site.asset(f"{name}-chosen.png", rows[1]),
                }
            )
        break
    order = list(track.spec.task_names)
    return sorted(found, key=lambda one: order.index(one["target"]))


def picture_rows(
    pool: ImageSet, target: str, choice: Choice, arrays: Mapping[str, Any]
) -> list[bytes]:
    """Two PNGs: images of a target, each once, and the first choices that are nearest to them."""
    task = TASKS.get(target)
    if not may_be_shown(task.spec):
        raise DataError("its images are not passed on")
    images = few_images(task().data(), choice.shots)
    nearest, chosen = arrays["nearest"], arrays["chosen"]
    _, first = np.unique(nearest, return_index=True)
    pairs = np.sort(first)[:_SHOWN]
    theirs = [images.ids[int(row)] for row in nearest[pairs]]
    ours = [pool.ids[int(row)] for row in chosen[pairs]]
    return [stream_rows([theirs], images)[0], stream_rows([ours], pool)[0]]
