"""A phase that several processes train together: torchrun, and mmengine's Runner under DDP."""

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist

from benchmark.cells import Cell
from benchmark.distributed import rank
from benchmark.engine.compute import Computer
from benchmark.engine.job import Job
from benchmark.engine.stop import STOP
from benchmark.errors import Stopped
from benchmark.result import FileRef, Record
from benchmark.store import Store

#: Seconds between two looks at whether the processes are done.
LOOK_SECONDS = 0.2


@dataclass(frozen=True)
class Together:
    """Computes a phase by several processes, each with its part of every batch.

    Args:
        computer: of the job's cells; what it needs to know, the processes are told.
        job: whose phase it is.
        processes: one for each GPU where there are some.
        threads: of each process; None for torchrun's default, one.
    """

    computer: Computer
    job: Job
    processes: int
    threads: int | None

    def compute(self, cell: Cell) -> Record:
        """Compute a phase; its record is written by the first of the processes.

        Raises:
            Stopped: somebody asked for it; the phase has been put by.
        """
        store = self.computer.store
        told = {
            "store": str(store.root),
            "logs": self.computer.logs and str(self.computer.logs),
            "job": asdict(self.job),
            "key": cell.key,
            "threads": self.threads or 1,
        }
        command = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
        command += ["--nproc-per-node", str(self.processes)]
        command += ["-m", "benchmark.engine.together", json.dumps(told)]
        with tempfile.TemporaryFile() as errors, STOP.after_the_step():
            environment = os.environ | {"OMP_NUM_THREADS": str(self.threads or 1)}
            process = subprocess.Popen(command, stderr=errors, env=environment)
            asked = False
            while process.poll() is None:
                if STOP.asked and not asked:
                    process.send_signal(signal.SIGTERM)
                    asked = True
                try:
                    process.wait(LOOK_SECONDS)
                except subprocess.TimeoutExpired:
                    continue
            errors.seek(0)
            last = errors.read()[-3000:].decode(errors="replace")
        told_of = store.state(cell, thorough=False) in ("done", "failed")
        if process.returncode == 0 and told_of:
            return store.record(cell)
        if asked:
            raise Stopped
        cause = f"torchrun ended with exit status {process.returncode}"
        return self.computer.give_up(cell, f"{last}\n{cause}")


class _Listener(Store):
    """The store of a process that is not the first: it reads, and leaves writing to the first."""

    def write(self, cell: Cell, record: Record) -> None: ...

    def write_step(self, cell: Cell, step: int, state: Mapping[str, Any]) -> None: ...

    def clear_steps(self, cell: Cell) -> None: ...

    def write_checkpoint(self, cell: Cell, state: Mapping[str, Any]) -> FileRef:
        return FileRef(name="checkpoint.pth", sha256=64 * "0")


def main(text: str) -> None:
    """What each of the processes does."""
    from benchmark.registry import load_shipped

    told = json.loads(text)
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    load_shipped()
    torch.set_num_threads(told["threads"])
    if torch.cuda.is_available():
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
    dist.init_process_group("nccl" if torch.cuda.is_available() else "gloo")
    options = tuple((name, value) for name, value in told["job"].pop("options"))
    job = Job(**told["job"], options=options)
    cell = next(cell for cell in job.plan([]) if cell.key == told["key"])
    store = (Store if rank() == 0 else _Listener)(Path(told["store"]))
    logs = told["logs"] and Path(told["logs"])
    computer = Computer(job.spec, job.method_itself, store, job.replicate, logs=logs)
    with STOP.listening(signal.SIGTERM):
        try:
            record = computer.compute(cell)
        except Stopped:
            return
    if record.status == "failed" and rank():
        print(record.error, file=sys.stderr)
    dist.destroy_process_group()


if __name__ == "__main__":
    main(sys.argv[1])
