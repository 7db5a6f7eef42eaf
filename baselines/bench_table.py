"""One table of all that `headwater bench` measured, from the documents that it wrote."""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmark.canonical import write_whole
from benchmark.errors import DataError

Document = dict[str, Any]

#: The benchmarks in the order in which they run, with the files of their documents.
FILES = {
    "steps": "bench.json",
    "methods": "bench-methods.json",
    "tasks": "bench-tasks.json",
    "loader": "bench-loader.json",
    "engine": "bench-engine.json",
}
#: Seconds that the engine may take at most, and how many times faster two workers are at least.
ENGINE_LIMITS = {"plan_seconds": 5.0, "status_seconds": 2.0, "overhead_seconds": 0.1}
SPEEDUP_LIMIT = 1.7
#: What the ratios of the table are.
NOTE = (
    "Ratio: how many times faster than what it is against, so that above 1 is faster. Bare is the "
    "network alone, with its forwards with gradient + without; /s are images a second. Weights: of "
    "the probe's sweep; closer is with a tenth of scikit-learn's tolerance. Episodes: 600 with 5 "
    "shots and 600 with 1, on the slowest set. Quartiles are of neighbours in time; for two "
    "workers they are the lowest and the highest."
)


@dataclass(frozen=True)
class Row:
    """A line of the table.

    Args:
        benchmark: that it comes from.
        what: was measured.
        here: Headwater's figure with its unit.
        against: a peer or a limit, with its figure; empty where there is none.
        ratio: how many times faster Headwater is.
        between: lower and upper quartile of the ratio.
    """

    benchmark: str
    what: str
    here: str
    against: str = ""
    ratio: float | None = None
    between: tuple[float, float] | None = None

    def cells(self) -> dict[str, str]:
        """The texts of the columns by their headings."""
        low, high = self.between or (0.0, 0.0)
        return {
            "benchmark": self.benchmark,
            "what": self.what,
            "here": self.here,
            "against": self.against,
            "ratio": "" if self.ratio is None else _times(self.ratio),
            "quartiles": f"{_times(low)} to {_times(high)}" if self.between else "",
        }


def rows(documents: Mapping[str, Document]) -> list[Row]:
    """The table of the documents that there are, by the names of their benchmarks.

    Raises:
        DataError: a document lacks something.

    Example:
        >>> rates = {"headwater": 30.0, "torchvision": 20.0}
        >>> over = {"torchvision": [1.4, 1.5, 1.7]}
        >>> document = {"workers": 2, "images_per_second": rates, "headwater_over": over}
        >>> list(rows({"loader": document})[0].cells().values())
        ['loader', 'decoding, 2 workers', '30/s', 'torchvision: 20', '1.50', '1.40 to 1.70']
    """
    table = []
    for name, document in documents.items():
        try:
            table += [Row(name, *told) for told in _TOLD[name](document)]
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise DataError(
                f"this is no document of headwater bench {name}, or of another version of it: "
                f"{type(error).__name__} {error}"
            ) from error
    return table


def read_document(folder: Path, name: str) -> Document:
    """What a benchmark wrote.

    Args:
        folder: of the documents.
        name: of the benchmark.

    Raises:
        DataError: there is no such file, or it is no JSON object.
    """
    path = folder / FILES[name]
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror}; {_remedy(folder, name)}") from error
    except ValueError as error:
        raise DataError(f"{path} is no JSON: {error}; {_remedy(folder, name)}") from error
    if not isinstance(document, dict):
        raise DataError(f"{path} holds no JSON object; {_remedy(folder, name)}")
    return document


def write_document(folder: Path, name: str, document: Document) -> None:
    """Write what a benchmark measured to its file."""
    write_whole(folder / FILES[name], f"{json.dumps(document, indent=1)}\n".encode())


def missing(folder: Path) -> list[str]:
    """The benchmarks of which a folder has no file."""
    return [name for name, file in FILES.items() if not (folder / file).is_file()]


def _remedy(folder: Path, name: str) -> str:
    return f"write it with: headwater bench {name} --output {folder}"


def engine_lines(document: Document) -> list[tuple[str, str, str]]:
    """What, the figure, and its limit, of `headwater bench engine`."""
    workers = document["workers"]
    limits = {key: f"{limit:g} s" for key, limit in ENGINE_LIMITS.items()}
    told = {key: seconds(document[key]) for key in ENGINE_LIMITS}
    speed = "{:.2f} ({:.2f} to {:.2f})".format(workers["speedup"], *workers["range"])
    return [
        ("cells", f"{document['cells']:,}", ""),
        ("planning them and making their graph", told["plan_seconds"], limits["plan_seconds"]),
        ("their states, when all are done", told["status_seconds"], limits["status_seconds"]),
        ("a cell beyond its own work", told["overhead_seconds"], limits["overhead_seconds"]),
        ("evaluations by one worker", seconds(workers["one"]), ""),
        ("by one worker with two threads", seconds(workers["one_with_two_threads"]), ""),
        ("by two workers", seconds(workers["two"]), ""),
        ("times faster by two workers than by one", speed, f"at least {SPEEDUP_LIMIT:g}"),
    ]


def seconds(value: float) -> str:
    """Seconds with two or three digits that count.

    Example:
        >>> seconds(0.0134), seconds(0.302), seconds(4.2), seconds(72.66), seconds(342.07)
        ('0.013 s', '0.30 s', '4.20 s', '72.7 s', '342 s')
    """
    places = 3 if value < 0.1 else 2 if value < 10 else 1 if value < 100 else 0
    return f"{value:.{places}f} s"


def _times(ratio: float) -> str:
    return f"{ratio:.2f}" if ratio < 10 else f"{ratio:.1f}"


#: What is told of a row, without its benchmark.
Told = tuple[Any, ...]


def _over(quartiles: list[float]) -> Told:
    low, median, high = quartiles
    return median, (low, high)


def _steps(document: Document) -> Iterator[Told]:
    rates = document["images_per_second"]
    for other, ratios in document["headwater_over"].items():
        against = f"{other}: {rates[other]:,.0f}"
        yield "moco_v2/sequential", f"{rates['headwater']:,.0f}/s", against, *_over(ratios)


def _methods(document: Document) -> Iterator[Told]:
    peak = document["peak"]["gflops"]
    for name, told in document["objectives"].items():
        against = f"bare ({told['forwards']}): {told['bare_images_per_second']:,}"
        yield name, f"{told['images_per_second']:,}/s", against, *_over(told["over_bare"])
    for name, told in document["objectives"].items():
        share = told["share_of_peak"]
        yield name, f"{share * peak:.0f} GFLOP/s", f"matrix product: {peak:.0f}", share
    for name, told in document["strategies"].items():
        if "over_bare" in told:
            yield name, "", f"bare ({told['forwards']})", *_over(told["over_bare"])
            continue
        slower = told["slower_than_sequential"]
        low, ratio, high = (1 / (1 + share) for share in reversed(slower))
        here = f"{abs(slower[1]):.1%}".replace(
            "%", f" % {'slower' if slower[1] >= 0 else 'faster'}"
        )
        yield name, here, "sequential, a visit", ratio, (low, high)


def _tasks(document: Document) -> Iterator[Told]:
    sweeps = [("45 weights, all twelve", document["sweep_total"])]
    for how, found in document["large"].items():
        sweeps.append(("45 weights, large" if how == "as it comes" else f"large, {how}", found))
    for name, found in sweeps:
        against = f"scikit-learn: {seconds(found['sklearn'])}"
        yield name, seconds(found["seconds"]), against, found["ratio"]
    for head in ("prototypes", "logistic"):
        slowest = max(found[head] for found in document["episodes"].values())
        yield f"episodes, {head}", seconds(slowest)
    yield "all of one checkpoint", seconds(document["checkpoint"]["all"])


def _loader(document: Document) -> Iterator[Told]:
    rates, what = document["images_per_second"], f"decoding, {document['workers']} workers"
    for other, ratios in document["headwater_over"].items():
        against = f"{other}: {rates[other]:,.0f}"
        yield what, f"{rates['headwater']:,.0f}/s", against, *_over(ratios)


def _engine(document: Document) -> Iterator[Told]:
    cells, workers = f"{document['cells']:,}", document["workers"]
    for what, key in (
        (f"planning {cells} cells", "plan_seconds"),
        (f"states of {cells} cells", "status_seconds"),
        ("beyond a cell's work", "overhead_seconds"),
    ):
        found, limit = document[key], ENGINE_LIMITS[key]
        ratio = limit / found if found > 0 else None
        yield what, seconds(found), f"limit: {limit:g} s", ratio
    what, two = "two workers evaluate", workers["two"]
    against = f"one worker: {seconds(workers['one'])}"
    yield what, seconds(two), against, workers["speedup"], tuple(workers["range"])
    threads = workers["one_with_two_threads"]
    yield what, seconds(two), f"one, 2 threads: {seconds(threads)}", threads / two


_TOLD: dict[str, Callable[[Document], Iterator[Told]]] = {
    "steps": _steps,
    "methods": _methods,
    "tasks": _tasks,
    "loader": _loader,
    "engine": _engine,
}
