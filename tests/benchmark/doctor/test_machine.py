"""What the doctor says of cores, threads and memory, with and without a container."""

import os
from pathlib import Path

import pytest
import torch

from benchmark.doctor import machine

GIB = 1 << 30


def tree(root: Path, files: dict[str, str]) -> Path:
    for name, content in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(content)
    return root


TWO = {"proc/self/cgroup": "0::/kube/pod/it\n"}
ONE = {"proc/self/cgroup": "7:cpu,cpuacct:/docker/it\n4:memory:/docker/it\n0::/\n"}
CGROUP = "sys/fs/cgroup/"


@pytest.mark.parametrize(
    ("files", "cores"),
    [
        ({}, 8),
        (TWO | {CGROUP + "kube/pod/it/cpu.max": "max 100000"}, 8),
        (TWO | {CGROUP + "kube/pod/it/cpu.max": "150000 100000"}, 1.5),
        (TWO | {CGROUP + "kube/cpu.max": "300000 100000", CGROUP + "kube/pod/cpu.max": "max 1"}, 3),
        (TWO | {CGROUP + "cpu.max": "9900000 100000"}, 8),
        (TWO | {CGROUP + "other/cpu.max": "100000 100000"}, 8),
        # Docker without a namespace of its own for cgroups: the path is the host's.
        (ONE | {CGROUP + "cpu/cpu.cfs_quota_us": "200000"}, 8),
        (
            ONE
            | {CGROUP + f"cpu/cpu.cfs_{k}_us": v for k, v in (("quota", "50"), ("period", "10"))},
            5,
        ),
        (
            ONE
            | {CGROUP + f"cpu/cpu.cfs_{k}_us": v for k, v in (("quota", "-1"), ("period", "10"))},
            8,
        ),
    ],
)
def test_cores_by_affinity_and_quota(monkeypatch, tmp_path, files, cores: float) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)), raising=False)
    assert machine.cores(tree(tmp_path, files)) == cores


@pytest.mark.parametrize(
    ("used", "asked", "state", "word"),
    [
        (2, None, "ok", "torch uses 2, this process may use 1.5 cores"),
        (1, "1", "ok", "OMP_NUM_THREADS=1"),
        (1, "2,4", "ok", "OMP_NUM_THREADS=2,4"),
        (8, None, "warning", "export OMP_NUM_THREADS=2"),
        (1, "16", "warning", "OMP_NUM_THREADS=16"),
        (1, "all", "warning", "OMP_NUM_THREADS=all"),
    ],
)
def test_threads(
    told, monkeypatch, tmp_path, used: int, asked: str | None, state: str, word: str
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)), raising=False)
    monkeypatch.setattr(torch, "get_num_threads", lambda: used)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    if asked:
        monkeypatch.setenv("OMP_NUM_THREADS", asked)
    tree(tmp_path, TWO | {CGROUP + "cpu.max": "150000 100000"})
    told(machine.threads(tmp_path), state, word)


MEMINFO = "MemTotal:  16777216 kB\nMemFree:  1 kB\nMemAvailable:  8388608 kB\n"
LITTLE = {"proc/meminfo": MEMINFO.replace("8388608", "3145728")}


@pytest.mark.parametrize(
    ("files", "state", "word"),
    [
        ({}, "ok", "8.0 GiB free of 16.0 GiB"),
        (LITTLE, "warning", "3.0 GiB free of 16.0 GiB"),
        (
            {CGROUP + "memory.max": "max", CGROUP + "memory.current": str(15 * GIB)} | TWO,
            "ok",
            "8.0 GiB free of 16.0 GiB",
        ),
        (
            TWO
            | {
                CGROUP + "kube/memory.max": str(6 * GIB),
                CGROUP + "kube/memory.current": str(5 * GIB),
            }
            | {CGROUP + "kube/memory.stat": f"anon {2 * GIB}\ninactive_file {GIB}\nfile 1\n"},
            "warning",
            "2.0 GiB free of 6.0 GiB",
        ),
        (
            ONE
            | {CGROUP + "memory/memory.limit_in_bytes": str(7 * GIB)}
            | {CGROUP + "memory/memory.usage_in_bytes": str(2 * GIB)}
            | {CGROUP + "memory/memory.stat": f"inactive_file 0\ntotal_inactive_file {GIB // 2}\n"},
            "ok",
            "5.5 GiB free of 7.0 GiB",
        ),
    ],
)
def test_memory(told, tmp_path: Path, files: dict[str, str], state: str, word: str) -> None:
    told(machine.memory(tree(tmp_path, {"proc/meminfo": MEMINFO} | files)), state, word)


def test_memory_where_there_is_no_proc(told, monkeypatch, tmp_path: Path) -> None:
    sizes = {"SC_PHYS_PAGES": 3 << 20, "SC_PAGE_SIZE": 4096}
    monkeypatch.setattr(os, "sysconf", sizes.__getitem__)
    told(machine.memory(tmp_path), "ok", "12.0 GiB in all")
