"""Freed memory is kept: counted in page faults, which the kernel counts for us."""

import subprocess
import sys

import torch

from benchmark.memory import keep_freed_memory

#: Twenty times 16 MiB, 4,096 pages each, allocated, written and freed; prints the page faults.
CODE = """
import resource, sys, torch
from benchmark.memory import keep_freed_memory

torch.set_num_threads(1)
if sys.argv[1] == "keep" and not keep_freed_memory():
    raise SystemExit(3)
torch.ones(2**22)
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(20):
    torch.ones(2**22)
    torch.ones(2**23)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def faults(how: str) -> int:
    done = subprocess.run([sys.executable, "-c", CODE, how], capture_output=True, text=True)
    if done.returncode == 3:  # no glibc, nothing to be told
        return 0
    assert done.returncode == 0, done.stderr
    return int(done.stdout)


def test_memory_that_is_freed_is_used_again() -> None:
    assert faults("keep") < faults("default") / 5


def test_new_tensors_are_not_filled_for_debugging() -> None:
    keep_freed_memory()
    assert torch.utils.deterministic.fill_uninitialized_memory is False
