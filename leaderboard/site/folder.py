"""The folder of the site: what is written into it, whole or not at all, and what is swept away."""

import hashlib
import re
from functools import cache
from pathlib import Path
from typing import Any

from pydantic_core import to_json

from benchmark.canonical import write_whole
from benchmark.errors import UsageError

#: In the head of every page that is written here; a page that lacks it is not overwritten.
GENERATOR = '<meta name="generator" content="Headwater">'
_ASSET = re.compile(r"^[a-z0-9-]+\.[0-9a-f]{12}\.(js|css|png)$")
_PAGE = re.compile(r"^(protocol|task|selection)-[a-z0-9-]+\.html$")


class SiteFolder:
    """Writes pages, assets and data, and remembers which of them are in use.

    Args:
        output: the folder; made if need be. Files of other names are left alone.

    Attributes:
        used: the files that the site consists of so far.

    Raises:
        UsageError: it holds a page of someone else.
    """

    def __init__(self, output: Path) -> None:
        self.output = output
        self.used: set[Path] = set()
        page = output / "index.html"
        if page.exists() and (not page.is_file() or GENERATOR.encode() not in page.read_bytes()):
            raise UsageError(f"{page} was not written by Headwater; choose another --output")

    def asset(self, name: str, content: bytes) -> str:
        """Write an asset under a name that holds its hash; its address relative to the pages."""
        stem, _, ending = name.rpartition(".")
        hashed = f"{stem}.{hashlib.sha256(content).hexdigest()[:12]}.{ending}"
        path = self.output / "assets" / hashed
        self.used.add(path)
        if not path.is_file() or path.stat().st_size != len(content):
            write_whole(path, content, lasting=False)
        return f"assets/{hashed}"

    def page(self, name: str, text: str) -> None:
        """Write a page, such as `index.html`."""
        self._write(self.output / name, text.encode())

    def data(self, name: str, content: bytes) -> None:
        """Write a file of the folder `data`."""
        self._write(self.output / "data" / name, content)

    def script(self, name: str, function: str, value: Any) -> None:
        """Write data as a script that hands them to a function: pages on disk may load no JSON."""
        self.data(name, function.encode() + b"(" + _json(value) + b");\n")

    def _write(self, path: Path, content: bytes) -> None:
        self.used.add(path)
        try:
            if path.read_bytes() == content:
                return
        except OSError:
            pass
        write_whole(path, content, lasting=False)

    def sweep(self) -> None:
        """Remove what earlier builds wrote and this one did not."""
        ours = [p for p in (self.output / "assets").glob("*") if _ASSET.match(p.name)]
        ours += [p for p in self.output.glob("*.html") if _PAGE.match(p.name)]
        ours += (self.output / "data" / "methods").glob("*/*.js")
        for path in ours:
            if path not in self.used:
                path.unlink(missing_ok=True)


@cache
def slug(name: str) -> str:
    """A name as it may be part of an address; different names stay different.

    Example:
        >>> slug("instance/nano@1"), slug("moco_v2/replay")
        ('instance-nano-1', 'moco-v2-replay-48f4de')
    """
    plain = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:60]
    if re.fullmatch(r"[a-z]+(-[a-z]+)*/[a-z]+@\d+", name):
        return plain  # the id of a protocol can be told from its slug
    return f"{plain}-{hashlib.sha256(name.encode()).hexdigest()[:6]}"


def script_json(value: Any) -> str:
    """JSON that may stand inside a script element: nothing in it can end the element.

    Example:
        >>> script_json("</script>")
        '"\\\\u003c/script\\\\u003e"'
    """
    text = _json(value).decode()
    for character in "<>&\u2028\u2029":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text


def _json(value: Any) -> bytes:
    """Compact JSON; what is not a number, a page could not read, and is null."""
    return to_json(value, inf_nan_mode="null")
