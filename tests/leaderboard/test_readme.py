"""The README says what the records say."""

import json
import re
import shutil
from collections.abc import Iterator
from dataclasses import asdict, fields
from pathlib import Path

import pytest

from baselines import tune
from benchmark.cells import plan
from benchmark.cli import demo
from benchmark.data.styles import STYLES
from benchmark.engine.saving import SAVE_SECONDS
from benchmark.registry import OBJECTIVES, PROTOCOLS, STRATEGIES, load_shipped
from benchmark.resolve import protocol_named, resolve
from leaderboard.readme import ROOT, update
from leaderboard.readme_methods import edges, memory_trials, trials
from leaderboard.spread import ENOUGH
from tests.benchmark.engine.test_killed import KILLS


def test_the_readme_s_figures_are_those_of_the_records(own_results: Path, tmp_path: Path) -> None:
    copy = tmp_path / "README.md"
    shutil.copy(ROOT / "README.md", copy)
    update(copy, own_results)
    picture = (tmp_path / "results" / "streams.svg").read_text()
    assert picture == (ROOT / "results" / "streams.svg").read_text()
    assert copy.read_text() == (ROOT / "README.md").read_text(), (
        "the README's figures are not those of results/: run python -m leaderboard.readme"
    )


def test_the_runs_that_are_shown_have_so_many_cells_and_steps() -> None:
    load_shipped()
    spec, method = protocol_named("instance/nano"), resolve("supervised/joint")
    few, all_ = (len(plan(spec, method, 0, tasks)) for tasks in (["digits"], ["digits", "objects"]))
    text = (ROOT / "README.md").read_text()
    counts = re.findall(r"(\d+) cells computed, (\d+) found, (\d+) failed", text)
    assert counts == [(f"{few}", "0", "0"), ("0", f"{few}", "0"), (f"{all_ - few}", f"{few}", "0")]
    assert set(re.findall(r"/(\d+) cells;", text)) == {f"{few}"}
    steps = spec.budget.image_visits // method.config["batch_size"]
    assert set(re.findall(r"step …/(\d+)", text)) == {f"{steps}"}
    assert f"is put by every {SAVE_SECONDS:.0f} seconds" in text


WORDS = ("none", "one", "two", "three", "four", "five", "six", "seven", "eight")


def sentences() -> Iterator[str]:
    """Numbers that the text, not a table, tells of the code, each as the code has it."""
    load_shipped()
    streams = [PROTOCOLS.get(name) for name in PROTOCOLS.names()]
    nano = [s for s in streams if s.tier == "nano" and not s.selects and s.boundaries]
    chunks = sorted({spec.chunks for spec in nano})
    (longer,) = (spec for spec in nano if spec.longer)
    visits = longer.budget.image_visits, PROTOCOLS.get(longer.base_id).budget.image_visits
    yield f"runs {WORDS[len(demo.METHODS)]} methods on one stream"
    yield f"emoji in {WORDS[len({s.design for s in STYLES.values() if s.domain})]} designs"
    yield f"in [{' or '.join(WORDS[number] for number in chunks)} chunks]"
    yield f"with {WORDS[visits[0] // visits[1]]} times the budget"
    yield f"these leave it {WORDS[ENOUGH]} degrees of freedom"
    yield f"(a test kills one {KILLS} times)"
    (trials,) = {len(grid) for grid in tune.OBJECTIVES.values()}
    yield f"Each objective had {WORDS[trials]}, under"
    (options,) = {len(grid[0]) for grid in tune.OBJECTIVES.values()}
    (option,) = {len(grid[0]) for grid in tune.STRATEGIES.values()}
    yield f"The {WORDS[options]} of each objective"
    yield f"and the {WORDS[option]} of a strategy"
    (trials,) = {len(grid) for grid in tune.STRATEGIES.values()}
    yield from (f"`mas` and `si` had {WORDS[trials]} with", f"`lump` {WORDS[trials]} with")
    shares = {1 / 3: "a third", 1 / 2: "half"}
    each = {kind: shares[tune.VISITS[kind] / visits[1]] for kind in ("objective", "strategy")}
    yield f"Objectives had {each['objective']} of a run's visits in their trials, strategies half"
    assert each["strategy"] == "half"


def test_numbers_of_the_text_are_those_of_the_code() -> None:
    text = " ".join((ROOT / "README.md").read_text().split())
    assert [sentence for sentence in sentences() if sentence not in text] == []


def test_what_nano_uses_is_the_best_on_average() -> None:
    load_shipped()
    paths = sorted((ROOT / "results" / "tuning").glob("*.json"))
    assert {path.stem for path in paths} == {*tune.OBJECTIVES, *tune.STRATEGIES}
    for path in paths:
        rows, tried = json.loads(path.read_text()), dict[str, list[float]]()
        for row in rows:
            tried.setdefault(json.dumps(row["options"]), []).append(row["validation"])
        best = json.loads(max(tried, key=lambda options: sum(tried[options])))
        config = resolve(rows[0]["method"], {}, "nano").config
        used = {option: config[option] for option in best}
        assert used == best, path


def test_what_nano_uses_stands_beside_what_did_best() -> None:
    load_shipped()
    head, _, *lines = trials(ROOT / "results" / "tuning").splitlines()
    assert head == (
        "| Part | With | Tried | Best | Mean validation | Used | Mean validation | Worst |"
    )
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    assert len(rows) >= 12
    for part, _, tried, best, _, used, *_ in rows:
        name = part.strip("`")
        kind = OBJECTIVES if name in OBJECTIVES else STRATEGIES
        defaults = {field.name: field.default for field in fields(kind.get(name).config_class)}
        options = [told.split()[0] for told in tried.split("; ")]
        assert used == ", ".join(f"{option} {defaults[option]:g}" for option in options)
        assert best.split(", ")[0].split()[0] == options[0]
    told = {(row[0], row[1].split()[0]): (row[3], row[5]) for row in rows}
    assert told["`mas`", "`supervised/mas`"] == ("mas_weight 0.0001", "mas_weight 0.001")


@pytest.mark.parametrize(
    ("tried", "told"),
    [
        ((0.1, 0.3), "none is used at an end"),  # of two, each is at an end
        ((0.1, 0.3, 1), "cassle_weight 0.1 of `cassle` (the least)."),
        ((0.01, 0.03, 0.1), "cassle_weight 0.1 of `cassle` (the greatest)."),
        ((0.03, 0.1, 0.3), "none is used at an end"),
    ],
)
def test_a_used_value_at_an_end_of_what_was_tried_is_told(tmp_path, tried, told) -> None:
    load_shipped()
    assert resolve("moco_v2/cassle", {}, "nano").config["cassle_weight"] == 0.1
    rows = [
        {"method": "moco_v2/cassle", "options": {"cassle_weight": value}, "validation": 50.0}
        for value in tried
    ]
    (tmp_path / "cassle.json").write_text(json.dumps(rows))
    assert told in edges(tmp_path)


TRIED = [*tune.OBJECTIVES, *tune.STRATEGIES, *tune.MEMORY]


@pytest.mark.parametrize("name", TRIED)
def test_the_trials_are_those_that_are_planned(name: str) -> None:
    load_shipped()
    rows = json.loads((ROOT / "results" / "tuning" / f"{name}.json").read_text())
    planned = [asdict(trial) for trial in tune.trials(name)]
    recorded = [{key: row[key] for key in planned[0]} for row in rows]
    assert sorted(recorded, key=str) == sorted(planned, key=str)


def test_each_trial_of_the_memory_is_told(tmp_path: Path) -> None:
    kept = ROOT / "results" / "tuning"
    replay, less, lump = (
        {(row["method"], *row["options"].values()): row["validation"] for row in json.loads(text)}
        for text in (
            (kept / f"{name}.json").read_text() for name in ("memory/replay", "memory/lump", "lump")
        )
    )
    for name in ("moco_v2/replay", "supervised/replay"):  # as the README says
        assert replay[name, 0.1] < max(replay[key] for key in replay if key[0] == name)
    assert max(lump.values()) < max(less.values())
    assert max(less, key=lambda key: less[key])[1] == 0.05
    rows = [
        {"method": f"{name}/replay", "options": {"replay_share": share}, "validation": value}
        for name, share, value in (("a", 0.1, 50.04), ("b", 0.05, 60.26))
    ]
    (tmp_path / "memory").mkdir()
    (tmp_path / "memory" / "replay.json").write_text(json.dumps(rows))
    assert memory_trials(tmp_path).splitlines()[2:] == [
        "| `a/replay` | replay_share 0.1 | 50.0 % |",
        "| `b/replay` | replay_share 0.05 | 60.3 % |",
    ]
