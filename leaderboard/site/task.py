"""The pages of the downstream tasks: what is asked, of which images, and how methods fare."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from benchmark.data.home import home
from benchmark.errors import DataError
from benchmark.registry import TASKS, load_shipped
from leaderboard.board import Board
from leaderboard.catalogue import FLOOR, TaskCard
from leaderboard.row import Row
from leaderboard.site.charts import Figure, dots, trace_of
from leaderboard.site.examples import examples
from leaderboard.site.folder import SiteFolder, slug
from leaderboard.site.look import Look
from leaderboard.words import KINDS, UNITS, joined, number

if TYPE_CHECKING:
    from tasks.task import Task, TaskSpec

#: Metrics: name, and in words.
METRICS = {
    "top1": ("Top-1 accuracy", "the share of the test images that are told right"),
    "mean_per_class": (
        "Mean per-class accuracy",
        "the share that is told right within each class, averaged over the classes",
    ),
    "map11": (
        "11-point mean average precision",
        "VOC 2007's average precision of each class, averaged over the classes",
    ),
}
SPLITS = {"train": "Training images", "val": "Validation images", "test": "Test images"}
#: How many methods a chart shows, and how many names of classes are listed.
MOST, NAMES = 20, 60


def task_contexts(
    board: Board, site: SiteFolder, looks: Mapping[str, Look]
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Address of each task's page, and what the template `task.html` shows."""
    load_shipped()
    recorded = _recorded(board)
    for card in board.card.tasks:
        known = recorded.get(card.name, [])
        task: type[Task] | None = TASKS.get(card.name) if card.name in TASKS else None
        if task and known and task.spec.data_sha256 not in (None, *(sha for _, sha in known)):
            task = None  # the name is that of other images
        spec = task.spec if task else None
        tables = {
            kind: found
            for kind in KINDS
            if kind in card.evaluations and (found := ranked(board, kind, card.name))
        }
        charts = {
            f"task-{kind}": figure
            for kind, rows in tables.items()
            if (figure := task_chart(board, card, kind, rows, looks))
        }
        yield (
            task_address(board, card),
            {
                "name": card.name,
                "card": card,
                "spec": spec,
                "board": board,
                "id": slug(board.card.id),
                "looks": looks,
                "metric": METRICS.get(card.metric, (card.metric, "")),
                "n_classes": task.n_classes() if task else 0,
                "classes": joined(spec.classes) if spec and len(spec.classes) <= NAMES else "",
                "data_versions": sorted(
                    {n for n, _ in known} or ({spec.version} if spec else set())
                ),
                "hashes": sorted({sha for _, sha in known} or _declared(spec)),
                "splits": SPLITS,
                "tables": tables,
                "charts": charts,
                "most": MOST,
                **_pictures(task, site),
            },
        )


def task_address(board: Board, card: TaskCard) -> str:
    """Name of a task's page."""
    return f"task-{slug(board.card.id)}-{slug(card.name)}.html"


def _declared(spec: "TaskSpec | None") -> set[str]:
    return {spec.data_sha256} if spec and spec.data_sha256 else set()


def _recorded(board: Board) -> dict[str, list[tuple[int, str]]]:
    """Version and data hash of each task in the records that count."""
    found: dict[str, set[tuple[int, str]]] = {}
    for runs in board.runs.values():
        for one in (located for run in runs for located in run.evaluations.values()):
            if task := one.record.task:
                found.setdefault(task.name, set()).add((task.version, task.data_sha256))
    return {name: sorted(pairs) for name, pairs in found.items()}


def ranked(board: Board, kind: str, task: str) -> list[dict[str, Any]]:
    """All methods that have a task, the best first.

    Args:
        board: of the protocol.
        kind: linear, fewshot or detection.
        task: its name.

    Returns:
        Of each: `row`, `score`, `gain` over the untrained network or None, and `seeds`: (seed,
        value, chunks seen).

    Example:
        >>> from leaderboard.aggregate import Results
        >>> from leaderboard.catalogue import ProtocolCard
        >>> ranked(Board(Results(()), ProtocolCard("instance/nano@1", 4, ())), "linear", "flags")
        []
    """
    cell = kind, task
    found = []
    for row in board.rows:
        if cell not in row.scores:
            continue
        seeds = [
            (run.seed, score.value, board.scores.last(run))
            for run in board.runs[row.method]
            if (score := board.scores.of(run, cell))
        ]
        gain = None
        if row.method != FLOOR and FLOOR in board.runs:
            gain = board.difference(row.method, FLOOR, cell)
        found.append({"row": row, "score": row.scores[cell], "gain": gain, "seeds": seeds})
    return sorted(found, key=lambda one: (-one["score"].value, one["row"].method))


def task_chart(
    board: Board,
    card: TaskCard,
    kind: str,
    rows: Sequence[Mapping[str, Any]],
    looks: Mapping[str, Look],
) -> Figure | None:
    """The best methods on a task, a line each, and the untrained network, also as a level.

    Where a method has several seeds, a small point for each is below the mean.

    Args:
        board: of the protocol.
        card: of the task.
        kind: linear, fewshot or detection.
        rows: as `ranked` gives them.
        looks: of the methods.

    Returns:
        The figure; None without rows.
    """
    best: list[Row] = [one["row"] for one in rows[:MOST]]
    floor, cell = board.row(FLOOR), (kind, card.name)
    level = floor.scores.get(cell) if floor else None
    if floor and level and floor not in best:
        best = [*best[: MOST - 1], floor]
    title = {"detection": UNITS[kind], "fewshot": "accuracy, %"}.get(
        kind, f"{METRICS.get(card.metric, ('score', ''))[0]}, %"
    )
    figure = dots(
        [row.method for row in best],
        {row.method: {row.method: row.scores[cell]} for row in best},
        looks,
        title,
    )
    if figure:
        seeds = {one["row"].method: one["seeds"] for one in rows}
        figure["data"][:0] = [
            _seed_points(lane, row.method, looks[row.method], seeds[row.method])
            for lane, row in enumerate(best)
            if len(seeds[row.method]) > 1
        ]
    if figure and floor and level:
        figure["data"].insert(
            0,
            {
                "type": "scatter",
                "x": [round(level.value, 3)] * 2,
                "y": [-0.5, len(best) - 0.5],
                "mode": "lines",
                "hoverinfo": "skip",
                "name": "untrained",
                "meta": {"hue": looks[floor.method].hue},
                "line": {"width": 1.25, "dash": "dot"},
            },
        )
    return figure


def _seed_points(
    lane: int, method: str, look: Look, seeds: Sequence[tuple[int, float, int]]
) -> Figure:
    """A method's seeds, drawn as on its own page."""
    return trace_of(
        method,
        look,
        x=[round(value, 3) for _, value, _ in seeds],
        y=[lane + 0.27] * len(seeds),
        mode="markers",
        customdata=[[seed, number(value)] for seed, value, _ in seeds],
        hovertemplate="%{fullData.name}: %{customdata[1]}<extra>seed %{customdata[0]}</extra>",
        marker={"symbol": "circle", "size": 4, "line": {"width": 0}},
        meta={"hue": look.hue, "of": "seeds"},
    )


def _pictures(task: "type[Task] | None", site: SiteFolder) -> dict[str, Any]:
    """Addresses of example images, or why there are none; and how many images there are."""
    told: dict[str, Any] = {"pictures": [], "boxed": "", "no_picture": "", "counts": {}}
    if task is None:
        why = "This installation does not know the images of this task."
        return {**told, "no_picture": why}
    if task.spec.tier != "nano":
        why = "No picture: only images of the nano tier may be passed on, and are shown."
        return {**told, "no_picture": why}
    try:
        found = examples(task.spec.name, home())
    except DataError:
        why = (
            "No picture: the images are not prepared on the machine that built this page "
            "(headwater prepare does that)."
        )
        return {**told, "no_picture": why}
    told["counts"] = found.counts
    if not found.rows:
        terms = " and ".join(sorted({source.licence for source in task.spec.sources}))
        why = f"No picture: these images ({terms}) are fetched by each user, and never passed on."
        return {**told, "no_picture": why}
    name = f"task-{slug(task.spec.name)}"
    told["pictures"] = [
        (kind, site.asset(f"{name}-row{n}.png", row)) for n, (kind, row) in enumerate(found.rows, 1)
    ]
    if found.boxed:
        told["boxed"] = site.asset(f"{name}-boxes.png", found.boxed)
    return told
