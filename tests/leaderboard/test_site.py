"""The page as files: what it holds, that it is the same each time, and what it refuses."""

import base64
import hashlib
import json
import re
import shutil
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from benchmark import registry
from benchmark.data.imageset import Sample, load_image_set, write_image_set
from benchmark.errors import DataError, HeadwaterError, UsageError
from benchmark.registry import load_shipped
from benchmark.resolve import grid
from benchmark.result import Metric
from benchmark.streams.picture import stream_rows
from leaderboard import words
from leaderboard.aggregate import Results, read_results
from leaderboard.board import Board
from leaderboard.catalogue import ProtocolCard, card_from_records, find_card
from leaderboard.site import build_site
from leaderboard.site.about import about
from leaderboard.site.charts import shown_rows, shown_words
from leaderboard.site.course import course_data
from leaderboard.site.folder import SiteFolder, script_json
from leaderboard.site.look import OBJECTIVES, STRATEGIES, looks
from leaderboard.site.overview import overview_charts
from leaderboard.site.protocol import protocol_context
from leaderboard.submission.card import Card, Tuning
from tests.leaderboard.conftest import StoreWriter

METHODS = ["random_init", "moco_v2/joint", "moco_v2/sequential", "supervised/joint"]


class Reader(HTMLParser):
    """Text, tags and addresses of a page."""

    def __init__(self, page: Path) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.text = ""
        self.charts = ""
        self.scripts: dict[str, str] = {}
        self.feed(page.read_text())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in ("meta", "link", "img", "br", "input", "path", "circle"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in ("path", "circle"):
            assert self.open.pop() == tag, f"{tag} closes what is not open"

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] == "script":
            self.charts = max(self.charts, data, key=len)
            self.scripts[self.tags[-1][1].get("id") or ""] = data
        else:
            self.text += data

    def addresses(self) -> list[str]:
        found = [a.get("src") or a.get("href") or "" for _, a in self.tags]
        return [address for address in found if address and not address.startswith("#")]


def build(store: Path, output: Path, card, planned=()) -> Path:
    return build_site(store, output, planned=planned, card_of=lambda *_: card)


def digests(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_every_page_needs_nothing_but_its_folder(full_store: Path, tmp_path: Path, card) -> None:
    folder = build(full_store, tmp_path / "site", card).parent
    for page in folder.glob("*.html"):
        reader = Reader(page)
        assert reader.open == [], page
        for address in reader.addresses():
            file = address.partition("#")[0].partition("?")[0]
            assert address.startswith("data:") or (folder / file).is_file(), (page, address)
        assert not re.search(r"https?://(?!www\.w3\.org)", page.read_text()), page
    ours = [p for p in (folder / "assets").iterdir() if not p.name.startswith("plotly")]
    for path in ours:
        assert not re.search(rb"https?://(?!www\.w3\.org)", path.read_bytes()), path


def test_the_first_page_shows_what_the_records_say(full_store: Path, tmp_path: Path, card) -> None:
    reader = Reader(build(full_store, tmp_path / "site", card))
    words = " ".join(reader.text.split())
    for expected in (
        *("instance/test@1", "One training seed", "self-reported"),
        "Does sequential training keep up with joint?",
    ):
        assert expected in words, expected
    charts = json.loads(reader.charts)
    names = ("forgetting", "cost-arrivals", "cost-time", "cost-memory")
    assert sorted(charts) == sorted(f"instance-test-1-{name}" for name in names)
    points = [point for trace in charts["instance-test-1-cost-time"]["data"][1:]
              for point in trace["customdata"]]  # fmt: skip
    assert sorted(name for name, *_ in points) == sorted([*METHODS, "supervised/sequential"])
    places = {a["id"]: a for tag, a in reader.tags if tag == "div" and a.get("role") == "img"}
    assert sorted(places) == sorted(charts)  # each chart has its place,
    assert all(place["aria-label"] for place in places.values())  # and its words


def test_the_page_of_a_protocol_shows_what_the_records_say(
    full_store: Path, tmp_path: Path, card
) -> None:
    folder = build(full_store, tmp_path / "site", card).parent
    reader = Reader(folder / "protocol-instance-test-1.html")
    words = " ".join(reader.text.split())
    for expected in (
        *("instance/test@1", "CC-BY-SA-4.0", "does not know the images of this stream"),
        "headwater run -p instance/test@1 -m moco_v2/sequential --seed 0",
        "Mean ranks over the linear tasks",
    ):
        assert expected in words, expected
    charts = json.loads(reader.scripts["charts"])
    assert sorted(charts) == [
        *("band", "detection-gain", "detection-score", "fewshot-gain", "fewshot-score"),
        *("linear-gain", "linear-score", "stream"),
    ]
    names = [trace["name"] for trace in charts["linear-score"]["data"]]
    assert sorted(names) == sorted([*METHODS, "supervised/sequential"])
    assert all(len(trace["x"]) == 12 for trace in charts["linear-score"]["data"])
    places = {a["id"]: a for tag, a in reader.tags if tag == "div" and a.get("role") == "img"}
    moving = {"curve", "heat"}  # drawn from what follows; no task is known before the end
    assert sorted(places) == sorted({*charts, *moving})
    assert all(place["aria-label"] for place in places.values())
    course = json.loads(reader.scripts["course"])
    mine = next(one for one in course["methods"] if one["name"] == "moco_v2/sequential")
    assert [len(mine["along"]), len(mine["first"]), len(mine["matrix"]["aware"])] == [5, 5, 4]


def test_a_method_that_stops_early_does_not_move_along_the_stream(
    writer, tmp_path: Path, card
) -> None:
    top1 = {"top1": Metric(value=50.0, unit="%", n=4, standard_error=25.0)}
    writer.write("random_init", 0, "linear.flags", top1)
    writer.write("moco_v2/first_chunk", 1, "linear.flags", top1)
    writer.write("moco_v2/joint", 4, "linear.flags", top1)
    page = tmp_path / "site" / "protocol-instance-test-1.html"
    build(writer.root, tmp_path / "site", card)
    reader = Reader(page)
    assert "No method has been evaluated on the tasks before the end" in reader.text
    # nor is there anything of the stream's own images
    assert {"bars", "curve", "heat"}.isdisjoint(a.get("id") for _, a in reader.tags)
    links = [address for address in reader.addresses() if address.startswith("cell.html")]
    assert {address.partition("&seed=")[2] for address in links} == {
        *("0&after=0", "0&after=1", "0&after=4"),
    }
    writer.write("moco_v2/joint", 2, "linear.flags", top1)
    build(writer.root, tmp_path / "site", card)
    reader = Reader(page)
    assert "bars" in {a.get("id") for _, a in reader.tags}
    course = json.loads(reader.scripts["course"])
    assert [one["name"] for one in course["methods"] if one["moves"]] == ["moco_v2/joint"]


def test_the_course_is_of_seeds_that_have_every_step(writer) -> None:
    def write(seed: int, seen: int, value: float) -> None:
        top1 = {"top1": Metric(value=value, unit="%", n=4, standard_error=1.0)}
        writer.write("moco_v2/sequential", seen, "linear.flags", top1, seed=seed)

    for seen, value in ((1, 10.0), (2, 20.0), (4, 40.0)):
        write(0, seen, value)
    write(1, 4, 60.0)
    results = read_results(writer.root)
    board = Board(results, replace(card_from_records("instance/test@1", results), chunks=4))
    (one,) = course_data(board, board.rows, looks(["moco_v2/sequential"]))["methods"]
    pairs = [step[0] for step in one["along"]]
    assert pairs == [None, [10.0, 1.96], [20.0, 1.96], None, [40.0, 1.96]]
    assert board.score("moco_v2/sequential", ("linear", "flags")).value == 50.0


def test_charts_show_twins_then_the_best_and_the_untrained_network(writer) -> None:
    def add(method: str, value: float) -> None:
        top1 = {"top1": Metric(value=value, unit="%", n=100, standard_error=1.0)}
        writer.write(method, 0 if method == "random_init" else 4, "linear.flags", top1)

    def shown() -> tuple[list[str], str]:
        results = read_results(writer.root)
        board = Board(results, card_from_records("instance/test@1", results))
        rows = shown_rows(board)
        assert rows == tuple(row for row in board.rows if row in rows)
        return [row.method for row in rows], shown_words(board, rows)

    others = [f"method{k:02d}" for k in range(14)]
    for k, method in enumerate([*others, "random_init"]):
        add(method, 90.0 - k)
    assert shown() == ([*others[:11], "random_init"], "the best and the untrained network")
    twins = ["moco_v2/joint", "moco_v2/sequential"]
    for k, method in enumerate(twins):
        add(method, 20.0 - k)
    assert shown() == (
        [*others[:9], "random_init", *twins],
        "sequential and joint training of each objective that has both, the best of the others "
        "and the untrained network",
    )
    for k in range(6):
        add(f"o{k}/joint", 60.0 - k)
        add(f"o{k}/sequential", 40.0 - k)
    names, told = shown()
    best = [f"o{k}/{s}" for s in ("joint", "sequential") for k in range(6)][:11]
    assert names == ["random_init", *best]
    assert told == "the best of sequential and joint training and the untrained network"


def test_what_a_cost_does_not_tell_is_not_drawn(writer) -> None:
    def add(method: str, seen: int) -> None:
        top1 = {"top1": Metric(value=50.0, unit="%", n=100, standard_error=1.0)}
        writer.write(method, seen, "pretrain", chunks=(1,), visits=100 * seen)
        writer.write(method, seen, "linear.flags", top1)

    def charts() -> dict[str, dict]:
        results = read_results(writer.root)
        board = Board(results, replace(card_from_records("instance/test@1", results), chunks=4))
        return overview_charts(board, looks(row.method for row in board.rows))

    def fronts() -> list[str]:
        return [name for name, one in charts().items() if one["data"][0]["mode"] == "lines"]

    for method in ("moco_v2/joint", "moco_v2/sequential"):
        add(method, 4)
    add("moco_v2/first_chunk", 1)
    add("random_init", 0)
    told = {
        name: {point[0] for trace in one["data"] for point in trace.get("customdata", ())}
        for name, one in charts().items()
    }
    assert "moco_v2/first_chunk" in told["cost-time"]  # it is never up to date at an arrival
    assert told["cost-arrivals"] == told["cost-time"] - {"moco_v2/first_chunk"}
    assert fronts() == ["cost-arrivals", "cost-time", "cost-memory"]
    writer.cpu = "another"
    add("moco_v2/replay", 4)
    assert fronts() == ["cost-arrivals", "cost-memory"]


def test_seeds_are_up_to_a_number_where_rows_differ(writer, tmp_path: Path) -> None:
    top1 = {"top1": Metric(value=50.0, unit="%", n=4, standard_error=1.0)}
    for seed in (0, 1):
        writer.write("mine", 4, "linear.flags", top1, seed=seed)
    for told in ("Training seeds 2", "Training seeds up to 2"):
        page = build_site(writer.root, tmp_path / "site")
        for name in ("index", "protocol-instance-test-1"):
            words = " ".join(Reader(page.with_name(f"{name}.html")).text.split())
            assert told in words.replace("seeds2", "seeds 2").replace("seedsup", "seeds up")
        writer.write("other", 4, "linear.flags", top1)


def test_the_data_are_offered_in_three_ways(full_store: Path, tmp_path: Path, card) -> None:
    data = build(full_store, tmp_path / "site", card).parent / "data"
    for name in ("numbers", "costs"):
        table = pd.read_csv(data / f"{name}.csv")
        parquet = pd.read_parquet(data / f"{name}.parquet")
        lines = pd.read_json(data / f"{name}.json", orient="records")
        assert len(table) == len(parquet) == len(lines) > 100
        assert list(table.columns) == list(parquet.columns) == list(lines.columns)
    values = [
        pd.read_csv(data / "numbers.csv").value,
        pd.read_parquet(data / "numbers.parquet").value,
    ]
    assert np.allclose(*values)


def test_shards_hold_what_pages_need(full_store: Path, tmp_path: Path, card) -> None:
    folder = build(full_store, tmp_path / "site", card).parent
    (shard,) = (folder / "data/methods/instance-test-1").glob("moco-v2-joint-??????.js")
    text = shard.read_text()
    assert text.startswith("headwater.take({")
    method = json.loads(text.removeprefix("headwater.take(").removesuffix(");\n"))
    cells = method["runs"][0]["cells"]
    assert len([one for one in cells if one["cell"].startswith("linear.")]) == 12
    flags = next(one for one in cells if one["cell"] == "linear.flags")
    assert flags["file"] == "instance-test@1/moco_v2/joint/seed0/after-chunk4/linear.flags.json"
    assert flags["seeds"]["training"] == "2"  # as text: a page would round 63 bits
    packed = json.loads(
        shard.with_suffix("").with_suffix(".evidence.js").read_text()
        .removeprefix("headwater.takeEvidence(").removesuffix(");\n")
    )  # fmt: skip
    one = packed["cells"]["linear.flags"]["0"]
    parts = np.frombuffer(base64.b64decode(one["parts"]), "<i2") * one["scale"]
    assert np.linalg.norm(parts) == pytest.approx(one["error"], rel=1e-3)


@pytest.mark.parametrize("place", ["", "theirs/results", "me@home/results"])
def test_a_shard_names_the_submission_that_its_records_lie_in(
    writer, tmp_path: Path, card, place: str
) -> None:
    StoreWriter(writer.root / place).whole("their_method")
    folder = build(writer.root, tmp_path / "site", card).parent
    (shard,) = (folder / "data/methods/instance-test-1").glob("their-method-??????.js")
    told = json.loads(shard.read_text().removeprefix("headwater.take(").removesuffix(");\n"))
    assert told["bundle"] == place.partition("/")[0]


def test_the_same_records_give_the_same_bytes(full_store: Path, tmp_path: Path, card) -> None:
    one, two = (build(full_store, tmp_path / name, card).parent for name in ("one", "two"))
    assert digests(one) == digests(two)
    build(full_store, one, card)
    assert digests(one) == digests(two)


def test_the_page_grows_with_the_store(writer, tmp_path: Path, card) -> None:
    output = tmp_path / "site"
    page = build(writer.root, output, card, METHODS)
    assert "no records yet" in Reader(page).text
    writer.pretrain("moco_v2/sequential", upto=2)
    reader = Reader(build(writer.root, output, card, METHODS))
    assert "Not finished." in reader.text
    assert "pending: random_init" in reader.text
    assert "linear (all 12 tasks)" in reader.text
    writer.whole("random_init")
    writer.whole("moco_v2/sequential")
    reader = Reader(build(writer.root, output, card, METHODS))
    assert "Incomplete" not in reader.text
    assert "Pending: moco_v2/joint" in reader.text
    # nothing of earlier builds is left
    for path in writer.root.rglob("random_init"):
        shutil.rmtree(path)
    build(writer.root, output, card, METHODS)
    fresh = build(writer.root, tmp_path / "other", card, METHODS).parent
    assert digests(output) == digests(fresh)
    assert not list(output.rglob(".*"))


def without_hash(record: Path) -> str:
    """A record's text as a stranger may write it, without its own hash."""
    return re.sub(r',\n "sha256": "\w+"\n}', "\n}", record.read_text())


def test_strangers_are_escaped(writer, tmp_path: Path, card) -> None:
    name = "a</script><script>alert(1)</script><b>/sequential"
    writer.write(name.replace("/", "_"), 4, "linear.flags", error="<img src=x onerror=alert(2)>")
    writer.pretrain("random_init")
    record = next(writer.root.rglob("linear.flags.json"))
    record.write_text(without_hash(record).replace(name.replace("/", "_"), name))
    stream = next(writer.root.rglob("stream.chunks.json"))
    text = without_hash(stream).replace('"random_init"', json.dumps(name))
    stream.write_text(text)
    folder = build(writer.root, tmp_path / "site", card).parent
    for name_of, scripts in (("index", 5), ("protocol-instance-test-1", 6)):
        reader = Reader(folder / f"{name_of}.html")
        assert "alert(1)" in reader.text
        # theme, data, plotly, page, and the page's own
        assert len([tag for tag, _ in reader.tags if tag == "script"]) == scripts
        assert not any(tag in ("b", "img") for tag, _ in reader.tags)
    assert "onerror=alert(2)" in Reader(folder / "index.html").text
    charts = Reader(folder / "protocol-instance-test-1.html").scripts["course"]
    assert name in json.dumps(json.loads(charts), ensure_ascii=False)


def test_json_cannot_end_a_script() -> None:
    value = {"<!--": "</script>\u2028&"}
    assert not set("<>&\u2028") & set(script_json(value))
    assert json.loads(script_json(value)) == value


def test_a_page_of_someone_else_is_left_alone(full_store: Path, tmp_path: Path, card) -> None:
    (tmp_path / "index.html").write_text("<h1>mine</h1>")
    with pytest.raises(UsageError, match="choose another --output"):
        build(full_store, tmp_path, card)
    assert digests(tmp_path).keys() == {"index.html"}


def test_a_folder_that_cannot_be_written_to(full_store: Path, tmp_path: Path, card) -> None:
    (tmp_path / "site").write_text("a file where the folder should be")
    with pytest.raises(HeadwaterError, match="cannot write"):
        build(full_store, tmp_path / "site", card)


def test_a_broken_record_blocks_nothing(writer, tmp_path: Path, card) -> None:
    writer.whole("random_init")
    next(writer.root.rglob("linear.flags.json")).write_text("{")
    reader = Reader(build(writer.root, tmp_path / "site", card))
    assert "incomplete" in reader.text


def pool(root: Path, name: str = "pool", n: int = 120) -> None:
    samples = (
        Sample(f"{i}", np.full((8, 8, 3), 2 * i, np.uint8), 0, "train", "0" * 64) for i in range(n)
    )
    write_image_set(name, samples, class_names=("one",), root=root)


def test_a_row_of_images_is_taken_at_equal_distances(tmp_path: Path) -> None:
    pool(tmp_path)
    images = load_image_set("pool", root=tmp_path)
    chunks = [[str(i) for i in range(119, -1, -1)], ["7", "3"]]
    long, short = (
        np.asarray(Image.open(_file(tmp_path, row))) for row in stream_rows(chunks, images)
    )
    # 8 pixels of image and 1 of white each; 120 // 22 = 5: ids 119, 114, 109 ..
    assert long.shape == (8, 9 * 22, 3)
    assert long[0, ::9, 0].tolist() == [2 * (119 - 5 * i) for i in range(22)]
    assert (long[:, 8::9] == 255).all()
    assert short[0, :, 0].tolist() == [14] * 8 + [255] + [6] * 8 + [255]
    with pytest.raises(DataError, match=r"no image 'x'.*headwater prepare"):
        stream_rows([["x"]], images)


def _file(folder: Path, content: bytes) -> Path:
    path = folder / f"{hashlib.sha256(content).hexdigest()}.png"
    path.write_bytes(content)
    return path


def test_the_stream_is_pictured_once_the_pool_is_there(
    full_store: Path, tmp_path: Path, card, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HEADWATER_HOME", str(tmp_path / "home"))
    chunks = tuple(tuple(str(i) for i in range(j, 120, 4)) for j in range(4))
    card = replace(card, load_pool=lambda: load_image_set("pool"), chunk_ids=chunks)
    page = build(full_store, tmp_path / "site", card).with_name("protocol-instance-test-1.html")
    assert "not prepared on the machine" in Reader(page).text
    pool(tmp_path / "home" / "nano")
    build(full_store, tmp_path / "site", card)
    reader = Reader(page)
    pictures = [a for tag, a in reader.tags if tag == "img"]
    assert len(pictures) == 4
    assert all(a["alt"] for a in pictures)
    for a in pictures:
        with Image.open(page.parent / str(a["src"])) as image:
            assert image.size == (9 * 22, 8)


def test_looks_differ_by_more_than_hue() -> None:
    names = [f"{o}/{s}" for o in "abc" for s in ("sequential", "joint", "replay", "mas")]
    found = looks([*names, "random_init"])
    assert len({(look.hue, look.marker) for look in found.values()}) == 13
    for objective in "abc":
        assert len({found[n].dash for n in names if n.startswith(objective)}) == 4


def test_a_shipped_method_looks_the_same_on_every_page() -> None:
    few = looks(["supervised/joint", "moco_v2/sequential"])
    more = [f"{o}/{s}" for o in ("a", *OBJECTIVES) for s in ("another", *STRATEGIES)]
    many = looks(more)
    assert all(many[name] == look for name, look in few.items())
    assert {*OBJECTIVES} <= {*registry.OBJECTIVES.names()}
    assert {*STRATEGIES} <= {*registry.STRATEGIES.names()}
    # of a seventh objective hue and shape are another than those of the first
    assert many["a/joint"].hue == many["barlow_twins/joint"].hue
    assert many["a/joint"].marker != many["barlow_twins/joint"].marker


def test_images_of_the_full_tier_are_not_passed_on(tmp_path: Path) -> None:
    card = ProtocolCard("instance/full@1", 4, (), load_pool=lambda: pytest.fail("it is loaded"))
    board = Board(Results(()), card)
    context = protocol_context(board, SiteFolder(tmp_path / "site"), {})
    assert context["pictures"] == []
    assert "may not be passed on" in context["no_picture"]


def test_points_are_told_with_their_units(full_store: Path, board) -> None:
    found = board(full_store)
    names = looks(row.method for row in found.rows)
    told = {}
    for name, figure in overview_charts(found, names).items():
        rows = [point for trace in figure["data"] for point in trace.get("customdata", ())]
        told[name] = {row[0]: row[2] for row in rows}["moco_v2/joint"] if "cost" in name else ""
    assert told["cost-arrivals"] == f"{words.count(150_000)} visits"
    assert told["cost-time"].endswith(" s")
    assert told["cost-memory"].endswith("B")


@pytest.mark.parametrize(
    ("protocol", "images"),
    [
        ("instance/smoke@1", "2 chunks of procedural shapes: "),
        ("domain/nano@1", "5 chunks of emoji: "),
        ("domain/full@1", "5 chunks of DomainNet: "),
        ("instance/full@1", "4 chunks of ImageNet: "),
    ],
)
def test_a_stream_is_told_in_words(protocol: str, images: str) -> None:
    assert f"A stream of {images}" in find_card(protocol, Results(())).what


def test_all_that_is_shipped_looks_different() -> None:
    load_shipped()
    found = looks([*grid(), *registry.METHODS.names()]).values()
    assert len({(look.hue, look.marker) for look in found}) == len(found) > 50
    assert len({(look.hue, look.open, look.path) for look in found}) == len(found)


def test_a_method_s_page_tells_whose_it_is(writer, tmp_path: Path) -> None:
    writer.whole("moco_v2/replay")
    bundle = writer.root / "theirs"
    StoreWriter(bundle / "results").linear("their_method", "flags")
    card = Card(
        protocol="instance/test@1",
        method="their_method",
        title="A method of theirs",
        authors=("A. Person", "B. Person"),
        licence="Apache-2.0",
        labels=False,
        extra_data="none",
        tuning=Tuning(trials=9, on="validation images"),
        paper="https://example.org/paper",
    )
    (bundle / "card.json").write_text(card.to_json())
    found = {f.record.method.name: about(f, "nano") for f in read_results(writer.root).located}
    assert found["moco_v2/replay"] == {
        "Paper": "Chen et al. 2020; Hu et al. ICLR 2022",
        "Licence": "MIT, as all of Headwater",
    }
    assert found["their_method"]["Authors"] == "A. Person, B. Person"
    assert found["their_method"]["Licence"] == "Apache-2.0"
    assert found["their_method"]["Paper"] == "https://example.org/paper"
    (bundle / "card.json").write_text("{")
    assert about(read_results(writer.root).located[-1], "nano") == {}


def test_of_a_method_that_nobody_knows_nothing_is_told(writer) -> None:
    writer.linear("nobody/knows", "flags")
    (found,) = read_results(writer.root).located
    assert about(found, "nano") == {}
