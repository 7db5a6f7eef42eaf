"""The pages of tasks and of changes, and the one that says how to submit."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from benchmark.data.imageset import Sample, load_image_set, write_image_set
from benchmark.result import Metric
from leaderboard.aggregate import read_results
from leaderboard.board import Board
from leaderboard.catalogue import find_card
from leaderboard.site import build_site
from leaderboard.site.folder import SiteFolder, slug
from leaderboard.site.look import looks
from leaderboard.site.task import contact_sheet, ranked, task_contexts
from leaderboard.submission.findings import RULES
from tests.leaderboard.test_site import Reader, build


def task_page(folder: Path, task: str) -> Path:
    return folder / f"task-instance-test-1-{slug(task)}.html"


def test_a_task_s_page_ranks_all_methods_that_have_it(
    full_store: Path, tmp_path: Path, card
) -> None:
    folder = build(full_store, tmp_path / "site", card).parent
    board = Board(read_results(full_store), card)
    reader = Reader(task_page(folder, "flags"))
    words = " ".join(reader.text.split())
    assert "countries from their flags" in words
    found = ranked(board, "linear", "flags")
    values = [one["score"].value for one in found]
    assert values == sorted(values, reverse=True)
    assert len(found) == 5
    order = [words.index(one["row"].method, words.index("over untrained")) for one in found]
    assert order == sorted(order)
    gain = board.compare("moco_v2/joint", "random_init")["linear", "flags"]
    mine = next(one for one in found if one["row"].method == "moco_v2/joint")
    assert mine["gain"] == gain
    links = [a["href"] for tag, a in reader.tags if tag == "a" and "cell.html" in str(a["href"])]
    assert len(links) == 10  # five methods, linear and few-shot
    assert any("seed=0&after=0" in str(link) for link in links)  # what is not trained


def test_every_task_has_its_page(full_store: Path, tmp_path: Path, card) -> None:
    folder = build(full_store, tmp_path / "site", card).parent
    assert len(list(folder.glob("task-*.html"))) == 12
    solar = Reader(task_page(folder, "solar"))
    assert not any(tag == "img" for tag, _ in solar.tags)


@pytest.mark.data
def test_images_are_shown_where_they_may_be(tmp_path: Path) -> None:
    results = read_results(Path(__file__).parents[2] / "results")
    board = Board(results, find_card("instance/nano@1", results))
    own = looks([row.method for row in board.rows])
    pages = {c["name"]: c for _, c in task_contexts(board, SiteFolder(tmp_path), own)}
    assert len(pages) == 12
    assert pages["solar"]["pictures"] == []
    assert "may not be passed on" in pages["solar"]["no_picture"]
    assert pages["solar"]["facts"]["test"] > 100
    assert all(page["pictures"] for name, page in pages.items() if name != "solar")


def test_a_contact_sheet_is_the_same_each_time(tmp_path: Path) -> None:
    samples = (
        Sample(f"{i}", np.full((8, 8, 3), i, np.uint8), 0, "test" if i % 2 else "train", "0" * 64)
        for i in range(250)
    )
    write_image_set("one", samples, class_names=("one",), root=tmp_path)
    images = load_image_set("one", root=tmp_path)
    content = contact_sheet(images)
    assert content == contact_sheet(images)
    sheet = np.asarray(Image.open(io.BytesIO(content)))
    assert sheet.shape == (3 * 11 - 3, 20 * 11 - 3, 3)
    # of 125 test images every second: 1, 5, 9 ..
    assert [int(sheet[0, 11 * i, 0]) for i in range(3)] == [1, 5, 9]
    assert int(sheet[0, 8, 0]) == 255


def test_changes_say_what_is_stale_and_what_cannot_be_read(writer, tmp_path: Path, card) -> None:
    metrics = {"top1": Metric(value=50.0, unit="%", n=4, standard_error=25.0)}
    writer.write("moco_v2/joint", 4, "linear.flags", metrics, source="old")
    writer.linear("moco_v2/joint", "letters")
    writer.linear("moco_v2/joint", "mnist")
    next(writer.root.rglob("linear.mnist.json")).write_text("<script>alert(1)</script>")
    page = build_site(writer.root, tmp_path / "site", card_of=lambda *_: card)
    reader = Reader(page.with_name("changelog.html"))
    words = " ".join(reader.text.split())
    assert "moco_v2/jointinstance/test@1the method's code has changed12026-03-01" in words
    assert "instance-test@1/moco_v2/joint/seed0/after-chunk4/linear.mnist.json" in words
    assert str(tmp_path) not in page.with_name("changelog.html").read_text()
    assert len([tag for tag, _ in reader.tags if tag == "script"]) == 3


def test_how_to_submit_names_every_rule(full_store: Path, tmp_path: Path, card) -> None:
    page = build(full_store, tmp_path / "site", card).with_name("submit.html")
    text = Reader(page).text
    assert all(code in text and rule in text for code, rule in RULES.items())
    assert "headwater validate" in text
