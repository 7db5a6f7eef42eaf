"""How long the site of many runs takes: `python -m leaderboard.bench --output results`.

The records are made from one finished run of the nano tier: other names and seeds, other answers
to a part of the test images, and the metrics that follow from these. Average precision, which is
slow to compute for thousands of runs, is shifted and not computed; the evidence for its interval is
computed like any other.
"""

import hashlib
import io
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from numpy.typing import NDArray

from benchmark.errors import DataError
from benchmark.protocol import ProtocolSpec
from benchmark.provenance import cpu_kind
from benchmark.registry import PROTOCOLS, load_shipped
from benchmark.result import FileRef, Metric, ProtocolRef, Record
from leaderboard.aggregate import Located, Run, read_results
from leaderboard.cache import EvidenceCache, users_cache
from leaderboard.catalogue import EVALUATIONS
from tasks.probes.metrics import METRICS, episode_accuracies

#: 2,000 runs: protocols of the nano tier with as many chunks as the template, methods, and seeds.
STREAMS = ("instance", "random-class", "distant-class", "blurred-instance")
METHODS, SEEDS = 100, 5
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
#: What was measured, by kind of processor.
FILE = "bench-site.json"
#: Share of the answers that are drawn anew in each run.
CHANGED = 0.15


def write_store(root: Path, template: Run, methods: int = METHODS, seeds: int = SEEDS) -> int:
    """Write the records of `len(STREAMS) * methods * seeds` runs; returns their number.

    Args:
        root: an empty folder.
        template: a finished run, whose phases and evaluations of the last checkpoint are copied.
        methods, seeds: of each protocol.
    """
    with ProcessPoolExecutor() as pool:  # to compress the predictions takes minutes
        done = [
            pool.submit(_write_stream, root, template, place, methods, seeds)
            for place in range(len(STREAMS))
        ]
        return sum(one.result() for one in done)


def _write_stream(root: Path, template: Run, place: int, methods: int, seeds: int) -> int:
    """The runs of one protocol."""
    load_shipped()
    last = [f for (seen, c), f in template.evaluations.items() if seen == template.last]
    cells = [found for found in last if found.cell and found.cell[0] in EVALUATIONS]
    spec = PROTOCOLS.get(f"{STREAMS[place]}/nano@1")
    for number in range(methods * seeds):
        method, seed = divmod(number, seeds)
        name = f"objective{method % 8}/strategy{method // 8}"
        for found in [*template.phases.values(), *cells]:
            draw = np.random.default_rng([place, number])
            _write(root, spec, name, seed, found, draw)
    return methods * seeds


def _write(
    root: Path, spec: ProtocolSpec, name: str, seed: int, found: Located, draw: np.random.Generator
) -> None:
    record = found.record
    folder = root / spec.folder / name / f"seed{seed}" / f"after-chunk{record.stream.chunks_seen}"
    folder.mkdir(parents=True, exist_ok=True)
    changes: dict[str, Any] = {
        "protocol": ProtocolRef(id=spec.id, digest=spec.digest),
        "stream": record.stream.model_copy(update={"manifest_sha256": spec.manifest.digest}),
        "method": record.method.model_copy(update={"name": name}),
        "seeds": record.seeds.model_copy(update={"replicate": seed}),
    }
    if record.predictions is not None:
        with np.load(found.path.parent / record.predictions.name) as file:
            arrays = dict(file)
        changed, metrics = _changed(arrays, record, draw)
        content = io.BytesIO()
        np.savez_compressed(content, **changed)  # type: ignore[arg-type]
        (folder / record.predictions.name).write_bytes(content.getvalue())
        digest = hashlib.sha256(content.getvalue()).hexdigest()
        changes["predictions"] = FileRef(name=record.predictions.name, sha256=digest)
        changes["metrics"] = metrics
    (folder / found.path.name).write_text(record.model_copy(update=changes).to_json())


def _changed(
    arrays: dict[str, NDArray[Any]], record: Record, draw: np.random.Generator
) -> tuple[dict[str, NDArray[Any]], dict[str, Metric]]:
    """Other predictions, and the metrics that follow."""
    changed, metrics = dict(arrays), dict(record.metrics)
    for name in ("prediction", "prediction_5shot", "prediction_1shot"):
        if name in arrays:
            other = draw.random(arrays[name].shape) < CHANGED
            ours = arrays[name].copy()
            ours[other] = draw.permutation(ours[other])
            changed[name] = ours
    if "score" in arrays:
        changed["score"] = arrays["score"] + draw.normal(0, 0.01, arrays["score"].shape).astype(
            arrays["score"].dtype
        )
    for name, metric in record.metrics.items():
        if name in METRICS and "prediction" in changed:
            value, error = (f(changed["label"], changed["prediction"]) for f in METRICS[name])
        elif f"prediction_{name[-5:]}" in changed:
            units = episode_accuracies(changed[f"prediction_{name[-5:]}"])
            value, error = float(units.mean()), float(units.std(ddof=1) / len(units) ** 0.5)
        else:
            value, error = metric.value + draw.normal(0, 1), metric.standard_error or -1.0
        known = None if error < 0 else error
        metrics[name] = metric.model_copy(update={"value": value, "standard_error": known})
    return changed, metrics


def timed(function: Callable[[], object]) -> float:
    """Seconds that a call takes."""
    start = time.perf_counter()
    function()
    return time.perf_counter() - start


def site_rates(template: Run, rounds: int = 3) -> dict[str, Any]:
    """Seconds that the site of 2,000 runs takes, and the size of its first page.

    Each build is a machine's first: its user's cache is empty. The store is one whose keeper has
    let `validate --trust` write evidence beside the records; `without_evidence_seconds` is what
    the build takes where nobody has. Beside them `bare_median`: what it takes in the same minutes
    to import torch and to read the records, and nothing else, so that a slow machine can be told
    from a slow program.

    Args:
        template: a finished run of the nano tier.
        rounds: builds with evidence.
    """
    with tempfile.TemporaryDirectory() as aside:
        store, site = Path(aside) / "store", Path(aside) / "site"
        runs = write_store(store, template)
        records = sum(1 for _ in store.rglob("*.json"))
        caches = [Path(aside) / f"cache{number}" for number in range(rounds + 1)]
        without = timed(partial(_build, store, site, caches[0]))
        kept = (found.record.predictions for found in read_results(store).located)
        known = EvidenceCache(caches[0] / users_cache().name)
        known.share(store, (file.sha256 for file in kept if file))
        seconds = []
        for cache in caches[1:]:
            shutil.rmtree(site)
            seconds.append(timed(partial(_build, store, site, cache)))
        bare = [timed(partial(_bare, store)) for _ in range(rounds)]
        page = (site / "index.html").stat().st_size
        loaded = sum(p.stat().st_size for p in (site / "assets").iterdir() if "plotly" not in p.name
                     and p.suffix != ".png")  # fmt: skip
        evaluations = sum(1 for _ in store.rglob("*.npz"))
        ready = ready_milliseconds(site / "index.html", rounds)
    return {
        "runs": runs,
        "records": records,
        "evaluations": evaluations,
        "seconds": [round(one, 2) for one in seconds],
        "median": round(statistics.median(seconds), 2),
        "without_evidence_seconds": round(without, 2),
        "bare_median": round(statistics.median(bare), 2),
        "home_bytes": page,
        "home_with_scripts_bytes": page + loaded,
        "ready_milliseconds": ready,
    }


def _build(store: Path, site: Path, cache: Path) -> None:
    """In a process of its own, as the command is."""
    environment = {**os.environ, "HEADWATER_HOME": str(cache)}
    code = "from benchmark.cli.main import main; main()"
    _run(code, ["site", "build", "--store", str(store), "--output", str(site)], environment)


def _bare(store: Path) -> None:
    """What no build can do without, in one process: to import torch, and to read all records."""
    code = (
        "import json, pathlib, sys, torch; "
        "kept = [json.loads(p.read_bytes()) for p in pathlib.Path(sys.argv[1]).rglob('*.json')]"
    )
    _run(code, [str(store)])


def _run(code: str, words: list[str], environment: dict[str, str] | None = None) -> None:
    command = [sys.executable, "-c", code, *words]
    subprocess.run(command, check=True, env=environment, stdout=subprocess.DEVNULL)


def ready_milliseconds(page: Path, rounds: int) -> list[int]:
    """When the first page could be used, since it was asked for; empty without a Chromium."""
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    found = []
    for _ in range(rounds if browser else 0):
        with tempfile.TemporaryDirectory() as profile:
            flags = (
                f"--headless --no-sandbox --disable-background-networking --user-data-dir={profile}"
            )
            command = [str(browser), *flags.split(), "--dump-dom", page.resolve().as_uri()]
            done = subprocess.run(command, capture_output=True, text=True, check=True)
        if told := re.search(r'data-ready="(\d+)"', done.stdout):
            found.append(int(told[1]))
    return found


def template_of(store: Path) -> Run:
    """A finished run of four phases of `instance/nano@1`.

    Raises:
        DataError: there is none.
    """
    runs = read_results(store).runs("instance/nano@1")
    found = next((run for run in runs if len(run.phases) == 4), None)
    if found is None:
        raise DataError(f"{store} has no finished run of instance/nano@1; run headwater demo")
    return found


def main(
    store: Annotated[Path, typer.Option(help="With a finished run to copy.")] = Path("results"),
    output: Annotated[Path | None, typer.Option(help=f"Folder for {FILE}.")] = None,
) -> None:
    """Measure how long the site of 2,000 runs takes to build; other machines' figures are kept."""
    known: dict[str, Any] = {}
    if output is not None:
        output.mkdir(parents=True, exist_ok=True)  # not after it has measured
        with suppress(FileNotFoundError):
            known = json.loads((output / FILE).read_text(encoding="utf-8"))
    measured = site_rates(template_of(store))
    print(json.dumps(measured, indent=1))
    if output is not None:
        text = json.dumps(known | {cpu_kind(): measured}, indent=1) + "\n"
        (output / FILE).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    typer.run(main)
