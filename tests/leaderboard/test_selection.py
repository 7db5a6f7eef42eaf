"""The track of selections: sorted into choices, averaged and paired by hand, and its page."""

import json
import math
import re
from pathlib import Path
from urllib.parse import unquote

import numpy as np
import plotly.graph_objects as plotly
import pytest

from benchmark.errors import UsageError
from benchmark.registry import PROTOCOLS, load_shipped
from benchmark.result import Chosen, Metric
from leaderboard.aggregate import read_results
from leaderboard.board import load_boards
from leaderboard.cli import aggregate
from leaderboard.compare_cli import compare
from leaderboard.readme_selection import retrieval, selection
from leaderboard.selection import Choice, Track, tracks
from leaderboard.selection_words import beside, choice_of, costs, hypothesis
from leaderboard.site import build_site
from leaderboard.site.folder import slug
from tests.leaderboard.conftest import StoreWriter
from tests.leaderboard.test_site import Reader

load_shipped()
SMOKE = "selection/smoke@1"
SEPT = Choice("moco_v2/sept", 10, 0.1)
RANDOM = Choice("moco_v2/random_k", 10, 0.1)
WHOLE = Choice("moco_v2/all", 10, 1.0)


def answers(right: int, seed: int = 0) -> dict[str, np.ndarray]:
    order = np.random.default_rng(seed).permutation(100)
    label = np.arange(100) % 4
    wrong = np.isin(np.arange(100), order[right:])
    prediction = np.where(wrong, (label + 1) % 4, label)
    return {"index": np.arange(100), "label": label, "prediction": prediction}


def add(writer: StoreWriter, choice: Choice, right: int, seed: int = 0, target: str = "") -> None:
    share = "" if choice.share in (0.1, 1.0) else f"+share={choice.share}"
    name = choice.method + share + (f"+target={target}" if target else "")
    config = {"share": choice.share, "shots": choice.shots, "target": target, "batch_size": 64}
    told = {"seed": seed, "protocol": SMOKE, "config": config, "chunks": (1,)}
    chosen = Chosen(
        target=target,
        pool=256,
        budget=26,
        images=26,
        extraction_seconds=1.0 + seed,
        index_seconds=0.25,
        retrieval_seconds=0.5,
    )
    writer.write(name, 1, "selection", selection=chosen, **told)
    writer.write(name, 1, "pretrain", visits=1024, seconds=8.0, **told)
    arrays = answers(right, seed)
    hits = 100.0 * (arrays["prediction"] == arrays["label"])
    error = float(hits.std(ddof=1)) / 10
    number = Metric(value=float(hits.mean()), unit="%", n=100, standard_error=error)
    writer.write(name, 1, "linear_10shot.shapes", {"top1": number}, arrays, **told)


@pytest.fixture
def store(writer: StoreWriter) -> StoreWriter:
    add(writer, SEPT, 60, target="shapes")
    add(writer, RANDOM, 50)
    add(writer, WHOLE, 62)
    add(writer, Choice("moco_v2/sept", 10, 0.25), 61, target="shapes")
    return writer


def track_of(writer: StoreWriter) -> Track:
    (track,) = tracks(read_results(writer.root))
    return track


def test_choices_are_told_apart_by_method_labels_and_share(store: StoreWriter) -> None:
    track = track_of(store)
    assert track.choices == sorted([WHOLE, RANDOM, SEPT, Choice("moco_v2/sept", 10, 0.25)])
    assert [track.average(choice, "linear").value for choice in track.choices] == [62, 50, 60, 61]
    assert track.average(SEPT, "fewshot") is None
    assert track.score(Choice("moco_v2/oracle", 10, 0.1), "linear", "shapes") is None
    assert SEPT.cell("finetune", "flags") == ("finetune_10shot", "flags")
    assert Choice("a/b", 0, 0.1).cell("linear", "flags") == ("linear", "flags")


def test_differences_are_paired_by_image(store: StoreWriter) -> None:
    found = track_of(store).difference(SEPT, RANDOM, "linear")
    # sept answers the same 50 rightly and 10 more: differences of 100 on 10 of 100 images
    units = np.repeat([100.0, 0.0], [10, 90])
    assert found.value == pytest.approx(10)
    assert found.half == pytest.approx(1.96 * units.std(ddof=1) / 10, rel=1e-4)


def test_seeds_are_paired(store: StoreWriter) -> None:
    for seed, (sept, random) in {1: (58, 50), 2: (61, 49)}.items():
        add(store, SEPT, sept, seed, target="shapes")
        add(store, RANDOM, random, seed)
    found = track_of(store).difference(SEPT, RANDOM, "linear")
    apart = np.array([10.0, 8.0, 12.0])
    units = [np.repeat([100.0, 0.0], [int(d), 100 - int(d)]) for d in apart]
    samples = 1.96 * math.sqrt(np.mean([u.var(ddof=1) / 100 for u in units]))
    seeds = 4.302653 * apart.std(ddof=1) / math.sqrt(3)
    assert found.seeds == 3
    assert found.value == pytest.approx(10)
    assert found.half == pytest.approx(math.hypot(samples, seeds), rel=1e-4)


def test_the_hypothesis_is_told_when_it_can_be(store: StoreWriter) -> None:
    (told,) = hypothesis(track_of(store))
    assert told == (
        "By linear probe, averaged over 1 target, sept at 10 % is +10.0 ± 5.9 points from "
        "random_k at 10 % and \u22122.0 ± 2.8 from all of the pool (1 seed): better than chance, "
        "and no worse than all beyond the interval."
    )


def test_without_all_three_nothing_is_claimed(writer: StoreWriter) -> None:
    add(writer, SEPT, 60, target="shapes")
    track = track_of(writer)
    assert hypothesis(track) == []
    assert choice_of(track, "sept", 0.1) == SEPT and choice_of(track, "all", 1.0) is None


def test_a_stream_s_choice_is_held_against_the_choice_at_hand(store: StoreWriter) -> None:
    assert beside(track_of(store)) == []
    add(store, Choice("moco_v2/sept_stream", 10, 0.1), 57, target="shapes")
    (told,) = beside(track_of(store))
    half = 1.96 * np.repeat([100.0, 0.0], [3, 97]).std(ddof=1) / 10
    assert told == (
        "With the pool as a stream and no more than the choice in memory, sept_stream is "
        f"\u22123.0 ± {half:.1f} points by linear probe from sept (1 seed)."
    )


def test_costs_are_told_apart(store: StoreWriter) -> None:
    add(store, SEPT, 58, 1, target="shapes")
    line = next(one for one in costs(track_of(store)) if one["choice"] == SEPT)
    parts = [line[n] for n in ("images", "extraction", "index", "retrieval", "training", "visits")]
    assert parts == [26, 2.0, 0.25, 0.5, 8.0, 1024]


def test_the_track_has_a_page_and_no_row_among_the_streams(
    store: StoreWriter, tmp_path: Path
) -> None:
    assert load_boards(read_results(store.root)) == []
    page = build_site(store.root, tmp_path / "site").parent / "selection-smoke-1.html"
    reader = Reader(page)
    text = " ".join(reader.text.split())
    assert "better than chance" in text
    assert "60.0 ± 9.7" in text and "25 %" in text
    charts = json.loads(reader.scripts["charts"])
    assert sorted(charts) == ["linear-average", "linear-shapes"]
    sept = next(t for t in charts["linear-average"]["data"] if t["name"] == "moco_v2/sept")
    assert (sept["x"], sept["y"]) == ([10.25, 25.625], [60, 61])  # the third, beside the others
    for figure in charts.values():
        plotly.Figure(figure)
    places = [a["id"] for tag, a in reader.tags if a.get("role") == "img" and tag == "div"]
    assert sorted(places) == sorted(charts)
    assert "selection-smoke-1.html" in Reader(page.with_name("index.html")).addresses()


def page_of(writer: StoreWriter, folder: Path) -> Path:
    return build_site(writer.root, folder).parent / "selection-smoke-1.html"


def links(page: Path, part: str) -> list[tuple[str, str]]:
    """Text and address of the links whose address holds a text."""
    found = re.findall(r'<a href="([^"]+)">(.*?)</a>', page.read_text())
    plain = [(re.sub("<[^>]+>", "", text), to.replace("&amp;", "&")) for to, text in found]
    return [link for link in plain if part in link[1]]


def shown(page: Path, address: str) -> dict[str, object]:
    """The record that the page of a cell finds, as `cell.js` looks for it."""
    pattern = r"cell\.html\?of=([^&]+)&cell=([^&]+)&seed=(\d+)&after=(\d+)"
    of, cell, seed, after = re.fullmatch(pattern, address).groups()  # type: ignore[union-attr]
    text = (page.parent / "data" / "methods" / f"{of}.js").read_text()
    shard = json.loads(text.removeprefix("headwater.take(").removesuffix(");\n"))
    assert of == f"{shard['protocol_slug']}/{shard['slug']}"
    (found,) = (
        {**one, "method": shard["method"], "seed": run["seed"]}
        for run in shard["runs"]
        for one in run["cells"]
        if (str(run["seed"]), one["cell"], str(one["after"])) == (seed, unquote(cell), after)
    )
    return found


def test_a_target_s_number_leads_to_its_record(store: StoreWriter, tmp_path: Path) -> None:
    add(store, SEPT, 58, 1, target="shapes")
    page = page_of(store, tmp_path / "site")
    found = {text: shown(page, to) for text, to in links(page, "cell=linear_10shot.shapes&")}
    told = {text.partition(" ")[0]: (one["method"], one["seed"]) for text, one in found.items()}
    assert told == {
        "62.0": ("moco_v2/all", 0),
        "59.0": ("moco_v2/sept+target=shapes", 0),  # the first of two seeds
        "61.0": ("moco_v2/sept+share=0.25+target=shapes", 0),
        "50.0": ("moco_v2/random_k", 0),
    }
    (one,) = (one for text, one in found.items() if text.startswith("62.0"))
    assert one["metrics"]["top1"]["value"] == 62  # type: ignore[index]
    assert one["command"] == f"headwater run -p {SMOKE} -m moco_v2/all --seed 0 --threads 2"
    assert (
        one["file"] == "selection-smoke@1/moco_v2/all/seed0/after-chunk1/linear_10shot.shapes.json"
    )
    assert one["sha256"] and one["key"] and one["predictions"]["sha256"]  # type: ignore[index]


def test_a_cost_leads_to_the_record_that_it_is_of(store: StoreWriter, tmp_path: Path) -> None:
    add(store, SEPT, 58, 1, target="shapes")
    page = page_of(store, tmp_path / "site")
    chosen, trained = links(page, "cell=selection&"), links(page, "cell=pretrain&")
    assert len(chosen) == 4 * len(track_of(store).choices) == 2 * len(trained)
    assert {text for text, _ in trained} == {"8.0", "1\u202f024"}
    for text, to in trained:
        cost = shown(page, to)["cost"]
        assert float(text.replace("\u202f", "")) in (cost["seconds"], cost["image_visits"])  # type: ignore[index]
    once = {to for text, to in chosen if text == "2.00"}  # the longest of all, for all
    assert [shown(page, to)["selection"]["extraction_seconds"] for to in once] == [2.0]  # type: ignore[index]


def test_a_mean_over_targets_leads_to_its_line(store: StoreWriter, tmp_path: Path) -> None:
    add(store, SEPT, 58, target="textures")  # of another target: a choice of two
    page = page_of(store, tmp_path / "site")
    (line,) = {to for _, to in links(page, "#linear-moco-v2-sept")}
    assert line == f"#linear-{slug('moco_v2/sept+shots=10+share=0.1')}"
    ids = [attributes["id"] for _, attributes in Reader(page).tags if "id" in attributes]
    assert ids.count(line[1:]) == 1 and len(set(ids)) == len(ids)
    assert ("Linear probe", "#linear-table") in links(page, "#linear-table")


def test_every_link_to_a_record_finds_it(store: StoreWriter, tmp_path: Path) -> None:
    name = 'moco_v2/<b>&"sept'
    add(store, Choice(name, 10, 0.1), 57)
    page = page_of(store, tmp_path / "site")
    found = {shown(page, to)["method"] for _, to in links(page, "cell.html")}
    assert found == {
        run.method for c in track_of(store).choices for run in track_of(store).runs_of(c)
    }
    assert "<b>" not in page.read_text()
    again = page_of(store, tmp_path / "again").parent
    for path in (p for p in page.parent.rglob("*") if p.is_file()):
        assert path.read_bytes() == (again / path.relative_to(page.parent)).read_bytes()


def test_the_readme_says_what_there_is(store: StoreWriter) -> None:
    assert selection(None) == "There are no results of this track yet."
    lines = selection(track_of(store)).splitlines()
    assert "better than chance" in lines[0]
    assert lines[2] == "| Method | Of the pool | Labels a class | Seeds | Linear probe |"
    assert lines[4:7] == [
        "| `moco_v2/all` | 100 % | 10 | 1 | 62.0 ± 9.6 |",
        "| `moco_v2/sept` | 10 % | 10 | 1 | 60.0 ± 9.7 |",
        "| `moco_v2/random_k` | 10 % | 10 | 1 | 50.0 ± 9.8 |",
    ]
    assert lines[8].startswith("Phases of training: 4 on one kind, by 2 threads")


def test_the_terminal_shows_the_track(store: StoreWriter, capsys) -> None:
    aggregate(store.root)
    told = capsys.readouterr().out
    assert f"{SMOKE}: averages over all targets" in told and "61.0 ± 9.6" in told
    aggregate(store.root, as_json=True)
    (document,) = json.loads(capsys.readouterr().out)
    assert document["protocol"] == SMOKE
    assert [row["budget"] for row in document["choices"]] == [1.0, 0.25, 0.1, 0.1]


def test_compare_says_where_choices_are_compared(store: StoreWriter) -> None:
    with pytest.raises(UsageError, match=r"on a page of its own: headwater site build"):
        compare("moco_v2/sept", "moco_v2/random_k", SMOKE, store.root)


def test_an_extractor_alone_is_no_entry_of_a_stream(store: StoreWriter) -> None:
    where = {"protocol": "instance/smoke@1", "chunks": (1,), "visits": 10}
    store.write("moco_v2/first_chunk", 1, "pretrain", **where)
    assert load_boards(read_results(store.root)) == []


def test_the_readme_tells_what_retrieval_costs() -> None:
    size = {
        "code": "SQ8",
        "vectors": 1000,
        "build_seconds": 30.0,
        "bytes_per_vector": 136.5,
        "recall_at_10": {"8": 0.5, "16": 0.95},
        "probes": 16,
        "queries_per_second": 2000.0,
        "one_more_target_seconds": 0.5,
        "times_cheaper_than_indexing_again": 60.0,
    }
    told = retrieval(
        {
            "sizes": [size],
            "dimensions": 128,
            "layout": {"lists": 32},
            "pools": [
                {"code": c, "vectors": 155_000_000, "gigabytes": 21.2, "build_hours": 0.53}
                for c in ("SQ8", "PQ64")
            ],
        }
    ).splitlines()
    assert (
        told[2] == "| SQ8 | 1,000 | 30 s | 136 | 0.950 | 16 | 2,000 | 0.50 s | 60 times as long |"
    )
    assert told[-1].endswith(
        "of 155,000,000 takes 21 GB and 0.5 hours as SQ8 and 21 GB and 0.5 hours as PQ64 to index."
    )


def test_a_store_of_streams_has_no_such_page(full_store: Path) -> None:
    assert tracks(read_results(full_store)) == []
    assert PROTOCOLS.get(SMOKE).selects
