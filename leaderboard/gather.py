"""Evidence of many evaluations at once: on every core, by processes that share the cache."""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmark.doctor.machine import cores
from benchmark.result import parse_record
from leaderboard.aggregate import Located, Results
from leaderboard.cache import EvidenceCache

#: Evaluations for which another process is worth its start.
_SHARE = 500
_CODE = "from leaderboard.gather import main; main()"


def gather(results: Results, at_once: int | None = None) -> None:
    """Look at the predictions of all records ahead, if they are many.

    What goes wrong is not told here: whoever needs the evidence computes it then, and tells.

    Args:
        results: the records.
        at_once: processes at the most, as many as there are cores unless given; 1: none but
            this one.
    """
    records = results.unseen()
    assert results.cache.file is not None
    workers = min(at_once or int(cores()), len(records) // _SHARE)
    if workers < 2:
        return
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    # isolated: a module that happens to lie in the current folder is not imported
    command = [sys.executable, "-I", "-c", _CODE, str(results.cache.file)]
    running = [
        subprocess.Popen(
            command, stdin=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment, text=True
        )
        for _ in range(workers)
    ]
    for share, process in zip(_dealt(records, workers), running, strict=True):
        assert process.stdin is not None
        try:
            with process.stdin as file:
                json.dump([str(path.absolute()) for path in share], file)
        except OSError:  # it could not even start
            process.kill()
    for process in running:
        process.wait()


def _dealt(records: Sequence[Path], workers: int) -> list[list[Path]]:
    """A share each, in which every evaluation is as often: detection takes most of the time.

    Example:
        >>> runs = [Path(f"seed{k}", name) for k in range(2) for name in ("detection", "linear")]
        >>> [[path.name for path in share] for share in _dealt(runs, 2)]
        [['detection', 'linear'], ['detection', 'linear']]
    """
    ordered = sorted(records, key=lambda path: path.name)  # those of a cell after one another
    return [ordered[number::workers] for number in range(workers)]


def main() -> None:
    """A process of `gather`: the records on standard input, the cache as its argument."""
    cache = EvidenceCache(Path(sys.argv[1]))
    for path in map(Path, json.load(sys.stdin)):
        try:
            found = Located(path, parse_record(path.read_bytes()))
            known = found.all_evidence()
        except Exception:
            continue
        if found.record.predictions is not None:
            judged = {name: known.get(name) for name in found.judged}
            cache.write(found.record.predictions.sha256, judged)
    cache.flush()
