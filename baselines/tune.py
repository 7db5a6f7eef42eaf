"""How the nano defaults were chosen: the trials, run one after the other and recorded.

python -m baselines.tune simclr mas ...      runs what is missing of these, then prints the best

Every objective gets eight trials under joint training on `instance/nano`, every strategy of
`STRATEGIES` five with `moco_v2` and, if it takes labels, five with `supervised` on
`distant-class/nano`, where there is something to forget; `mas_replay` takes over the option of
`mas`, and the others have nothing to choose. What is tried of a part is one or two of its options.
The score is the mean over the protocol's tasks of the linear probe on their validation images; test
images are never looked at, and the training seed is one that no result is reported for.
"""

import dataclasses
import itertools
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

#: Replicate of the trials; results are reported for 0 and its first successors.
REPLICATE = 1000
FOLDER = Path(__file__).parent.parent / "results" / "tuning"


def _grid(**values: list[Any]) -> list[dict[str, Any]]:
    """All combinations of some options' values."""
    return [dict(zip(values, each, strict=True)) for each in itertools.product(*values.values())]


#: What is tried, by the name of the objective or the strategy.
OBJECTIVES: dict[str, list[dict[str, Any]]] = {
    "moco_v2": _grid(lr=[7e-4, 1.4e-3, 2.8e-3, 5.6e-3], temperature=[0.07, 0.2]),
    "simclr": _grid(lr=[7e-4, 1.4e-3, 2.8e-3, 5.6e-3], temperature=[0.1, 0.2]),
    "byol": _grid(lr=[7e-4, 1.4e-3, 2.8e-3, 5.6e-3], momentum_encoder=[0.97, 0.99]),
    "barlow_twins": _grid(lr=[7e-4, 1.4e-3, 2.8e-3, 5.6e-3], redundancy=[0.0051, 0.02]),
    "vicreg": _grid(lr=[7e-4, 1.4e-3, 2.8e-3, 5.6e-3], covariance=[1.0, 4.0]),
    "supervised": _grid(lr=[5e-4, 1e-3, 2e-3, 4e-3], label_smoothing=[0.0, 0.1]),
}
STRATEGIES: dict[str, list[dict[str, Any]]] = {
    "mas": _grid(mas_weight=[1e-4, 1e-3, 1e-2, 1e-1, 1.0]),
    "si": _grid(si_weight=[1e-4, 1e-3, 1e-2, 1e-1, 1.0]),
    "cassle": _grid(cassle_weight=[0.1, 0.3, 1.0, 3.0, 10.0]),
    "lump": _grid(lump_alpha=[0.1, 0.2, 0.4, 0.8, 1.6]),
}
#: How much a strategy may keep of the stream is part of the comparison, as the visits are: Hu et
#: al.'s tenth of the images, for all. What less would give is tried, and nothing is chosen by it.
MEMORY: dict[str, list[dict[str, Any]]] = {
    "memory/replay": _grid(replay_share=[0.00625, 0.0125, 0.025, 0.05, 0.1]),
    "memory/lump": [
        *_grid(reservoir_share=[0.01], lump_alpha=[0.1, 0.4, 1.0]),
        *_grid(reservoir_share=[0.05], lump_alpha=[0.1, 0.4]),
    ],
}
#: Image visits of a trial: a third and half of a run's.
VISITS = {"objective": 32_768, "strategy": 49_152}


@dataclasses.dataclass(frozen=True)
class Trial:
    """One trial: a method, a protocol, the visits and the options."""

    method: str
    protocol: str
    visits: int
    options: dict[str, Any]


def trials(name: str) -> Iterator[Trial]:
    """The trials of an objective or a strategy.

    Raises:
        KeyError: nothing is tried for that name.
    """
    if name in OBJECTIVES:
        for options in OBJECTIVES[name]:
            yield Trial(f"{name}/joint", "instance/nano@1", VISITS["objective"], options)
        return
    from benchmark.registry import OBJECTIVES as KNOWN
    from benchmark.registry import STRATEGIES as STRATEGY

    strategy = name.rpartition("/")[2]
    for objective in ("moco_v2", "supervised"):
        if STRATEGY.get(strategy).unsuited(KNOWN.get(objective)) is None:
            for options in (STRATEGIES | MEMORY)[name]:
                method = f"{objective}/{strategy}"
                yield Trial(method, "distant-class/nano@1", VISITS["strategy"], options)


def score(trial: Trial) -> dict[str, float]:
    """Each task's metric on its validation images, in %."""
    from benchmark.cells import plan
    from benchmark.encoder import Encoder
    from benchmark.execute import run
    from benchmark.protocol import Budget
    from benchmark.registry import TASKS
    from benchmark.resolve import protocol_named, resolve
    from benchmark.store import Store
    from tasks.probes.linear import choose_weight

    spec = protocol_named(trial.protocol)
    spec = dataclasses.replace(spec, budget=Budget(image_visits=trial.visits))
    method = resolve(trial.method, trial.options, spec.tier)
    cells = [cell for cell in plan(spec, method, REPLICATE, []) if cell.kind == "pretrain"]
    with tempfile.TemporaryDirectory() as folder:
        store = Store(Path(folder))
        run(spec, method, store, _Silent(), replicate=REPLICATE, cells=cells)
        trained = method.build(spec, REPLICATE)
        trained.load_state_dict(store.read_checkpoint(cells[-1])["method"])
    encoder = Encoder(trained, spec)
    return {name: choose_weight(TASKS.get(name)(), encoder)[0] for name in spec.task_names}


class _Silent:
    """Says nothing while a trial runs."""

    def begin(self, cell: Any) -> None: ...

    def end(self, cell: Any, attempt: Any) -> None:
        if attempt.status == "failed":
            print(attempt.cause, flush=True)

    def look(self) -> None: ...


def tune(name: str, folder: Path = FOLDER) -> list[dict[str, Any]]:
    """Run the trials that a file does not have yet, best first; each is written when it is done."""
    path = folder / f"{name}.json"
    done: list[dict[str, Any]] = json.loads(path.read_text()) if path.is_file() else []
    for trial in trials(name):
        told = dataclasses.asdict(trial)
        if any(told.items() <= row.items() for row in done):
            continue
        started = time.perf_counter()
        scores = {task: round(value, 2) for task, value in score(trial).items()}
        mean = round(statistics.fmean(scores.values()), 2)
        seconds = round(time.perf_counter() - started)
        done.append({**told, "validation": mean, "tasks": scores, "seconds": seconds})
        print(f"{trial.method} {trial.options}: {mean} in {seconds} s", flush=True)
        path.parent.mkdir(parents=True, exist_ok=True)
        aside = path.with_suffix(".part")
        aside.write_text(json.dumps(done, indent=1) + "\n")
        aside.replace(path)
    return sorted(done, key=lambda row: -row["validation"])


if __name__ == "__main__":
    from benchmark.registry import load_shipped

    load_shipped()
    for wanted in sys.argv[1:] or [*OBJECTIVES, *STRATEGIES, *MEMORY]:
        best = tune(wanted)[0]
        print(f"{wanted}: {best['options']} with {best['method']}, {best['validation']} %")
