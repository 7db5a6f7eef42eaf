"""The README says what the records say."""

import shutil
from pathlib import Path

from leaderboard.readme import ROOT, update


def test_the_readme_s_figures_are_those_of_the_records(own_results: Path, tmp_path: Path) -> None:
    copy = tmp_path / "README.md"
    shutil.copy(ROOT / "README.md", copy)
    update(copy, own_results)
    picture = (tmp_path / "results" / "streams.svg").read_text()
    assert picture == (ROOT / "results" / "streams.svg").read_text()
    assert copy.read_text() == (ROOT / "README.md").read_text(), (
        "the README's figures are not those of results/: run python -m leaderboard.readme"
    )
