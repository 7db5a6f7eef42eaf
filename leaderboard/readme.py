"""Every figure of the README, written from the records: `python -m leaderboard.readme`."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from baselines.bench_table import read_document
from benchmark.canonical import write_whole
from benchmark.protocol import ProtocolSpec
from benchmark.registry import PROTOCOLS, load_shipped
from leaderboard.aggregate import read_results
from leaderboard.answers_picture import answer_svg
from leaderboard.board import Board, load_boards
from leaderboard.power_words import LEGEND, power_table, power_words
from leaderboard.questions import Answer, answers, nano_boards
from leaderboard.readme_bench import benchmarks, demo, engine, site
from leaderboard.readme_methods import edges, memory_trials, method_rates, references, trials
from leaderboard.readme_paper import paper
from leaderboard.readme_selection import retrieval, selection
from leaderboard.readme_streams import coverage, streams
from leaderboard.readme_tasks import against_sklearn, evaluation_rates
from leaderboard.reproduction import FILE, reproduction
from leaderboard.row import Row
from leaderboard.selection import tracks
from leaderboard.stability import seeds_elsewhere, stability
from leaderboard.streams_picture import streams_svg
from leaderboard.table import markdown_table, write_between_markers
from leaderboard.words import interval

ROOT = Path(__file__).parent.parent


def ranking(board: Board) -> str:
    """The table, with the command of each row."""
    commands = "\n".join(row.command for row in board.rows)
    again = (
        "The first seed of each row again, to the bit on the same kind of machine with as many "
        "threads; elsewhere a number moves a little, and a difference within its interval may "
        "change its sign. The page of a cell has its own command:"
    )
    return f"{markdown_table(board)}\n{again}\n\n```\n{commands}\n```"


def findings(board: Board) -> str:
    """What the records say on the course of forgetting."""
    return "\n".join(_forgetting(row) for row in board.rows if row.forgetting is not None)


def _forgetting(row: Row) -> str:
    gains = row.forgetting and row.forgetting.below
    steps = " → ".join(f"{point.value:.1f}" for _, point in row.first_chunk)
    return (
        f"- `{row.method}`: accuracy on chunk 1's held-out images along the stream {steps} %; "
        f"forgetting {interval(row.forgetting, sign=True)} points"
        f"{' (negative: it improves)' if gains else ''}."
    )


def answered(found: Sequence[Answer]) -> str:
    """The questions, each with its figure and its sentence."""
    return "\n\n".join(
        f"**{answer.question}** {answer.sentence}\n\n"
        f"![{answer.question}](results/answer-{answer.key}.svg)"
        for answer in found
    )


def protocols(specs: list[ProtocolSpec]) -> str:
    """A table of protocols: sizes, budgets and digests."""
    lines = [
        "| Protocol | Chunks | Images a chunk | Classes a chunk | Class distance within, between "
        "| Visits, sequential | joint at every arrival | Digest |",
        "| :-- | --: | --: | --: | --: | --: | --: | :-- |",
    ]
    for spec in specs:
        visits = spec.references()
        images, classes, distance = _chunks(spec)
        lines.append(
            f"| `{spec.id}` | {spec.chunks} | {images} | {classes} | {distance} "
            f"| {visits['sequential']:,} | {visits['joint_at_every_arrival']:,} "
            f"| `{spec.digest[:12]}` |"
        )
    return "\n".join([*lines, "", *_distances(specs)])


def _distances(specs: list[ProtocolSpec]) -> list[str]:
    """Whether the distant-class streams are what they are called, a sentence a tier."""
    known = {
        (spec.stream, spec.tier): spec.class_lists.get("distance")
        if spec.tier == "full"
        else spec.manifest.about.get("distance")
        for spec in specs
    }
    lines = []
    for tier in dict.fromkeys(spec.tier for spec in specs):
        distant, random = (known[f"{rule}-class", tier] for rule in ("distant", "random"))
        assert distant and random
        lines.append(
            f"At {tier}, two classes of different chunks of the distant-class stream are "
            f"{distant['between']:.2f} edges apart on average and two of one chunk "
            f"{distant['within']:.2f}; in the random-class stream it is {random['between']:.2f} "
            f"and {random['within']:.2f}."
        )
    return lines


def _chunks(spec: ProtocolSpec) -> tuple[str, str, str]:
    """Images, classes and class distance of the chunks, as far as the project itself knows."""
    if spec.tier == "full":  # the ids come from each user's images; only the classes are fixed here
        lists = spec.class_lists
        known = lists and spec.boundaries  # neighbours of a blurred chunk add some of their own
        classes = _range([len(names) for names in lists["classes"]]) if known else ""
        images = "from your copy"
        if spec.rule == "instance" and spec.boundaries:
            low = spec.pool_images[0] // spec.chunks
            images = _range([low, low + (spec.pool_images[0] % spec.chunks > 0)])
        return images, classes, _distance(lists.get("distance"))
    manifest = spec.manifest
    classes = _range([chunk["classes"] for chunk in manifest.about["chunks"]])
    return _range(manifest.sizes), classes, _distance(manifest.about.get("distance"))


def _range(numbers: Sequence[int]) -> str:
    low, high = min(numbers), max(numbers)
    return f"{low:,}" if low == high else f"{low:,} to {high:,}"


def _distance(known: Mapping[str, float] | None) -> str:
    return f"{known['within']:.2f}, {known['between']:.2f}" if known else ""


def rates(measured: dict[str, object]) -> str:
    """What `headwater bench --json` printed."""
    speeds, ratios = measured["images_per_second"], measured["headwater_over"]
    assert isinstance(speeds, dict) and isinstance(ratios, dict)
    lines = [
        "| what | images a second | headwater relative to it | quartiles |",
        "| :-- | --: | --: | --: |",
    ]
    for name, speed in speeds.items():
        low, ratio, high = ratios.get(name, ("", "", ""))
        told = f"{ratio:.2f} | {low:.2f} to {high:.2f}" if name in ratios else " | "
        lines.append(f"| {name} | {speed:.0f} | {told} |")
    workers = f"{measured['workers']} workers" if "workers" in measured else ""
    note = (
        f"{measured['benchmark']}: medians of {measured['rounds']} rounds in one run, "
        f"{workers or str(measured['threads']) + ' threads'}, batches of "
        f"{measured['batch_size']}; each ratio is of neighbours in time."
    )
    return "\n".join([*lines, "", note])


def update(readme: Path = ROOT / "README.md", results: Path = ROOT / "results") -> None:
    """Write the README's figures anew."""
    found = read_results(results)
    load_shipped()
    every = sorted(map(PROTOCOLS.get, PROTOCOLS.names()), key=lambda spec: spec.place)
    specs = [spec for spec in every if not spec.selects]
    nano = [spec for spec in specs if spec.tier == "nano"]
    full = [spec for spec in specs if spec.tier == "full"]
    every_board = load_boards(found)
    boards = nano_boards(every_board)
    (board,) = (b for b in boards if b.card.id == "instance/nano@1")
    write_between_markers(readme, "ranking", ranking(board))
    asked = answers(boards)
    for answer in asked:
        picture = readme.parent / "results" / f"answer-{answer.key}.svg"
        write_whole(picture, answer_svg(answer).encode())
    write_between_markers(readme, "answers", answered(asked))
    write_between_markers(readme, "streams", streams(boards))
    longer = [b for b in every_board if b.card.id in PROTOCOLS and PROTOCOLS.get(b.card.id).longer]
    there = coverage([*boards, *longer], [spec.id for spec in nano])
    write_between_markers(readme, "coverage", there)
    write_between_markers(readme, "paper", paper(boards, longer))
    write_between_markers(readme, "findings", findings(board))
    carried = filter(None, [*power_words(board), stability(boards)])
    power = "\n".join(f"- {line}" for line in carried)
    where = seeds_elsewhere(boards)
    write_between_markers(readme, "power", f"{power}\n\n{power_table(boards)}\n\n{LEGEND} {where}")
    write_between_markers(readme, "protocols", protocols(nano + full))
    drawn = [spec for spec in nano if not spec.longer]
    write_whole(readme.parent / "results" / "streams.svg", streams_svg(drawn).encode())
    for marker, benchmark, told in (
        ("rates", "steps", rates),
        ("loader", "loader", rates),
        ("tasks", "tasks", evaluation_rates),
        ("methods", "methods", method_rates),
    ):
        write_between_markers(readme, marker, told(read_document(results, benchmark)))
    compared = json.loads((results / "against-sklearn.json").read_text(encoding="utf-8"))
    write_between_markers(readme, "sklearn", against_sklearn(compared))
    write_between_markers(readme, "references", references())
    tuned = results / "tuning"
    write_between_markers(readme, "trials", f"{trials(tuned)}\n\n{edges(tuned)}")
    write_between_markers(readme, "memory", memory_trials(tuned))
    write_between_markers(readme, "demo", demo(results, drawn))
    write_between_markers(readme, "engine", engine(read_document(results, "engine")))
    write_between_markers(readme, "bench", benchmarks(results))
    tried = [track for track in tracks(found) if track.spec.id == "selection/nano@1"]
    write_between_markers(readme, "selection", selection(tried[0] if tried else None))
    indexed = json.loads((results / "bench-retrieval.json").read_text(encoding="utf-8"))
    write_between_markers(readme, "retrieval", retrieval(indexed))
    again = json.loads((results / FILE).read_text(encoding="utf-8"))
    now = sum(f.record.kind == "evaluation" and bool(f.record.metrics) for f in found.located)
    write_between_markers(readme, "verify", reproduction(again, now))
    built = json.loads((results / "bench-site.json").read_text(encoding="utf-8"))
    write_between_markers(readme, "site", site(built))


if __name__ == "__main__":
    update()
