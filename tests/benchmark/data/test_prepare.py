"""Preparing: once, robustly, by one at a time."""

import errno
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

import benchmark.data.prepare
from benchmark.data.imageset import Sample, load_image_set, write_image_set
from benchmark.data.prepare import licences, prepare_nano
from benchmark.data.source import Source
from benchmark.errors import DataError
from benchmark.registry import Registry


def samples(count=3):
    for n in range(count):
        yield Sample(f"s{n}", np.full((2, 2, 3), n, np.uint8), 0, "train", "0" * 64)


@pytest.fixture
def golden(tmp_path):
    """Hash of the tiny set, by a way of its own."""
    return write_image_set("x", samples(), class_names=["thing"], root=tmp_path / "golden").sha256


@pytest.fixture
def nano(cache, golden, monkeypatch):
    """A pool and a task, each of three samples, that count how often they are built."""
    built: list[str] = []

    def build_pool(library):
        built.append("pool")
        return list(samples()), ["thing"]

    monkeypatch.setattr(benchmark.data.prepare, "build_pool", build_pool)
    monkeypatch.setattr(benchmark.data.prepare, "POOL_SHA256", golden)
    monkeypatch.setattr(benchmark.data.prepare, "EMOJI_SOURCES", ())

    class Tiny:
        spec = SimpleNamespace(
            name="tiny",
            tier="nano",
            classes=("thing",),
            sources=(),
            data_sha256=golden,
            evaluations=("linear",),
        )

        def build(self, library):
            built.append("tiny")
            return samples()

    registry = Registry("task")
    registry.register("tiny")(Tiny)
    return SimpleNamespace(registry=registry, built=built, spec=Tiny.spec, task=Tiny, home=cache)


def files(home: Path) -> set[str]:
    return {str(path.relative_to(home)) for path in home.rglob("*") if path.is_file()}


def test_a_second_call_does_nothing(nano):
    told = []
    made = prepare_nano(nano.registry, lambda *progress: told.append(progress))
    assert made == ("pool", "tasks/tiny")
    assert told == [("making pool", 0, 2), ("making tasks/tiny", 1, 2), ("prepared", 2, 2)]
    started = time.perf_counter()
    assert prepare_nano(nano.registry) == ()
    assert time.perf_counter() - started < 0.3
    assert nano.built == ["pool", "tiny"]
    assert len(load_image_set("tasks/tiny").ids) == 3


@pytest.mark.parametrize("other", [{"tier": "full"}, {"evaluations": ("stream",)}])
def test_tasks_of_other_tiers_and_without_data_are_left_alone(nano, other):
    vars(nano.spec).update(other)
    assert prepare_nano(nano.registry) == ("pool",)


@pytest.mark.parametrize("file", ["images.npy", "split.csv", "about.json"])
def test_a_damaged_set_is_made_again_alone(nano, file):
    prepare_nano(nano.registry)
    (nano.home / "nano" / "tasks" / "tiny" / file).write_bytes(b"damaged")
    assert prepare_nano(nano.registry) == ("tasks/tiny",)
    load_image_set("tasks/tiny")


def test_verify_finds_silent_damage(nano):
    prepare_nano(nano.registry)
    pixels = nano.home / "nano" / "pool" / "images.npy"
    stat, raw = pixels.stat(), pixels.read_bytes()
    pixels.write_bytes(raw[:-1] + b"\xff")
    import os

    os.utime(pixels, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert prepare_nano(nano.registry) == ()
    assert prepare_nano(nano.registry, verify=True) == ("pool",)
    assert pixels.read_bytes() == raw


def test_content_that_is_not_what_was_declared(nano):
    nano.spec.data_sha256 = "1" * 64
    with pytest.raises(DataError, match=r"tasks/tiny as built has sha256 .*, declared is 1111"):
        prepare_nano(nano.registry)
    assert not (nano.home / "nano" / "tasks").exists()
    load_image_set("pool")  # what was made before stays


def test_a_task_without_a_declared_hash_is_made_every_time(nano):
    nano.spec.data_sha256 = None
    prepare_nano(nano.registry)
    assert prepare_nano(nano.registry) == ("tasks/tiny",)


@pytest.mark.parametrize("error", [KeyboardInterrupt(), OSError(errno.ENOSPC, "full")])
def test_an_interruption_leaves_nothing_and_the_next_call_goes_on(nano, error, monkeypatch):
    normal = Path.write_bytes

    def fails(self, data):
        if self.name == "images.npy":
            raise error
        return normal(self, data)

    monkeypatch.setattr(Path, "write_bytes", fails)
    with pytest.raises((KeyboardInterrupt, DataError)):
        prepare_nano(nano.registry)
    assert files(nano.home) <= {"prepare.lock"}
    monkeypatch.setattr(Path, "write_bytes", normal)
    assert prepare_nano(nano.registry) == ("pool", "tasks/tiny")


def test_what_a_killed_run_left_is_swept(nano):
    for left in ("packages/.download-x", "nano/.pool-x", "nano/tasks/.tiny-x"):
        (nano.home / left).mkdir(parents=True)
    (nano.home / "packages" / ".archive-x").write_bytes(b"half")
    prepare_nano(nano.registry)
    assert not list(nano.home.rglob(".*"))


def test_two_at_once_do_the_work_once(nano):
    normal = nano.task.build

    def slow(self, library):
        time.sleep(0.2)
        return normal(self, library)

    nano.task.build = slow
    told: list[str] = []
    made: list[tuple[str, ...]] = []
    threads = [
        threading.Thread(
            target=lambda: made.append(prepare_nano(nano.registry, lambda s, *_: told.append(s)))
        )
        for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(made) == [(), ("pool", "tasks/tiny")]
    assert nano.built == ["pool", "tiny"]
    assert "waiting for another headwater that prepares" in told


def test_a_home_that_cannot_be_written(nano, tmp_path, monkeypatch):
    (tmp_path / "file").write_bytes(b"")
    monkeypatch.setenv("HEADWATER_HOME", str(tmp_path / "file" / "home"))
    with pytest.raises(DataError, match=r"cannot write under .* point HEADWATER_HOME"):
        prepare_nano(nano.registry)


def test_licences_name_every_package_and_who_uses_it():
    own = Source("own", "pypi", "own-package", "1.0", "0" * 64, "OFL-1.1", "somebody", "a note")
    rows = licences(
        [SimpleNamespace(name="one", sources=(own,)), SimpleNamespace(name="two", sources=(own,))]
    )
    assert rows[-1] == {
        "package": "own-package",
        "version": "1.0",
        "licence": "OFL-1.1",
        "attribution": "somebody",
        "used_by": ["one", "two"],
        "note": "a note",
    }
    assert all(row["used_by"] == ["pool"] for row in rows[:-1])
    assert not any("openmoji" in row["package"] for row in rows[:-1])
