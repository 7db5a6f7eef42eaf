"""Cores, threads and memory, of the machine and of the container around this process."""

import math
import os
from collections.abc import Iterator
from contextlib import suppress
from itertools import pairwise
from pathlib import Path

from benchmark.doctor.finding import Finding

_LEAST_MEMORY = 4 << 30
_ROOT = Path("/")


def cores(root: Path = _ROOT) -> float:
    """Cores that this process may use, by its affinity and by the quotas of its cgroups.

    Args:
        root: where proc and sys are.

    Example:
        >>> 0 < cores() <= (os.cpu_count() or 1)
        True
    """
    affinity = getattr(os, "sched_getaffinity", None)
    count = float(len(affinity(0)) if affinity else os.cpu_count() or 1)
    for group in _cgroups("cpu", root):
        quota = _read(group, "cpu.max") or _read(group, "cpu.cfs_quota_us", "cpu.cfs_period_us")
        if len(quota) == 2 and quota[0] not in ("max", "-1"):
            count = min(count, int(quota[0]) / int(quota[1]))
    return count


def threads(root: Path = _ROOT) -> Finding:
    """Threads that torch uses, and OMP_NUM_THREADS asks for, against the cores.

    Args:
        root: where proc and sys are.
    """
    import torch

    allowed, used = cores(root), torch.get_num_threads()
    asked = os.environ.get("OMP_NUM_THREADS", "")
    most = math.ceil(allowed)
    over = used > most
    if asked:
        first = asked.split(",")[0].strip()  # further ones are for nested regions
        over = over or not first.isdecimal() or int(first) > most
    told = f", OMP_NUM_THREADS={asked}" if asked else ""
    return Finding.of(
        "threads",
        f"torch uses {used}, this process may use {allowed:g} cores{told}",
        warning=f"More threads than cores are slow: export OMP_NUM_THREADS={most}" if over else "",
    )


def memory(root: Path = _ROOT) -> Finding:
    """Memory in all and free, of the machine or of the cgroup, whichever is less.

    Args:
        root: where proc and sys are.
    """
    known = dict(pairwise(_read(root, "proc/meminfo")))
    if "MemAvailable:" not in known:  # not Linux: how much is free is not known
        total = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
        return Finding.of("memory", f"{_gib(total)} in all")
    total, free = (int(known[key]) << 10 for key in ("MemTotal:", "MemAvailable:"))
    for group in _cgroups("memory", root):
        limit = _read(group, "memory.max") or _read(group, "memory.limit_in_bytes")
        used = _read(group, "memory.current") or _read(group, "memory.usage_in_bytes")
        if limit and used and limit != ["max"]:
            stat = dict(pairwise(_read(group, "memory.stat")))
            # Cached files count as used, but make room when it is needed.
            cached = stat.get("total_inactive_file") or stat.get("inactive_file") or "0"
            total = min(total, int(limit[0]))
            free = min(free, int(limit[0]) - int(used[0]) + int(cached))
    remedy = "End what takes the memory, or give the container more; else runs may be killed."
    few = free < _LEAST_MEMORY
    return Finding.of(
        "memory", f"{_gib(free)} free of {_gib(total)}", warning=remedy if few else ""
    )


def _cgroups(controller: str, root: Path) -> Iterator[Path]:
    """Folders of this process's cgroup and of those around it, in either version of cgroups."""
    own = root / "proc/self/cgroup"
    for line in own.read_text().splitlines() if own.is_file() else ():
        number, controllers, path = line.split(":", 2)
        base = root / "sys/fs/cgroup"
        if number != "0":  # version 1 has a tree for each controller
            if controller not in controllers.split(","):
                continue
            base /= controller
        group = base / path.lstrip("/")
        yield from (some for some in (group, *group.parents) if some.is_relative_to(base))


def _read(folder: Path, *names: str) -> list[str]:
    """Words of some files, of those that are there."""
    words: list[str] = []
    for name in names:
        with suppress(OSError):
            words += (folder / name).read_text().split()
    return words


def _gib(size: int) -> str:
    return f"{size / (1 << 30):.1f} GiB"
