"""The pages of tasks, and what all pages of the site have in common."""

import io
import itertools
import json
import re
import shutil
from dataclasses import replace
from html import escape
from pathlib import Path

import numpy as np
import plotly.graph_objects as plotly
import pytest
from PIL import Image

from benchmark.data.imageset import ImageSet, Sample, load_image_set, write_image_set
from benchmark.registry import TASKS, load_shipped
from benchmark.result import Metric
from leaderboard.aggregate import Results, read_results
from leaderboard.board import Board
from leaderboard.catalogue import TaskCard, card_from_records, find_card
from leaderboard.site import build_site
from leaderboard.site import examples as pictures
from leaderboard.site.examples import boxed_row, class_rows
from leaderboard.site.folder import SiteFolder, slug
from leaderboard.site.look import looks
from leaderboard.site.notes import changes
from leaderboard.site.task import MOST, ranked, task_chart, task_contexts
from leaderboard.words import interval
from tests.leaderboard.conftest import sha
from tests.leaderboard.test_site import Reader, build, digests

RESULTS = Path(__file__).parents[2] / "results"
WICKED = "</script><img src=x onerror=alert(1)>&<b>mine</b>"


def task_page(folder: Path, task: str) -> Path:
    return folder / f"task-instance-test-1-{slug(task)}.html"


def words(page: Path) -> str:
    return " ".join(Reader(page).text.split())


@pytest.fixture(scope="module")
def site(full_store: Path, tmp_path_factory: pytest.TempPathFactory, card) -> Path:
    return build(full_store, tmp_path_factory.mktemp("tasks") / "site", card).parent


def test_a_task_s_page_ranks_all_methods_that_have_it(site: Path, full_store: Path, card) -> None:
    board = Board(read_results(full_store), card)
    reader = Reader(task_page(site, "flags"))
    text = " ".join(reader.text.split())
    assert "countries from their flags" in text
    assert "Top-1 accuracy (top1): the share of the test images" in text
    found = ranked(board, "linear", "flags")
    values = [one["score"].value for one in found]
    assert values == sorted(values, reverse=True)
    assert len(found) == 5
    order = [text.index(one["row"].method, text.index("Over untrained")) for one in found]
    assert order == sorted(order)
    gain = board.compare("moco_v2/joint", "random_init")["linear", "flags"]
    mine = next(one for one in found if one["row"].method == "moco_v2/joint")
    assert mine["gain"] == gain
    cells = [str(a["href"]) for tag, a in reader.tags if tag == "a" and "cell.html" in str(a)]
    assert len(cells) == 10  # five methods, linear and few-shot
    untrained = f"cell.html?of=instance-test-1/{slug('random_init')}&cell=linear.flags&seed=0"
    assert f"{untrained}&after=0" in cells
    trained = f"cell.html?of=instance-test-1/{slug('moco_v2/joint')}&cell=fewshot.flags&seed=0"
    assert f"{trained}&after=4" in cells


def test_every_task_has_its_page_and_every_chart_its_words(site: Path, card) -> None:
    assert len(list(site.glob("task-*.html"))) == len(card.tasks) == 12
    for page in site.glob("task-*.html"):
        reader = Reader(page)
        charts = json.loads(reader.scripts["charts"])
        places = {a["id"]: a for tag, a in reader.tags if a.get("role") == "img" and tag == "div"}
        assert sorted(places) == sorted(charts)
        assert len(charts) == 2
        assert all(
            "table beside" in str(place["aria-label"]) and place["class"] == "chart"
            for place in places.values()
        )
    assert "task-detection" in json.loads(Reader(task_page(site, "scenes")).scripts["charts"])


def _figures(charts: dict[str, dict]) -> list[dict]:
    """By name, or by protocol and name."""
    if "data" in charts:
        return [charts]
    return [figure for inner in charts.values() for figure in _figures(inner)]


@pytest.mark.parametrize("pattern", ["index*", "protocol-*", "task-*"])
def test_charts_are_of_plotly_s_schema(site: Path, pattern: str) -> None:
    found = [json.loads(Reader(page).scripts["charts"]) for page in site.glob(f"{pattern}.html")]
    figures = [figure for charts in found for figure in _figures(charts)]
    assert figures
    for figure in figures:
        plotly.Figure(figure)  # raises at what plotly does not know
        with pytest.raises(ValueError, match="heigth"):
            plotly.Figure({**figure, "layout": {"heigth": 3}})


@pytest.mark.parametrize("pattern", ["task-*", "changelog*", "submit*"])
def test_headings_are_in_order(site: Path, pattern: str) -> None:
    for page in site.glob(f"{pattern}.html"):
        levels = [int(tag[1]) for tag, _ in Reader(page).tags if re.fullmatch(r"h\d", tag)]
        assert levels[0] == 1
        assert levels.count(1) == 1
        assert all(b <= a + 1 for a, b in itertools.pairwise(levels)), page


def test_every_link_of_the_site_leads_somewhere(site: Path) -> None:
    for page in site.glob("*.html"):
        for address in Reader(page).addresses():
            if address.startswith("data:"):
                continue
            file, _, query = address.partition("#")[0].partition("?")
            assert (site / file).is_file(), (page, address)
            if of := re.match(r"of=([^&]+)", query):
                assert (site / "data" / "methods" / f"{of[1]}.js").is_file(), (page, address)


def test_no_page_tells_where_it_was_built(site: Path, full_store: Path) -> None:
    for page in site.glob("*.html"):
        text = page.read_text()
        for folder in (site, full_store, Path.home(), Path.cwd()):
            assert str(folder) not in text, (page, folder)


def test_the_chart_shows_the_best_and_the_untrained_network(writer) -> None:
    methods = [f"method{k:02d}" for k in range(25)]
    for k, method in enumerate([*methods, "random_init"]):
        after = 0 if method == "random_init" else 4
        number = Metric(value=90.0 - k, unit="%", n=100, standard_error=1.0)
        writer.write(method, after, "linear.flags", {"top1": number})
    results = read_results(writer.root)
    card = card_from_records("instance/test@1", results)
    board = Board(results, card)
    rows = ranked(board, "linear", "flags")
    figure = task_chart(board, card.tasks[0], "linear", rows, looks([r.method for r in board.rows]))
    assert figure is not None
    level, *points = figure["data"]
    assert [one["name"] for one in points] == [*methods[: MOST - 1], "random_init"]
    assert level["x"] == [65.0, 65.0]
    assert level["y"] == [-0.5, MOST - 0.5]
    assert points[0]["error_x"]["array"] == [1.96]
    assert "color" not in json.dumps(figure["data"])


def test_a_protocol_and_a_task_that_are_not_registered(writer, tmp_path: Path) -> None:
    number = Metric(value=41.5, unit="%", n=100, standard_error=2.0)
    writer.write("mine", 2, "linear.unheard_of", {"top1": number}, protocol="strange/test@7")
    page = build_site(writer.root, tmp_path / "site")
    text = words(page.with_name(f"task-strange-test-7-{slug('unheard_of')}.html"))
    assert "does not know the images of this task" in text
    assert sha("unheard_of")[:12] in text
    assert "41.5 ± 3.9" in text
    assert "To be told" not in text
    assert "Classes" not in text


def test_the_name_of_other_images_is_not_enough(full_store: Path, tmp_path: Path, card) -> None:
    load_shipped()
    board = Board(read_results(full_store), card)  # with data of its own under the names of ours
    own = looks([row.method for row in board.rows])
    found = {c["name"]: c for _, c in task_contexts(board, SiteFolder(tmp_path), own)}
    assert all(page["spec"] is None for page in found.values())
    assert found["flags"]["hashes"] == [sha("flags")]
    assert not list(tmp_path.rglob("*.png"))
    pending = Board(read_results(tmp_path), replace(card, tasks=card.tasks[-1:]))
    ((_, scenes),) = task_contexts(pending, SiteFolder(tmp_path), {})
    assert scenes["hashes"] == [TASKS.get("scenes").spec.data_sha256]
    assert scenes["n_classes"] == 10


def image_set(root: Path, *, many: bool = False, boxes: bool = False) -> ImageSet:
    samples = (
        Sample(
            f"{i}",
            np.full((8, 8, 3), i, np.uint8),
            (i % 4, 3) if many and i % 4 < 3 else (i % 4,) if many else i % 4,
            "test" if i % 8 < 4 else "train",
            "0" * 64,
            boxes=((1.0, 2.0, 5.0, 6.0, 0),) if boxes else (),
        )
        for i in range(240)
    )
    write_image_set("one", samples, class_names=("a", "b", "c", "d", "none"), root=root)
    return load_image_set("one", root=root)


def pixels(content: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(content)))


def test_rows_of_classes_are_the_same_each_time(tmp_path: Path) -> None:
    images = image_set(tmp_path)
    found = class_rows(images)
    assert found == class_rows(images)
    assert [name for name, _ in found] == ["a", "b", "c", "d"]  # a class without images is left out
    # of the 30 test images of "b", 1, 9, 17 .., the first 22; 8 pixels of image and 1 of white
    row = pixels(found[1][1])
    assert row.shape == (8, 22 * 9, 3)
    assert row[0, ::9, 0].tolist() == [1 + 8 * i for i in range(22)]
    many = dict(class_rows(image_set(tmp_path / "many", many=True)))
    assert list(many) == ["a", "b", "c", "d"]
    # all 120 test images have "d": 0, 1, 2, 3, 8 .., of which every fifth is shown
    assert pixels(many["d"])[0, :27:9, 0].tolist() == [0, 9, 18]
    assert boxed_row(images) is None


def test_boxes_are_framed(tmp_path: Path) -> None:
    content = boxed_row(image_set(tmp_path, boxes=True))
    assert content is not None
    sheet = pixels(content)
    assert sheet.shape == (16, 8 * 24 - 8, 3)  # twice the size, 8 pixels of white between
    frame = (sheet[:, :16] == (255, 0, 170)).all(2)
    assert frame[4:12, 2:10].any(1).all()
    assert not frame[:4].any()
    assert not frame[:, :2].any()
    assert not frame[6:10, 4:8].any()  # what is inside stays to be seen


def test_what_may_not_be_passed_on_is_not_shown(
    tmp_path: Path, card, monkeypatch: pytest.MonkeyPatch
) -> None:
    load_shipped()
    images = image_set(tmp_path)
    monkeypatch.setenv("HEADWATER_HOME", str(tmp_path / "home"))
    for name in ("solar", "digits"):
        monkeypatch.setattr(TASKS.get(name), "data", lambda _: images)
    chosen = [TaskCard(n, n, "top1", ("linear",)) for n in ("solar", "digits", "flags")]
    board = Board(read_results(tmp_path), replace(card, tasks=tuple(chosen)))
    pictures.examples.cache_clear()
    try:
        found = {c["name"]: c for _, c in task_contexts(board, SiteFolder(tmp_path / "s"), {})}
    finally:
        pictures.examples.cache_clear()
    assert found["solar"]["pictures"] == []
    assert "CC-BY-NC-SA-4.0" in found["solar"]["no_picture"]
    assert "never passed on" in found["solar"]["no_picture"]
    assert found["solar"]["counts"] == {"train": 120, "val": 0, "test": 120}
    assert len(found["digits"]["pictures"]) == 4
    assert "not prepared on the machine" in found["flags"]["no_picture"]
    assert not list((tmp_path / "s").rglob("*solar*.png"))


def test_the_numbers_of_an_answer_are_in_a_table_below_its_chart(tmp_path: Path) -> None:
    for strategy in ("sequential", "joint"):
        own = f"instance-nano@1/moco_v2/{strategy}/seed0"
        shutil.copytree(RESULTS / own, tmp_path / "runs" / own)
    board = Board(read_results(tmp_path / "runs"), find_card("instance/nano@1", Results(())))
    page = build_site(tmp_path / "runs", tmp_path / "site")
    reader, text = Reader(page), words(page)
    charts = [a for _, a in reader.tags if a.get("role") == "img" and "answer-" in str(a.get("id"))]
    labels = [str(a["aria-label"]) for a in charts]
    assert labels
    assert all("the numbers are in the table below" in label for label in labels)
    gap = interval(board.gap("moco_v2/sequential", "moco_v2/joint"), sign=True)
    assert "The numbers as a table sequential less joint, pointsmoco_v2" in text
    assert f"instance{gap}" in text
    assert text.count("The numbers as a table") == len(labels)


@pytest.mark.data
def test_images_are_shown_where_they_may_be(tmp_path: Path) -> None:
    shutil.copytree(RESULTS / "instance-nano@1" / "random_init",
                    tmp_path / "runs" / "instance-nano@1" / "random_init")  # fmt: skip
    page = build_site(tmp_path / "runs", tmp_path / "site", card_of=find_card)
    for task in page.parent.glob("task-*.html"):
        shown = [a for tag, a in Reader(task).tags if tag == "img"]
        assert bool(shown) is ("solar" not in task.name), task
        assert all(a["alt"] for a in shown)
        assert "Test images" in words(task)
    scenes = next(page.parent.glob("task-*scenes*.html"))
    assert "each thing that a detector has to find is framed" in scenes.read_text()
    assert not list((page.parent / "assets").glob("*solar*"))


def test_strangers_names_and_problems_are_text(writer, tmp_path: Path, card) -> None:
    number = Metric(value=50.0, unit="%", n=100, standard_error=1.0)
    for source, task in (("old", "flags"), ("new", "letters")):
        record = writer.write("plainname", 4, f"linear.{task}", {"top1": number}, source=source)
        text = re.sub(r',\n "sha256": "\w+"\n}', "\n}", record.read_text())
        record.write_text(text.replace('"name": "plainname"', f'"name": {json.dumps(WICKED)}'))
    folder = build(writer.root, tmp_path / "site", card).parent
    for page in (task_page(folder, "letters"), folder / "changelog.html"):
        reader = Reader(page)
        assert WICKED in reader.text
        assert not any(tag in ("img", "b") for tag, _ in reader.tags), page
    figure = json.loads(Reader(task_page(folder, "letters")).scripts["charts"])["task-linear"]
    # plotly reads markup, too
    (trace,) = figure["data"]
    told = [trace["name"], trace["customdata"][0][0], *figure["layout"]["yaxis"]["ticktext"]]
    assert told == [escape(WICKED, quote=False)] * 3
    assert trace["meta"]["method"] == WICKED
    results = read_results(writer.root)
    results.problems.append(f"{writer.root}/x.json: {WICKED}; rerun the cell")
    assert changes([], [], results.problems, writer.root)["problems"] == [
        f"x.json: {WICKED}; rerun the cell"
    ]


def test_the_same_records_give_the_same_pages(site: Path, full_store: Path, tmp_path, card) -> None:
    again = build(full_store, tmp_path / "again", card).parent
    assert digests(again) == digests(site)
