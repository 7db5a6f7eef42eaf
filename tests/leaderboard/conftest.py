"""A store of plausible records, by the schema, with predictions that the metrics come from."""

import hashlib
import io
import zlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest

from benchmark.result import (
    Chosen,
    Cost,
    Environment,
    FileRef,
    MethodRef,
    Metric,
    ProtocolRef,
    Provenance,
    Record,
    Seeds,
    StreamRef,
    TaskRef,
)
from leaderboard.aggregate import read_results
from leaderboard.board import Board
from leaderboard.catalogue import Licence, ProtocolCard, TaskCard
from tasks.probes.metrics import map11

PROTOCOL = "instance/test@1"  # not registered, so that no test waits for what is
# name, title, metric, classes, test images, accuracy of the untrained network
TASKS = (
    ("objects", "49 kinds of object, designs never seen", "mean_per_class", 49, 300, 19.0),
    ("faces", "moods of smileys", "mean_per_class", 10, 240, 41.0),
    ("flags", "countries from their flags", "top1", 250, 400, 46.0),
    ("health", "categories of health icons", "mean_per_class", 21, 540, 24.0),
    ("interface", "categories of interface icons", "top1", 17, 600, 29.0),
    ("letters", "26 letters in other typefaces", "top1", 26, 390, 62.0),
    ("scripts", "19 writing systems", "mean_per_class", 19, 228, 31.0),
    ("mnist", "handwritten digits", "top1", 10, 400, 92.0),
    ("digits", "small handwritten digits", "top1", 10, 360, 95.0),
    ("silhouettes", "animals from their outline", "top1", 10, 800, 48.0),
    ("solar", "damage of solar cells", "mean_per_class", 4, 520, 44.0),
    ("scenes", "what is in a composited scene", "map11", 10, 100, 38.0),
)
GAINS = {
    "random_init": 0.0,
    "moco_v2/sequential": 4.6,
    "moco_v2/joint": 5.6,
    "supervised/sequential": 6.2,
    "supervised/joint": 8.0,
}
CHUNK1 = {
    "random_init": {0: 18.3},
    "moco_v2/sequential": {1: 21.1, 2: 23.6, 3: 25.2, 4: 24.2},
    "moco_v2/joint": {4: 26.0},
    "supervised/sequential": {1: 29.5, 2: 27.2, 3: 24.9, 4: 23.7},
    "supervised/joint": {4: 31.4},
}
LICENCES = (
    Licence("@iconify-json/noto 1.2.9", "Apache-2.0", "Google", "pool"),
    Licence("@iconify-json/twemoji 1.2.5", "CC-BY-4.0", "Twitter", "pool"),
    Licence("@iconify-json/openmoji 1.2.29", "CC-BY-SA-4.0", "OpenMoji", "objects, scenes"),
    Licence("elpv-dataset 1.0.0.post1", "CC-BY-NC-SA-4.0", "Buerhop-Lutz", "solar", "not shared"),
)


def sha(*names: object) -> str:
    return hashlib.sha256(repr(names).encode()).hexdigest()


def noise(*names: object) -> np.random.Generator:
    return np.random.default_rng(zlib.crc32(repr(names).encode()))


def make_card(licences: tuple[Licence, ...] = LICENCES) -> ProtocolCard:
    tasks = tuple(
        TaskCard(
            name,
            title,
            metric,
            ("linear", "detection") if name == "scenes" else ("linear", "fewshot"),
        )
        for name, title, metric, *_ in TASKS
    )
    visits = {"sequential": 60_000, "joint": 60_000, "joint_at_every_arrival": 150_000}
    return ProtocolCard(PROTOCOL, 4, tasks, references=visits, licences=licences)


def percent(units: np.ndarray) -> Metric:
    error = float(units.std(ddof=1) / len(units) ** 0.5)
    return Metric(value=float(units.mean()), unit="%", n=len(units), standard_error=error)


class StoreWriter:
    """Writes cells as `headwater run` does; every method may be cut short or changed."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.minute = 0
        self.cpu: str | None = "one kind"

    def write(
        self,
        method: str,
        chunks_seen: int,
        cell: str,
        metrics: dict[str, Metric] | None = None,
        arrays: dict[str, np.ndarray] | None = None,
        *,
        seed: int = 0,
        chunks: tuple[int, ...] = (),
        visits: int = 0,
        seconds: float = 1.5,
        stored: int = 0,
        error: str | None = None,
        source: str = "first",
        protocol: str = PROTOCOL,
        version: str = "digest",
        config: dict[str, object] | None = None,
        selection: Chosen | None = None,
    ) -> Path:
        folder = self.root / protocol.replace("/", "-") / method / f"seed{seed}"
        folder /= f"after-chunk{chunks_seen}"
        folder.mkdir(parents=True, exist_ok=True)
        predictions = None
        if arrays is not None:
            content = io.BytesIO()
            np.savez_compressed(content, **arrays)  # type: ignore[arg-type]
            (folder / f"{cell}.npz").write_bytes(content.getvalue())
            digest = hashlib.sha256(content.getvalue()).hexdigest()
            predictions = FileRef(name=f"{cell}.npz", sha256=digest)
        evaluation, _, task = cell.partition(".")
        self.minute += 1
        now = f"2026-03-01T{self.minute // 60:02d}:{self.minute % 60:02d}:00+00:00"
        record = Record(
            kind="evaluation" if task else "selection" if selection else "pretrain",
            status="failed" if error else "ok",
            error=error,
            key=sha("key", method, chunks_seen, cell, seed),
            protocol=ProtocolRef(id=protocol, digest=sha(version)),
            stream=StreamRef(chunks=chunks, chunks_seen=chunks_seen, manifest_sha256=sha("m")),
            method=MethodRef(
                name=method,
                version=1,
                config=config or {},
                config_sha256=sha("config"),
                source_sha256=sha(source),
            ),
            task=TaskRef(name=task, version=1, evaluation=evaluation, data_sha256=sha(task))  # type: ignore[arg-type]
            if task and not error
            else None,
            seeds=Seeds(replicate=seed, stream=1, training=2 + seed, evaluation=3),
            metrics=metrics or {},
            predictions=predictions,
            selection=selection,
            cost=Cost(
                image_visits=visits,
                optimiser_steps=visits // 128,
                stored_bytes=stored,
                extra_parameters=0,
                seconds=seconds,
                peak_memory_bytes=900_000_000,
            ),
            environment=Environment(
                python="3.11.7",
                torch="2.14.1",
                platform="linux-x86_64",
                cpu=self.cpu,
                device="cpu",
                threads=2,
                deterministic=True,
                lock_sha256=None,
            ),
            provenance=Provenance(
                argv=(*("headwater", "run", "-p", protocol, "-m", method), "--seed", str(seed)),
                started=now,
                ended=now,
                headwater="0.1.0",
            ),
        )
        path = folder / f"{cell}.json"
        path.write_text(record.to_json())
        return path

    def pretrain(self, method: str, *, seed: int = 0, upto: int = 4) -> None:
        along = CHUNK1.get(method, CHUNK1["moco_v2/sequential"])
        for chunks, accuracy in along.items():
            if chunks > upto:
                continue
            read = () if not chunks else (1, 2, 3, 4) if len(along) == 1 else (chunks,)
            if chunks:
                visits, rate = 15_000 * len(read), 270 if "moco" in method else 610
                self.write(method, chunks, "pretrain", seed=seed, chunks=read, visits=visits,
                           seconds=visits / rate)  # fmt: skip
            metrics, parts = {}, []
            for j in range(1, 5):
                own = noise(method, chunks, j, seed)
                value = accuracy + (j > 1) * (1.7 * (j == chunks) - 0.6 * j + own.normal())
                # the same images are hard at every checkpoint, up to a part of luck
                hard = 0.7 * noise("held out", j).random(320) + 0.3 * own.random(320)
                right = hard < np.quantile(hard, value / 100)
                metrics[f"chunk{j}"] = percent(100.0 * right)
                label = np.arange(320) % 50
                answer = np.where(right, label, label + 1)
                parts.append((np.full(320, j), np.arange(320) + 320 * j, label, answer))
            names = ("chunk", "index", "label", "prediction")
            columns = (np.concatenate(part) for part in zip(*parts, strict=True))
            arrays = dict(zip(names, columns, strict=True))
            self.write(method, chunks, "stream.chunks", metrics, arrays, seed=seed, chunks=read)

    def linear(self, method: str, task: str, *, seed: int = 0, predictions: bool = True) -> None:
        name, _, metric, classes, n, base = next(t for t in TASKS if t[0] == task)
        index, label = np.arange(n) * 3, np.arange(n) % classes
        gain = GAINS.get(method, 5.0) * (100 - base) / 60 * noise(method, name).uniform(0.6, 1.4)
        if metric == "map11":
            label = (noise(name).random((n, classes)) < 0.25).astype(np.uint8)
            signal = noise(name, "shared").normal(size=(n, classes))
            signal = signal + 0.4 * noise(name, method, seed).normal(size=(n, classes))
            scores = (signal + label * (0.4 + gain / 12)).astype(np.float32)
            value = map11(label, scores)
            number = Metric(value=value, unit="%", n=n)
            arrays = {"index": index, "label": label, "score": scores}
        else:
            hard = 0.75 * noise(name).random(n) + 0.25 * noise(name, method, seed).random(n)
            right = hard < np.quantile(hard, min(0.99, (base + gain) / 100))
            prediction = np.where(right, label, (label + 1) % classes)
            number = percent(100.0 * right)
            arrays = {"index": index, "label": label, "prediction": prediction}
        self.write(method, self._last(method), f"linear.{task}", {metric: number},
                   arrays if predictions else None, seed=seed)  # fmt: skip

    def fewshot(self, method: str, task: str, *, seed: int = 0) -> None:
        base = 40 + 0.5 * next(t for t in TASKS if t[0] == task)[5]
        shots, arrays = {}, {}
        for shot, offset in ((5, 0.0), (1, -14.0)):
            level = base + offset + 0.7 * GAINS.get(method, 5.0)
            own = noise(task, shot, method, seed).normal(size=600)
            units = np.clip(level + 8 * noise(task, shot).normal(size=600) + 4 * own, 0, 100)
            right = np.round(units / 100 * 75)[:, None] > np.arange(75)  # of 5 x 15 queries
            truth = np.arange(5).repeat(15)
            told = ((truth + ~right) % 5).reshape(-1, 5, 15)
            shots[f"5way{shot}shot"] = percent(100 * right.mean(1))
            arrays[f"prediction_{shot}shot"] = told.astype(np.uint8)
        self.write(method, self._last(method), f"fewshot.{task}", shots, arrays, seed=seed)

    def detection(self, method: str, *, seed: int = 0, error: str | None = None) -> None:
        value = 21.0 + 1.1 * GAINS.get(method, 5.0)
        values = {"AP50": value, "AP": value / 2.1, "AP75": value / 2.6, "VOC11": value + 1}
        metrics = {name: Metric(value=v, unit="AP", n=100) for name, v in values.items()}
        self.write(method, self._last(method), "detection.scenes", {} if error else metrics,
                   seed=seed, seconds=48.0, error=error)  # fmt: skip

    def whole(self, method: str, *, seed: int = 0, predictions: bool = True) -> None:
        self.pretrain(method, seed=seed)
        for name, *_ in TASKS:
            self.linear(method, name, seed=seed, predictions=predictions)
            if name != "scenes":
                self.fewshot(method, name, seed=seed)
        self.detection(method, seed=seed)

    def _last(self, method: str) -> int:
        return max(CHUNK1.get(method, {4: 0.0}))


@pytest.fixture(scope="session", autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Evidence of the tests is kept apart from the user's."""
    folder = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("leaderboard.cache.home", lambda: folder)
        yield


@pytest.fixture
def own_results(tmp_path: Path) -> Path:
    """The committed records that are Headwater's own, and not those of submissions beside them."""
    found = tmp_path / "own" / "results"
    found.mkdir(parents=True)
    for path in (Path(__file__).parents[2] / "results").iterdir():
        if path.is_file() or "@" in path.name or path.name == "tuning":
            (found / path.name).symlink_to(path)
    return found


@pytest.fixture
def writer(tmp_path: Path) -> StoreWriter:
    """An empty store in the test's own folder."""
    (tmp_path / "runs").mkdir()
    return StoreWriter(tmp_path / "runs")


@pytest.fixture(scope="session")
def full_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The five methods of the demo, all finished, one seed. Not to be written to."""
    root = tmp_path_factory.mktemp("full") / "runs"
    for method in GAINS:
        StoreWriter(root).whole(method)
    return root


@pytest.fixture(scope="session")
def card() -> ProtocolCard:
    return make_card()


@pytest.fixture
def board(card: ProtocolCard) -> Callable[..., Board]:
    """The board of a store."""

    def build(store: Path, planned: Sequence[str] = ()) -> Board:
        return Board(read_results(store), card, planned)

    return build
