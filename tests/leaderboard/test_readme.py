"""The README says what the records say."""

import json
import shutil
from dataclasses import fields
from pathlib import Path

from benchmark.registry import OBJECTIVES, STRATEGIES, load_shipped
from benchmark.resolve import resolve
from leaderboard.readme import ROOT, update
from leaderboard.readme_methods import trials


def test_the_readme_s_figures_are_those_of_the_records(own_results: Path, tmp_path: Path) -> None:
    copy = tmp_path / "README.md"
    shutil.copy(ROOT / "README.md", copy)
    update(copy, own_results)
    picture = (tmp_path / "results" / "streams.svg").read_text()
    assert picture == (ROOT / "results" / "streams.svg").read_text()
    assert copy.read_text() == (ROOT / "README.md").read_text(), (
        "the README's figures are not those of results/: run python -m leaderboard.readme"
    )


def test_what_nano_uses_is_the_best_on_average() -> None:
    load_shipped()
    for path in sorted((ROOT / "results" / "tuning").glob("*.json")):
        rows, tried = json.loads(path.read_text()), dict[str, list[float]]()
        for row in rows:
            tried.setdefault(json.dumps(row["options"]), []).append(row["validation"])
        best = json.loads(max(tried, key=lambda options: sum(tried[options])))
        config = resolve(rows[0]["method"], {}, "nano").config
        used = {option: config[option] for option in best}
        assert (used == best) == (path.stem != "replay"), path  # as the README says


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
