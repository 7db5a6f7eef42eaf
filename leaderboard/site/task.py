"""The pages of the downstream tasks: what is asked, of which images, and how methods fare."""

import io
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmark.errors import DataError
from benchmark.registry import TASKS, load_shipped
from leaderboard.board import Board
from leaderboard.catalogue import FLOOR, TaskCard
from leaderboard.row import Row
from leaderboard.site.charts import MOST, dots
from leaderboard.site.folder import SiteFolder, slug
from leaderboard.site.look import Look
from leaderboard.words import KINDS, UNITS, joined

if TYPE_CHECKING:
    from benchmark.data.imageset import ImageSet
    from tasks.task import TaskSpec

#: Metrics in words.
METRICS = {
    "top1": "share of the test images that are told right",
    "mean_per_class": "share that is told right within each class, averaged over the classes",
    "map11": "11-point mean average precision over the classes",
}
#: Example images in a row, and rows; the white between them, in pixels.
_COLUMNS, _ROWS, _GAP = 20, 3, 3
#: Class names that are all listed.
_NAMES = 60


def task_contexts(
    board: Board, site: SiteFolder, looks: Mapping[str, Look]
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Address of each task's page, and what the template `task.html` shows."""
    load_shipped()
    for card in board.card.tasks:
        spec: TaskSpec | None = TASKS.get(card.name).spec if card.name in TASKS else None
        address = f"task-{slug(board.card.id)}-{slug(card.name)}.html"
        pictures, why, facts = _examples(card.name, spec, site)
        tables = {
            kind: found
            for kind in KINDS
            if kind in card.evaluations and (found := ranked(board, kind, card.name))
        }
        yield (
            address,
            {
                "name": card.name,
                "card": card,
                "spec": spec,
                "board": board,
                "id": slug(board.card.id),
                "looks": looks,
                "metric": METRICS.get(card.metric, card.metric),
                "classes": joined(spec.classes) if spec and len(spec.classes) <= _NAMES else "",
                "pictures": pictures,
                "no_picture": why,
                "facts": facts,
                "tables": tables,
                "charts": {
                    f"task-{kind}": figure
                    for kind, rows in tables.items()
                    if (figure := _chart(board, card, kind, rows, looks))
                },
            },
        )


def ranked(board: Board, kind: str, task: str) -> list[dict[str, Any]]:
    """All methods that have a task, the best first.

    Returns:
        Of each: `row`, `score`, `gain` over the untrained network or None, and `seeds`: (seed,
        value, chunks seen).
    """
    cell = kind, task
    found = []
    for row in board.rows:
        if cell not in row.scores:
            continue
        seeds = [
            (run.seed, score.value, board.card.chunks if run.last else 0)
            for run in board.runs[row.method]
            if (score := board.scores.of(run, cell))
        ]
        gain = None
        if row.method != FLOOR and FLOOR in board.runs:
            gain = board.difference(row.method, FLOOR, cell)
        found.append({"row": row, "score": row.scores[cell], "gain": gain, "seeds": seeds})
    return sorted(found, key=lambda one: -one["score"].value)


def _chart(
    board: Board,
    card: TaskCard,
    kind: str,
    rows: Sequence[Mapping[str, Any]],
    looks: Mapping[str, Look],
) -> dict[str, Any] | None:
    """The best methods on a task, and the untrained network, a line each."""
    best: list[Row] = [one["row"] for one in rows[:MOST]]
    floor = board.row(FLOOR)
    if floor and floor not in best and (kind, card.name) in floor.scores:
        best.append(floor)
    return dots(
        [row.method for row in best],
        {row.method: {row.method: row.scores[kind, card.name]} for row in best},
        looks,
        UNITS[kind],
    )


def _examples(
    name: str, spec: "TaskSpec | None", site: SiteFolder
) -> tuple[list[str], str, dict[str, int]]:
    """Addresses of example images, or why there are none; and how many images there are."""
    if spec is None:
        return [], "This installation does not know the images of this task.", {}
    if spec.tier != "nano":
        return [], "Only the images of the nano tier are shown.", {}
    try:
        images = TASKS.get(name)().data()
    except DataError:
        return (
            [],
            (
                "No picture: the images are not prepared on the machine that built this page "
                "(headwater prepare does that)."
            ),
            {},
        )
    facts = {split: len(images.indices(split)) for split in ("train", "val", "test")}
    if any("never redistributed" in source.note for source in spec.sources):
        return [], "No picture: these images may not be passed on; each user fetches them.", facts
    return [site.asset(f"task-{slug(name)}.png", contact_sheet(images))], "", facts


def contact_sheet(images: "ImageSet") -> bytes:
    """A PNG of test images, taken at equal distances: the same images give the same bytes."""
    from PIL import Image

    rows = images.indices("test")
    wanted = rows[:: max(1, len(rows) // (_COLUMNS * _ROWS))][: _COLUMNS * _ROWS]
    columns = min(_COLUMNS, len(wanted))
    wanted = wanted[: len(wanted) // columns * columns]
    side = images.images.shape[2]
    pitch = side + _GAP
    sheet = np.full((len(wanted) // columns * pitch, columns * pitch, 3), 255, np.uint8)
    for place, row in enumerate(wanted):
        top, left = divmod(place, columns)
        picture = np.asarray(images.images[int(row)]).transpose(1, 2, 0)
        sheet[top * pitch : top * pitch + side, left * pitch : left * pitch + side] = picture
    content = io.BytesIO()
    Image.fromarray(sheet[:-_GAP, :-_GAP]).save(content, "PNG")
    return content.getvalue()
