"""`aggregate` and `site` as the command line calls them."""

import json
import urllib.request
from pathlib import Path
from threading import Thread

import pytest
import typer
from typer.testing import CliRunner

from benchmark.errors import HeadwaterError
from leaderboard import cli
from leaderboard.publish import publisher

app = typer.Typer(pretty_exceptions_enable=False)
app.command("aggregate")(cli.aggregate)
app.add_typer(cli.site, name="site")


def headwater(*words: object) -> str:
    result = CliRunner().invoke(app, [str(word) for word in words], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


def test_aggregate_prints_the_ranking(full_store: Path, tmp_path: Path) -> None:
    text = headwater("aggregate", "--store", full_store)
    assert "supervised/joint" in text
    assert "One training seed" in text
    (board,) = json.loads(headwater("aggregate", "--store", full_store, "--json"))
    assert board["protocol"] == "instance/test@1"
    assert [row["method"] for row in board["rows"]][-1] == "random_init"
    row = board["rows"][0]
    assert row["transfer"]["low"] < row["transfer"]["value"] < row["transfer"]["high"]
    headwater("aggregate", "--store", full_store, "--output", tmp_path / "out")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        *("costs.csv", "costs.json", "costs.parquet", "leaderboard.json"),
        *("numbers.csv", "numbers.json", "numbers.parquet"),
    ]
    assert json.loads((tmp_path / "out" / "leaderboard.json").read_text()) == [board]


def test_aggregate_of_nothing(tmp_path: Path) -> None:
    assert "holds no records yet" in headwater("aggregate", "--store", tmp_path)
    assert json.loads(headwater("aggregate", "--store", tmp_path, "--json")) == []


def test_site_build(full_store: Path, tmp_path: Path) -> None:
    words = ("site", "build", "--store", full_store, "--output", tmp_path / "site")
    assert headwater(*words).strip() == str(tmp_path / "site" / "index.html")
    assert json.loads(headwater(*words, "--json"))["page"].endswith("index.html")


@pytest.mark.parametrize("words", [("aggregate",), ("site", "build"), ("site", "serve")])
def test_help_has_an_example(words: tuple[str, ...]) -> None:
    assert f"Example: headwater {' '.join(words)}" in headwater(*words, "--help")


def test_the_page_is_served_to_this_machine(tmp_path: Path) -> None:
    (tmp_path / "index.html").write_text("the page")
    with cli.page_server(tmp_path, 0) as server:
        host, port = server.server_address[:2]
        assert host == "127.0.0.1"
        Thread(target=server.serve_forever, daemon=True).start()
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/") as answer:
            assert answer.read() == b"the page"
        with pytest.raises(HeadwaterError, match=f"port {port}: .*choose another --port"):
            cli.page_server(tmp_path, int(port))
        server.shutdown()


def test_the_demo_gets_a_page_and_a_table(
    full_store: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = publisher.build(full_store, tmp_path / "site", ["simclr/joint"])
    assert "simclr/joint" in page.read_text()
    publisher.print_table(full_store)
    assert "supervised/joint" in capsys.readouterr().out
